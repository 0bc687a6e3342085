package labs

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
	"guesthouse/vmconfig/lab"
)

// patience bounds every wait of these tests; it is for hangs, not for speed.
const patience = 3 * time.Minute

// room is a student's computer: the program without windows on a libvirt of the test's own.
type room struct {
	*Service
	machines    *machines.Service
	checkpoints *checkpoints.Service
	host        *hosttest.Host
	conn        *libvirtd.Conn
	images      *diskimage.Tool
}

func openRoom(t testing.TB) *room {
	t.Helper()
	return roomOn(t, hosttest.Start(t))
}

// roomOn makes a program on a host.
func roomOn(t testing.TB, host *hosttest.Host) *room {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", host.ConfigDir)
	t.Setenv(machines.AccelVariable, "tcg")
	r := attachRoom(t, host.URI, host.DataDir+"/guesthouse")
	r.host = host
	return r
}

// attachRoom makes a program on a host, with its data in a folder.
func attachRoom(t testing.TB, uri, data string) *room {
	t.Helper()
	r := &room{}
	var err error
	if r.conn, err = libvirtd.Open(within(t), uri, libvirtd.Options{}); err != nil {
		t.Fatal(err)
	}
	if r.images, err = diskimage.New(); err != nil {
		t.Fatal(err)
	}
	runner := jobs.NewRunner()
	r.machines = machines.New(machines.Params{
		Conn: r.conn, Jobs: runner, Images: r.images, DataDir: data, Guests: func() *guestos.Catalogue { return nil },
	})
	library := New(Params{Dir: data + "/labs", Keys: data + "/keys"})
	r.checkpoints = checkpoints.New(checkpoints.Params{Conn: r.conn, Machines: r.machines, Jobs: runner, Images: r.images, DataDir: data, Limit: library.CheckpointLimit})
	r.Service = NewService(ServiceParams{
		Library: library, Conn: r.conn, Machines: r.machines, Checkpoints: r.checkpoints, Jobs: runner, Images: r.images, DataDir: data,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.machines.Run(ctx)
	}()
	t.Cleanup(func() {
		runner.Shutdown(within(t))
		cancel()
		<-ended
		r.conn.Close()
	})
	if err := r.machines.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return r
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// done waits for a job and fails the test when the job did.
func done(t testing.TB, j *jobs.Job) {
	t.Helper()
	if err := j.Wait(within(t)); err != nil {
		t.Fatalf("%s: %v", j.Status().Title, err)
	}
}

// publish makes a lab of a disk with this content. change may change the config.
func (r *room) publish(t testing.TB, content []byte, change func(*Spec)) lab.Digest {
	t.Helper()
	staging, err := r.Library().Staging()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(staging, uuid.NewString()+".raw")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	spec := Spec{
		Config: lab.Config{
			ID: uuid.New(), Course: lab.Course{Name: "Networks"}, Name: "networks/firewalls", Title: "Firewalls", Language: "en", Text: "# Task\n",
			Machine: lab.Machine{Arch: "x86_64", Chipset: "q35", Firmware: "bios", CPUs: 1, MemoryMiB: 64, Video: "virtio"},
			Network: lab.Network{Mode: lab.NetworkIsolated, Ports: []lab.Port{{Name: "web", Guest: 80}}},
			Disks:   []lab.Disk{{ID: "system", Bus: "virtio"}},
		},
		Files: map[string]string{"system": path},
	}
	if change != nil {
		change(&spec)
	}
	id, err := r.Library().Publish(within(t), spec, func(jobs.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// write puts a megabyte of one value into the machine's disk, as a guest would, and read returns the value that is there.
func (r *room) write(t testing.TB, id uuid.UUID, megabyte int, value byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "piece"), bytes.Repeat([]byte{value}, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	piece := diskimage.Piece{Offset: int64(megabyte) << 20, Bytes: 1 << 20, File: "piece"}
	if err := r.images.Write(within(t), r.disk(id), dir, []diskimage.Piece{piece}); err != nil {
		t.Fatal(err)
	}
}

func (r *room) disk(id uuid.UUID) string { return r.machines.Snapshot().Get(id).Config.Disks[0].Path }

func (r *room) content(t testing.TB, id uuid.UUID) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whole.raw")
	if err := r.images.CopyRaw(within(t), path, r.disk(id), diskimage.FormatQcow2, "", func(float64) {}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// numbered is a disk in which each megabyte has its number as content.
func numbered(megabytes int) []byte {
	data := make([]byte, megabytes<<20)
	for i := range data {
		data[i] = byte(i >> 20)
	}
	return data
}

// TestLaunchAndReset: a lab becomes a machine that starts; what it has become goes at a reset, with its checkpoints, and comes back when that is taken back.
func TestLaunchAndReset(t *testing.T) {
	r := openRoom(t)
	base := numbered(8)
	digest := r.publish(t, base, nil)
	job, id := r.Launch(digest, LaunchOptions{})
	done(t, job)
	m := r.machines.Snapshot().Get(id)
	if m.Name != "Firewalls" || m.Config.Lab != (vmconfig.Lab{ID: digest.String(), Name: "networks/firewalls", Version: 1}) || !m.Config.NICs[0].Isolated {
		t.Fatalf("%+v", m.Config)
	}
	if got, ok := r.LabOf(id); !ok || got != digest || len(r.Machines()) != 1 {
		t.Errorf("it is known as %s, %v", got, ok)
	}
	done(t, r.machines.Do(machines.ActionStart, id))
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(m.Config.Forwards[0].Host))
	if err != nil {
		t.Errorf("its port: %v", err)
	} else {
		conn.Close()
	}
	if err := r.Reset(id, ResetOptions{}).Wait(within(t)); !errors.Is(err, ErrRunning) {
		t.Errorf("a running machine: %v", err)
	}
	done(t, r.machines.Do(machines.ActionPowerOff, id))

	r.write(t, id, 3, 200)
	done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{Name: "Mine"}))
	r.write(t, id, 4, 201)
	done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{Name: "Second"}))
	r.write(t, id, 5, 202)
	changed := r.content(t, id)
	if _, ok := r.Undoable(id); ok {
		t.Error("a reset can be taken back before there was one")
	}
	if err := r.UndoReset(id, ResetOptions{}).Wait(within(t)); !errors.Is(err, ErrNoResets) {
		t.Errorf("taking back nothing: %v", err)
	}
	done(t, r.Reset(id, ResetOptions{}))
	r.isAs(t, id, base, "")
	if when, ok := r.Undoable(id); !ok || time.Since(when) > time.Hour {
		t.Errorf("the reset was %v, %v", when, ok)
	}
	r.write(t, id, 6, 203)
	again := r.content(t, id)
	done(t, r.UndoReset(id, ResetOptions{}))
	r.isAs(t, id, changed, "Mine Second*")
	list, err := r.checkpoints.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	done(t, r.checkpoints.Restore(id, list[0].ID, checkpoints.RestoreOptions{}))
	want := bytes.Clone(base)
	copy(want[3<<20:], bytes.Repeat([]byte{200}, 1<<20))
	r.isAs(t, id, want, "Mine* Second")
	done(t, r.UndoReset(id, ResetOptions{})) // which takes back the taking back
	r.isAs(t, id, again, "")
	done(t, r.machines.Do(machines.ActionStart, id))
	done(t, r.Reset(id, ResetOptions{PowerOff: true}))
	r.isAs(t, id, base, "")
	if err := r.Reset(uuid.New(), ResetOptions{}).Wait(within(t)); err == nil {
		t.Error("a machine that is not there was reset")
	}
	got := r.host.Virsh(t, "snapshot-list", "--name", id.String())
	if strings.TrimSpace(got) != "" {
		t.Errorf("virsh lists %q", got)
	}
}

// isAs fails the test when the machine's disk or its checkpoints are not as wanted. The current one has a star.
func (r *room) isAs(t testing.TB, id uuid.UUID, want []byte, points string) {
	t.Helper()
	if got := r.content(t, id); !bytes.Equal(got, want) {
		for i := 0; i < len(want) && i < len(got); i += 1 << 20 {
			if got[i] != want[i] {
				t.Errorf("megabyte %d has %d, want %d", i>>20, got[i], want[i])
			}
		}
		t.Fatalf("its disk is another, of %d bytes", len(got))
	}
	list, err := r.checkpoints.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		name := c.Name
		if c.Current {
			name += "*"
		}
		if c.Problem != "" {
			name += " (" + c.Problem + ")"
		}
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != points {
		t.Errorf("its checkpoints are %q, want %q", got, points)
	}
}

// attach gives the machine a disk that is not its lab's, before the lab's own.
func (r *room) attach(t testing.TB, id uuid.UUID, path string) {
	t.Helper()
	if err := r.images.Create(within(t), path, diskimage.FormatQcow2, 4<<20); err != nil {
		t.Fatal(err)
	}
	r.host.Virsh(t, "attach-disk", id.String(), path, "vdb", "--driver", "qemu", "--subdriver", "qcow2", "--persistent")
	r.machines.Refresh(within(t), id)
}

// TestResetKeepsWhatIsNotTheLabs: a disk that the user has added stays where it is, in both directions.
func TestResetKeepsWhatIsNotTheLabs(t *testing.T) {
	r := openRoom(t)
	base := numbered(4)
	job, id := r.Launch(r.publish(t, base, nil), LaunchOptions{})
	done(t, job)
	r.write(t, id, 1, 201)
	changed := r.content(t, id)
	extra := filepath.Join(r.host.DataDir, "guesthouse", "images", "extra.qcow2")
	r.attach(t, id, extra)
	there := func(what string) {
		t.Helper()
		if _, err := os.Stat(extra); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		done(t, r.machines.Do(machines.ActionStart, id))
		done(t, r.machines.Do(machines.ActionPowerOff, id))
	}
	done(t, r.Reset(id, ResetOptions{}))
	there("reset")
	r.isAs(t, id, base, "")
	r.host.Virsh(t, "detach-disk", id.String(), "vdb", "--persistent")
	done(t, r.UndoReset(id, ResetOptions{}))
	there("taken back")
	r.isAs(t, id, changed, "")
}

// TestResetBeforeItBegins: what cannot be done is said before anything is touched, and a machine that runs goes on running.
func TestResetBeforeItBegins(t *testing.T) {
	r := openRoom(t)
	base := numbered(4)
	digest := r.publish(t, base, nil)
	job, id := r.Launch(digest, LaunchOptions{})
	done(t, job)
	r.write(t, id, 1, 201)
	done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{Name: "Mine"}))
	mine := r.content(t, id)

	// The files of checkpoints lie on another file system.
	points := filepath.Join(r.host.DataDir, "guesthouse", "checkpoints")
	elsewhere, err := os.MkdirTemp("/dev/shm", "guesthouse-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(elsewhere)
	if err := errors.Join(os.Rename(points, points+".away"), os.Symlink(elsewhere, points)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(elsewhere, id.String()), 0o700); err != nil {
		t.Fatal(err)
	}
	var reason *Reason
	if err := r.Reset(id, ResetOptions{}).Wait(within(t)); !errors.As(err, &reason) || !strings.Contains(reason.Text, "another file system") {
		t.Fatalf("on another file system: %v", err)
	}
	r.isAs(t, id, mine, "Mine*")
	if _, ok := r.Undoable(id); ok {
		t.Error("a reset that never was can be taken back")
	}
	if err := errors.Join(os.Remove(points), os.Rename(points+".away", points)); err != nil {
		t.Fatal(err)
	}

	// Its state is saved.
	done(t, r.machines.Do(machines.ActionStart, id))
	done(t, r.machines.Do(machines.ActionSave, id))
	for name, work := range map[string]func(uuid.UUID, ResetOptions) *jobs.Job{"reset": r.Reset, "undo": r.UndoReset} {
		if err := work(id, ResetOptions{}).Wait(within(t)); !errors.Is(err, ErrRunning) {
			t.Errorf("%s of a saved state: %v", name, err)
		}
	}
	if m := r.machines.Snapshot().Get(id); m.State != hypervisor.StateSaved {
		t.Fatalf("its state is %s", m.State)
	}

	// The lab is gone.
	done(t, r.machines.Do(machines.ActionStart, id))
	if err := r.Library().Remove(within(t), digest); err != nil {
		t.Fatal(err)
	}
	if err := r.Reset(id, ResetOptions{PowerOff: true}).Wait(within(t)); !errors.Is(err, ErrNoLab) {
		t.Errorf("without its lab: %v", err)
	}
	if err := r.UndoReset(id, ResetOptions{PowerOff: true}).Wait(within(t)); !errors.Is(err, ErrNoResets) {
		t.Errorf("nothing to take back: %v", err)
	}
	if m := r.machines.Snapshot().Get(id); m.State != hypervisor.StateRunning {
		t.Errorf("it is %s after resets that never were", m.State)
	}
}

