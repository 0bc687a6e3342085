package console

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/ui/lang"
)

// Displays is what a console needs of displays.Store.
type Displays interface {
	Password(machine uuid.UUID) string
	SetPassword(machine uuid.UUID, password string) error
	Certificate(host string) string
	SetCertificate(host, fingerprint string) error
}

// passwordFrom is where a password was taken from.
type passwordFrom int

const (
	passwordNone        passwordFrom = iota
	passwordDescription              // libvirt's description of the machine
	passwordRemembered               // from an earlier time
	passwordTyped                    // into this window
)

// access is how the window gets into a display that is protected. Passwords: by what was typed, else by what is remembered, else by what the
// machine's description says. A typed password is kept until the window closes, so that a reconnect does not ask again, and is
// remembered for longer only when the user wants that and after it was accepted. Certificates: one that no authority vouches for is
// trusted once the user said so, for its host and from then on; another one there is refused. Its methods may be called from any goroutine.
type access struct {
	displays Displays // nil: nothing is remembered
	machine  uuid.UUID

	mu       sync.Mutex
	user     string // for displays that want a name, which is not remembered
	typed    string
	trusted  map[string]rfb.Fingerprint // by host, in this window
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

// options are those for the display at the end of a path.
func (a *access) options(path hypervisor.GraphicsPath) rfb.Options {
	o := rfb.Options{Password: path.Password, Local: path.Local, RequireTLS: path.NeedsTLS, TLS: rfb.TLS{Host: path.Host, Authorities: authorities}}
	a.mu.Lock()
	defer a.mu.Unlock()
	o.Username = a.user
	if pin, ok := a.trusted[path.Host]; ok {
		o.TLS.Pins = append(o.TLS.Pins, pin)
	} else if a.displays != nil {
		if pin, err := rfb.ParseFingerprint(a.displays.Certificate(path.Host)); err == nil {
			o.TLS.Pins = append(o.TLS.Pins, pin)
		}
	}
	return o
}

// trust accepts a certificate for its host. keep writes that down and waits for the disk.
func (a *access) trust(e *rfb.CertificateError) (keep func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.trusted == nil {
		a.trusted = map[string]rfb.Fingerprint{}
	}
	a.trusted[e.Host] = e.Fingerprint
	return func() error {
		if a.displays == nil {
			return nil
		}
		return a.displays.SetCertificate(e.Host, e.Fingerprint.String())
	}
}

// known reports whether another certificate is trusted for this host.
func (a *access) known(host string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, here := a.trusted[host]
	return here || a.displays != nil && a.displays.Certificate(host) != ""
}

// enter takes what the user typed.
func (a *access) enter(user, password string, remember bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.user, a.typed, a.remember, a.settled = user, password, remember, false
}

// accepted is called once there is a picture. keep, if not nil, writes what the user decided and waits for the disk.
func (a *access) accepted() (keep func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled || a.typed == "" || a.user != "" || a.displays == nil {
		return nil
	}
	a.settled = true
	password := ""
	if a.remember {
		password = a.typed
	}
	return func() error { return a.displays.SetPassword(a.machine, password) }
}

// name is the user's name that was typed, empty for none.
func (a *access) name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.user
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

// authorities are those that may vouch for displays: the system's, and those in the files where libvirt's programs keep theirs. The first call
// reads files. One that is missing or damaged vouches for nobody; the user is asked about the certificate then.
var authorities = sync.OnceValue(func() *x509.CertPool {
	home, _ := os.UserHomeDir()
	pool, _ := rfb.LoadAuthorities(filepath.Join(home, ".pki", "CA", "cacert.pem"), "/etc/pki/CA/cacert.pem")
	return pool
})

// canRemember reports whether there is a place to remember passwords, and whether this machine's is there.
func (a *access) canRemember() (possible, done bool) {
	return a.displays != nil, a.displays != nil && a.displays.Password(a.machine) != ""
}
