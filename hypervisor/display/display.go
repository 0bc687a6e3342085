// Package display is the contract between what a guest shows and what shows it.
//
// A Source (package rfb; later QEMU's D-Bus display) talks to the guest's graphics server. A Presenter (a widget, a shared memory window, a
// test) owns the pixels, so that a source can read the wire straight into what is shown. The package knows neither a toolkit nor libvirt.
package display

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"
)

// What a Source's Run returns, wrapped. A connection that ends between two messages is ErrClosed: the guest stopped, or libvirt took the
// display away. ErrTransport is a connection that broke or stalled in the middle of something.
var (
	ErrClosed    = errors.New("the display was closed")
	ErrAuth      = errors.New("the display refused access")
	ErrProtocol  = errors.New("the display sent something that makes no sense")
	ErrTransport = errors.New("the connection to the display broke")
)

// ErrPasswordNeeded is the ErrAuth of a display that wants a password when none was given.
var ErrPasswordNeeded = fmt.Errorf("%w: it needs a password", ErrAuth)

// ErrSecurity is the ErrAuth of a display that only accepts ways to secure a connection that the source does not speak.
var ErrSecurity = fmt.Errorf("%w: it wants a protection that is not supported", ErrAuth)

// Limits that every source keeps, whatever the server says.
const (
	MaxSide        = 16384     // pixels per side of a framebuffer
	MaxFramebuffer = 256 << 20 // bytes of a framebuffer
	MaxCursor      = 256       // pixels per side of a cursor
	MaxClipboard   = 256 << 10 // bytes of clipboard text, either way
)

// BytesPerPixel is the size of a pixel in a Framebuffer.
const BytesPerPixel = 4

// A Framebuffer is memory of the presenter: W×H pixels, each blue, green, red and an undefined byte (BGRX), rows Stride bytes apart.
type Framebuffer struct {
	Pix    []byte
	Stride int // bytes, at least 4*W
	W, H   int // pixels
}

// Bounds is the rectangle from the origin to the framebuffer's far corner, in guest pixels.
func (fb Framebuffer) Bounds() image.Rectangle { return image.Rect(0, 0, fb.W, fb.H) }

// Valid reports whether Pix really holds W×H pixels, so that a source may write every one of them.
func (fb Framebuffer) Valid() bool {
	if fb.W < 0 || fb.H < 0 || fb.W > MaxSide || fb.H > MaxSide {
		return false
	}
	if fb.W == 0 || fb.H == 0 {
		return true
	}
	row := int64(fb.W) * BytesPerPixel
	if int64(fb.Stride) < row {
		return false
	}
	return int64(fb.Stride)*int64(fb.H-1)+row <= int64(len(fb.Pix))
}

// A Cursor is the guest's pointer shape: premultiplied pixels and the hot spot in pixels from the top left corner, inside the image.
type Cursor struct {
	Image      *image.RGBA
	HotX, HotY int
}

// LEDs is the state of the guest keyboard's lamps.
type LEDs struct {
	Scroll, Num, Caps bool
}

// Capabilities are what the server at the other end can do, as far as it has said so.
type Capabilities struct {
	Resize      bool // it takes wishes for another screen size; whether the guest follows shows when it does
	Clipboard   bool // it exchanges text with the guest's clipboard
	SideButtons bool // back, forward and the sideways wheel reach the guest
}

