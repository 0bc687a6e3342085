package display

import (
	"fmt"
	"image"
	"sync"
)

// A Buffer is the pixel half of a Presenter in plain memory: it owns a framebuffer, gathers damage, and hands converted pixels to whoever
// draws. A presenter embeds it and adds cursor, lamps and the rest.
//
// Resize, Damage and FrameDone run on the source's goroutine; Take and Size on any. The source writes pixels without holding the lock, as it
// must never wait for a screen: a copy taken meanwhile may show the next update in part, and that part is damaged again when it is complete.
type Buffer struct {
	// Changed, if set, is called on the source's goroutine after an update that damaged something. Set it before the source runs.
	Changed func()

	mu      sync.Mutex
	fb      Framebuffer
	pending image.Rectangle // damaged, update not complete yet
	ready   image.Rectangle // damaged and complete, not taken yet
	resized bool
}

// Resize allocates a framebuffer, keeping as much of the old picture as fits, so that a resize does not flash.
func (b *Buffer) Resize(w, h int) (Framebuffer, error) {
	if w < 0 || h < 0 || w > MaxSide || h > MaxSide || int64(w)*int64(h)*BytesPerPixel > MaxFramebuffer {
		return Framebuffer{}, fmt.Errorf("%w: screen of %d×%d pixels", ErrProtocol, w, h)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w == b.fb.W && h == b.fb.H {
		return b.fb, nil
	}
	old := b.fb
	b.fb = Framebuffer{Pix: make([]byte, w*h*BytesPerPixel), Stride: w * BytesPerPixel, W: w, H: h}
	n := min(old.W, w) * BytesPerPixel
	for y := range min(old.H, h) {
		copy(b.fb.Pix[y*b.fb.Stride:][:n], old.Pix[y*old.Stride:][:n])
	}
	b.pending = image.Rectangle{}
	b.ready = b.fb.Bounds()
	b.resized = true
	return b.fb, nil
}

// Damage adds r to what has changed.
func (b *Buffer) Damage(r image.Rectangle) {
	b.mu.Lock()
	b.pending = b.pending.Union(r.Intersect(b.fb.Bounds()))
	b.mu.Unlock()
}

// FrameDone makes the damage so far visible to Take.
func (b *Buffer) FrameDone() {
	b.mu.Lock()
	b.ready = b.ready.Union(b.pending)
	b.pending = image.Rectangle{}
	changed := b.resized || !b.ready.Empty()
	b.mu.Unlock()
	if changed && b.Changed != nil {
		b.Changed()
	}
}

// Size is the screen's size in pixels.
func (b *Buffer) Size() image.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	return image.Pt(b.fb.W, b.fb.H)
}

// Take brings img up to date and returns it with the rectangle that changed since the last call. Pass what the last call returned, or nil;
// a new image is made when the size differs. Its rows are contiguous (Stride == 4*W), which Fyne's painter needs.
func (b *Buffer) Take(img *image.RGBA) (*image.RGBA, image.Rectangle) {
	b.mu.Lock()
	fb, r := b.fb, b.ready
	b.ready = image.Rectangle{}
	b.resized = false
	b.mu.Unlock()
	if img == nil || img.Rect != fb.Bounds() {
		img = image.NewRGBA(fb.Bounds())
		r = fb.Bounds()
	}
	ToRGBA(img, fb, r)
	return img, r
}
