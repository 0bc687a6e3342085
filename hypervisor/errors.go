package hypervisor

import "errors"

// Sentinels that a Connection's errors wrap. The text of a wrapped error is the hypervisor's own and belongs under "Details".
var (
	ErrNotFound     = errors.New("no such machine")
	ErrNoSnapshot   = errors.New("no such snapshot")
	ErrExists       = errors.New("a machine of this name exists")
	ErrInvalidState = errors.New("not possible in this state")
	ErrUnsupported  = errors.New("not supported by this hypervisor")
	ErrBusy         = errors.New("another operation runs on this machine")
	ErrTimeout      = errors.New("the hypervisor did not answer in time")
	ErrDisconnected = errors.New("not connected to the hypervisor")
	ErrCannotStart  = errors.New("the hypervisor service cannot be started") // daemon missing or failing
	ErrNoGraphics   = errors.New("the machine has no display that can be shown")
	ErrNoConsole    = errors.New("the machine has no text console that can be opened")
	ErrInUse        = errors.New("somebody else uses it") // the one place at a text console
	ErrNoSpace      = errors.New("no space left on the disk")
	ErrPortTaken    = errors.New("another program listens on a port that leads to the machine")
	ErrNoDBus       = errors.New("QEMU lacks its D-Bus display") // distributions have it in a package of its own
	ErrDenied       = errors.New("access denied")
	ErrInvalid      = errors.New("the hypervisor refused the description")
	ErrNeedsForce   = errors.New("the hypervisor wants this to be forced") // a revert that would lose a running or saved state
	ErrSavedDamaged = errors.New("the saved state is damaged")             // start would fail for ever, or silently boot afresh
	ErrAborted      = errors.New("the operation was aborted")              // by someone else; our own cancel gives context.Canceled
	ErrBadAddress   = errors.New("not a usable hypervisor address")        // the URI is wrong or asks for something refused
)

// Error is an error that the hypervisor answered with. errors.Is finds the sentinel in Kind, errors.As finds the details.
type Error struct {
	Op   string // what was asked, "start"
	Code int    // libvirt's virErrorNumber; 0 when the answer never came or could not be read
	Text string // the hypervisor's own words, capped and valid UTF-8; for "Details"
	Kind error  // sentinel, or nil when the code says nothing more than that it failed
}

// Error gives the operation and the hypervisor's own words.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Text
	}
	return e.Op + ": " + e.Text
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Kind }
