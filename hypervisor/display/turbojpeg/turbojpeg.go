// Package turbojpeg decodes JPEG pictures with libjpeg-turbo, straight into a framebuffer: several times faster than image/jpeg, which has no
// vector instructions and makes a picture of its own first. It is the library that the viewers have that ours is compared with.
package turbojpeg

/*
#cgo pkg-config: libturbojpeg
#include <turbojpeg.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"guesthouse/hypervisor/display"
)

// ErrDamaged is returned, with the library's own words, for data that is no JPEG picture or a damaged one.
var ErrDamaged = errors.New("turbojpeg: not a whole JPEG picture")

// Decoder decodes one picture after the other. The zero Decoder is ready. Close gives its memory back, which the garbage collector does not know
// of. One goroutine at a time.
type Decoder struct {
	handle  C.tjhandle
	w, h    int
	data    []byte
	yielded time.Time
}

// turn is how long a goroutine decodes before it yields. The runtime of Go 1.26 takes the processor from a goroutine that has not been scheduled for
// 10 ms in each call of C, from then on, and gives it back after the call: threads that wake one another cost 5 % of the decoding.
const turn = 4 * time.Millisecond

// Begin reads the head of a picture and returns its size in pixels. The data must stay as it is until Decode is done.
func (d *Decoder) Begin(data []byte) (w, h int, err error) {
	d.data = nil
	if d.handle == nil {
		if d.handle = C.tjInitDecompress(); d.handle == nil {
			return 0, 0, errors.New("turbojpeg: no memory for a decoder")
		}
	}
	if len(data) == 0 {
		return 0, 0, ErrDamaged
	}
	var width, height, subsampling, space C.int
	if C.tjDecompressHeader3(d.handle, (*C.uchar)(unsafe.Pointer(&data[0])), C.ulong(len(data)), &width, &height, &subsampling, &space) != 0 {
		return 0, 0, d.fault()
	}
	d.w, d.h, d.data = int(width), int(height), data
	return d.w, d.h, nil
}

// Decode decodes the picture that Begin found to pixels of four bytes in the order blue, green, red, anything; stride is the number of bytes from one row to the
// next. The error says so when the pixels do not fit. What could be decoded of a damaged picture may have been written.
func (d *Decoder) Decode(pix []byte, stride int) error {
	data := d.data
	d.data = nil
	if len(data) == 0 {
		return errors.New("turbojpeg: no picture was begun")
	}
	if row := d.w * display.BytesPerPixel; stride < row || len(pix) < (d.h-1)*stride+row {
		return fmt.Errorf("turbojpeg: a picture of %d×%d pixels does not fit into %d bytes, %d a row", d.w, d.h, len(pix), stride)
	}
	if now := time.Now(); now.Sub(d.yielded) > turn {
		d.yielded = now
		runtime.Gosched()
	}
	if C.tjDecompress2(d.handle, (*C.uchar)(unsafe.Pointer(&data[0])), C.ulong(len(data)), (*C.uchar)(unsafe.Pointer(&pix[0])),
		C.int(d.w), C.int(stride), C.int(d.h), C.TJPF_BGRX, C.TJFLAG_STOPONWARNING|C.TJFLAG_LIMITSCANS) != 0 {
		return d.fault()
	}
	return nil
}

func (d *Decoder) fault() error {
	return fmt.Errorf("%w: %s", ErrDamaged, C.GoString(C.tjGetErrorStr2(d.handle)))
}

// Close gives the memory back. The decoder may be used again.
func (d *Decoder) Close() {
	if d.handle != nil {
		C.tjDestroy(d.handle)
		d.handle, d.data = nil, nil
	}
}
