package diskimage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

// toolFolders are searched for qemu-img and prlimit. The PATH is not: a file that another user can put there would
// run with the user's rights.
var toolFolders = []string{"/usr/bin", "/usr/local/bin", "/bin", "/usr/libexec", "/app/bin"}

// Tool runs qemu-img. It may be used from several goroutines; every method waits, so not from the UI's.
type Tool struct {
	qemuImg string
	qemuIO  string // of the same package
	prlimit string // empty where util-linux is missing: then there is the deadline only
}

// New finds qemu-img. The error wraps ErrMissing.
func New() (*Tool, error) { return newTool(toolFolders) }

func newTool(folders []string) (*Tool, error) {
	t := &Tool{qemuImg: safefile.FindProgram(folders, "qemu-img"), qemuIO: safefile.FindProgram(folders, "qemu-io"), prlimit: safefile.FindProgram(folders, "prlimit")}
	if t.qemuImg == "" {
		return nil, fmt.Errorf("%w (looked in %s)", ErrMissing, strings.Join(folders, ", "))
	}
	return t, nil
}

// Path returns the absolute path of qemu-img.
func (t *Tool) Path() string { return t.qemuImg }

// Version returns what qemu-img calls itself, for example "7.2.22".
func (t *Tool) Version(ctx context.Context) (string, error) {
	out, err := t.run(ctx, inspectLimits, "--version")
	if err != nil {
		return "", err
	}
	const before = "version "
	first, _, _ := strings.Cut(string(out), "\n")
	if i := strings.Index(first, before); i >= 0 {
		version, _, _ := strings.Cut(first[i+len(before):], " ")
		return version, nil
	}
	return "", fmt.Errorf("%w: it does not say its version", ErrTool)
}

// limits bound one run of qemu-img.
type limits struct {
	cpu, wall time.Duration
	memory    int64 // bytes of address space
	output    int   // bytes of standard output that are kept; 0 is maxOutput
}

var (
	inspectLimits = limits{cpu: 2 * time.Second, wall: 10 * time.Second, memory: vmconfig.GiB}
	checkLimits   = limits{cpu: 30 * time.Second, wall: 2 * time.Minute, memory: 2 * vmconfig.GiB}
	createLimits  = limits{cpu: 30 * time.Second, wall: 2 * time.Minute, memory: 2 * vmconfig.GiB}
)

// Bounds on what is kept of qemu-img's output.
const (
	maxOutput   = 1 << 20
	maxComplain = 4 << 10
)

// run starts qemu-img with these arguments, never through a shell, and returns its standard output, also beside a toolError.
func (t *Tool) run(ctx context.Context, l limits, args ...string) ([]byte, error) {
	return t.runWith(ctx, l, nil, args...)
}

// inheritedFile is the name under which qemu-img opens the file that runWith hands it.
const inheritedFile = "/proc/self/fd/3"

// runWith is run with an open file for qemu-img, called inheritedFile there: whatever is put in its place meanwhile is not what is read.
func (t *Tool) runWith(ctx context.Context, l limits, file *os.File, args ...string) ([]byte, error) {
	return t.runTo(ctx, l, file, io.Discard, args...)
}

// runTo is runWith with somebody who reads standard output while it comes.
func (t *Tool) runTo(ctx context.Context, l limits, file *os.File, reader io.Writer, args ...string) ([]byte, error) {
	return t.call(ctx, call{program: t.qemuImg, limits: l, file: file, reader: reader, args: args})
}

// call is one run of a program of QEMU's.
type call struct {
	program string
	args    []string
	limits
	file   *os.File  // inherited, or nil
	stdin  io.Reader // nil: empty
	reader io.Writer // gets standard output while it comes
	dir    string    // working folder, "" for the root
}

func (t *Tool) call(ctx context.Context, c call) ([]byte, error) {
	l := c.limits
	ctx, cancel := context.WithTimeout(ctx, l.wall)
	defer cancel()
	name, argv := c.program, c.args
	if t.prlimit != "" {
		seconds := strconv.Itoa(int(l.cpu / time.Second))
		argv = append([]string{
			"--cpu=" + seconds, "--as=" + strconv.FormatInt(l.memory, 10), "--core=0", "--", c.program,
		}, c.args...)
		name = t.prlimit
	}
	cmd := exec.CommandContext(ctx, name, argv...)
	// Messages are matched and shown in one language; the rest of the environment is no business of qemu-img's.
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=/nonexistent"}
	cmd.Dir, cmd.Stdin = cmp.Or(c.dir, "/"), c.stdin
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if c.file != nil {
		cmd.ExtraFiles = []*os.File{c.file}
	}
	stdout, stderr := &capped{limit: cmp.Or(l.output, maxOutput)}, &capped{limit: maxComplain}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(stdout, c.reader), stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w: it did not finish in time: %w", ErrTool, ctx.Err())
		}
		return nil, ctx.Err()
	case err != nil:
		complaint := vmconfig.Inert(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(stderr.kept)), "qemu-img: ")), 1000)
		if complaint == "" {
			complaint = err.Error()
		}
		if strings.Contains(complaint, "No space left on device") {
			return nil, fmt.Errorf("%w: %s: %w", ErrTool, complaint, unix.ENOSPC)
		}
		return stdout.kept, &toolError{complaint, cmd.ProcessState.ExitCode()}
	case stdout.over:
		return nil, fmt.Errorf("%w: it wrote more than %s", ErrTool, vmconfig.FormatSize(int64(stdout.limit)))
	}
	return stdout.kept, nil
}

