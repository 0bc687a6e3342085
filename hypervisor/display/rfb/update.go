package rfb

import (
	"encoding/binary"
	"image"

	"guesthouse/hypervisor/display"
)

// A header is what comes before every rectangle. For pseudo-encodings the four numbers mean something else.
type header struct {
	x, y, w, h uint16
	encoding   int32
}

func (s *session) header() (header, error) {
	p, err := s.wire.head(12)
	if err != nil {
		return header{}, err
	}
	be := binary.BigEndian
	return header{be.Uint16(p), be.Uint16(p[2:]), be.Uint16(p[4:]), be.Uint16(p[6:]), int32(be.Uint32(p[8:]))}, nil
}

// A decoder reads the pixels of one rectangle, which lies inside the framebuffer, into the framebuffer.
type decoder struct {
	name   string
	decode func(s *session, r image.Rectangle) error
}

// decoders are the encodings that carry pixels.
var decoders = map[int32]decoder{
	encRaw:      {"raw", (*session).raw},
	encCopyRect: {"copyrect", (*session).copyRect},
	encRRE:      {"rre", (*session).rre},
	encCoRRE:    {"corre", (*session).coRRE},
	encHextile:  {"hextile", (*session).hextile},
	encZlib:     {"zlib", (*session).zlib},
	encTight:    {"tight", (*session).tight},
	encTRLE:     {"trle", (*session).trle},
	encZRLE:     {"zrle", (*session).zrle},
}

// pseudo are the encodings that carry something else.
var pseudo = map[int32]func(*session, header) error{
	encDesktopSize: func(s *session, h header) error {
		s.repaint = true
		return s.resize(int(h.w), int(h.h))
	},
	encExtendedDesktopSize: (*session).extendedDesktopSize,
	encRichCursor:          (*session).richCursor,
	encAlphaCursor:         (*session).alphaCursor,
	encDesktopName:         (*session).desktopName,
	encLEDState:            (*session).ledState,
	encExtendedKey: func(s *session, _ header) error {
		s.client.extendedKeys()
		return nil
	},
	encPointerMotionChange: func(s *session, h header) error {
		s.qemu = true
		s.client.pointerMode(h.x != 0)
		s.show.SetPointerMode(h.x != 0)
		return nil
	},
	encExtendedMouseButtons: func(s *session, _ header) error {
		s.client.sideButtons()
		s.capable(func(c *display.Capabilities) { c.SideButtons = true })
		return nil
	},
}

// update reads a FramebufferUpdate.
func (s *session) update() error {
	head, err := s.wire.head(3) // one byte of padding
	if err != nil {
		return err
	}
	count := binary.BigEndian.Uint16(head[1:])
	s.allowPixels()
	pixels, size := false, s.fb.Bounds()
	for range count {
		h, err := s.header()
		if err != nil {
			return err
		}
		if h.encoding == encLastRect {
			break
		}
		if special, ok := pseudo[h.encoding]; ok {
			if err := special(s, h); err != nil {
				return err
			}
			continue
		}
		d, ok := decoders[h.encoding]
		if !ok {
			return protocol("a rectangle of unknown encoding %d", h.encoding)
		}
		if !pixels {
			pixels = true
			s.client.updateBegan()
		}
		if err := s.rectangle(d, h); err != nil {
			return err
		}
	}
	if err := s.applySize(); err != nil {
		return err
	}
	s.show.FrameDone()
	// After DesktopSize the whole picture has to be asked for, except of QEMU. Never after ExtendedDesktopSize: its servers answer such a
	// request with another one, and send the picture by themselves.
	repaint := s.repaint && s.fb.Bounds() != size && !s.qemu
	s.repaint = false
	s.client.updateEnded(pixels, repaint)
	return nil
}

// allowPixels sets the message's budget by the size of the screen.
func (s *session) allowPixels() {
	s.wire.budget = messageBudget + updateScreens*int64(s.size.X)*int64(s.size.Y)*display.BytesPerPixel
}

// rectangle reads one rectangle of pixels.
func (s *session) rectangle(d decoder, h header) error {
	if s.fb.W != s.size.X || s.fb.H != s.size.Y {
		if err := s.applySize(); err != nil {
			return err
		}
		s.allowPixels()
	}
	r, err := s.within(int64(h.x), int64(h.y), int64(h.w), int64(h.h))
	if err != nil {
		return err
	}
	if r.Empty() {
		r = image.Rectangle{Min: r.Min, Max: r.Min} // some encodings carry a body all the same
	}
	if err := d.decode(s, r); err != nil {
		return err
	}
	if !r.Empty() {
		s.show.Damage(r)
	}
	s.client.decoded(d.name)
	return nil
}

// raw reads pixels straight into the framebuffer.
func (s *session) raw(r image.Rectangle) error {
	if r.Empty() {
		return nil
	}
	row := r.Dx() * display.BytesPerPixel
	at := r.Min.Y*s.fb.Stride + r.Min.X*display.BytesPerPixel
	if row == s.fb.Stride {
		return s.wire.read(s.fb.Pix[at : at+row*r.Dy()])
	}
	for range r.Dy() {
		if err := s.wire.read(s.fb.Pix[at : at+row]); err != nil {
			return err
		}
		at += s.fb.Stride
	}
	return nil
}

// copyRect moves pixels within the framebuffer; source and target may overlap.
func (s *session) copyRect(r image.Rectangle) error {
	p, err := s.wire.head(4)
	if err != nil {
		return err
	}
	from, err := s.within(int64(binary.BigEndian.Uint16(p)), int64(binary.BigEndian.Uint16(p[2:])), int64(r.Dx()), int64(r.Dy()))
	if err != nil {
		return err
	}
	row, step, first := r.Dx()*display.BytesPerPixel, s.fb.Stride, 0
	if from.Min.Y < r.Min.Y { // downwards: the last row first
		step, first = -s.fb.Stride, r.Dy()-1
	}
	source := (from.Min.Y+first)*s.fb.Stride + from.Min.X*display.BytesPerPixel
	target := (r.Min.Y+first)*s.fb.Stride + r.Min.X*display.BytesPerPixel
	for range r.Dy() {
		copy(s.fb.Pix[target:target+row], s.fb.Pix[source:source+row])
		source, target = source+step, target+step
	}
	return nil
}

func (s *session) desktopName(header) error {
	n, err := s.wire.u32()
	if err != nil {
		return err
	}
	name, err := s.wire.bytes(n, maxName, "name")
	if err != nil {
		return err
	}
	s.show.SetName(string(name))
	return nil
}

// ledState reads the keyboard's lamps (QEMU ui/vnc.c: scroll 1, num 2, caps 4).
func (s *session) ledState(header) error {
	lamps, err := s.wire.u8()
	if err != nil {
		return err
	}
	s.show.SetLEDs(display.LEDs{Scroll: lamps&1 != 0, Num: lamps&2 != 0, Caps: lamps&4 != 0})
	return nil
}
