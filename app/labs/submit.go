package labs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/google/uuid"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/text/unicode/norm"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/lab"
)

// SubmissionSuffix ends the name of every submission that is a file.
const SubmissionSuffix = ".submission.lab"

// SubmitOptions say how a machine is handed in.
type SubmitOptions struct {
	// Student is who hands in, one line; it is remembered. Empty: who did last.
	Student string
	// To is where it goes: a folder, in which a file is made; a new file whose name ends in SubmissionSuffix; a folder with an OCI image layout or a registry, where it gets a tag.
	To string
	source.Options
	// Done is called with what the student should keep, on the job's goroutine; nil: nobody is told.
	Done func(Receipt)
}

// Receipt is what a student has of a submission.
type Receipt struct {
	Digest      lab.Digest // names the submission: whoever has it can say whether it is this one
	Student     string
	Fingerprint string // of the student's key
	Sequence    int    // how many this student has handed in to this lab
	Created     time.Time
	Place       string // where it is
	Changed     int64  // bytes of content that were changed
	Written     int64  // bytes of the packs that were made of it
	// LeftOut are the machine's disks that are not the lab's, by their target. They are not handed in.
	LeftOut []string
}

// Submit hands in what a student has made of a machine, in a job: the chunks of its disks, as they are now, that are not the lab's, signed with the student's key. The machine must be off. What is only
// in a checkpoint is not handed in. When it fails or is cancelled nothing is left at the place. Errors: ErrNotALab, ErrNoLab, ErrRunning, ErrNoStudent, ErrNoChanges, ErrGrowth, ErrNoRoom, those of
// source.OpenTarget.
func (s *Service) Submit(id uuid.UUID, o SubmitOptions) *jobs.Job {
	return s.p.Jobs.Start("Handing in "+s.machineName(id), id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "handing in", func() error {
			receipt, err := s.submit(ctx, id, o, report)
			if err == nil && o.Done != nil {
				o.Done(*receipt)
			}
			return err
		})
	})
}

// handIn is one submission that is being made.
type handIn struct {
	l       *Library
	c       *content
	machine uuid.UUID
	author  author
	views   []*view
	changes []*lab.Changes // of each view
	journal []lab.Event
	receipt *Receipt
	target  source.Target
	path    string // of the file that is made; empty: it goes elsewhere
	packs   []ocispec.Descriptor
}

func (h *handIn) close() {
	for _, v := range h.views {
		v.close()
	}
}

