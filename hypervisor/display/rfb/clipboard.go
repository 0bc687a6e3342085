package rfb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"strings"
	"unicode/utf8"

	"guesthouse/hypervisor/display"
)

// The extended clipboard (rfbproto.rst, "Extended Clipboard Pseudo-Encoding"): cut text messages of negative length, which begin with flags.
// The lower half says which formats are meant, the upper what is to be done. Of the formats we know only text.
const (
	clipText    = 1 << 0
	clipFormats = 0xffff

	clipCaps    = 1 << 24 // what the sender can do, with the largest size of each format that may come unasked
	clipRequest = 1 << 25 // send me your clipboard
	clipPeek    = 1 << 26 // tell me what your clipboard holds
	clipNotify  = 1 << 27 // this is what my clipboard holds
	clipProvide = 1 << 28 // here is my clipboard
)

const (
	// maxPacked is how much of a compressed clipboard is read; what is longer is too long unpacked as well, or will not shrink.
	maxPacked = 1 << 20
	// maxAsked bounds what a server is owed that does not answer.
	maxAsked = 16
	// maxUnpacked leaves room for line ends of two bytes and the zero at the end.
	maxUnpacked = 2*display.MaxClipboard + 1
)

// A clipboard is the state of both directions, and what waits to be sent. Nothing is, unless the user shares that direction.
type clipboard struct {
	toGuest, fromGuest bool
	actions            uint32 // what the server can do with text; 0 until it speaks the extension
	plain              bool   // it has had its chance to: without actions it knows only plain text

	offered  string // what the host's clipboard holds, as far as the guest may know
	common   string // what both clipboards hold: it came from there, or was sent there
	asked    int    // how many requests for the guest's text have not been answered
	sayCaps  bool
	sayOffer bool
	sayAsk   bool
	message  []byte // a text to be sent, as a complete message
}

// share implements Source.ShareClipboard.
func (c *clipboard) share(toGuest, fromGuest bool) {
	if toGuest == c.toGuest && fromGuest == c.fromGuest {
		return
	}
	c.toGuest, c.fromGuest = toGuest, fromGuest
	if !toGuest {
		c.offered, c.message, c.sayOffer = "", nil, false
	}
	if !fromGuest {
		c.asked, c.sayAsk = 0, false
	}
	c.common = ""
	c.sayCaps = c.actions != 0 && (toGuest || fromGuest)
}

// offer implements Source.OfferClipboard. What the guest has already is not offered, so that a text does not go to and fro.
func (c *clipboard) offer(text string) {
	if !c.toGuest || len(text) > display.MaxClipboard || !utf8.ValidString(text) || text == c.common {
		return
	}
	c.common, c.offered, c.sayOffer = text, text, true
}

// greet notes what a server can do that speaks the extension.
func (c *clipboard) greet(actions uint32) {
	c.actions = actions
	c.sayCaps = c.toGuest || c.fromGuest
}

// encode appends what waits.
func (c *clipboard) encode(out []byte) []byte {
	if c.sayCaps {
		flags := uint32(clipCaps | clipText)
		if c.toGuest {
			flags |= clipRequest | clipPeek
		}
		if c.fromGuest {
			flags |= clipNotify | clipProvide
		}
		out = appendClip(out, flags, []byte{0, 0, 0, 0}) // no text is to come unasked
	}
	switch {
	case !c.sayOffer:
	case c.actions&clipNotify != 0:
		flags := uint32(clipNotify)
		if c.offered != "" {
			flags |= clipText
		}
		out = appendClip(out, flags, nil)
		c.sayOffer = false
	case c.actions == 0 && c.plain:
		out = appendPlainText(out, c.offered)
		c.sayOffer = false
	}
	if c.sayAsk {
		out = appendClip(out, clipRequest|clipText, nil)
		c.asked = min(c.asked+1, maxAsked)
	}
	out = append(out, c.message...)
	c.sayCaps, c.sayAsk, c.message = false, false, nil
	return out
}

// appendClip makes an extended cut text.
func appendClip(out []byte, flags uint32, body []byte) []byte {
	out = append(out, msgClientCutText, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(-int32(4+len(body))))
	out = binary.BigEndian.AppendUint32(out, flags)
	return append(out, body...)
}

