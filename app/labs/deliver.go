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

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

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
		Sequence: h.receipt.Sequence, Previous: previous, Created: h.receipt.Created, Machine: h.machine, Role: h.role,
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