func (s *Service) submit(ctx context.Context, id uuid.UUID, o SubmitOptions, report func(jobs.Progress)) (_ *Receipt, err error) {
	if s.p.Images == nil {
		return nil, machines.ErrNoImageTool
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Looking for what was changed"})
	digest, m, err := s.submittable(ctx, id)
	if err != nil {
		return nil, err
	}
	l := s.p.Library
	h := &handIn{l: l, machine: id, receipt: &Receipt{}}
	defer h.close()
	if h.author, err = l.author(ctx, o.Student); err != nil {
		return nil, err
	}
	if h.c, err = l.load(digest); err != nil {
		return nil, err
	}
	if h.journal, err = s.events(ctx, id); err != nil {
		return nil, err
	}
	dir, remove, err := l.workDir(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	err = l.Using(ctx, digest, func(_ *lab.Config, bases []Base) error {
		if err := s.viewAll(ctx, h, m, bases, dir); err != nil {
			return err
		}
		if err := h.compare(ctx, report); err != nil {
			return err
		}
		return h.deliver(ctx, o, report)
	})
	return h.receipt, err
}

// submittable makes sure that the machine is a lab's and off.
func (s *Service) submittable(ctx context.Context, id uuid.UUID) (digest lab.Digest, m vmconfig.Machine, err error) {
	text, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return digest, m, err
	}
	if m, err = domxml.Parse(text); err != nil {
		return digest, m, err
	}
	if digest, err = lab.ParseDigest(m.Lab.ID); err != nil {
		return digest, m, &Reason{Text: "This machine was not launched from a lab, so it cannot be handed in.", Err: ErrNotALab}
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err == nil && d.State != hypervisor.StateOff {
		err = &Reason{Text: "The machine must be off, and without a saved state, to be handed in: what it has not written to its disks would be missing. Shut it down first.", Err: ErrRunning}
	}
	return digest, m, err
}

// viewAll opens all parts as the guest sees them.
func (s *Service) viewAll(ctx context.Context, h *handIn, m vmconfig.Machine, bases []Base, dir string) error {
	var chains []chain
	for _, d := range labDisks(m) {
		c, err := chainOf(d, bases)
		if err != nil {
			return err
		}
		chains = append(chains, c)
	}
	var data int64
	limit := h.c.config.Growth()
	check := func(extents []diskimage.Extent) error {
		// What was written twice counts twice here, and what was written back as it was counts as well, so there is room for that; the exact comparison comes later.
		if data += dataOf(extents); data > 2*limit {
			return tooMuch(data, limit)
		}
		return h.l.checkRoom(data)
	}
	for _, base := range bases {
		if base.Part.ID == lab.VariablesID {
			continue
		}
		at := slices.IndexFunc(chains, func(c chain) bool { return c.base == base.Path })
		if at < 0 {
			return &Reason{Text: fmt.Sprintf("The machine has no longer the disk %s of its lab, so it cannot be handed in. Add the disk again, or reset the machine.", base.Part.ID), Err: ErrNotALab}
		}
		v, err := newView(base.Part, base.Path)
		if err != nil {
			return err
		}
		h.views = append(h.views, v)
		for _, image := range chains[at].images {
			if err := v.add(ctx, s.p.Images, dir, image, check); err != nil {
				return err
			}
		}
		chains = slices.Delete(chains, at, at+1)
	}
	for _, c := range chains {
		h.receipt.LeftOut = append(h.receipt.LeftOut, c.target)
	}
	return h.viewVariables(m, bases, dir)
}

// viewVariables opens the firmware's variables, if the machine has started so that there are any.
func (h *handIn) viewVariables(m vmconfig.Machine, bases []Base, dir string) error {
	if m.NVRAM == "" || h.c.config.Machine.Firmware != string(vmconfig.FirmwareUEFI) {
		return nil
	}
	info, err := os.Stat(m.NVRAM)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	part, path := lab.Part{ID: lab.VariablesID, Bytes: info.Size()}, ""
	for _, base := range bases {
		if base.Part.ID == lab.VariablesID {
			part, path = base.Part, base.Path
		}
	}
	if info.Size() != part.Bytes || part.Bytes < 1 || part.Bytes > lab.MaxVariablesBytes {
		return &Reason{Text: fmt.Sprintf("The firmware's variables have %d bytes and the lab's have %d, so that what was changed cannot be said.", info.Size(), part.Bytes), Err: ErrNotALab}
	}
	data, err := os.ReadFile(m.NVRAM)
	if err != nil {
		return err
	}
	copied := filepath.Join(dir, lab.VariablesID+".own")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		return err
	}
	v, err := newView(part, path)
	if err != nil {
		return err
	}
	h.views = append(h.views, v)
	own, err := os.Open(copied)
	if err == nil {
		v.layers = append(v.layers, layer{own, []diskimage.Extent{{Bytes: int64(len(data))}}})
	}
	return err
}

// tooMuch says that a submission is too large.
func tooMuch(changed, limit int64) error {
	return &Reason{
		Text: fmt.Sprintf("%s were changed, and the lab takes at most %s. Delete what is not needed inside the machine and have it give back the room (fstrim), or reset it and begin again.", size(changed), size(limit)),
		Err:  ErrGrowth,
	}
}

// compare finds the changed chunks.
func (h *handIn) compare(ctx context.Context, report Report) error {
	var total int64
	for _, v := range h.views {
		total += int64(len(v.touched())) * lab.ChunkSize
	}
	m := newMeter(report, h.l.now, "Comparing with the lab", 0, 0.4, total)
	count := 0
	for _, v := range h.views {
		c, err := h.l.changes(ctx, v, h.c.indexes[v.part.ID], m)
		if err != nil {
			return err
		}
		h.changes = append(h.changes, c)
		h.receipt.Changed += c.Data(v.part.Bytes)
		count += len(c.Chunks)
	}
	if count == 0 {
		return &Reason{Text: "There is nothing to hand in: the machine's disks are as they were when the lab was launched.", Err: ErrNoChanges}
	}
	if limit := h.c.config.Growth(); h.receipt.Changed > limit {
		return tooMuch(h.receipt.Changed, limit)
	}
	return nil
}

// deliver takes a number and writes the submission.
func (h *handIn) deliver(ctx context.Context, o SubmitOptions, report Report) (err error) {
	lock, err := h.l.lockSubmissions(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	key := h.author.public()
	before, err := h.l.lastSubmission(h.c.config.ID, key.String())
	if err != nil {
		return err
	}
	h.receipt.Student, h.receipt.Fingerprint, h.receipt.Sequence = h.author.name, lab.Fingerprint(key), before.Sequence+1
	tag, err := h.open(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := h.target.Close(); err != nil { // else it is there
			err = errors.Join(err, closeErr)
		}
	}()
	h.receipt.Place = h.target.Name()
	if err := h.pack(ctx, report); err != nil {
		return err
	}
	for _, at := range before.Times {
		h.journal = append(h.journal, lab.Event{Time: at, Event: lab.EventSubmitted})
	}
	raw, manifest, err := h.describe(ctx, before.Last)
	if err != nil {
		return err
	}
	// The number is taken before the submission is there: one number for two submissions would look like a fraud, and a missing one does not.
	now := handedIn{Key: key.String(), Sequence: h.receipt.Sequence, Last: lab.Sum(raw), Times: append(slices.Clone(before.Times), h.receipt.Created)}
	now.Times = now.Times[max(0, len(now.Times)-1000):]
	if err := h.l.setSubmission(ctx, h.c.config.ID, now); err != nil {
		return err
	}
	h.receipt.Digest = lab.Sum(raw)
	var tags []string
	if tag != "" {
		tags = []string{tag}
	}
	if err := h.target.Finish(ctx, manifest, tags...); err != nil {
		if h.path != "" { // a file is there or not
			if there, statErr := exists(h.path); statErr == nil && !there {
				err = errors.Join(err, h.l.setSubmission(context.WithoutCancel(ctx), h.c.config.ID, before))
			}
		}
		return err
	}
	if err := h.l.remember(h.author.name); err != nil {
		h.l.p.Log.Warn("the student's name is not remembered", "error", err) // what was handed in is handed in
	}
	return nil
}

// open opens the place, and returns the tag that the submission gets there; a file needs none.
func (h *handIn) open(ctx context.Context, o SubmitOptions) (tag string, err error) {
	o.Type = source.SubmissionType
	ref, err := source.Parse(o.To)
	if info, statErr := os.Stat(o.To); statErr == nil && info.IsDir() { // a folder that is there, whatever characters its name has
		ref, err = source.Ref{Kind: source.KindFolder, Location: o.To}, nil
	}
	if err != nil {
		return "", &Reason{Text: err.Error() + "."}
	}
	if ref.Kind == source.KindName { // a folder whose name looks like one
		ref.Kind = source.KindFolder
	}
	mark := lab.Sum([]byte(h.author.public().String())).Hex()[:8]
	who := plain(h.author.name)
	if who == "" {
		who = "student-" + mark
	}
	if ref.Kind == source.KindRegistry {
		h.target, err = source.OpenTarget(ctx, ref, o.Options)
		return h.freeTag(ctx, who, mark, err)
	}
	if ref.Kind == source.KindWeb {
		_, err := source.OpenTarget(ctx, ref, o.Options)
		return "", &Reason{Text: vmconfig.Inert(o.To, 200) + " is on a web server, which can only be read. Make a file and hand that in there.", Err: err}
	}
	path, err := filepath.Abs(ref.Location)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		if layout, err := exists(filepath.Join(path, ocispec.ImageLayoutFile)); err == nil && layout {
			h.target, err = source.OpenTarget(ctx, source.Ref{Kind: source.KindFolder, Location: path}, o.Options)
			return h.freeTag(ctx, who, mark, err)
		}
		if path, err = freeFile(path, who, mark, strings.ReplaceAll(h.c.config.Name, "/", "-"), h.receipt.Sequence); err != nil {
			return "", err
		}
	case err == nil:
		return "", &Reason{Text: fmt.Sprintf("%s is there already. Choose another name.", vmconfig.Inert(path, 300)), Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	case ref.Kind == source.KindFolder:
		return "", &Reason{Text: fmt.Sprintf("There is no folder %s. Make it, or check that the drive is connected.", vmconfig.Inert(path, 300)), Err: err}
	case !strings.HasSuffix(strings.ToLower(path), SubmissionSuffix):
		return "", &Reason{Text: fmt.Sprintf("The name of the file must end in %s, so that it is found among others.", SubmissionSuffix)}
	}
	h.path = path
	h.target, err = source.OpenTarget(ctx, source.Ref{Kind: source.KindFile, Location: path}, o.Options)
	return "", err
}

// freeFile is a new file in a folder where two students may have the same name.
func freeFile(dir, who, mark, name string, sequence int) (string, error) {
	for _, who := range []string{who, who + "-" + mark} {
		path := filepath.Join(dir, fmt.Sprintf("%s-%s-%d%s", who, name, sequence, SubmissionSuffix))
		if there, err := exists(path); err != nil || !there {
			return path, err
		}
	}
	return "", &Reason{Text: fmt.Sprintf("A submission of this name and number is in %s already. Choose another folder, or name a file.", vmconfig.Inert(dir, 300)), Err: fs.ErrExist}
}

// freeTag is a new tag at a place that may hold another student's of the same name.
func (h *handIn) freeTag(ctx context.Context, who, mark string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	for _, who := range []string{who, who + "-" + mark} {
		tag := who + "-" + strconv.Itoa(h.receipt.Sequence)
		_, err = h.target.Manifest(ctx, tag)
		if errors.Is(err, source.ErrNotFound) {
			return tag, nil
		}
		if err != nil {
			break
		}
		err = &Reason{Text: fmt.Sprintf("%s holds a submission of this name and number already.", h.target.Name()), Err: fs.ErrExist}
	}
	return "", errors.Join(err, h.target.Close())
}

// plain makes a name that every file system takes: lower-case letters and digits with hyphens between them, at most 60 bytes. It is empty where none are in it.
func plain(name string) string {
	var b strings.Builder
	hyphen := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case b.Len() >= 60:
			return b.String()
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if hyphen && b.Len() > 0 {
				b.WriteByte('-')
			}
			hyphen = false
			b.WriteRune(r)
		case !unicode.IsMark(r):
			hyphen = true
		}
	}
	return b.String()
}