// toolError is qemu-img's own complaint. It is an ErrTool.
type toolError struct {
	complaint string
	code      int
}

func (e *toolError) Error() string { return ErrTool.Error() + ": " + e.complaint }
func (e *toolError) Unwrap() error { return ErrTool }

// capped keeps the first limit bytes of what is written to it.
type capped struct {
	kept  []byte // no embedded Buffer: io.Copy would find its ReadFrom and go round the limit
	limit int
	over  bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := min(c.limit-len(c.kept), len(p))
	c.kept = append(c.kept, p[:room]...)
	c.over = c.over || room < len(p)
	return len(p), nil
}

// Create makes an empty image of this many bytes at path (absolute) in format qcow2 or raw. It takes space only as the guest
// writes. An existing file is never touched: the error then wraps ErrExists. On any failure nothing is left behind; on success file and folder
// are on the disk.
func (t *Tool) Create(ctx context.Context, path, format string, size int64) error {
	if format != FormatQcow2 && format != FormatRaw {
		return fmt.Errorf("%w: %q", ErrUnsupported, format)
	}
	if err := vmconfig.CheckDiskSize(size); err != nil {
		return err
	}
	options := []string{"create", "-q", "-f", format, "-o", "preallocation=off"}
	if format == FormatQcow2 {
		// Lazy reference counts would save a write now and cost a repair after every crash.
		options = []string{"create", "-q", "-f", format, "-o", "preallocation=off,lazy_refcounts=off,compat=1.1"}
	}
	return t.createFile(ctx, path, options, strconv.FormatInt(size, 10))
}

// CreateOverlay makes a qcow2 image at path that holds the changes to the image backing (absolute, of the stated format), which must
// not be written to from then on. It keeps Create's promises.
func (t *Tool) CreateOverlay(ctx context.Context, path, backing, backingFormat string) error {
	if backingFormat != FormatQcow2 && backingFormat != FormatRaw {
		return fmt.Errorf("%w: %q", ErrUnsupported, backingFormat)
	}
	if err := vmconfig.CheckPath(backing); err != nil {
		return err
	}
	// qemu-img takes the name as an option's value of its own, so commas need no doubling; "json:" and protocols cannot
	// begin an absolute path.
	return t.createFile(ctx, path, []string{
		"create", "-q", "-f", FormatQcow2, "-o", "lazy_refcounts=off,compat=1.1", "-F", backingFormat, "-b", backing,
	})
}

// createFile runs qemu-img create for a file that must not exist.
func (t *Tool) createFile(ctx context.Context, path string, options []string, size ...string) error {
	return t.makeFile(path, func(file *os.File) error {
		if _, err := t.run(ctx, createLimits, append(append(options, "--", path), size...)...); err != nil {
			return err
		}
		return file.Sync()
	})
}

// makeFile has a file made that must not exist, and puts its name on the disk; nothing is left when that fails.
func (t *Tool) makeFile(path string, fill func(*os.File) error) (err error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return err
	}
	// qemu-img overwrites, so the name is taken first, exclusively. What fails later removes only the file that was made here.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %s", ErrExists, path)
	case err != nil:
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(path)
			return
		}
		err = syncFolder(filepath.Dir(path))
	}()
	return fill(file)
}

// syncFolder makes a new name in a folder last over a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some network file systems cannot
		return err
	}
	return nil
}

// imageInfo is the part of qemu-img info's JSON that is used (QEMU's qapi/block-core.json, ImageInfo).
type imageInfo struct {
	Format        string `json:"format"`
	VirtualSize   int64  `json:"virtual-size"`
	ActualSize    int64  `json:"actual-size"`
	Backing       string `json:"backing-filename"`
	BackingFormat string `json:"backing-filename-format"`
	Encrypted     bool   `json:"encrypted"`
	Dirty         bool   `json:"dirty-flag"`
	Snapshots     []struct {
		Name string `json:"name"`
	} `json:"snapshots"`
	Specific struct {
		Data struct {
			Corrupt  bool   `json:"corrupt"`
			DataFile string `json:"data-file"`
		} `json:"data"`
	} `json:"format-specific"`
}

