// Package build makes labs out of recipes (lab.Recipe): the base's disk, a machine that is thrown away afterwards, in which the recipe's files, commands and
// checks happen, and at the end a lab in the library.
//
// The same recipe gives the same lab as far as its packages are the same. Fixed are the UUIDs of disk, partitions and file systems, which come from the lab's
// name, and the times of the files of a Debian base: SOURCE_DATE_EPOCH, or else the time at which the recipe was last changed. Not fixed is
// what a mirror offers on that day, the order in which mke2fs finds the files (and, before its version 1.47.1, the times at which they were unpacked), and what the
// guest writes while it runs. So two labs of one recipe hold the same files, but not the same bytes.
//
// Files: debian.go (packages), disk.go and gpt.go (a disk of them that starts), base.go (the other bases), seed.go and guest/run.sh (what happens in the
// guest), guest.go (the machine, and what it reports).
package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
	"guesthouse/vmconfig/safefile"
)

// Errors that callers distinguish; those that wrap them are sentences for the user.
var (
	ErrTools     = errors.New("a program that makes labs is missing or failed")
	ErrBootstrap = errors.New("the base could not be installed")
	ErrBase      = errors.New("the base cannot be used")
	ErrFiles     = errors.New("a file of the recipe cannot be used")
	ErrStep      = errors.New("a step of the recipe failed")
	ErrGuest     = errors.New("the guest in which the lab was being made failed")
)

type jobProgress = jobs.Progress

// openFlags keep a file that is none from making us wait.
const openFlags = unix.O_NONBLOCK

// Params is what a Builder needs.
type Params struct {
	Library  *labs.Library
	Conn     hypervisor.Connection
	Machines *machines.Service
	Jobs     *jobs.Runner
	Images   *diskimage.Tool // nil when qemu-img is missing
	Log      *slog.Logger    // nil: nothing is logged
}

// Builder makes labs. Its methods may be called from any goroutine.
type Builder struct{ p Params }

// New returns a builder. It touches nothing.
func New(p Params) *Builder {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Builder{p: p}
}

// Options say what is made.
type Options struct {
	Recipe   string        // its file
	Name     string        // of the lab, instead of the recipe's; empty: the recipe's
	Password labs.Password // of the course's key, see labs.Spec
	// Done is called with the lab's ID when it is in the library, on the job's goroutine; nil: nobody is told.
	Done func(lab.Digest)
}

// Build makes a lab in a job and puts it into the library: as the next version of the lab with this course and name, if there is one. Whether it succeeds, fails or is
// cancelled, everything else that it made is gone then. The guest reaches the internet while the lab is being made. Errors: vmconfig.Faults of the recipe,
// this package's, those of labs.Library.Publish.
func (b *Builder) Build(o Options) *jobs.Job {
	return b.p.Jobs.Start("Making a lab of "+vmconfig.Inert(filepath.Base(o.Recipe), 60), "", func(ctx context.Context, report func(jobs.Progress)) error {
		return b.build(ctx, o, report)
	})
}

// Parts of the whole, for the progress.
const (
	baseShare  = 0.35
	guestShare = 0.85
)