// piece is one chunk that goes into a pack.
type piece struct {
	v      *view
	change lab.Change
}

// pack makes packs of the changed chunks and writes them.
func (h *handIn) pack(ctx context.Context, report Report) error {
	var list []piece
	var total int64
	seen := map[lab.Digest]bool{{}: true} // zeros need nothing
	for n, v := range h.views {
		for _, change := range h.changes[n].Chunks {
			if !seen[change.Digest] {
				seen[change.Digest] = true
				list = append(list, piece{v, change})
				total += int64(v.index.Len(change.Chunk))
			}
		}
	}
	m := newMeter(report, h.l.now, "Packing and writing", 0.4, 1, total)
	builder := lab.PackBuilder{Limit: h.l.packBytes}
	for batch := range slices.Chunk(list, 4*h.l.workers) {
		stored, err := h.compress(ctx, batch)
		if err != nil {
			return err
		}
		for i, p := range batch {
			raw := p.v.index.Len(p.change.Chunk)
			if !builder.Add(p.change.Digest, stored[i], raw) {
				if err := h.send(ctx, &builder); err != nil {
					return err
				}
				builder.Reset()
				builder.Add(p.change.Digest, stored[i], raw)
			}
			m.add(int64(raw))
		}
	}
	if builder.Empty() {
		return nil
	}
	return h.send(ctx, &builder)
}

