package labs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// annotationID holds the lab's UUID in the manifest, for people who look into a registry.
const annotationID = "org.guesthouse.lab.id"

// PushOptions say how a lab is written to a place.
type PushOptions struct {
	// Tags are the names that it gets there, whatever they meant before; nil: its version, and "latest" unless the place has a newer one under that.
	// Where those are another lab's, they begin with this one's name, dots for its slashes: networks.lab-3-latest.
	Tags []string
}

// Pushed is what Push did.
type Pushed struct {
	Manifest lab.Digest // what the place calls the package
	Tags     []string
	// NewBytes are those of packs that were made, KeptBytes those of the previous version's packs that are used again.
	NewBytes, KeptBytes int64
}

// Push writes a lab to a place. Where the place has an earlier version, only chunks that changed are written. A push that was cut off can be repeated:
// the same packs are made, and those that arrived are not sent again. Errors wrap one of this package's or of app/labs/source's sentinels, or ctx's
// error.
func (l *Library) Push(ctx context.Context, id lab.Digest, target source.Target, o PushOptions, report Report) (*Pushed, error) {
	c, err := l.load(id)
	if err != nil {
		return nil, err
	}
	bases := l.basesOf(c)
	for _, b := range bases { // so that they stay
		lock, err := l.lockBase(ctx, b.digest, unix.LOCK_SH)
		if err != nil {
			return nil, err
		}
		defer lock.Close()
	}
	p := &pusher{l: l, c: c, target: target, report: report, result: &Pushed{Tags: o.Tags}}
	defer p.close()
	if err := p.chunks(bases); err != nil {
		return nil, err
	}
	if err := p.previous(ctx); err != nil {
		return nil, err
	}
	if err := p.pack(ctx); err != nil {
		return nil, err
	}
	return p.result, p.finish(ctx)
}

// pusher is one push.
type pusher struct {
	l      *Library
	c      *content
	target source.Target
	report Report
	result *Pushed
	// reached is true once the place has answered.
	reached bool

	files []*os.File
	list  []origin            // distinct chunks in the order in which they first appear
	need  map[lab.Digest]bool // those that no pack has yet
	packs []ocispec.Descriptor
}

// origin is where a chunk is on this computer.
type origin struct {
	digest lab.Digest
	b      *base
	file   *os.File
	chunk  int
}

func (p *pusher) close() {
	for _, file := range p.files {
		file.Close()
	}
}

