package display

import "testing"

func TestFramebufferThatIsTooSmallIsNotValid(t *testing.T) {
	for _, c := range []struct {
		fb   Framebuffer
		want bool
	}{
		{Framebuffer{}, true},
		{Framebuffer{Pix: make([]byte, 24), Stride: 12, W: 3, H: 2}, true},
		{Framebuffer{Pix: make([]byte, 28), Stride: 16, W: 3, H: 2}, true}, // the last row needs no padding
		{Framebuffer{Pix: make([]byte, 23), Stride: 12, W: 3, H: 2}, false},
		{Framebuffer{Pix: make([]byte, 24), Stride: 8, W: 3, H: 2}, false},
		{Framebuffer{Pix: make([]byte, 24), Stride: 12, W: -3, H: 2}, false},
		{Framebuffer{Pix: make([]byte, 24), Stride: -12, W: 3, H: 2}, false},
		{Framebuffer{W: MaxSide + 1, H: 1}, false},
	} {
		if got := c.fb.Valid(); got != c.want {
			t.Errorf("%d×%d, stride %d, %d bytes: valid=%v", c.fb.W, c.fb.H, c.fb.Stride, len(c.fb.Pix), got)
		}
	}
}
