package libvirtd

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"guesthouse/hypervisor"
)

// address is a connection URI (libvirt's uri.html) that was checked.
type address struct {
	text      string // as given
	driver    string // qemu, test
	transport string // unix, ssh, tls
	path      string // /session, /system, /default, …
	host      string
	port      string
	user      string
	socket    string // explicit unix socket, on the daemon's host
	keyFile   string // ssh
	pkiPath   string // tls
}

// parameters that are understood, per transport. Others are refused: some of libvirt's make it run a command (command, netcat) or
// trust anybody (no_verify, known_hosts_verify).
var parameters = map[string]map[string]bool{
	"unix": {"socket": true},
	"ssh":  {"socket": true, "keyfile": true},
	"tls":  {"pkipath": true},
}

// longestHost is the most bytes of a host's name (RFC 1035, 2.3.4).
const longestHost = 255

var (
	goodUser = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@\\-]{0,63}$`)
	// The length is checked apart: counting letters of all scripts would cost every start of the program 10 MB and its time.
	goodHost = regexp.MustCompile(`^[\pL\pN:_][\pL\pN.:_%-]*$`)
	goodPort = regexp.MustCompile(`^[0-9]{0,5}$`)
)

// parseAddress checks a URI strictly. Errors wrap hypervisor.ErrBadAddress.
func parseAddress(text string) (address, error) {
	bad := func(format string, args ...any) (address, error) {
		return address{}, fmt.Errorf("%w: %s", hypervisor.ErrBadAddress, fmt.Sprintf(format, args...))
	}
	if len(text) > 4096 {
		return bad("it is longer than 4096 characters")
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("%q cannot be read", text)
	}
	a := address{text: text, path: u.Path, host: u.Hostname(), port: u.Port()}
	a.driver, a.transport, _ = strings.Cut(u.Scheme, "+")
	switch a.transport {
	case "unix", "ssh", "tls":
	case "":
		a.transport = "unix"
		if u.Host != "" {
			a.transport = "tls"
		}
	case "libssh", "libssh2":
		a.transport = "ssh"
	default:
		return bad("connecting by %q is not supported; use ssh or tls", a.transport)
	}
	switch {
	case a.driver != "qemu" && a.driver != "test":
		return bad("the hypervisor %q is not supported; use qemu", a.driver)
	case u.Opaque != "" || u.Fragment != "":
		return bad("%q cannot be read", text)
	case a.driver == "qemu" && a.path != "/session" && a.path != "/system":
		return bad("it must end in /session or /system")
	case a.driver == "test" && (len(a.path) < 2 || strings.ContainsRune(a.path, 0)):
		return bad("it must end in /default or the path of a description")
	case (a.transport == "unix") != (u.Host == ""):
		return bad("a host name belongs to ssh and tls, and these need one")
	case u.Host != "" && (len(a.host) > longestHost || !goodHost.MatchString(a.host)):
		return bad("%q is no host name", a.host)
	case !goodPort.MatchString(a.port):
		return bad("%q is no port", a.port)
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			return bad("a password does not belong into it")
		}
		a.user = u.User.Username()
		if a.transport != "ssh" || !goodUser.MatchString(a.user) {
			return bad("%q is no user name for this connection", a.user)
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("%q cannot be read", text)
	}
	for name, values := range query {
		if !parameters[a.transport][name] {
			return bad("the parameter %q is not allowed", name)
		}
		if len(values) != 1 || !filepath.IsAbs(values[0]) || strings.ContainsRune(values[0], 0) {
			return bad("%s needs one absolute path", name)
		}
	}
	a.socket, a.keyFile, a.pkiPath = query.Get("socket"), query.Get("keyfile"), query.Get("pkipath")
	return a, nil
}

// name is the URI as the daemon itself knows it: without host, transport and parameters.
func (a address) name() string {
	return (&url.URL{Scheme: a.driver, Path: a.path, OmitHost: false}).String()
}

func (a address) local() bool { return a.transport == "unix" }

// private tells whether every connection to this address has a world of its own (the test driver reading a file does that), so
// that all calls must share one connection.
func (a address) private() bool { return a.driver == "test" && a.path != "/default" }