// chunks lists the chunks of all parts, in the order of the config.
func (p *pusher) chunks(bases []*base) error {
	p.need = map[lab.Digest]bool{}
	done := map[lab.Digest]bool{}
	for _, part := range p.c.config.Parts() {
		if done[part.Index] {
			continue
		}
		done[part.Index] = true
		b := bases[slices.IndexFunc(bases, func(b *base) bool { return b.digest == part.Index })]
		state, reason, err := b.look()
		if err == nil && state != baseGood {
			err = b.changedError(reason)
		}
		if err != nil {
			return err
		}
		file, err := os.OpenFile(b.path(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		p.files = append(p.files, file)
		for i, d := range b.index.Chunks {
			if !d.IsZero() && !p.need[d] {
				p.need[d] = true
				p.list = append(p.list, origin{d, b, file, i})
			}
		}
	}
	return nil
}

// previous looks what the place has of this lab: which of its packs can be used again, and which tags it may get.
func (p *pusher) previous(ctx context.Context) error {
	var old []*lab.Manifest
	for _, tag := range p.result.Tags {
		m, _, err := p.at(ctx, tag)
		if err != nil && !errors.Is(err, errForeign) {
			return err
		}
		old = append(old, m)
	}
	for _, prefix := range []string{"", strings.ReplaceAll(p.c.config.Name, "/", ".") + "-"} {
		tags, found, err := p.previousAs(ctx, prefix)
		if errors.Is(err, errForeign) {
			continue // a place for several labs
		}
		if err != nil {
			return err
		}
		if p.result.Tags == nil {
			p.result.Tags = tags
		}
		old = append(old, found...)
		break
	}
	if p.result.Tags == nil {
		return fmt.Errorf("%w: %s has other labs under the tags that this one would get. Name a tag", ErrNameTaken, vmconfig.Inert(p.target.Name(), 300))
	}
	var packs []ocispec.Descriptor
	for _, m := range old {
		if m == nil {
			continue
		}
		for _, pack := range m.Packs {
			if !slices.ContainsFunc(packs, func(d ocispec.Descriptor) bool { return d.Digest == pack.Digest }) {
				packs = append(packs, pack)
			}
		}
	}
	return p.reuse(ctx, packs)
}

// errForeign says that a tag of the place is something else's.
var errForeign = errors.New("the tag names something else")

// previousAs is previous for tags that begin with a prefix. It returns errForeign if one of them is something else's, which would be lost there.
func (p *pusher) previousAs(ctx context.Context, prefix string) (tags []string, old []*lab.Manifest, err error) {
	config := p.c.config
	version := prefix + strconv.Itoa(config.Version)
	latest := true
	for _, tag := range []string{version, prefix + latestTag, prefix + strconv.Itoa(config.Version-1)} {
		m, there, err := p.at(ctx, tag)
		if err != nil {
			return nil, nil, err
		}
		if m == nil {
			continue
		}
		if there == nil || there.ID != config.ID || there.Course.Key != config.Course.Key {
			return nil, nil, errForeign
		}
		if there.Version == config.Version && m.Config.Digest != p.c.id.OCI() {
			return nil, nil, fmt.Errorf("%w: %s has version %d of “%s” with another content. Publish this one as a new version", ErrEquivocation,
				vmconfig.Inert(p.target.Name(), 300), config.Version, vmconfig.Inert(config.Title, lab.MaxTitleBytes))
		}
		if tag == prefix+latestTag && there.Version > config.Version {
			latest = false
		}
		old = append(old, m)
	}
	tags = []string{version}
	if latest {
		tags = append(tags, prefix+latestTag)
	}
	return tags, old, nil
}

// at returns the lab that a tag of the place names; m is nil if there is none. The error is errForeign if it is no lab that can be read.
func (p *pusher) at(ctx context.Context, tag string) (m *lab.Manifest, config *lab.Config, err error) {
	if !p.reached { // a place that was never there is not waited for
		if _, err := p.target.Manifest(ctx, tag); errors.Is(err, source.ErrUnreachable) {
			return nil, nil, err
		}
		p.reached = true
	}
	err = p.l.retry(ctx, func() (bool, error) {
		data, err := p.target.Manifest(ctx, tag)
		if err == nil {
			m, err = lab.ParseManifest(data)
		}
		if errors.Is(err, source.ErrNotFound) {
			m, err = nil, nil
		}
		if errors.Is(err, source.ErrNoPackage) || errors.Is(err, lab.ErrNoLab) || errors.Is(err, lab.ErrManifest) {
			err = errForeign
		}
		return false, err
	})
	if err != nil || m == nil {
		return nil, nil, err
	}
	raw, err := p.l.readBlob(ctx, targetSource{p.target}, m.Config)
	if err == nil {
		config, err = lab.ParseConfig(raw)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, err
		}
		return nil, nil, errForeign
	}
	return m, config, nil
}

// targetSource lets a target be read like a source.
type targetSource struct{ source.Target }

// Manifest implements source.Source; there is nothing to resolve.
func (t targetSource) Manifest(context.Context) ([]byte, error) { return nil, source.ErrNotFound }

// reuse keeps those packs of which at least one chunk is needed and at least half of the bytes are: more waste would be fetched by those who have
// nothing yet. A pack that cannot be read is not used.
func (p *pusher) reuse(ctx context.Context, packs []ocispec.Descriptor) error {
	tables := make([]*lab.Table, len(packs))
	var group sync.WaitGroup
	slots := make(chan struct{}, connections)
	for i, pack := range packs {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			tables[i] = p.table(ctx, pack)
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, table := range tables {
		if table == nil {
			continue
		}
		var all, used int64
		for _, e := range table.Entries {
			all += int64(e.Stored)
			if p.need[e.Digest] {
				used += int64(e.Stored)
			}
		}
		if used == 0 || used < all-used {
			continue
		}
		for _, e := range table.Entries {
			delete(p.need, e.Digest)
		}
		p.packs = append(p.packs, packs[i])
		p.result.KeptBytes += packs[i].Size
	}
	return nil
}

// table reads the table of a pack at the place, nil if that is not possible.
func (p *pusher) table(ctx context.Context, pack ocispec.Descriptor) (table *lab.Table) {
	err := p.l.retry(ctx, func() (bool, error) {
		stream, err := p.target.Open(ctx, pack, 0, min(pack.Size, lab.TableBytes(lab.MaxPackEntries)))
		if err != nil {
			return false, err
		}
		defer stream.Close()
		table, err = lab.ReadTable(stream, pack.Size)
		return false, err
	})
	if err != nil {
		p.l.p.Log.Info("a pack is not used again", "pack", pack.Digest, "because", err)
	}
	return table
}

// pack makes packs of the chunks that none has yet, and writes them.
func (p *pusher) pack(ctx context.Context) error {
	list := slices.DeleteFunc(p.list, func(o origin) bool { return !p.need[o.digest] })
	var total int64
	for _, o := range list {
		total += int64(o.b.index.Len(o.chunk))
	}
	m := newMeter(p.report, p.l.now, "Packing and sending", 0, 1, total)
	builder := lab.PackBuilder{Limit: p.l.packBytes}
	for batch := range slices.Chunk(list, 8*p.l.workers) {
		stored, err := p.compress(ctx, batch)
		if err != nil {
			return err
		}
		for i, o := range batch {
			raw := o.b.index.Len(o.chunk)
			if !builder.Add(o.digest, stored[i], raw) {
				if err := p.send(ctx, &builder); err != nil {
					return err
				}
				builder.Reset()
				builder.Add(o.digest, stored[i], raw)
			}
			m.add(int64(raw))
		}
	}
	if builder.Empty() {
		return nil
	}
	return p.send(ctx, &builder)
}

// compress reads, checks and compresses chunks on all processors.
func (p *pusher) compress(ctx context.Context, batch []origin) ([][]byte, error) {
	stored, errs := make([][]byte, len(batch)), make([]error, p.l.workers)
	var group sync.WaitGroup
	for w := range p.l.workers {
		group.Go(func() {
			for i := w; i < len(batch) && errs[w] == nil; i += p.l.workers {
				o := batch[i]
				raw := make([]byte, o.b.index.Len(o.chunk)) // it may be the stored form
				_, err := o.file.ReadAt(raw, int64(o.chunk)*lab.ChunkSize)
				if err == nil && lab.ChunkDigest(raw) != o.digest {
					err = o.b.changedError(fmt.Sprintf("chunk %d of it is not what was signed", o.chunk))
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

// send writes a pack.
func (p *pusher) send(ctx context.Context, b *lab.PackBuilder) error {
	blob := lab.Blob(lab.MediaTypePack, b.Digest(), b.Size())
	p.packs = append(p.packs, blob)
	p.result.NewBytes += blob.Size
	return p.put(ctx, blob, b.Reader)
}

// put writes a blob unless the place has it.
func (p *pusher) put(ctx context.Context, blob ocispec.Descriptor, data func() io.Reader) error {
	return p.l.retry(ctx, func() (bool, error) {
		there, err := p.target.Has(ctx, blob)
		if err != nil || there {
			return false, err
		}
		return false, p.target.Put(ctx, blob, data())
	})
}

// finish writes the small blobs and the manifest.
func (p *pusher) finish(ctx context.Context) error {
	m := &lab.Manifest{Packs: p.packs, Annotations: map[string]string{
		ocispec.AnnotationTitle: p.c.config.Title, ocispec.AnnotationVersion: strconv.Itoa(p.c.config.Version),
		ocispec.AnnotationCreated: p.c.config.Created.Format("2006-01-02T15:04:05Z07:00"), annotationID: p.c.config.ID.String(),
	}}
	blob := func(mediaType string, data []byte) (ocispec.Descriptor, error) {
		d := lab.Blob(mediaType, lab.Sum(data), int64(len(data)))
		return d, p.put(ctx, d, func() io.Reader { return bytes.NewReader(data) })
	}
	var err error
	if m.Config, err = blob(lab.MediaTypeConfig, p.c.raw); err != nil {
		return err
	}
	if m.Signature, err = blob(lab.MediaTypeSignature, p.c.signature); err != nil {
		return err
	}
	for _, part := range p.c.config.Parts() {
		if slices.ContainsFunc(m.Indexes, func(d ocispec.Descriptor) bool { return d.Digest == part.Index.OCI() }) {
			continue
		}
		d, err := blob(lab.MediaTypeIndex, p.c.indexes[part.ID].Encode())
		if err != nil {
			return err
		}
		m.Indexes = append(m.Indexes, d)
	}
	if p.c.picture != nil {
		d, err := blob(lab.MediaTypePicture, p.c.picture)
		if err != nil {
			return err
		}
		m.Picture = &d
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	p.result.Manifest = lab.Sum(data)
	return p.l.retry(ctx, func() (bool, error) { return false, p.target.Finish(ctx, data, p.result.Tags...) })
}
