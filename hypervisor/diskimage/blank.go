package diskimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/safefile"
)

// mostMetadata is more than an image without content takes on the disk, of any size that qemu-img creates without preallocation; what takes
// more holds data, and is not looked through.
const mostMetadata = 4 << 20

// extent is a run of the guest's disk in qemu-img map's JSON (qemu-img.rst, "map").
type extent struct {
	Data bool `json:"data"` // there are bytes for it in the file
	Zero bool `json:"zero"` // it reads as zeros
}

// Blank reports whether nothing has ever been written to the image at path (absolute) of format qcow2 or raw: every byte reads as zero
// because none is there. It looks at the image as it is on the disk, also while a machine uses it. An overlay is not blank.
func (t *Tool) Blank(ctx context.Context, path, format string) (bool, error) {
	info, err := t.Inspect(ctx, path, format)
	if err != nil || info.Backing != "" || info.DiskBytes > mostMetadata {
		return false, err
	}
	if info.Format == FormatRaw {
		return blankRaw(path)
	}
	out, err := t.run(ctx, inspectLimits, "map", "-U", "-f", info.Format, "--output=json", "--", path)
	if err != nil {
		return false, err
	}
	var extents []extent
	if err := json.Unmarshal(out, &extents); err != nil {
		return false, fmt.Errorf("%w: its answer cannot be read: %w", ErrTool, err)
	}
	for _, e := range extents {
		if e.Data && !e.Zero {
			return false, nil
		}
	}
	return true, nil
}

// blankRaw looks at what a raw image holds: qemu-img itself writes zeros at the beginning of a new one.
func blankRaw(path string) (bool, error) {
	file, _, err := safefile.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	buffer := make([]byte, 64<<10)
	seen := 0
	for at := int64(0); ; {
		at, err = file.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return true, nil // nothing but holes from here on
		}
		if err != nil {
			return false, err
		}
		n, err := file.ReadAt(buffer, at)
		for _, b := range buffer[:n] {
			if b != 0 {
				return false, nil
			}
		}
		at += int64(n)
		seen += n
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		case seen > mostMetadata:
			return false, nil // zeros without end may be a disk that was written with zeros; or the file system knows no holes
		}
	}
}
