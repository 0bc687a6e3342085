package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/app/jobs"
	"guesthouse/app/journal"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/lab"
)

// UndoTime is how long a reset can be taken back.
const UndoTime = 7 * 24 * time.Hour

// Errors of resets.
var (
	ErrNotALab  = errors.New("the machine was not launched from a lab")
	ErrRunning  = errors.New("the machine is running")
	ErrNoResets = errors.New("there is nothing to take back")
)

// resetDir is the folder of the sets that were put aside by resets of a machine.
func (s *Service) resetDir(id uuid.UUID) string {
	return filepath.Join(s.p.DataDir, "labs", "resets", id.String())
}

// ResetOptions say how a machine is reset.
type ResetOptions struct {
	// PowerOff ends a machine that is running, or forgets its saved state, once everything is ready; without it the error is ErrRunning.
	PowerOff bool
	// Update takes the newest version of the lab that the library has, instead of the one that the machine was launched from.
	Update bool
}

// Reset makes a machine what it was when its lab was launched, in a job, in the same moment whatever it has become. What it was until now, checkpoints included, is put aside
// and can be brought back for UndoTime. Its settings stay. Errors: ErrNotALab, ErrRunning, ErrNoLab when the lab was removed, ErrChanged when it was damaged.
func (s *Service) Reset(id uuid.UUID, o ResetOptions) *jobs.Job {
	return s.p.Jobs.Start("Resetting "+s.machineName(id)+" to the lab's beginning", id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "resetting", func() error {
			digest, config, err := s.resettable(ctx, id, o)
			if err != nil {
				return err
			}
			if o.Update {
				if digest, err = s.newestOf(digest, config); err != nil {
					return err
				}
			}
			err = s.p.Library.Using(ctx, digest, func(c *lab.Config, bases []Base) error {
				in, err := s.freshSet(ctx, digest, c, config, bases)
				if err != nil {
					return err
				}
				return s.giveUp(ctx, id, in, false, report)
			})
			return withoutLab(err, config.Lab)
		})
	})
}

// withoutLab says what to do about a machine whose lab is no longer in the library.
func withoutLab(err error, l vmconfig.Lab) error {
	if !errors.Is(err, ErrNoLab) {
		return err
	}
	return &Reason{Text: fmt.Sprintf("Version %d of its lab, %s, is no longer in the library. Add it again for that; the machine itself works without.", l.Version, vmconfig.Inert(l.Name, 80)), Err: err}
}

// UndoReset takes back the last reset of a machine in a job, and called again the one before. What the machine is now is put aside in its turn: when no reset is left, that comes back. Errors: ErrNoResets, ErrRunning.
func (s *Service) UndoReset(id uuid.UUID, o ResetOptions) *jobs.Job {
	return s.p.Jobs.Start("Taking back the reset of "+s.machineName(id), id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "taking back a reset", func() error {
			if _, _, err := s.resettable(ctx, id, o); err != nil {
				return err
			}
			last, err := s.lastReset(id)
			if err != nil {
				return err
			}
			return s.giveUp(ctx, id, last, true, report)
		})
	})
}

// Undoable returns when the machine's last reset was that can be taken back; ok is false when there is none. It reads a folder.
func (s *Service) Undoable(id uuid.UUID) (when time.Time, ok bool) {
	dir, err := s.lastReset(id)
	if err != nil {
		return time.Time{}, false
	}
	last, err := readSet(dir, setFile)
	if err != nil {
		return time.Time{}, false
	}
	return last.Put, true
}

// operate runs work while the machine is ours.
func (s *Service) operate(ctx context.Context, id uuid.UUID, what string, work func() error) error {
	release, err := s.p.Machines.Operate(ctx, id, what)
	if err != nil {
		return err
	}
	defer func() {
		release()
		s.p.Checkpoints.Announce(id)
	}()
	var named *machines.Error
	if err = work(); err != nil && !errors.As(err, &named) {
		err = &machines.Error{Machine: s.machineName(id), Err: err}
	}
	return err
}

