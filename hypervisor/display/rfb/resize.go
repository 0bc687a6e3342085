package rfb

import (
	"encoding/binary"
	"image"
	"time"

	"guesthouse/hypervisor/display"
)

// settle is how long a wish for another size waits for a better one: a window that is being dragged has many.
const settle = 250 * time.Millisecond

// screenLength is the size of a screen's description: number, place, size and flags (rfbproto.rst, ExtendedDesktopSize).
const screenLength = 16

// A resizer sends wishes for another size of the screen (SetDesktopSize, rfbproto.rst).
type resizer struct {
	able   bool         // the server sends the message that says so
	screen [2][4]byte   // number and flags of the server's first screen, which stays
	wish   *image.Point // nil: none
	due    time.Time
}

// request notes a wish; an earlier one is forgotten.
func (r *resizer) request(size image.Point, now time.Time) {
	if size.X <= 0 || size.Y <= 0 || size.X > display.MaxSide || size.Y > display.MaxSide {
		return
	}
	r.wish, r.due = &size, now.Add(settle)
}

// encode appends the wish when it is due, and says when to ask again at the latest. While a button is held the user may still be dragging;
// a wish for the size that the screen has is granted.
func (r *resizer) encode(out []byte, now time.Time, held bool, size image.Point) ([]byte, time.Duration) {
	switch {
	case !r.able || r.wish == nil || held: // an event ends each of these
		return out, idleLimit
	case now.Before(r.due):
		return out, r.due.Sub(now)
	}
	wish := *r.wish
	r.wish = nil
	if wish == size {
		return out, idleLimit
	}
	be := binary.BigEndian
	w, h := uint16(wish.X), uint16(wish.Y)
	out = append(out, msgSetDesktopSize, 0)
	out = be.AppendUint16(out, w)
	out = be.AppendUint16(out, h)
	out = append(out, 1, 0) // one screen, all over
	out = append(out, r.screen[0][:]...)
	out = append(out, 0, 0, 0, 0)
	out = be.AppendUint16(out, w)
	out = be.AppendUint16(out, h)
	return append(out, r.screen[1][:]...), idleLimit
}

// Who asked for a size, and what became of it: the x and y of an ExtendedDesktopSize rectangle (rfbproto.rst).
const (
	sizeOurs       = 1 // we did
	sizeDone       = 0
	sizeProhibited = 1
	sizeInvalid    = 3 // QEMU: the guest's display cannot be told (ui/vnc.c, set_desktop_size)
)

// extendedDesktopSize reads a size with its list of screens. The size of a refusal is not news.
func (s *session) extendedDesktopSize(h header) error {
	head, err := s.wire.head(4)
	if err != nil {
		return err
	}
	var screen [2][4]byte
	if n := int64(head[0]); n > 0 {
		first, err := s.wire.head(screenLength)
		if err != nil {
			return err
		}
		copy(screen[0][:], first)
		copy(screen[1][:], first[screenLength-4:])
		if err := s.wire.skip(screenLength * (n - 1)); err != nil {
			return err
		}
	}
	if h.x == sizeOurs && h.y != sizeDone {
		s.fixed = s.fixed || s.qemu && h.y == sizeInvalid
		if s.fixed || h.y == sizeProhibited {
			s.resizable(false, screen)
		}
		return nil
	}
	s.resizable(!s.fixed, screen)
	return s.resize(int(h.w), int(h.h))
}

func (s *session) resizable(able bool, screen [2][4]byte) {
	s.client.resizable(able, screen)
	s.capable(func(c *display.Capabilities) { c.Resize = able })
}

// RequestSize implements display.Source: SetDesktopSize (rfbproto.rst). A wish waits for better ones, for the button that is held, and until the
// server has said that it takes wishes.
func (c *Client) RequestSize(w, h int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size.request(image.Pt(w, h), time.Now())
	c.wake()
}

func (c *Client) resizable(able bool, screen [2][4]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size.able, c.size.screen = able, screen
	c.wake()
}