// Inspect says what an image is. Its first bytes are looked at in Go; only a header without anything suspicious reaches qemu-img, which
// then gets the format stated. With format "" the file's own kind is taken; "qcow2" must be true. Stated raw is taken as such, since a
// guest can write anything to its raw disk; when the file looks like a container, Info.LooksLike says so: ask before using it. Overlays are reported with their Backing, which is not opened: refuse them with
// Info.Standalone where images come from elsewhere.
func (t *Tool) Inspect(ctx context.Context, path, format string) (Info, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return Info{}, err
	}
	file, stat, err := safefile.Open(path)
	if err != nil {
		return Info{}, err
	}
	defer file.Close()
	head, err := inspect(file, stat.Size())
	looksLike := ""
	var container *containerError
	if format == FormatRaw && err == nil && head.format != FormatRaw {
		head, looksLike = header{format: FormatRaw}, head.format
	} else if format == FormatRaw && errors.As(err, &container) {
		head, looksLike, err = header{format: FormatRaw}, container.kind, nil
	}
	if err != nil {
		return Info{}, err
	}
	if format != "" && format != head.format {
		return Info{}, fmt.Errorf("%w: it is %s, not %s", ErrWrongFormat, head.format, format)
	}
	out, err := t.runWith(ctx, inspectLimits, file, "info", "-U", "-f", head.format, "--output=json", "--", inheritedFile)
	if err != nil {
		return Info{}, err
	}
	var info imageInfo
	if err := json.Unmarshal(out, &info); err != nil {
		return Info{}, fmt.Errorf("%w: its answer cannot be read: %w", ErrTool, err)
	}
	switch {
	case info.Format != head.format:
		return Info{}, fmt.Errorf("%w: qemu-img calls it %s", ErrWrongFormat, vmconfig.Inert(info.Format, 20))
	case info.Encrypted:
		return Info{}, ErrEncrypted
	case info.Specific.Data.DataFile != "":
		return Info{}, fmt.Errorf("%w: %s", ErrDataFile, vmconfig.Inert(info.Specific.Data.DataFile, 200))
	case info.VirtualSize <= 0:
		return Info{}, fmt.Errorf("%w: it has no content", ErrIncomplete)
	case info.VirtualSize > maxVirtual:
		return Info{}, fmt.Errorf("%w: %s", ErrTooLarge, vmconfig.FormatSize(info.VirtualSize))
	}
	return Info{
		Format: head.format, LooksLike: looksLike, VirtualBytes: info.VirtualSize, DiskBytes: info.ActualSize,
		Backing: info.Backing, BackingFormat: info.BackingFormat,
		Snapshots: max(len(info.Snapshots), head.snapshots),
		Dirty:     info.Dirty || head.dirty, Corrupt: info.Specific.Data.Corrupt,
	}, nil
}

// Standalone returns an error that wraps ErrBacking when the image needs another file. Images that come from elsewhere must be standalone: the
// file that they name would be read on this computer.
func (i Info) Standalone() error {
	if i.Backing != "" {
		return fmt.Errorf("%w: %s", ErrBacking, vmconfig.Inert(i.Backing, 200))
	}
	return nil
}

// CheckResult is what qemu-img check found.
type CheckResult struct {
	Errors int64 `json:"corruptions"` // damage: the image must not be used
	Leaks  int64 `json:"leaks"`       // clusters that are in use by nothing: harmless, they waste space
}

// Check reads the metadata of a qcow2 image and counts what is wrong. The image must not be in use.
func (t *Tool) Check(ctx context.Context, path string) (CheckResult, error) {
	return t.check(ctx, path)
}

// Repair corrects what Check finds: how often each cluster of the image is used is counted anew. What the guest sees stays as it is. It fails with ErrTool
// where something is left. The image must not be in use.
func (t *Tool) Repair(ctx context.Context, path string) error {
	if _, err := t.check(ctx, path, "-r", "all"); err != nil {
		return err
	}
	left, err := t.check(ctx, path)
	if err == nil && left.Errors > 0 {
		err = fmt.Errorf("%w: %s has %d errors that it cannot repair", ErrTool, vmconfig.Inert(path, 200), left.Errors)
	}
	return err
}

func (t *Tool) check(ctx context.Context, path string, options ...string) (CheckResult, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return CheckResult{}, err
	}
	args := append([]string{"check", "-f", FormatQcow2, "--output=json"}, options...)
	out, err := t.run(ctx, checkLimits, append(args, "--", path)...)
	// Exit codes 2 and 3 mean that the check was made and found damage or leaks (qemu-img(1)).
	var complaint *toolError
	if errors.As(err, &complaint) && (complaint.code == 2 || complaint.code == 3) {
		err = nil
	}
	if err != nil {
		return CheckResult{}, err
	}
	var r CheckResult
	if err := json.Unmarshal(out, &r); err != nil {
		return CheckResult{}, fmt.Errorf("%w: its answer cannot be read: %w", ErrTool, err)
	}
	return r, nil
}