// TestStartFinishesAReset: a machine whose reset was interrupted is not started on half of its disks.
func TestStartFinishesAReset(t *testing.T) {
	r := openRoom(t)
	base := numbered(4)
	digest := r.publish(t, base, nil)
	job, id := r.Launch(digest, LaunchOptions{})
	done(t, job)
	r.write(t, id, 1, 201)
	mine := r.content(t, id)
	var in string
	if err := r.Library().Using(within(t), digest, func(c *lab.Config, bases []Base) (err error) {
		in, err = r.freshSet(within(t), digest, c, *r.machines.Snapshot().Get(id).Config, bases)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	out, err := r.nextSet(id)
	if err != nil {
		t.Fatal(err)
	}
	old := &set{Version: setVersion, Machine: id, Put: time.Now(), Parts: map[string]part{"disk0.qcow2": {Home: r.disk(id), There: true}}}
	if err := old.write(filepath.Join(out, comingFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.journal.Begin(exchangeKind, r.conn.Host().URI, id, exchangeRecord{In: in, Out: out}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.disk(id), filepath.Join(out, "disk0.qcow2")); err != nil { // the program dies here
		t.Fatal(err)
	}
	done(t, r.machines.Do(machines.ActionStart, id))
	done(t, r.machines.Do(machines.ActionPowerOff, id))
	r.isAs(t, id, base, "")
	done(t, r.UndoReset(id, ResetOptions{}))
	r.isAs(t, id, mine, "")
}

// TestCopyOfALabsMachine has an address of its own, and the original's ports lead to the original.
func TestCopyOfALabsMachine(t *testing.T) {
	r := openRoom(t)
	job, id := r.Launch(r.publish(t, numbered(2), nil), LaunchOptions{})
	done(t, job)
	done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{Name: "Mine"}))
	list, err := r.checkpoints.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	job, other := r.checkpoints.Copy(id, list[0].ID, "copy", false)
	done(t, job)
	a, b := r.machines.Snapshot().Get(id).Config, r.machines.Snapshot().Get(other).Config
	if a.NICs[0].MAC == b.NICs[0].MAC || len(b.Forwards) != 0 || !b.NICs[0].Isolated || len(a.Forwards) != 1 {
		t.Errorf("%+v %+v, and of the copy %+v %+v", a.NICs, a.Forwards, b.NICs, b.Forwards)
	}
	done(t, r.machines.Do(machines.ActionStart, id, other))
}

// TestUndoTwice: what each of several resets put aside is reached, the last first; then what was put aside by taking them back.
func TestUndoTwice(t *testing.T) {
	r := openRoom(t)
	base := numbered(4)
	job, id := r.Launch(r.publish(t, base, nil), LaunchOptions{})
	done(t, job)
	states := [][]byte{}
	for i := range 3 {
		r.write(t, id, i, byte(200+i))
		states = append(states, r.content(t, id))
		done(t, r.Reset(id, ResetOptions{}))
		r.isAs(t, id, base, "")
	}
	for i := 2; i >= 0; i-- {
		done(t, r.UndoReset(id, ResetOptions{}))
		r.isAs(t, id, states[i], "")
	}
	done(t, r.UndoReset(id, ResetOptions{}))
	r.isAs(t, id, states[1], "") // what the last one put aside
}

// TestLongNames: the socket of the guest's agent has no room for them here, and the machine starts all the same.
func TestLongNames(t *testing.T) {
	r := openRoom(t)
	digest := r.publish(t, numbered(2), func(s *Spec) {
		s.Config.Title = "Netze, Teil 2/3: Wölfe hinter der Brandmauer – ein langer Titel, der nicht endet"
	})
	for range 2 {
		job, id := r.Launch(digest, LaunchOptions{Start: true})
		done(t, job)
		if name := r.machines.Snapshot().Get(id).Name; !strings.HasPrefix(name, "Netze Teil 2 3 Wölfe hinter") || len(name) > vmconfig.MaxNameBytes {
			t.Errorf("it is called %q", name)
		}
	}
}

// TestInterruptedFreshSet: what is left of a reset that never began does not keep anything from being removed.
func TestInterruptedFreshSet(t *testing.T) {
	r := openRoom(t)
	job, id := r.Launch(r.publish(t, numbered(2), nil), LaunchOptions{})
	done(t, job)
	fresh := filepath.Join(r.resetDir(id), freshDir)
	if err := errors.Join(os.MkdirAll(fresh, 0o700), os.WriteFile(filepath.Join(fresh, "disk0.qcow2"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if freed, err := r.GC(within(t)); err != nil || freed != 0 {
		t.Errorf("%d bytes, %v", freed, err)
	}
	done(t, r.Reset(id, ResetOptions{}))
}
