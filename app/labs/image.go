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
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig/lab"
)

// Image is a lab in the library.
type Image struct {
	ID     lab.Digest
	Config *lab.Config // nil if Err is set
	Names  []string    // the name:tag that mean it, sorted
	Added  time.Time   // when it came to the library
	Dir    string      // its folder, with picture.png if it has a picture
	Disk   int64       // room that its bases take on the disk, in bytes; what several labs share counts for each
	Ready  bool        // its bases are all there; QuickCheck and Verify tell whether they are right
	Err    error       // why it cannot be used: its own files are damaged
}

// Base is the content of a disk or of the firmware's variables, to be laid below a student's changes. Nobody may write to it.
type Base struct {
	Part lab.Part
	Path string // absolute; the file is raw and read-only
}

// files of an image's folder.
const (
	configFile    = "config.json"
	signatureFile = "config.json.minisig"
	pictureFile   = "picture.png"
	indexSuffix   = ".index"
)

// content is an image with all of its small parts, checked.
type content struct {
	id        lab.Digest
	config    *lab.Config
	raw       []byte // the config's bytes
	signature []byte
	indexes   map[string]*lab.Index // by part
	picture   []byte                // nil: none
}

// bases returns the distinct bases of an image, in the order of their digests, in which they are locked.
func (l *Library) basesOf(c *content) []*base {
	var list []*base
	for _, p := range c.config.Parts() {
		if !slices.ContainsFunc(list, func(b *base) bool { return b.digest == p.Index }) {
			list = append(list, &base{dir: l.baseDir(p.Index), digest: p.Index, index: c.indexes[p.ID], label: p.ID + " of " + c.config.Name})
		}
	}
	slices.SortFunc(list, func(a, b *base) int { return slices.Compare(a.digest[:], b.digest[:]) })
	return list
}

// readConfig reads the config of an image, whose ID is the digest of it.
func (l *Library) readConfig(id lab.Digest) (raw []byte, c *lab.Config, err error) {
	raw, err = os.ReadFile(filepath.Join(l.imageDir(id), configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %s", ErrNoLab, id)
	}
	if err == nil && lab.Sum(raw) != id {
		err = fmt.Errorf("%w: its description was written to. Remove the lab and add it again", ErrChanged)
	}
	if err == nil {
		c, err = lab.ParseConfig(raw)
	}
	return raw, c, err
}

// load reads an image and checks what it reads against its ID.
func (l *Library) load(id lab.Digest) (*content, error) {
	raw, config, err := l.readConfig(id)
	if err != nil {
		return nil, err
	}
	c := &content{id: id, config: config, raw: raw, indexes: map[string]*lab.Index{}}
	dir := l.imageDir(id)
	key, err := lab.ParseKey(config.Course.Key)
	if err != nil {
		return nil, err
	}
	if c.signature, err = os.ReadFile(filepath.Join(dir, signatureFile)); err == nil {
		err = lab.Verify(key, raw, c.signature)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range config.Parts() {
		if c.indexes[p.ID], err = readIndex(filepath.Join(dir, p.ID+indexSuffix), p); err != nil {
			return nil, err
		}
	}
	if !config.Picture.IsZero() {
		if c.picture, err = os.ReadFile(filepath.Join(dir, pictureFile)); err != nil || lab.Sum(c.picture) != config.Picture {
			return nil, fmt.Errorf("%w: its picture was written to. Remove the lab and add it again", ErrChanged)
		}
	}
	return c, nil
}

// readIndex reads the index of a part from a file of the library.
func readIndex(path string, p lab.Part) (*lab.Index, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if lab.Sum(data) != p.Index {
		return nil, fmt.Errorf("%w: the index of %s was written to. Remove the lab and add it again", ErrChanged, p.ID)
	}
	return parseIndex(data, p)
}

// parseIndex reads the index of a part, which has the right digest.
func parseIndex(data []byte, p lab.Part) (*lab.Index, error) {
	x, err := lab.ParseIndex(data)
	if err == nil && x.Bytes != p.Bytes {
		err = fmt.Errorf("%w: it is for %d bytes, and %s has %d", lab.ErrIndex, x.Bytes, p.ID, p.Bytes)
	}
	return x, err
}

// commit makes the image appear, as a whole, and gives it its names. The caller holds the library's lock and its bases'.
func (l *Library) commit(c *content, tags ...string) error {
	dir := l.imageDir(c.id)
	there, err := exists(dir)
	if err != nil {
		return err
	}
	if there {
		if _, err := l.load(c.id); err != nil { // its own files are damaged; these are the right ones
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			there = false
		}
	}
	if !there {
		if err := l.writeImage(c, dir); err != nil {
			return err
		}
	}
	known, err := l.readCourses()
	if err != nil {
		return err
	}
	pinned := known[c.config.Course.Name]
	if pinned == nil || pinned.Key != c.config.Course.Key {
		return keyChanged(c.config, pinned)
	}
	pinned.saw(c.config.ID, c.config.Version, c.id)
	if err := l.writeState("courses.json", known); err != nil {
		return err
	}
	all, err := l.readNames()
	if err != nil {
		return err
	}
	for _, tag := range tags {
		all[tag] = c.id
	}
	return l.writeState("names.json", all)
}

// writeImage writes the folder under another name first.
func (l *Library) writeImage(c *content, dir string) (err error) {
	part := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".part")
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(part)
		}
	}()
	files := map[string][]byte{configFile: c.raw, signatureFile: c.signature}
	for id, x := range c.indexes {
		files[id+indexSuffix] = x.Encode()
	}
	if c.picture != nil {
		files[pictureFile] = c.picture
	}
	for name, data := range files {
		if err := atomicfile.Write(filepath.Join(part, name), data); err != nil {
			return err
		}
	}
	if err := os.Rename(part, dir); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// Images returns all labs, by name and then newest first. One whose own files are damaged is listed with its Err.
