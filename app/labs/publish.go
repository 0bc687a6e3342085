package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"aead.dev/minisign"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/lab"
	"guesthouse/vmconfig/safefile"
)

// Spec is what Publish makes a lab of.
type Spec struct {
	// Config is what the lab is to be. Publish fills in Format, ID if it is zero, Version (one more than the newest of that ID), Previous, Course.Key,
	// Created, the sizes and indexes of the disks and variables, and Picture.
	Config lab.Config
	// Files are the contents, by the disk's ID and lab.VariablesID: raw files in the folder of Staging. Publish takes them over: they are gone when it succeeds.
	Files map[string]string
	// Picture is a PNG, or nil.
	Picture []byte
	// Password is asked for the course's private key; nil: a new key is kept unencrypted, and an encrypted one cannot be used.
	Password Password
}

// Publish makes a lab in the library, signs it with the course's key, which is made when the course is new, and returns its ID. Nothing has left this
// computer then: Push sends it. Errors wrap lab.ErrConfig, with all faults, for a lab that is not allowed, or one of this package's sentinels.
func (l *Library) Publish(ctx context.Context, s Spec, report Report) (lab.Digest, error) {
	c := &content{config: &s.Config, indexes: map[string]*lab.Index{}}
	c.config.Disks = slices.Clone(c.config.Disks)
	if err := l.measure(ctx, c, s, report); err != nil {
		return lab.Digest{}, err
	}
	key, err := l.sign(ctx, c, s)
	if err != nil {
		return lab.Digest{}, err
	}
	if err := l.trust(ctx, c.config, "", AddOptions{Key: key.String()}); err != nil {
		return lab.Digest{}, err
	}
	if _, err := l.tags(c.id, c.config, ""); err != nil {
		return lab.Digest{}, err
	}
	held, missing, err := l.hold(ctx, l.basesOf(c), report)
	if err != nil {
		return lab.Digest{}, err
	}
	defer held.close()
	for _, b := range missing {
		if err := l.take(ctx, b, c, s.Files, report); err != nil {
			return lab.Digest{}, err
		}
	}
	if err := l.finish(ctx, c, ""); err != nil {
		return lab.Digest{}, err
	}
	for _, path := range s.Files { // what a base had already
		os.Remove(path)
	}
	return c.id, nil
}

// measure fills in sizes and indexes.
func (l *Library) measure(ctx context.Context, c *content, s Spec, report Report) error {
	var total int64
	files := map[string]*os.File{}
	sizes := map[string]int64{}
	for id, path := range s.Files {
		if id != lab.VariablesID && !slices.ContainsFunc(c.config.Disks, func(d lab.Disk) bool { return d.ID == id }) {
			return fmt.Errorf("%w: there is content for %q, which is no disk of it", lab.ErrConfig, id)
		}
		file, info, err := safefile.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		files[id], sizes[id] = file, info.Size()
		total += info.Size()
	}
	m := newMeter(report, l.now, "Reading the disks", 0, 0.5, total)
	index := func(id string) (*lab.Index, lab.Digest, error) {
		if files[id] == nil || sizes[id] < 1 || sizes[id] > lab.MaxDiskBytes {
			return nil, lab.Digest{}, fmt.Errorf("%w: the content of %s is missing or has a size that is not possible", lab.ErrConfig, id)
		}
		x := &lab.Index{Bytes: sizes[id], Chunks: make([]lab.Digest, lab.Chunks(sizes[id]))}
		err := l.hashChunks(ctx, files[id], x.Bytes, m, func(i int, d lab.Digest) { x.Chunks[i] = d })
		return x, lab.Sum(x.Encode()), err
	}
	for i := range c.config.Disks {
		d := &c.config.Disks[i]
		x, digest, err := index(d.ID)
		if err != nil {
			return err
		}
		c.indexes[d.ID], d.Bytes, d.Index = x, x.Bytes, digest
	}
	c.config.Variables = nil
	if s.Files[lab.VariablesID] != "" {
		x, digest, err := index(lab.VariablesID)
		if err != nil {
			return err
		}
		c.indexes[lab.VariablesID], c.config.Variables = x, &lab.Variables{Bytes: x.Bytes, Index: digest}
	}
	return nil
}

// sign fills in the rest, checks the whole and signs it.
func (l *Library) sign(ctx context.Context, c *content, s Spec) (minisign.PublicKey, error) {
	config := c.config
	config.Format, config.Created = lab.Format, l.now().UTC().Truncate(1e9)
	if config.ID == uuid.Nil {
		config.ID = uuid.New()
	}
	known, err := l.readCourses()
	if err != nil {
		return minisign.PublicKey{}, err
	}
	newest, previous := known[config.Course.Name].newest(config.ID)
	config.Version, config.Previous = newest+1, previous
	config.Picture = lab.Digest{}
	if s.Picture != nil {
		if err := checkPicture(s.Picture); err != nil {
			return minisign.PublicKey{}, err
		}
		c.picture, config.Picture = s.Picture, lab.Sum(s.Picture)
	}
	// All faults but the key's before a key is made.
	public, _, err := minisign.GenerateKey(nil)
	if err != nil {
		return public, err
	}
	config.Course.Key = public.String()
	if err := config.Validate().Err(); err != nil {
		return public, err
	}
	private, err := l.privateKey(ctx, config.Course.Name, s.Password)
	if err != nil {
		return public, err
	}
	public = private.Public().(minisign.PublicKey) // as its documentation says
	config.Course.Key = public.String()
	if c.raw, err = config.Encode(); err != nil {
		return public, err
	}
	c.id = lab.Sum(c.raw)
	c.signature = lab.Sign(private, c.raw, fmt.Sprintf("lab %s version %d id %s", config.Name, config.Version, config.ID))
	return public, lab.Verify(public, c.raw, c.signature)
}

// take makes a missing base, which the caller has locked, out of the caller's file.
func (l *Library) take(ctx context.Context, b *base, c *content, files map[string]string, report Report) error {
	for _, p := range c.config.Parts() {
		if p.Index != b.digest {
			continue
		}
		if err := os.MkdirAll(b.dir, 0o755); err != nil {
			return err
		}
		if err := os.Rename(files[p.ID], b.part()); err != nil {
			if errors.Is(err, unix.EXDEV) {
				err = fmt.Errorf("%s is on another disk than the library: make it in the library's staging folder: %w", p.ID, fs.ErrInvalid)
			}
			return err
		}
		break
	}
	file, err := b.openPart()
	if err != nil {
		return err
	}
	defer file.Close()
	bad, err := l.promote(ctx, b, file, newMeter(report, l.now, "Checking "+b.label, 0.5, 1, b.index.Bytes))
	if err == nil && len(bad) > 0 {
		err = fmt.Errorf("%w: %s was written to while it was being published, or the disk of this computer fails", ErrChanged, b.label)
	}
	return err
}
