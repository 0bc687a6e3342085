package rfb

import (
	"time"

	"guesthouse/hypervisor/display"
)

// Message types, client to server (RFC 6143, 7.5; rfbproto.rst for those above 128).
const (
	msgSetPixelFormat          = 0
	msgSetEncodings            = 2
	msgUpdateRequest           = 3
	msgKeyEvent                = 4
	msgPointerEvent            = 5
	msgClientCutText           = 6
	msgEnableContinuousUpdates = 150
	msgClientFence             = 248
	msgSetDesktopSize          = 251
	msgQEMU                    = 255

	qemuKeyEvent = 0 // submessage of msgQEMU
)

// Message types, server to client (RFC 6143, 7.6; rfbproto.rst for those above 128).
const (
	msgFramebufferUpdate      = 0
	msgSetColourMapEntries    = 1
	msgBell                   = 2
	msgServerCutText          = 3
	msgEndOfContinuousUpdates = 150
	msgServerFence            = 248
)

// Encodings, and the pseudo-encodings by which a client says what it understands (the RFB community's rfbproto.rst; QEMU's ui/vnc.h).
const (
	encRaw      int32 = 0
	encCopyRect int32 = 1
	encRRE      int32 = 2
	encCoRRE    int32 = 4
	encHextile  int32 = 5
	encZlib     int32 = 6
	encTight    int32 = 7
	encTRLE     int32 = 15
	encZRLE     int32 = 16

	encQualityLevel0        int32 = -32 // to -23: how good lossy pictures are to be
	encDesktopSize          int32 = -223
	encLastRect             int32 = -224
	encRichCursor           int32 = -239
	encCompressLevel0       int32 = -256 // to -247: how hard the server is to work
	encPointerMotionChange  int32 = -257 // QEMU: x is 1 for an absolute pointer, 0 for a relative one
	encExtendedKey          int32 = -258 // QEMU: keys by number
	encLEDState             int32 = -261
	encDesktopName          int32 = -307
	encExtendedDesktopSize  int32 = -308
	encFence                int32 = -312
	encContinuousUpdates    int32 = -313
	encAlphaCursor          int32 = -314
	encExtendedMouseButtons int32 = -316
	encExtendedClipboard    int32 = -0x3f5e1a32 // 0xC0A1E5CE
)

// Security types (RFC 6143, 7.1.2; rfbproto.rst).
const (
	securityFailed = 0
	securityNone   = 1
	securityVNC    = 2
	securityTLS    = 18
	securityVeN    = 19
	securitySASL   = 20
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
