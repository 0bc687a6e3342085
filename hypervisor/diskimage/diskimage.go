// Package diskimage makes and inspects disk images with qemu-img, under limits. Formats are stated, never probed by QEMU: what a file
// is, is decided here from its first bytes.
package diskimage

import "errors"

// Formats that are created.
const (
	FormatQcow2 = "qcow2"
	FormatRaw   = "raw"
)

// Errors. Those that Inspect returns for a file say what is wrong with it; the text behind them names the detail.
var (
	ErrMissing     = errors.New("qemu-img is not installed")
	ErrExists      = errors.New("the file exists")
	ErrUnsupported = errors.New("this kind of disk image is not supported")
	ErrWrongFormat = errors.New("the file is not in the stated format")
	ErrBacking     = errors.New("the image refers to another file")
	ErrDataFile    = errors.New("the image keeps its data in another file")
	ErrEncrypted   = errors.New("encrypted images are not supported")
	ErrCorrupt     = errors.New("the image is damaged")
	ErrIncomplete  = errors.New("the file is incomplete")
	ErrNewer       = errors.New("the image was made by a newer QEMU")
	ErrTooLarge    = errors.New("the disk is too large")
	ErrSnapshots   = errors.New("the image holds too many snapshots")
	ErrAmbiguous   = errors.New("the file is of two kinds at once")
	ErrTool        = errors.New("qemu-img failed")
)

// Info describes an image.
type Info struct {
	Format string // qcow2, raw
	// LooksLike is the kind of container that a file stated to be raw looks like; empty for none.
	LooksLike    string
	VirtualBytes int64 // size that the guest sees
	DiskBytes    int64 // space that the file takes
	// Backing and BackingFormat name the image below an overlay, as written in it; empty for a standalone image.
	Backing, BackingFormat string
	Snapshots              int
	Dirty                  bool // was not closed properly; QEMU repairs it when it opens it
	Corrupt                bool // QEMU marked it as damaged; it can only be read
}

// containerError says that a file is a container that is not supported.
type containerError struct{ kind string }

func (e *containerError) Error() string { return ErrUnsupported.Error() + ": " + e.kind }
func (e *containerError) Unwrap() error { return ErrUnsupported }
