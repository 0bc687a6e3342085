package libvirtd

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

const (
	maxPicture   = 64 << 20 // bytes; a 4K screen as PPM has 25 MB
	maxDimension = 16384
)

// Screenshot implements hypervisor.Connection. w is written to once, after the picture is complete.
func (c *Conn) Screenshot(ctx context.Context, id uuid.UUID, w io.Writer) error {
	const op = "take a picture of the screen"
	picture, err := write(ctx, c, op, readLimit, func(l *libvirt.Libvirt) ([]byte, error) {
		var b bucket
		_, err := l.DomainScreenshot(handle(id), &b, 0, 0)
		return b.data, err
	})
	if err != nil {
		return err
	}
	if bytes.HasPrefix(picture, []byte("P6")) { // QEMU before 7.1
		if picture, err = ppmToPNG(picture); err != nil {
			return &hypervisor.Error{Op: op, Text: err.Error(), Kind: hypervisor.ErrUnsupported}
		}
	}
	if !bytes.HasPrefix(picture, []byte("\x89PNG\r\n\x1a\n")) {
		return &hypervisor.Error{Op: op, Text: "the picture has an unknown format", Kind: hypervisor.ErrUnsupported}
	}
	_, err = w.Write(picture)
	return err
}

// bucket takes what a stream brings and never returns an error: the library would leave the stream unread and all other calls
// of the link waiting behind it. What is too much is thrown away.
type bucket struct{ data []byte }

func (b *bucket) Write(p []byte) (int, error) {
	if len(b.data)+len(p) <= maxPicture {
		b.data = append(b.data, p...)
	}
	return len(p), nil
}

// ppmToPNG converts a binary PPM (netpbm's ppm.5) of 8 bits per sample.
func ppmToPNG(data []byte) ([]byte, error) {
	r := bufio.NewReader(bytes.NewReader(data))
	var width, height, depth int
	if _, err := fmt.Fscanf(r, "P6\n%d %d\n%d", &width, &height, &depth); err != nil {
		return nil, fmt.Errorf("the picture cannot be read: %w", err)
	}
	if _, err := r.ReadByte(); err != nil { // the one white space before the samples
		return nil, err
	}
	if width < 1 || height < 1 || width > maxDimension || height > maxDimension || depth != 255 ||
		r.Buffered()+len(data) < width*height*3 {
		return nil, fmt.Errorf("the picture cannot be read: %d x %d, depth %d", width, height, depth)
	}
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	row := make([]byte, 3*width)
	for y := range height {
		if _, err := io.ReadFull(r, row); err != nil {
			return nil, fmt.Errorf("the picture is cut off: %w", err)
		}
		for x := range width {
			copy(img.Pix[img.PixOffset(x, y):], []byte{row[3*x], row[3*x+1], row[3*x+2], 0xff})
		}
	}
	var out bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, img)
	return out.Bytes(), err
}
