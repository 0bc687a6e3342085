package x11

import (
	"fmt"

	"golang.org/x/sys/unix"

	"guesthouse/hypervisor/display"
)

// A Segment is memory for a guest's screen that an X server on this computer can be given: a System V segment. It belongs to nobody but the
// processes that have it attached, so it is gone with the last of them, however they end. Pixels are as in a display.Framebuffer: BGRX, rows
// without gaps.
type Segment struct {
	id   int
	pix  []byte
	w, h int // pixels
}

// NewSegment makes a segment for w×h pixels, all zero. It fails where the system has no shared memory left. Any goroutine.
func NewSegment(w, h int) (*Segment, error) {
	const private = 0 // IPC_PRIVATE
	id, err := unix.SysvShmGet(private, w*h*display.BytesPerPixel, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil, fmt.Errorf("shared memory for %d×%d pixels: %w", w, h, err)
	}
	pix, err := unix.SysvShmAttach(id, 0, 0)
	// Marked for removal at once, so that nothing is left behind even by a program that is killed. Linux lets others attach it all the
	// same while one has it (shmctl(2), IPC_RMID).
	_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	if err != nil {
		return nil, fmt.Errorf("shared memory for %d×%d pixels: %w", w, h, err)
	}
	return &Segment{id: id, pix: pix[:w*h*display.BytesPerPixel], w: w, h: h}, nil
}

// Framebuffer is the memory. It must not be touched after Close.
func (s *Segment) Framebuffer() display.Framebuffer {
	return display.Framebuffer{Pix: s.pix, Stride: s.w * display.BytesPerPixel, W: s.w, H: s.h}
}

// Close gives the memory back. An X server that was given the segment keeps it until it is told otherwise.
func (s *Segment) Close() {
	if s.pix != nil {
		_ = unix.SysvShmDetach(s.pix)
		s.pix = nil
	}
}