func (l *Library) Images() ([]Image, error) {
	all, err := l.readNames()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(l.images())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []Image
	for _, e := range entries {
		id, err := lab.ParseDigest("sha256:" + e.Name())
		if err != nil {
			continue
		}
		image := l.image(id)
		for name, named := range all {
			if named == id {
				image.Names = append(image.Names, name)
			}
		}
		slices.Sort(image.Names)
		list = append(list, image)
	}
	slices.SortFunc(list, func(a, b Image) int {
		if a.Config == nil || b.Config == nil {
			return slices.Compare(a.ID[:], b.ID[:])
		}
		return cmp.Or(strings.Compare(a.Config.Name, b.Config.Name), b.Config.Version-a.Config.Version, slices.Compare(a.ID[:], b.ID[:]))
	})
	return list, nil
}

func (l *Library) image(id lab.Digest) Image {
	image := Image{ID: id, Dir: l.imageDir(id)}
	if info, err := os.Stat(image.Dir); err == nil {
		image.Added = info.ModTime()
	}
	_, image.Config, image.Err = l.readConfig(id)
	if image.Err != nil {
		return image
	}
	image.Ready = true
	for _, p := range image.Config.Parts() {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(l.baseDir(p.Index), "base.raw"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != p.Bytes {
			image.Ready = false
			continue
		}
		image.Disk += st.Blocks * 512
	}
	return image
}

// Resolve returns the lab that a name means: name:tag, a name alone for its newest version, an ID, or the beginning of one of at least six digits.
// Errors wrap ErrNoLab.
func (l *Library) Resolve(name string) (Image, error) {
	list, err := l.Images()
	if err != nil {
		return Image{}, err
	}
	var found []Image
	digits := strings.TrimPrefix(name, "sha256:")
	for _, image := range list {
		if slices.Contains(image.Names, name) || slices.Contains(image.Names, name+":"+latestTag) {
			return image, nil
		}
		if len(digits) >= 6 && strings.HasPrefix(image.ID.Hex(), digits) {
			found = append(found, image)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Image{}, fmt.Errorf("%w: %q", ErrNoLab, name)
}

// Bases returns where the disks of a lab are, in the order of Config.Parts. It does not look whether they are right: QuickCheck does.
func (l *Library) Bases(id lab.Digest) ([]Base, error) {
	_, config, err := l.readConfig(id)
	if err != nil {
		return nil, err
	}
	parts := config.Parts()
	list := make([]Base, len(parts))
	for i, p := range parts {
		list[i] = Base{Part: p, Path: filepath.Join(l.baseDir(p.Index), "base.raw")}
	}
	return list, nil
}

// Using checks a lab quickly and calls use with its bases, while nobody can remove or repair them: what use makes on top of them can be made known to
// GC before that runs. It waits while somebody fetches or repairs one of them.
func (l *Library) Using(ctx context.Context, id lab.Digest, use func(*lab.Config, []Base) error) error {
	c, err := l.load(id)
	if err != nil {
		return err
	}
	for _, b := range l.basesOf(c) {
		lock, err := l.lockBase(ctx, b.digest, unix.LOCK_SH)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	if err := l.quickCheck(ctx, c); err != nil {
		return err
	}
	list, err := l.Bases(id)
	if err != nil {
		return err
	}
	return use(c.config, list)
}