// compress reads, checks and compresses chunks on all processors.
func (h *handIn) compress(ctx context.Context, batch []piece) ([][]byte, error) {
	stored, errs := make([][]byte, len(batch)), make([]error, h.l.workers)
	var group sync.WaitGroup
	for w := range h.l.workers {
		group.Go(func() {
			for i := w; i < len(batch) && errs[w] == nil; i += h.l.workers {
				p := batch[i]
				raw, err := p.v.read(p.change.Chunk, make([]byte, lab.ChunkSize)) // it may be the stored form
				if err == nil && lab.ChunkDigest(raw) != p.change.Digest {
					err = fmt.Errorf("%w: %s was written to while it was being handed in, or the disk of this computer fails", ErrChanged, p.v.part.ID)
				}
				if errs[w] = errors.Join(err, ctx.Err()); errs[w] == nil {
					stored[i] = lab.Compress(raw)
				}
			}
		})
	}
	group.Wait()
	return stored, errors.Join(errs...)
}

func (h *handIn) send(ctx context.Context, b *lab.PackBuilder) error {
	blob := lab.Blob(lab.MediaTypePack, b.Digest(), b.Size())
	h.packs = append(h.packs, blob)
	h.receipt.Written += blob.Size
	return h.put(ctx, blob, b.Reader)
}

