package labs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// AddOptions say how a lab is added.
type AddOptions struct {
	// Trust is asked when the course is new on this computer; nil: such a lab is refused.
	Trust Trust
	// Key is the course's key as it is known from elsewhere (a link, a sheet of paper); such a lab is taken without asking, and one with another key refused.
	Key string
	// Older allows a version older than one that was here.
	Older bool
	// Name replaces the lab's own name in the library; empty: its own.
	Name string
}

// Add fetches the lab that a source holds into the library and returns its ID. What is in the library already is not fetched again, and what an
// earlier try fetched is used. Errors wrap one of this package's or of app/labs/source's sentinels, one of vmconfig/lab's for a package that breaks
// the format's rules, or ctx's error.
func (l *Library) Add(ctx context.Context, place source.Source, o AddOptions, report Report) (lab.Digest, error) {
	c, m, err := l.fetchContent(ctx, place, o)
	if err != nil {
		return lab.Digest{}, err
	}
	bases := l.basesOf(c)
	held, missing, err := l.hold(ctx, bases, report)
	if err != nil {
		return lab.Digest{}, err
	}
	defer held.close()
	if err := l.complete(ctx, missing, place, m.Packs, report); err != nil {
		return lab.Digest{}, err
	}
	return c.id, l.finish(ctx, c, o.Name)
}

// finish adds a lab whose bases are there and held.
func (l *Library) finish(ctx context.Context, c *content, name string) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	// What was checked before the lock may not be so any more.
	if err := l.checkVersion(c.id, c.config, true); err != nil {
		return err
	}
	tags, err := l.tags(c.id, c.config, name)
	if err != nil {
		return err
	}
	return l.commit(c, tags...)
}

// fetchContent fetches all of a lab but its packs, and checks it: from here on, what the config says is what the course's teacher signed.
func (l *Library) fetchContent(ctx context.Context, place source.Source, o AddOptions) (*content, *lab.Manifest, error) {
	var m *lab.Manifest
	if err := l.retry(ctx, func() (bool, error) {
		data, err := place.Manifest(ctx)
		if err == nil {
			m, err = lab.ParseManifest(data)
		}
		return false, err
	}); err != nil {
		return nil, nil, err
	}
	c := &content{indexes: map[string]*lab.Index{}}
	var err error
	if c.raw, err = l.readBlob(ctx, place, m.Config); err != nil {
		return nil, nil, err
	}
	c.id = lab.Sum(c.raw)
	if c.config, err = lab.ParseConfig(c.raw); err != nil {
		return nil, nil, err
	}
	if c.signature, err = l.readBlob(ctx, place, m.Signature); err != nil {
		return nil, nil, err
	}
	key, err := lab.ParseKey(c.config.Course.Key)
	if err == nil {
		err = lab.Verify(key, c.raw, c.signature)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := l.checkProgram(c.config); err != nil {
		return nil, nil, err
	}
	if _, err := l.tags(c.id, c.config, o.Name); err != nil {
		return nil, nil, err
	}
	if err := l.trust(ctx, c.config, place.Name(), o); err != nil {
		return nil, nil, err
	}
	if err := l.checkVersion(c.id, c.config, o.Older); err != nil {
		return nil, nil, err
	}
	if err := l.fetchIndexes(ctx, place, m, c); err != nil {
		return nil, nil, err
	}
	return c, m, l.fetchPicture(ctx, place, m, c)
}

// fetchIndexes fetches the indexes that the config names.
func (l *Library) fetchIndexes(ctx context.Context, place source.Source, m *lab.Manifest, c *content) error {
	for _, p := range c.config.Parts() {
		found := false
		for _, blob := range m.Indexes {
			if blob.Digest != p.Index.OCI() || found {
				continue
			}
			found = true
			if blob.Size != lab.IndexBytes(p.Bytes) {
				return fmt.Errorf("%w: its size does not fit %s", lab.ErrIndex, p.ID)
			}
			data, err := l.readBlob(ctx, place, blob)
			if err != nil {
				return err
			}
			if c.indexes[p.ID], err = parseIndex(data, p); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("%w: the index of %s is not at %s. Fetch the lab from another place", ErrIncomplete, p.ID, vmconfig.Inert(place.Name(), 300))
		}
	}
	return nil
}

// errPicture says that a picture is none that may be shown.
var errPicture = errors.New("the lab's picture is not a PNG of at most 2048 by 2048 dots")

// fetchPicture fetches the picture that the config names, if it names one.
func (l *Library) fetchPicture(ctx context.Context, place source.Source, m *lab.Manifest, c *content) (err error) {
	if c.config.Picture.IsZero() {
		return nil
	}
	if m.Picture == nil || m.Picture.Digest != c.config.Picture.OCI() {
		return fmt.Errorf("%w: the picture is not at %s. Fetch the lab from another place", ErrIncomplete, vmconfig.Inert(place.Name(), 300))
	}
	if c.picture, err = l.readBlob(ctx, place, *m.Picture); err != nil {
		return err
	}
	return checkPicture(c.picture)
}

// checkPicture refuses a picture that is none, or that would take much memory to show.
func checkPicture(data []byte) error {
	const side = 2048
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || len(data) > lab.MaxPictureBytes || config.Width > side || config.Height > side {
		return fmt.Errorf("%w: %w", lab.ErrConfig, errPicture)
	}
	return nil
}
