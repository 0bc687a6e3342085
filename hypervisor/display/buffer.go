package display

import (
	"fmt"
	"image"
	"sync"
)

// A Buffer is the pixel half of a Presenter in plain memory: it owns the framebuffer that a source writes, and a pair of RGBA images that
// change places, so that whoever draws has one to itself for as long as it likes and neither side waits for the other. A presenter embeds
// it and adds cursor, lamps and the rest. The zero value is ready.
//
// Resize, Damage and FrameDone run on the source's goroutine; Take on the one that draws; Size on any.
type Buffer struct {
	// Changed, if set, is called on the source's goroutine after an update that changed something. Set it before the source runs.
	Changed func()

	fb     Framebuffer     // the source's own
	damage image.Rectangle // of the update that is being received; the source's own

	mu    sync.Mutex
	size  image.Point
	front *image.RGBA     // lent to whoever draws
	back  *image.RGBA     // brought up to date after each update
	stale image.Rectangle // where back is older than fb was after the last update
	fresh image.Rectangle // where back is newer than front
}

// Resize allocates a framebuffer and keeps as much of the old picture as fits, so that a resize does not flash.
func (b *Buffer) Resize(w, h int) (Framebuffer, error) {
	if w < 0 || h < 0 || w > MaxSide || h > MaxSide || int64(w)*int64(h)*BytesPerPixel > MaxFramebuffer {
		return Framebuffer{}, fmt.Errorf("%w: screen of %d×%d pixels", ErrProtocol, w, h)
	}
	if w == b.fb.W && h == b.fb.H {
		return b.fb, nil
	}
	old := b.fb
	b.fb = Framebuffer{Pix: make([]byte, w*h*BytesPerPixel), Stride: w * BytesPerPixel, W: w, H: h}
	n := min(old.W, w) * BytesPerPixel
	for y := range min(old.H, h) {
		copy(b.fb.Pix[y*b.fb.Stride:][:n], old.Pix[y*old.Stride:][:n])
	}
	b.damage = b.fb.Bounds()
	b.mu.Lock()
	b.size = image.Pt(w, h)
	b.mu.Unlock()
	return b.fb, nil
}

// Damage adds r to what the current update changed.
func (b *Buffer) Damage(r image.Rectangle) {
	b.damage = b.damage.Union(r.Intersect(b.fb.Bounds()))
}

// FrameDone makes the update visible to Take.
func (b *Buffer) FrameDone() {
	if b.publish() && b.Changed != nil {
		b.Changed()
	}
}

func (b *Buffer) publish() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.damage.Empty() {
		return false
	}
	if b.back == nil || b.back.Rect != b.fb.Bounds() {
		b.back = image.NewRGBA(b.fb.Bounds())
		b.stale = b.back.Rect
	}
	ToRGBA(b.back, b.fb, b.stale.Union(b.damage))
	b.fresh = b.fresh.Union(b.damage)
	b.stale, b.damage = image.Rectangle{}, image.Rectangle{}
	return true
}

// Size is the screen's size in pixels, which an image from Take follows with the next complete update.
func (b *Buffer) Size() image.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// Take returns the picture after the last complete update and what changed in it since the last call. The image belongs to the caller until
// the next call, and changes identity then; it is nil before the first update. Its rows are contiguous (Stride == 4*W), which Fyne's
// painter needs.
func (b *Buffer) Take() (img *image.RGBA, changed image.Rectangle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fresh.Empty() {
		changed = b.fresh
		b.front, b.back = b.back, b.front
		b.stale, b.fresh = b.fresh, image.Rectangle{}
		changed = changed.Intersect(b.front.Rect)
	}
	return b.front, changed
}
