package rfb

import (
	"encoding/binary"
	"fmt"
	"image"
	"net"
	"time"

	"guesthouse/hypervisor/display"
)

// bellEvery limits how often a guest may beep.
const bellEvery = 200 * time.Millisecond

// A session is the receiving half of one connection. It lives on the goroutine of Run.
type session struct {
	conn    net.Conn
	wire    *wire
	options Options
	client  *Client
	show    display.Presenter

	codecs   codecs
	fb       display.Framebuffer
	size     image.Point // the server's latest word on the screen's size; fb follows when pixels come, or the update ends
	qemu     bool        // the server acknowledged an extension that only QEMU has
	repaint  bool        // the update being read holds a DesktopSize
	fixed    bool        // the guest's display cannot be told a size
	can      display.Capabilities
	lastBell time.Time
}

// run speaks the whole protocol until something ends it.
func (s *session) run() error {
	defer s.codecs.jpeg.Close()
	width, height, name, err := s.handshake()
	if err != nil {
		return err
	}
	if err := s.resize(width, height); err != nil {
		return err
	}
	if err := s.applySize(); err != nil {
		return err
	}
	s.show.SetName(name)
	s.show.SetCapabilities(s.can) // none yet: a presenter may have been told of another server's
	s.client.ready()
	for {
		kind, err := s.wire.next()
		if err != nil {
			return err
		}
		if err := s.message(kind); err != nil {
			return err
		}
	}
}

// message reads one message of the server.
func (s *session) message(kind byte) error {
	switch kind {
	case msgFramebufferUpdate:
		return s.update()
	case msgSetColourMapEntries: // meaningless with true colour, but its length is known
		head, err := s.wire.head(5)
		if err != nil {
			return err
		}
		return s.wire.skip(6 * int64(binary.BigEndian.Uint16(head[3:])))
	case msgBell:
		if now := time.Now(); now.Sub(s.lastBell) >= bellEvery {
			s.lastBell = now
			s.show.Bell()
		}
		return nil
	case msgServerCutText:
		return s.cutText()
	case msgServerFence:
		return s.fence()
	case msgEndOfContinuousUpdates:
		s.client.updatesEnd()
		return nil
	}
	return protocol("message of unknown type %d", kind)
}

// capable reports what the server can do, if that is news.
func (s *session) capable(change func(*display.Capabilities)) {
	was := s.can
	if change(&s.can); s.can != was {
		s.show.SetCapabilities(s.can)
	}
}

// resize notes the screen's new size.
func (s *session) resize(width, height int) error {
	if width < 0 || height < 0 || width > display.MaxSide || height > display.MaxSide ||
		int64(width)*int64(height)*display.BytesPerPixel > display.MaxFramebuffer {
		return protocol("a screen of %d×%d pixels", width, height)
	}
	if width == 0 || height == 0 {
		width, height = 0, 0 // nothing to show until the next resize
	}
	s.size = image.Pt(width, height)
	return nil
}

// applySize gets a framebuffer of the noted size from the presenter. Of several sizes in one update only the last one gets here.
func (s *session) applySize() error {
	if s.fb.W == s.size.X && s.fb.H == s.size.Y && s.fb.Pix != nil {
		return nil
	}
	fb, err := s.show.Resize(s.size.X, s.size.Y)
	if err != nil {
		return fmt.Errorf("no memory for a screen of %d×%d pixels: %w", s.size.X, s.size.Y, err)
	}
	if !fb.Valid() || fb.W != s.size.X || fb.H != s.size.Y {
		return fmt.Errorf("the presenter gave %d×%d pixels instead of %d×%d", fb.W, fb.H, s.size.X, s.size.Y)
	}
	s.fb = fb
	s.client.resized(fb.W, fb.H)
	return nil
}

// within checks a rectangle against the framebuffer. It is the only place that turns a server's numbers into a rectangle of pixels: side by
// side and in 64 bits, as checks by area and in 16 bits have let servers write outside the frame of other clients.
func (s *session) within(x, y, w, h int64) (image.Rectangle, error) {
	return inside(s.fb.Bounds(), x, y, w, h)
}

// inside is within for any area: for the parts of a rectangle, area is the rectangle.
func inside(area image.Rectangle, x, y, w, h int64) (image.Rectangle, error) {
	if x < 0 || y < 0 || w < 0 || h < 0 ||
		x < int64(area.Min.X) || y < int64(area.Min.Y) || x+w > int64(area.Max.X) || y+h > int64(area.Max.Y) {
		return image.Rectangle{}, protocol("a rectangle of %d×%d pixels at %d,%d outside %v", w, h, x, y, area)
	}
	return image.Rect(int(x), int(y), int(x+w), int(y+h)), nil
}