func (b *Builder) build(ctx context.Context, o Options, report func(jobs.Progress)) (err error) {
	say := func(text string) { report(jobs.Progress{Fraction: jobs.Unknown, Text: text}) }
	say("Reading the recipe")
	r, folder, epoch, err := ReadRecipe(o)
	if err != nil {
		return err
	}
	defer folder.Close()
	if b.p.Images == nil {
		return machines.ErrNoImageTool
	}
	if !b.p.Conn.Host().Local {
		return &labs.Reason{Text: "The hypervisor runs on another computer. Labs can only be made on this one.", Err: labs.ErrElsewhere}
	}
	spec := labs.Spec{Config: r.Config(), Files: map[string]string{}, Password: o.Password}
	if spec.Config.ID, err = b.knownID(spec.Config); err != nil {
		return err
	}
	staging, err := b.p.Library.Staging()
	if err != nil {
		return err
	}
	b.sweep(ctx, staging)
	dir, lock, err := makeFolder(staging)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeMapped(ctx, dir), lock.Close()) }()
	disk, seed, final := filepath.Join(dir, "disk.raw"), filepath.Join(dir, "seed.iso"), filepath.Join(dir, "lab.raw")

	// The seed first: a file that is missing is better known before all the packages were installed.
	steps, err := writeSeed(seed, r, folder, r.Base.Image != "")
	if err != nil {
		return err
	}
	if err := b.base(ctx, &spec, disk, dir, r, folder, epoch, say); err != nil {
		return err
	}
	part := func(from, to, done float64, text string) {
		report(jobs.Progress{Fraction: from + (to-from)*done, Text: text})
	}
	part(baseShare, guestShare, 0, "Starting the guest")
	g, err := b.start(ctx, &spec.Config, disk, seed, spec.Files[lab.VariablesID])
	if err != nil {
		return err
	}
	gone := false
	defer func() {
		if !gone {
			err = errors.Join(err, b.discard(ctx, g))
		}
	}()
	err = b.follow(ctx, g, steps, func(done int, text string) {
		part(baseShare, guestShare, float64(done)/float64(len(steps)+1), text)
	})
	if err != nil {
		return err
	}
	copying := func(done float64) { part(guestShare, 0.9, done, "Copying the disk") }
	if err := b.p.Images.CopyRaw(ctx, final, g.disk, diskimage.FormatQcow2, "", copying); err != nil {
		return err
	}
	if err := b.discard(ctx, g); err != nil {
		return err
	}
	gone = true
	if err := os.Remove(disk); err != nil { // room for the library's own work
		return err
	}
	spec.Files[spec.Config.Disks[0].ID] = final
	digest, err := b.p.Library.Publish(ctx, spec, func(p jobs.Progress) {
		if p.Fraction >= 0 {
			p.Fraction = 0.9 + 0.1*p.Fraction
		}
		report(p)
	})
	if err == nil && o.Done != nil {
		o.Done(digest)
	}
	return err
}

// ReadRecipe reads and checks a recipe with its text, and opens its folder, which the caller closes. epoch is the time that files of the lab get.
func ReadRecipe(o Options) (r *lab.Recipe, folder *os.Root, epoch time.Time, err error) {
	file, info, err := safefile.Open(o.Recipe)
	if err != nil {
		return nil, nil, epoch, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, lab.MaxRecipeBytes+1))
	if err != nil {
		return nil, nil, epoch, err
	}
	if r, err = lab.ParseRecipe(data); err != nil {
		return nil, nil, epoch, err
	}
	if o.Name != "" {
		if err := lab.CheckName(o.Name); err != nil {
			return nil, nil, epoch, vmconfig.Fault{Field: "name", Err: lab.ErrRecipe, Message: "The lab's name " + err.Error() + "."}
		}
		r.Name = o.Name
	}
	epoch = info.ModTime().UTC().Truncate(time.Second)
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 40)
		if err != nil || seconds < 0 {
			return nil, nil, epoch, &labs.Reason{Text: "SOURCE_DATE_EPOCH must be a number of seconds.", Err: lab.ErrRecipe}
		}
		epoch = time.Unix(seconds, 0).UTC()
	}
	if folder, err = os.OpenRoot(filepath.Dir(o.Recipe)); err != nil {
		return nil, nil, epoch, err
	}
	if r.TextFile != "" {
		if r.Text, err = readBeside(folder, r.TextFile); err != nil {
			folder.Close()
			return nil, nil, epoch, err
		}
	}
	return r, folder, epoch, nil
}

func readBeside(folder *os.Root, name string) (string, error) {
	file, err := openBeside(folder, name, lab.MaxTextBytes)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, lab.MaxTextBytes))
	return string(data), err
}

// knownID returns the ID of the lab in the library with this course and name, the zero one if there is none.
func (b *Builder) knownID(c lab.Config) (uuid.UUID, error) {
	list, err := b.p.Library.Images()
	if err != nil {
		return uuid.Nil, err
	}
	for _, image := range list {
		if image.Config != nil && image.Config.Name == c.Name && image.Config.Course.Name == c.Course.Name {
			return image.Config.ID, nil
		}
	}
	return uuid.Nil, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// describe names the base for the user.
func describe(b lab.RecipeBase) string {
	return cmp.Or(vmconfig.Inert(b.Image, 200), vmconfig.Inert(b.Lab, 200), "Debian")
}

var errSmaller = fmt.Errorf("%w: the recipe's disk is smaller than it", ErrBase)
