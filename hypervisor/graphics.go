package hypervisor

import (
	"fmt"
	"strings"
)

// GraphicsReason says why a machine's display cannot be reached.
type GraphicsReason string

// The reasons. The first five do not pass by themselves: errors with them are ErrNoGraphics.
const (
	GraphicsMissing     GraphicsReason = "missing"      // the machine runs without any display
	GraphicsUnsupported GraphicsReason = "unsupported"  // it has displays, but none that speaks VNC
	GraphicsHandedOver  GraphicsReason = "handed-over"  // it listens nowhere: only programs of its own computer can be handed a connection
	GraphicsHostOnly    GraphicsReason = "host-only"    // it listens on its own computer only, which is another one, and nothing leads there
	GraphicsExposed     GraphicsReason = "exposed"      // pictures and keys would cross the network unprotected
	GraphicsNoName      GraphicsReason = "no-name"      // the name of its host has no address
	GraphicsRefused     GraphicsReason = "refused"      // nothing listens at its address
	GraphicsTunnel      GraphicsReason = "tunnel"       // the SSH server of its host does not lead to it
	GraphicsSilent      GraphicsReason = "unresponsive" // everything else: it does not answer
)

// GraphicsError is OpenGraphics' error about a display that cannot be reached.
type GraphicsError struct {
	Reason  GraphicsReason
	Kinds   []string // GraphicsUnsupported: the displays that there are, "spice"
	Address string   // host and port, or the path of a socket, where Reason is about one
	Err     error    // what lies below, nil for nothing
}

// Error says it in a line; windows have words of their own for each reason.
func (e *GraphicsError) Error() string {
	parts := []string{"the display cannot be reached", string(e.Reason)}
	if len(e.Kinds) > 0 {
		parts = append(parts, strings.Join(e.Kinds, ", "))
	}
	if e.Address != "" {
		parts = append(parts, e.Address)
	}
	text := strings.Join(parts, ": ")
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", text, e.Err)
	}
	return text
}

// Unwrap returns what lies below.
func (e *GraphicsError) Unwrap() error { return e.Err }

// Is makes the errors that do not pass by themselves ErrNoGraphics.
func (e *GraphicsError) Is(target error) bool { return target == ErrNoGraphics && e.Permanent() }

// Permanent reports whether trying again changes nothing as long as the machine runs.
func (e *GraphicsError) Permanent() bool {
	switch e.Reason {
	case GraphicsMissing, GraphicsUnsupported, GraphicsHandedOver, GraphicsHostOnly, GraphicsExposed:
		return true
	}
	return false
}
