package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// repositoryTarget writes to a repository of an OCI registry.
type repositoryTarget struct{ *repository }

// openRegistryTarget does not speak to the registry yet.
func openRegistryTarget(ref Ref, o Options) (Target, error) {
	ref.Tag, ref.Digest = "", ""
	r, err := newRepository(ref, o)
	if err != nil {
		return nil, err
	}
	return &repositoryTarget{r}, nil
}

// Manifest implements Target.
func (t *repositoryTarget) Manifest(ctx context.Context, tag string) ([]byte, error) {
	if _, err := parseTag(tag, tag); err != nil {
		return nil, err
	}
	return t.fetchManifest(ctx, tag)
}

// Has implements Target.
func (t *repositoryTarget) Has(ctx context.Context, blob ocispec.Descriptor) (bool, error) {
	if err := checkBlob(t.place, blob); err != nil {
		return false, err
	}
	return again(ctx, t.web, func() (bool, error) {
		watch := newWatch(t.writing(ctx), t.web.life, 2*t.web.stall)
		defer watch.stop()
		held, err := t.remote.Blobs().Resolve(watch.ctx, blob.Digest.String())
		if errors.Is(err, errdef.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, netFailure(ctx, t.place, watch.failure(err))
		}
		return held.Size == blob.Size, nil
	})
}

// Put implements Target. A registry that has all bytes may think for a while before it says so; it has four times as long as otherwise.
func (t *repositoryTarget) Put(ctx context.Context, blob ocispec.Descriptor, data io.Reader) error {
	held, err := t.Has(ctx, blob)
	if err != nil || held {
		return err
	}
	watch := newWatch(t.writing(ctx), t.web.life, 4*t.web.stall)
	defer watch.stop()
	body := newChecked(t.place, blob, data)
	upload := &moving{data: body, watch: watch}
	err = t.remote.Blobs().Push(watch.ctx, blob, upload)
	upload.end()
	if body.bad != nil {
		return body.bad
	}
	if err != nil {
		return netFailure(ctx, t.place, watch.failure(err))
	}
	if body.n != blob.Size {
		return fail(ErrDamaged, t.place, "", "was given %d of the %d bytes of blob %s", body.n, blob.Size, blob.Digest)
	}
	return nil
}

// Finish implements Target. The registry itself refuses a manifest whose blobs it lacks.
func (t *repositoryTarget) Finish(ctx context.Context, manifest []byte, tags ...string) error {
	if err := checkFinish(t.place, t.kind, manifest, tags); err != nil {
		return err
	}
	blob := describe(ocispec.MediaTypeImageManifest, manifest)
	if len(tags) == 0 {
		tags = []string{blob.Digest.String()}
	}
	for _, tag := range tags {
		_, err := again(ctx, t.web, func() (struct{}, error) {
			watch := newWatch(t.writing(ctx), t.web.life, 4*t.web.stall)
			defer watch.stop()
			err := t.remote.Manifests().PushReference(watch.ctx, blob, bytes.NewReader(manifest), tag)
			if err != nil {
				err = netFailure(ctx, t.place, watch.failure(err))
			}
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writing asks the login for the right to read and write.
func (t *repositoryTarget) writing(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, t.remote.Reference, auth.ActionPull, auth.ActionPush)
}

// moving tells a watch that bytes are sent.
type moving struct {
	mu    sync.Mutex
	data  io.Reader
	watch *watch
	ended bool
}

// Read implements io.Reader. While the caller makes the bytes, the time does not run.
func (m *moving) Read(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return 0, errClosed
	}
	m.watch.pause()
	n, err := m.data.Read(p)
	m.watch.wait()
	return n, err
}

// end sees to it that nobody reads any more: net/http may do so after it has returned the answer.
func (m *moving) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
}