// resettable makes sure that the machine is a lab's, and off unless it may be switched off.
func (s *Service) resettable(ctx context.Context, id uuid.UUID, o ResetOptions) (lab.Digest, vmconfig.Machine, error) {
	text, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return lab.Digest{}, vmconfig.Machine{}, err
	}
	config, err := domxml.Parse(text)
	if err != nil {
		return lab.Digest{}, config, err
	}
	digest, err := lab.ParseDigest(config.Lab.ID)
	if err != nil {
		return digest, config, &Reason{Text: "This machine was not launched from a lab, so there is no beginning to go back to.", Err: ErrNotALab}
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err != nil {
		return digest, config, err
	}
	switch {
	case o.PowerOff:
	case d.State.Active():
		return digest, config, &Reason{Text: "The machine is running. Shut it down, or let it be switched off for that.", Err: ErrRunning}
	case d.State == hypervisor.StateSaved:
		return digest, config, &Reason{Text: "The machine's state is saved and would be lost. Start it, or let the state be discarded for that.", Err: ErrRunning}
	}
	return digest, config, nil
}

// giveUp exchanges the present set of a machine for the one in the folder in. A saved state belongs to the present set and cannot be kept with it. Only now a machine that runs is
// switched off: nothing is missing any more.
func (s *Service) giveUp(ctx context.Context, id uuid.UUID, in string, undo bool, report func(jobs.Progress)) error {
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Exchanging the disks"})
	out, err := s.nextSet(id)
	if err != nil {
		return err
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && d.State.Active() {
		if err = s.p.Conn.PowerOff(ctx, id); errors.Is(err, hypervisor.ErrInvalidState) {
			err = nil
		}
	}
	if err != nil {
		return errors.Join(err, os.Remove(out))
	}
	return s.exchange(ctx, id, in, out, undo)
}

// nextSet makes the folder for a new set. Their names are in the order in which they were put aside, whatever the clock says.
func (s *Service) nextSet(id uuid.UUID) (string, error) {
	dir := s.resetDir(id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	last := 0
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			last = max(last, n)
		}
	}
	out := filepath.Join(dir, fmt.Sprintf("%08d", last+1))
	return out, os.Mkdir(out, 0o700)
}

// newestOf returns the newest version in the library of the lab that a machine is of.
func (s *Service) newestOf(digest lab.Digest, m vmconfig.Machine) (lab.Digest, error) {
	list, err := s.p.Library.Images()
	if err != nil {
		return digest, err
	}
	newest := m.Lab.Version
	var course *lab.Config
	for _, i := range list {
		if i.ID == digest {
			course = i.Config
		}
	}
	if course == nil {
		return digest, nil // without it nobody knows which other labs are the same one
	}
	for _, i := range list {
		if i.Config != nil && i.Config.ID == course.ID && i.Ready && i.Config.Version > newest {
			newest, digest = i.Config.Version, i.ID
		}
	}
	return digest, nil
}

// ErrOtherHardware says that a version of a lab has other hardware than a machine that was launched from another version.
var ErrOtherHardware = errors.New("the version has other hardware")

// updated is the machine's description over the bases of another version of its lab.
func (s *Service) updated(ctx context.Context, digest lab.Digest, c *lab.Config, m vmconfig.Machine, bases []Base) (string, error) {
	disks := s.labDisks(m)
	if len(disks) != len(c.Disks) || string(m.Firmware) != c.Machine.Firmware || m.SecureBoot != c.Machine.SecureBoot {
		return "", &Reason{Text: fmt.Sprintf("Version %d of the lab has other hardware. Launch it as a new machine.", c.Version), Err: ErrOtherHardware}
	}
	text, err := s.p.Conn.DomainXML(ctx, m.UUID, false)
	if err != nil {
		return "", err
	}
	sources := map[string]domxml.Source{}
	for i, d := range disks {
		sources[d.Target] = domxml.Source{Path: d.Path, Format: d.Format, Chain: []domxml.Layer{{Path: bases[i].Path, Format: diskimage.FormatRaw}}}
	}
	if text, err = domxml.SetSources(text, sources); err != nil {
		return "", err
	}
	return domxml.SetLab(text, vmconfig.Lab{ID: digest.String(), Name: c.Name, Version: c.Version})
}

