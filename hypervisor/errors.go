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
	ErrNoSpace      = errors.New("no space left on the disk")
	ErrDenied       = errors.New("access denied")
	ErrInvalid      = errors.New("the hypervisor refused the description")
)