// appendPlainText makes a cut text for servers without the extension: Latin-1 (RFC 6143, 7.5.6), with a question mark for what it lacks.
func appendPlainText(out []byte, text string) []byte {
	out = append(out, msgClientCutText, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(utf8.RuneCountInString(text)))
	for _, r := range text {
		if r > 0xff {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

// providedText makes the message that carries text in the extension: a stream of zlib with length and text, lines ended by CR LF, and a zero.
func providedText(text string) []byte {
	text = strings.ReplaceAll(text, "\n", "\r\n") + "\x00"
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_ = binary.Write(z, binary.BigEndian, uint32(len(text))) // memory takes everything
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return appendClip(nil, clipProvide|clipText, packed.Bytes())
}

// cutText reads a ServerCutText: Latin-1 (RFC 6143, 7.6.4), or with a negative length the extension.
func (s *session) cutText() error {
	head, err := s.wire.head(7)
	if err != nil {
		return err
	}
	n := int64(int32(binary.BigEndian.Uint32(head[3:])))
	if n < 0 {
		return s.extendedCutText(-n)
	}
	s.capable(func(c *display.Capabilities) { c.Clipboard = true })
	if !s.client.guestCopied() || n > display.MaxClipboard {
		return s.wire.skip(n)
	}
	latin := make([]byte, n)
	if err := s.wire.read(latin); err != nil {
		return err
	}
	text := make([]rune, n)
	for i, b := range latin {
		text[i] = rune(b)
	}
	s.setClipboard(string(text))
	return nil
}

// extendedCutText reads n bytes of the extension.
func (s *session) extendedCutText(n int64) error {
	if n < 4 {
		return protocol("a clipboard message of %d bytes", n)
	}
	flags, err := s.wire.u32()
	if err != nil {
		return err
	}
	n -= 4
	switch text := flags&clipText != 0; {
	case flags&clipCaps != 0:
		return s.clipboardCaps(flags, n)
	case flags&clipRequest != 0 && text:
		s.client.guestAsks()
	case flags&clipPeek != 0:
		s.client.guestPeeks()
	case flags&clipNotify != 0:
		s.client.guestHas(text)
	case flags&clipProvide != 0 && text && s.client.guestAnswers() && n <= maxPacked:
		packed := make([]byte, n)
		if err := s.wire.read(packed); err != nil {
			return err
		}
		unpacked, err := unpackText(packed)
		switch {
		case errors.Is(err, errTooLong):
		case err != nil:
			return protocol("a clipboard that cannot be unpacked: %v", err)
		default:
			s.setClipboard(unpacked)
		}
		return nil
	}
	return s.wire.skip(n)
}

// clipboardCaps reads what a server can do: a size follows for every format.
func (s *session) clipboardCaps(flags uint32, n int64) error {
	if n < 4*int64(bits.OnesCount32(flags&clipFormats)) {
		return protocol("a clipboard message with too few sizes")
	}
	if err := s.wire.skip(n); err != nil {
		return err
	}
	if flags&clipText != 0 {
		s.client.clipboardGreets(flags)
		s.capable(func(c *display.Capabilities) { c.Clipboard = true })
	}
	return nil
}

// errTooLong is a text that cannot be brought, which is nobody's fault.
var errTooLong = errors.New("too long")

// unpackText unpacks the text of a provided clipboard.
func unpackText(packed []byte) (string, error) {
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	var head [4]byte
	if _, err := io.ReadFull(z, head[:]); err != nil {
		return "", err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxUnpacked {
		return "", errTooLong
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(z, text); err != nil {
		return "", err
	}
	if end := bytes.IndexByte(text, 0); end >= 0 {
		text = text[:end]
	}
	return string(text), nil
}

// setClipboard brings a text to the presenter, unless it is too long, or no longer wanted.
func (s *session) setClipboard(text string) {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), string(utf8.RuneError))
	if len(text) <= display.MaxClipboard && s.client.accepts(text) {
		s.show.SetClipboard(text)
	}
}
