package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// SubmissionsGroup is the group of the machines that are opened submissions; below it is one for each lab.
const SubmissionsGroup = "Submissions"

// IsSubmission reports whether a machine is an opened submission. It is of a lab as well, but somebody else's work. It only reads memory.
func IsSubmission(m *vmconfig.Machine) bool {
	return m != nil && (m.Group == SubmissionsGroup || strings.HasPrefix(m.Group, SubmissionsGroup+"/"))
}

// OpenOptions say how a submission is opened.
type OpenOptions struct {
	// AnotherKey opens it also when the student is known by another key. That one stays the known one; ForgetStudent changes that.
	AnotherKey bool
	Start      bool // the machine, when it is made
	source.Options
}

// OpenSubmission makes a machine of a submission, in a job, and returns its future UUID: what the student had, to the last byte of the disks. Its lab must be in the library. Whatever the lab says,
// the machine reaches no network and shares no clipboard: nobody knows what a student put into it. It is read back and compared before the job is done. When that fails or is cancelled nothing is left
// behind. The reference is that of a file, or of a tag in a folder or registry. Errors: ErrNoLab, ErrStudentKey, ErrGrowth, ErrNoRoom, ErrIncomplete, those of source.OpenSource and lab.ErrSubmission,
// lab.ErrSubmissionSignature, vmconfig.Faults for what this computer cannot offer.
func (s *Service) OpenSubmission(ref string, o OpenOptions) (*jobs.Job, uuid.UUID) {
	machine := uuid.New()
	return s.p.Jobs.Start("Opening "+vmconfig.Inert(filepath.Base(strings.TrimSuffix(ref, "#")), 80), machine.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.openSubmission(ctx, ref, machine, o, report)
	}), machine
}

// lookAround refuses a file whose student's name comes with several keys in its folder, unless that is wanted: which of them is the student's nobody knows, and who is opened first must not become it.
func (s *Service) lookAround(ctx context.Context, ref string, o OpenOptions) error {
	parsed, err := source.Parse(ref)
	if err != nil || parsed.Kind != source.KindFile || o.AnotherKey {
		return nil //nolint:nilerr // it was opened already; only a file has neighbours
	}
	list, err := s.p.Library.Submissions(ctx, filepath.Dir(parsed.Location), nil)
	if err != nil {
		return err
	}
	for _, one := range list {
		if one.File == filepath.Base(parsed.Location) && one.State == SubmissionOtherKey {
			return &Reason{Text: fmt.Sprintf("“%s” comes with several keys. Either the student has a new computer, or somebody uses the name: ask the student, and then say that another key is all right.",
				vmconfig.Inert(one.Submission.Student.Name, lab.MaxStudentBytes)), Err: ErrStudentKey}
		}
	}
	return nil
}

