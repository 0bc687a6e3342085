package diskimage

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"guesthouse/vmconfig"
)

// convertLimits are for disks of any size; the one who waits cancels.
var convertLimits = limits{cpu: 4 * time.Hour, wall: 24 * time.Hour, memory: 4 * vmconfig.GiB}

// Copy makes a qcow2 image at path (absolute) of what the image from holds, or held in the snapshot of that name inside it unless it is empty. from may be in use if it
// is a snapshot that is copied: nobody writes to that. What is zero takes no room. report gets the part that is done, 0 to 1. It keeps Create's promises.
func (t *Tool) Copy(ctx context.Context, path, from, format, snapshot string, report func(float64)) error {
	return t.copyAs(ctx, path, FormatQcow2, from, format, snapshot, report)
}

// CopyRaw is Copy, but makes a raw image: a sparse file of the bytes that the guest sees.
func (t *Tool) CopyRaw(ctx context.Context, path, from, format, snapshot string, report func(float64)) error {
	return t.copyAs(ctx, path, FormatRaw, from, format, snapshot, report)
}

func (t *Tool) copyAs(ctx context.Context, path, as, from, format, snapshot string, report func(float64)) error {
	if format != FormatQcow2 && format != FormatRaw {
		return fmt.Errorf("%w: %q", ErrUnsupported, format)
	}
	if err := vmconfig.CheckPath(from); err != nil {
		return err
	}
	return t.makeFile(path, func(file *os.File) error {
		options := []string{"convert", "-p", "-f", format, "-O", as, "-W"}
		if as == FormatQcow2 {
			options = append(options, "-o", "lazy_refcounts=off,compat=1.1")
		}
		if snapshot != "" {
			options = append(options, "-U", "-l", "snapshot.name="+doubleCommas(snapshot))
		}
		_, err := t.runTo(ctx, convertLimits, nil, &percentage{report: report}, append(options, "--", from, path)...)
		if err == nil {
			err = file.Sync()
		}
		return err
	})
}

// percentage reads qemu-img's "    (12.34/100%)\r".
type percentage struct {
	report func(float64)
	rest   string
}

func (p *percentage) Write(data []byte) (int, error) {
	p.rest += string(data)
	for {
		text, rest, found := strings.Cut(p.rest, "/100%)")
		if !found {
			p.rest = p.rest[max(0, len(p.rest)-100):]
			return len(data), nil
		}
		p.rest = rest
		if done, err := strconv.ParseFloat(text[strings.LastIndex(text, "(")+1:], 64); err == nil {
			p.report(done / 100)
		}
	}
}
