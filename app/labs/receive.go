package labs

import (
	"context"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// received is a submission without its packs, checked as far as that goes: what its config says was signed by the key that it names.
type received struct {
	manifest   *lab.SubmissionManifest
	submission *lab.Submission
	receipt    lab.Digest
	lab        *lab.Config             // nil: it is not in the library
	changes    map[string]*lab.Changes // by part; nil without the lab
	changed    int64                   // bytes of changed content; without the lab at most so many
}

// receive reads all of a submission but its packs. Nothing is read whose size the format, or the lab, does not bound before. When the lab is missing the error wraps ErrNoLab and what was read is returned
// beside it.
func (l *Library) receive(ctx context.Context, place source.Source, read func(ocispec.Descriptor) ([]byte, error)) (*received, error) {
	data, err := place.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	r := &received{}
	if r.manifest, err = lab.ParseSubmissionManifest(data); err != nil {
		return nil, err
	}
	raw, err := read(r.manifest.Config)
	if err != nil {
		return nil, err
	}
	s, err := lab.ParseSubmission(raw)
	if err != nil {
		return nil, err
	}
	signature, err := read(r.manifest.Signature)
	if err == nil {
		err = s.Verify(raw, signature)
	}
	if err != nil {
		return nil, err
	}
	r.submission, r.receipt = s, lab.Sum(raw)
	blobs := map[string]ocispec.Descriptor{}
	for _, part := range s.Parts {
		for _, blob := range r.manifest.Changes {
			if blob.Digest == part.Changes.OCI() {
				blobs[part.ID] = blob
			}
		}
		blob, ok := blobs[part.ID]
		if !ok {
			return nil, fmt.Errorf("%w: the list of changes of %s is not in it", lab.ErrSubmission, part.ID)
		}
		if blob.Size > lab.MaxChangesBytes(part.Bytes) {
			return nil, fmt.Errorf("%w: the list of changes of %s is longer than that of a disk of its size can be", lab.ErrSubmission, part.ID)
		}
		r.changed += min(blob.Size/36<<20, part.Bytes)
	}
	_, config, err := l.readConfig(s.Lab)
	if errors.Is(err, ErrNoLab) {
		return r, fmt.Errorf("%w: this is of version %d of %s, with the ID %s. Fetch exactly that one into the library first", ErrNoLab, s.Version, s.Name, s.Lab)
	}
	if err != nil {
		return nil, err
	}
	if err := s.CheckAgainst(s.Lab, config); err != nil {
		return nil, err
	}
	r.lab, r.changes, r.changed = config, map[string]*lab.Changes{}, 0
	for _, part := range s.Parts {
		data, err := read(blobs[part.ID])
		if err != nil {
			return nil, err
		}
		c, err := lab.ParseChanges(data, part.Bytes)
		if err != nil {
			return nil, err
		}
		r.changes[part.ID] = c
		r.changed += c.Data(part.Bytes)
	}
	return r, r.checkGrowth()
}

// checkGrowth refuses what is larger than the lab allows, before any of it is fetched.
func (r *received) checkGrowth() error {
	limit := r.lab.Growth()
	if r.changed > limit {
		return &Reason{Text: fmt.Sprintf("It changes %s, and the lab takes at most %s. Nothing of it was read.", size(r.changed), size(limit)), Err: ErrGrowth}
	}
	if packs := r.manifest.PackBytes(); packs > lab.MaxPackBytes(r.changed) {
		return &Reason{Text: fmt.Sprintf("It brings %s of data for %s of changes. Nothing of it was read.", size(packs), size(r.changed)), Err: ErrGrowth}
	}
	return nil
}

// readOnce reads a small blob of a submission and checks it.
func readOnce(ctx context.Context, place source.Source, blob ocispec.Descriptor) ([]byte, error) {
	stream, err := place.Open(ctx, blob, 0, -1)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	data, err := io.ReadAll(io.LimitReader(stream, blob.Size+1))
	if err == nil && (int64(len(data)) != blob.Size || lab.Sum(data).OCI() != blob.Digest) {
		err = fmt.Errorf("%w: %s was changed or damaged after it was handed in. Ask the student for it again", source.ErrDamaged, vmconfig.Inert(place.Name(), 300))
	}
	return data, err
}
