package console

import (
	"sync"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
)

// Displays is what a console needs of displays.Store.
type Displays interface {
	Password(machine uuid.UUID) string
	SetPassword(machine uuid.UUID, password string) error
}

// passwordFrom is where a password was taken from.
type passwordFrom int

const (
	passwordNone        passwordFrom = iota
	passwordDescription              // libvirt's description of the machine
	passwordRemembered               // from an earlier time
	passwordTyped                    // into this window
)

// access is how the window gets into a display that asks for a password: by what was typed, else by what is remembered, else by what the
// machine's description says. A typed password is kept until the window closes, so that a reconnect does not ask again, and is
// remembered for longer only when the user wants that and after it was accepted. Its methods may be called from any goroutine.
type access struct {
	displays Displays // nil: nothing is remembered
	machine  uuid.UUID

	mu       sync.Mutex
	typed    string
	remember bool
	settled  bool // what to do with the typed password was done
	used     passwordFrom
}

// apply puts the best password into a path that was opened.
func (a *access) apply(path *hypervisor.GraphicsPath) {
	remembered := ""
	if a.displays != nil {
		remembered = a.displays.Password(a.machine)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.typed != "":
		path.Password, a.used = a.typed, passwordTyped
	case remembered != "":
		path.Password, a.used = remembered, passwordRemembered
	case path.Password != "":
		a.used = passwordDescription
	default:
		a.used = passwordNone
	}
}

// enter takes what the user typed.
func (a *access) enter(password string, remember bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.typed, a.remember, a.settled = password, remember, false
}

// accepted is called once there is a picture. keep, if not nil, writes what the user decided and waits for the disk.
func (a *access) accepted() (keep func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled || a.typed == "" || a.displays == nil {
		return nil
	}
	a.settled = true
	password := ""
	if a.remember {
		password = a.typed
	}
	return func() error { return a.displays.SetPassword(a.machine, password) }
}

// refused says in words which password was not accepted; empty where none was tried.
func (a *access) refused() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.used {
	case passwordDescription:
		return lang.L("The password in the machine’s description is not the right one.")
	case passwordRemembered:
		return lang.L("The password that was remembered is no longer the right one.")
	case passwordTyped:
		return lang.L("This was not the right one. Capital letters count.")
	}
	return ""
}

// canRemember reports whether there is a place to remember passwords, and whether this machine's is there.
func (a *access) canRemember() (possible, done bool) {
	return a.displays != nil, a.displays != nil && a.displays.Password(a.machine) != ""
}