// A Presenter shows what a Source receives. All methods are called on the source's goroutine (the one inside Run) and must not wait for
// a screen: they note what changed and return.
type Presenter interface {
	// Resize gives the source memory for a screen of w×h pixels (0×0: nothing to show yet). It may return the same memory as before. The
	// source writes into it until the next call; damage reported before belongs to the old screen. An error ends the source's Run.
	Resize(w, h int) (Framebuffer, error)
	// Damage says that the pixels of r have been written. It is cheap and may be called thousands of times an update.
	Damage(r image.Rectangle)
	// FrameDone ends one update of the server: what was damaged since the last one belongs together.
	FrameDone()
	// SetCursor replaces the pointer shape; nil hides it. The source does not touch c afterwards.
	SetCursor(c *Cursor)
	// SetPointerMode says whether the guest has an absolute pointer (a tablet) or wants relative motion.
	SetPointerMode(absolute bool)
	// SetLEDs reports the lamps of the guest's keyboard.
	SetLEDs(l LEDs)
	// SetName gives the display's name: foreign text of at most 4 KiB, not made inert yet.
	SetName(name string)
	// Bell is the guest's beep, at most a few times a second.
	Bell()
	// SetCapabilities reports what the server can do, whenever that changes.
	SetCapabilities(c Capabilities)
	// SetClipboard brings text that the guest's user has copied: foreign, valid UTF-8 of at most MaxClipboard bytes with "\n" between lines.
	// It comes only while the source has been told to share in this direction.
	SetClipboard(text string)
}

// A ButtonMask holds the pointer buttons that are down. The first five are those of RFB's PointerEvent (RFC 6143, 7.5.5).
type ButtonMask uint16

// The buttons. A wheel notch is a press and a release of its button. A source ignores buttons its protocol does not have (QEMU's VNC
// server has neither sideways wheel nor side buttons).
const (
	ButtonLeft ButtonMask = 1 << iota
	ButtonMiddle
	ButtonRight
	WheelUp
	WheelDown
	WheelLeft
	WheelRight
	ButtonBack
	ButtonForward
)

// Wheel is every button that is a wheel notch rather than something that can be held.
const Wheel = WheelUp | WheelDown | WheelLeft | WheelRight

// A Source fills a presenter's framebuffer and carries input to the guest. Run is called once; every other method may be called on any
// goroutine, before, during and after Run, and never blocks: what cannot be sent is dropped.
type Source interface {
	// Run talks to the server until ctx ends (it then returns ctx's error) or the server goes (ErrClosed, ErrTransport), refuses the
	// password (ErrAuth) or breaks the protocol (ErrProtocol). The connection is closed when Run returns.
	Run(ctx context.Context, p Presenter) error
	// Key presses or releases a key: its QEMU number (package keymap) and, for servers that know no key numbers, its X11 keysym. A second
	// press without a release is an auto-repeat and is forwarded.
	Key(qnum, keysym uint32, down bool)
	// Pointer moves the pointer to a guest pixel with these buttons down. Moves with equal buttons are merged while they wait.
	Pointer(x, y int, buttons ButtonMask)
	// Relative moves the pointer by a distance in guest pixels, for guests without an absolute pointer.
	Relative(dx, dy int, buttons ButtonMask)
	// ReleaseAll lets go of every key and button that is down.
	ReleaseAll()
	// RequestSize asks the guest for a screen of w×h pixels. Of wishes that come fast only the last is sent; without Capabilities.Resize none.
	RequestSize(w, h int)
	// ShareClipboard says in which directions text may go. Both are off at first.
	ShareClipboard(toGuest, fromGuest bool)
	// OfferClipboard says that the host's clipboard holds this text ("\n" between lines). Nothing happens unless it is shared with the guest;
	// text of more than MaxClipboard bytes is not offered.
	OfferClipboard(text string)
	// SetVisible tells whether anyone looks. While hidden no update is requested and no heartbeat sent. Sources start visible.
	SetVisible(visible bool)
	// Stats returns counters for a status line.
	Stats() Stats
}

// Stats counts what a Source did since Run began.
type Stats struct {
	Updates        uint64        // screen updates received
	Rectangles     uint64        // rectangles with pixels in them
	BytesIn        uint64        // bytes received
	BytesOut       uint64        // bytes sent
	Dropped        uint64        // input events dropped because the server did not take them
	FirstPicture   time.Duration // from the start of Run to the end of the first update with pixels; 0 until then
	Encoding       string        // of the last rectangle of pixels: "raw"
	ExtendedKeys   bool          // the server takes key numbers, so layouts do not matter
	AbsolutePoint  bool          // the guest's pointer is absolute
	Width, Height  int           // of the guest's screen, pixels
	RequestPending bool          // an update has been asked for and has not begun
}