// freshDir is the folder of a set that is made for a reset.
const freshDir = "fresh"

// freshSet makes the set of a machine that was just launched, in a folder that is no reset yet.
func (s *Service) freshSet(ctx context.Context, digest lab.Digest, c *lab.Config, m vmconfig.Machine, bases []Base) (dir string, err error) {
	if s.p.Images == nil {
		return "", machines.ErrNoImageTool
	}
	dir = filepath.Join(s.resetDir(m.UUID), freshDir)
	if err := os.RemoveAll(dir); err != nil { // of a reset that failed before it began
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	fresh := &set{Version: setVersion, Machine: m.UUID}
	if digest.String() != m.Lab.ID {
		if fresh.Description, err = s.updated(ctx, digest, c, m, bases); err != nil {
			return "", err
		}
	}
	disks := s.labDisks(m)
	for i, b := range bases {
		switch {
		case b.Part.ID == lab.VariablesID:
			if m.NVRAM == "" {
				continue
			}
			data, err := os.ReadFile(b.Path)
			if err == nil {
				err = atomicfile.Write(filepath.Join(dir, "variables.fd"), data)
			}
			if err != nil {
				return "", err
			}
		case i >= len(disks):
			return "", &Reason{Text: "The machine has fewer disks than its lab. Add them again, or launch the lab anew.", Err: ErrNotALab}
		default:
			if err := s.p.Images.CreateOverlay(ctx, filepath.Join(dir, fmt.Sprintf("disk%d.qcow2", i)), b.Path, diskimage.FormatRaw); err != nil {
				return "", err
			}
		}
	}
	return dir, fresh.write(filepath.Join(dir, setFile))
}

// lastReset is the folder of the set that a reset put aside last; when all resets were taken back, of what was put aside by that.
func (s *Service) lastReset(id uuid.UUID) (string, error) {
	entries, err := os.ReadDir(s.resetDir(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	undone := ""
	for _, e := range slices.Backward(entries) { // by name
		dir := filepath.Join(s.resetDir(id), e.Name())
		put, err := readSet(dir, setFile)
		switch {
		case err != nil || put.Put.IsZero():
		case !put.Undone:
			return dir, nil
		case undone == "":
			undone = dir
		}
	}
	if undone != "" {
		return undone, nil
	}
	return "", &Reason{Text: "There is no reset to take back.", Err: ErrNoResets}
}

// purgeResets removes what was put aside before UndoTime, and what an interrupted reset has left, of all machines that nobody works on.
func (s *Service) purgeResets(ctx context.Context, now time.Time) error {
	top := filepath.Join(s.p.DataDir, "labs", "resets")
	entries, err := os.ReadDir(top)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	open, err := s.journal.Records(exchangeKind, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		id, err := uuid.Parse(e.Name())
		if err != nil || slices.ContainsFunc(open, func(r *journal.Record) bool { return r.Machine == id }) {
			continue
		}
		release, ok := s.p.Machines.TryOperate(ctx, id, "tidying up")
		if !ok {
			continue
		}
		errs = append(errs, purgeSets(filepath.Join(top, e.Name()), now))
		release()
	}
	return errors.Join(errs...)
}

func purgeSets(dir string, now time.Time) error {
	sets, err := os.ReadDir(dir)
	var errs []error
	for _, e := range sets {
		path := filepath.Join(dir, e.Name())
		put, readErr := readSet(path, setFile)
		info, statErr := e.Info()
		if statErr != nil {
			continue
		}
		age := now.Sub(info.ModTime()) // it was never finished, or cannot be read
		if readErr == nil && !put.Put.IsZero() {
			age = min(age, now.Sub(put.Put)) // a clock that was wrong at one of the two times
		}
		if age >= UndoTime {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	_ = os.Remove(dir) // if it is empty
	return cmp.Or(err, errors.Join(errs...))
}