func (s *Service) openSubmission(ctx context.Context, ref string, machine uuid.UUID, o OpenOptions, report func(jobs.Progress)) (err error) {
	if !s.p.Conn.Host().Local {
		return &Reason{Text: "The hypervisor runs on another computer. Submissions can only be opened on this one.", Err: ErrElsewhere}
	}
	if s.p.Images == nil {
		return machines.ErrNoImageTool
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking the submission"})
	o.Type = source.SubmissionType
	place, err := openPlace(ctx, ref, o.Options)
	if err != nil {
		return err
	}
	defer func() { _ = place.Close() }()
	l := s.p.Library
	r, err := l.receive(ctx, place, func(blob ocispec.Descriptor) (data []byte, err error) {
		err = l.retry(ctx, func() (bool, error) {
			data, err = readOnce(ctx, place, blob)
			return false, err
		})
		return data, err
	})
	if err != nil {
		return err
	}
	if err := s.lookAround(ctx, ref, o); err != nil {
		return err
	}
	if err := l.trustStudent(ctx, r.submission, o.AnotherKey); err != nil {
		return err
	}
	c, err := l.load(r.submission.Lab)
	if err != nil {
		return err
	}
	// The chunks lie here in three forms at most: as they came, in the machine's disks, and as they are read back.
	if err := l.checkRoom(3 * r.changed); err != nil {
		return err
	}
	dir, remove, err := l.workDir(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	return l.Using(ctx, c.id, func(config *lab.Config, bases []Base) error {
		n := &opening{s: s, r: r, c: c, bases: bases, dir: dir, came: map[string]*os.File{}, report: report}
		defer n.close()
		if err := n.fetch(ctx, place); err != nil {
			return err
		}
		b := s.submissionBlueprint(r, config, bases, machine)
		if b.Variables, err = n.variables(b.Variables); err != nil {
			return err
		}
		b.Fill, b.Start = n.fill, o.Start
		return s.p.Machines.Make(ctx, report, b)
	})
}

// submissionBlueprint is that of the lab, alone and under another name.
func (s *Service) submissionBlueprint(r *received, config *lab.Config, bases []Base, machine uuid.UUID) machines.Blueprint {
	alone := *config
	alone.Network = lab.Network{Mode: lab.NetworkIsolated}
	if config.Network.Mode == lab.NetworkNone {
		alone.Network.Mode = lab.NetworkNone
	}
	alone.Machine.Clipboard = false
	b := s.blueprint(r.submission.Lab, &alone, bases, machine, LaunchOptions{Name: s.p.Machines.FreeName(submissionName(r, config))})
	b.Machine.Group = SubmissionsGroup
	parts := strings.Split(config.Name, "/")
	if !slices.ContainsFunc(parts, func(part string) bool { return vmconfig.CheckName(part, nil) != nil }) {
		b.Machine.Group += "/" + config.Name
	}
	return b
}

// submissionName is what the machine of a submission is called: the student and the lab, of what a name can have of both.
func submissionName(r *received, config *lab.Config) string {
	const longest = vmconfig.MaxNameBytes - 8 // FreeName adds a number
	name := namePart(r.submission.Student.Name, 28) + " – " + namePart(config.Title, 24)
	if len(name) <= longest && vmconfig.CheckName(name, nil) == nil {
		return name
	}
	return "Submission " + r.receipt.Hex()[:8]
}

// namePart is a text without what a machine's name cannot have, at most so many bytes long.
func namePart(text string, longest int) string {
	var b strings.Builder
	for _, r := range text {
		if vmconfig.CheckName("x"+string(r)+"x", nil) != nil {
			r = ' '
		}
		if b.Len()+len(string(r)) > longest {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimLeft(strings.Join(strings.Fields(b.String()), " "), "-.")
}

// opening is one submission that is being opened.
type opening struct {
	s      *Service
	r      *received
	c      *content
	bases  []Base
	dir    string
	came   map[string]*os.File // by part: as large as that, with the changed chunks in their places
	report Report
}

func (n *opening) close() {
	for _, file := range n.came {
		file.Close()
	}
}

// fetch gets all changed chunks out of the packs. Each is checked against its digest.
func (n *opening) fetch(ctx context.Context, place source.Source) error {
	l := n.s.p.Library
	f := &fetcher{l: l, place: place, want: map[lab.Digest][]spot{}, m: newMeter(n.report, l.now, "Reading the submission", 0, 0.4, n.r.changed)}
	for _, part := range n.r.submission.Parts {
		file, err := os.OpenFile(filepath.Join(n.dir, part.ID+".came"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		n.came[part.ID] = file
		if err := file.Truncate(part.Bytes); err != nil {
			return err
		}
		b := &base{label: part.ID + " of the submission", index: &lab.Index{Bytes: part.Bytes}}
		for _, change := range n.r.changes[part.ID].Chunks {
			if !change.Digest.IsZero() {
				f.want[change.Digest] = append(f.want[change.Digest], spot{b, file, change.Chunk})
			}
		}
	}
	if err := f.packs(ctx, n.r.manifest.Packs); err != nil {
		if errors.Is(err, source.ErrDamaged) || errors.Is(err, lab.ErrPack) || errors.Is(err, lab.ErrIndex) {
			err = &Reason{Text: fmt.Sprintf("%s holds other content than the student signed, or is damaged. Ask the student for it again.", place.Name()), Err: errors.Join(lab.ErrSubmission, err)}
		}
		return err
	}
	if left := len(f.want); left > 0 {
		return &Reason{Text: fmt.Sprintf("%d pieces of the student's disks are not in the submission. Ask the student for it again.", left), Err: errors.Join(lab.ErrSubmission, ErrIncomplete)}
	}
	return nil
}

// variables returns a file with the firmware's variables as the student had them; base is the lab's own, empty for none.
func (n *opening) variables(base string) (string, error) {
	came := n.came[lab.VariablesID]
	if came == nil {
		return base, nil
	}
	at := slices.IndexFunc(n.r.submission.Parts, func(p lab.ChangedPart) bool { return p.ID == lab.VariablesID })
	v, err := newView(lab.Part{ID: lab.VariablesID, Bytes: n.r.submission.Parts[at].Bytes}, base)
	if err != nil {
		return "", err
	}
	if v.base != nil {
		defer v.base.Close()
	}
	changes := n.r.changes[lab.VariablesID]
	v.layers = []layer{{own: came, extents: extentsOf(v, changes)}}
	path := filepath.Join(n.dir, lab.VariablesID+".fd")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer file.Close()
	buffer := make([]byte, lab.ChunkSize)
	for i := range lab.Chunks(v.part.Bytes) {
		chunk, err := v.read(i, buffer)
		if err == nil {
			_, err = file.Write(chunk)
		}
		if err != nil {
			return "", err
		}
	}
	return path, file.Close()
}

// extentsOf is where changes are in a part.
func extentsOf(v *view, c *lab.Changes) []diskimage.Extent {
	var list []diskimage.Extent
	for _, change := range c.Chunks {
		list = append(list, diskimage.Extent{Start: int64(change.Chunk) * lab.ChunkSize, Bytes: int64(v.index.Len(change.Chunk)), Zero: change.Digest.IsZero()})
	}
	return list
}

// fill writes the changed chunks into the machine's new disks, and reads them back.
func (n *opening) fill(ctx context.Context, disks []string) error {
	l := n.s.p.Library
	m := newMeter(n.report, l.now, "Writing the disks", 0.4, 0.7, n.r.changed)
	written := map[string]string{} // disks by part
	at := 0
	for _, base := range n.bases {
		if base.Part.ID == lab.VariablesID {
			continue
		}
		if n.came[base.Part.ID] != nil {
			if err := n.write(ctx, base, disks[at], m); err != nil {
				return err
			}
			written[base.Part.ID] = disks[at]
		}
		at++
	}
	m = newMeter(n.report, l.now, "Comparing with what was handed in", 0.7, 1, n.r.changed)
	for _, base := range n.bases {
		if disk := written[base.Part.ID]; disk != "" {
			if err := n.compare(ctx, base, disk, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// piecesAtOnce is how many chunks are written by one run of qemu-io.
const piecesAtOnce = 64

// write writes the changed chunks of one disk.
func (n *opening) write(ctx context.Context, base Base, disk string, m *meter) error {
	dir := filepath.Join(n.dir, "pieces")
	v := &view{part: base.Part, index: lab.Index{Bytes: base.Part.Bytes}}
	buffer := make([]byte, lab.ChunkSize)
	for batch := range slices.Chunk(runs(extentsOf(v, n.r.changes[base.Part.ID])), piecesAtOnce) {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		var pieces []diskimage.Piece
		for i, e := range batch {
			p := diskimage.Piece{Offset: e.Start, Bytes: e.Bytes}
			if !e.Zero {
				p.File = fmt.Sprintf("%d", i)
				if _, err := n.came[base.Part.ID].ReadAt(buffer[:e.Bytes], e.Start); err != nil {
					return early(err)
				}
				if err := os.WriteFile(filepath.Join(dir, p.File), buffer[:e.Bytes], 0o600); err != nil {
					return err
				}
				m.add(e.Bytes)
			}
			pieces = append(pieces, p)
		}
		if err := n.s.p.Images.Write(ctx, disk, dir, pieces); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// runs joins neighbours that are zeros: a disk can have many of them. What QEMU writes at once is below 2 GiB.
func runs(list []diskimage.Extent) []diskimage.Extent {
	const most = 1 << 30
	var joined []diskimage.Extent
	for _, e := range list {
		if last := len(joined) - 1; last >= 0 && e.Zero && joined[last].Zero && joined[last].Start+joined[last].Bytes == e.Start && joined[last].Bytes+e.Bytes <= most {
			joined[last].Bytes += e.Bytes
			continue
		}
		joined = append(joined, e)
	}
	return joined
}

// compare reads a disk back: the changed chunks are what the student signed, and all others the lab's.
func (n *opening) compare(ctx context.Context, base Base, disk string, m *meter) error {
	// What came is written, and its room is needed for what is read.
	if err := n.came[base.Part.ID].Truncate(0); err != nil {
		return err
	}
	v, err := newView(base.Part, base.Path)
	if err != nil {
		return err
	}
	defer v.close()
	if err := v.add(ctx, n.s.p.Images, n.dir, disk, func([]diskimage.Extent) error { return nil }); err != nil {
		return err
	}
	x := n.c.indexes[base.Part.ID]
	want := map[int]lab.Digest{}
	for _, change := range n.r.changes[base.Part.ID].Chunks {
		want[change.Chunk] = change.Digest
	}
	touched := v.touched()
	list := slices.Clone(touched)
	for i := range want {
		if _, found := slices.BinarySearch(touched, i); !found {
			list = append(list, i)
		}
	}
	found := make([]lab.Digest, len(list))
	if err := n.s.p.Library.digests(ctx, v, list, m, func(at int, d lab.Digest) { found[at] = d }); err != nil {
		return err
	}
	for at, i := range list {
		digest, changed := want[i]
		if !changed {
			digest = chunkOf(x, i)
		}
		if found[at] != digest {
			return fmt.Errorf("%w: piece %d of %s was written and came back changed. Check the disk of this computer", ErrChanged, i, base.Part.ID)
		}
	}
	return nil
}
