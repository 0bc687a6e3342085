package rfb

import (
	"time"

	"guesthouse/hypervisor/display"
)

// Message types, client to server (RFC 6143, 7.5; 255 is QEMU's own).
const (
	msgSetPixelFormat = 0
	msgSetEncodings   = 2
	msgUpdateRequest  = 3
	msgKeyEvent       = 4
	msgPointerEvent   = 5
	msgQEMU           = 255

	qemuKeyEvent = 0 // submessage of msgQEMU
)

// Message types, server to client (RFC 6143, 7.6).
const (
	msgFramebufferUpdate   = 0
	msgSetColourMapEntries = 1
	msgBell                = 2
	msgServerCutText       = 3
)

// Encodings, and the pseudo-encodings by which a client says what it understands (the RFB community's rfbproto.rst; QEMU's ui/vnc.h).
const (
	encRaw      int32 = 0
	encCopyRect int32 = 1

	encDesktopSize         int32 = -223
	encLastRect            int32 = -224
	encRichCursor          int32 = -239
	encPointerMotionChange int32 = -257 // QEMU: x is 1 for an absolute pointer, 0 for a relative one
	encExtendedKey         int32 = -258 // QEMU: keys by number
	encLEDState            int32 = -261
	encDesktopName         int32 = -307
	encExtendedDesktopSize int32 = -308
	encAlphaCursor         int32 = -314
)

// wanted is the list that SetEncodings sends, best first. QEMU walks it from the end, and acknowledges its own extensions on the way, so that
// the acknowledgement comes before the first cursor (whose byte order depends on it).
var wanted = []int32{
	encRaw, encCopyRect,
	encExtendedDesktopSize, encDesktopSize, encAlphaCursor, encRichCursor, encPointerMotionChange, encExtendedKey, encLEDState,
	encDesktopName, encLastRect,
}

// Security types (RFC 6143, 7.1.2).
const (
	securityFailed = 0
	securityNone   = 1
	securityVNC    = 2
)

// Limits on what a server may send. Memory is only ever allocated for what passed one of them.
const (
	handshakeTime = 10 * time.Second // for everything up to ServerInit
	messageTime   = 30 * time.Second // for one message, from its first byte to its last; a server may be silent for ever between messages

	maxReason = 4 << 10 // bytes of the reason for a refusal
	maxName   = 4 << 10 // bytes of the desktop's name

	messageBudget = 16 << 20 // bytes of any message besides the pixels of the screen
	updateScreens = 4        // how often the pixels of the whole screen may come in one update, in bytes of raw

	maxCursor = display.MaxCursor
)

// pixelFormatBGRX is the format the presenters' framebuffers have: 32 bits, depth 24, little-endian, true colour, 8 bits each, red at bit 16
// (RFC 6143, 7.4). It is QEMU's own, so that QEMU copies rows instead of converting pixels.
var pixelFormatBGRX = [16]byte{32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0}
