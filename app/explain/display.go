package explain

import (
	"errors"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
)

// screens says why a display cannot be reached, by hypervisor.GraphicsReason.
var screens = map[hypervisor.GraphicsReason]rule{
	hypervisor.GraphicsMissing:     {summary: "The machine has no screen.", remedy: "Add a VNC display to it.", code: CodeHost},
	hypervisor.GraphicsUnsupported: {summary: "The machine has no VNC screen, and others cannot be shown.", remedy: "Add a VNC display to it.", code: CodeHost},
	hypervisor.GraphicsHandedOver: {
		summary: "The machine's screen can only be opened on its own computer: it listens nowhere.",
		remedy:  "Let it listen at 127.0.0.1, to see it from here over SSH.", code: CodeHost,
	},
	hypervisor.GraphicsHostOnly: {
		summary: "The machine's screen is configured to listen only on its own computer.",
		remedy:  "Connect to the hypervisor with qemu+ssh to be led there.", code: CodeHost,
	},
	hypervisor.GraphicsExposed: {
		summary: "The machine's screen would send pictures and keys over the network unprotected.",
		remedy:  "Connect to the hypervisor with qemu+ssh instead.", code: CodeHost,
	},
	hypervisor.GraphicsNoName: {
		summary: "The name of the screen's computer has no address.",
		remedy:  "Check how the computer is called, and the network.", code: CodeFailed,
	},
	hypervisor.GraphicsRefused: {summary: "Nothing listens where the machine's screen should be.", code: CodeFailed},
	hypervisor.GraphicsTunnel:  {summary: "The SSH server of the machine's computer does not lead to its screen.", code: CodeFailed},
	hypervisor.GraphicsSilent:  {summary: "The machine's screen does not answer.", remedy: "Try again in a moment.", code: CodeFailed},
}

// reached are the errors of a display that was reached.
var reached = []rule{
	{[]error{display.ErrPasswordNeeded}, "The machine's screen is protected by a password.", "Type it in the machine's window.", CodeFailed},
	{[]error{display.ErrSecurity}, "The machine's screen only accepts connections that are secured in a way that this program does not speak.", "", CodeFailed},
	{[]error{display.ErrAuth}, "The machine's screen refused access.", "Check its password.", CodeFailed},
	{[]error{display.ErrProtocol}, "What the machine's screen sent makes no sense.", "", CodeFailed},
	{[]error{display.ErrClosed}, "The machine's screen was closed from the other side.", "Another viewer may have it for itself.", CodeFailed},
	{[]error{display.ErrTransport}, "The connection to the machine's screen broke.", "", CodeFailed},
}

// ofDisplay explains an error of a display.
func ofDisplay(err error) (Message, bool) {
	var reason *hypervisor.GraphicsError
	if errors.As(err, &reason) {
		r, ok := screens[reason.Reason]
		return Message{Summary: r.summary, Remedy: r.remedy, Code: r.code}, ok
	}
	r, ok := among(reached, err)
	return Message{Summary: r.summary, Remedy: r.remedy, Code: r.code}, ok
}