func (h *handIn) put(ctx context.Context, blob ocispec.Descriptor, data func() io.Reader) error {
	return h.l.retry(ctx, func() (bool, error) { return false, h.target.Put(ctx, blob, data()) })
}

// describe writes the small blobs and returns the config and the manifest.
func (h *handIn) describe(ctx context.Context, previous lab.Digest) (raw, manifest []byte, err error) {
	config := h.c.config
	h.receipt.Created = h.l.now().UTC().Truncate(time.Second)
	s := &lab.Submission{
		Format: lab.Format, ID: uuid.New(), Lab: h.c.id, Name: config.Name, Version: config.Version,
		Student:  lab.Student{Name: h.author.name, Key: h.author.public().String()},
		Sequence: h.receipt.Sequence, Previous: previous, Created: h.receipt.Created, Machine: h.machine,
	}
	slices.SortStableFunc(h.journal, func(a, b lab.Event) int { return a.Time.Compare(b.Time) })
	s.Journal = h.journal[max(0, len(h.journal)-lab.MaxEvents):]
	m := &lab.SubmissionManifest{Packs: h.packs, Annotations: map[string]string{
		ocispec.AnnotationTitle: fmt.Sprintf("%s – %s %d", h.author.name, config.Title, h.receipt.Sequence), ocispec.AnnotationCreated: s.Created.Format(time.RFC3339),
	}}
	blob := func(mediaType string, data []byte) (ocispec.Descriptor, error) {
		d := lab.Blob(mediaType, lab.Sum(data), int64(len(data)))
		return d, h.put(ctx, d, func() io.Reader { return bytes.NewReader(data) })
	}
	for n, v := range h.views {
		if len(h.changes[n].Chunks) == 0 {
			continue
		}
		data := h.changes[n].Encode()
		d := lab.Blob(lab.MediaTypeChanges, lab.Sum(data), int64(len(data)))
		if !slices.ContainsFunc(m.Changes, func(other ocispec.Descriptor) bool { return other.Digest == d.Digest }) {
			if d, err = blob(lab.MediaTypeChanges, data); err != nil {
				return nil, nil, err
			}
			m.Changes = append(m.Changes, d)
		}
		s.Parts = append(s.Parts, lab.ChangedPart{ID: v.part.ID, Bytes: v.part.Bytes, Changes: lab.Sum(data)})
	}
	if raw, err = s.Encode(); err != nil {
		return nil, nil, err
	}
	signature := s.Sign(h.author.key, raw)
	if err := s.Verify(raw, signature); err != nil {
		return nil, nil, err
	}
	if m.Config, err = blob(lab.MediaTypeSubmission, raw); err != nil {
		return nil, nil, err
	}
	if m.Signature, err = blob(lab.MediaTypeSigned, signature); err != nil {
		return nil, nil, err
	}
	manifest, err = m.Encode()
	return raw, manifest, err
}

// events is what this computer knows of a machine's past: its checkpoints and the resets that can still be taken back.
func (s *Service) events(ctx context.Context, id uuid.UUID) ([]lab.Event, error) {
	var list []lab.Event
	snapshots, err := s.p.Conn.Snapshots(ctx, id)
	if err != nil {
		return nil, err
	}
	add := func(at time.Time, what lab.EventKind) {
		if year := at.Year(); year >= 2000 && year <= 9999 { // what a clock without battery says is of no use
			list = append(list, lab.Event{Time: at.UTC().Truncate(time.Second), Event: what})
		}
	}
	for _, snapshot := range snapshots {
		add(snapshot.Created, lab.EventCheckpoint)
	}
	sets, err := os.ReadDir(s.resetDir(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range sets {
		if put, err := readSet(filepath.Join(s.resetDir(id), e.Name())); err == nil && !put.Put.IsZero() {
			add(put.Put, lab.EventReset)
		}
	}
	return list, nil
}
