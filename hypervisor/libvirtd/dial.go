package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/digitalocean/go-libvirt/socket/dialers"

	"guesthouse/hypervisor"
)

// dialer reaches the daemon of one address.
type dialer struct {
	address
	daemonPath string
	tunnel     *tunnel // for ssh
	custom     func(ctx context.Context) (net.Conn, error)
}

// dial connects; start also starts the user's own daemon when it is not there. Errors wrap ErrDisconnected, ErrDenied or
// ErrCannotStart.
func (d *dialer) dial(ctx context.Context, start bool) (net.Conn, error) {
	if d.custom != nil {
		conn, err := d.custom(ctx)
		return conn, unreachable(err)
	}
	switch d.transport {
	case "ssh":
		return inBackground(ctx, func() (net.Conn, error) { return d.tunnel.dial(ctx) })
	case "tls":
		var options []dialers.TLSOption
		if d.port != "" {
			options = append(options, dialers.UseTLSPort(d.port))
		}
		if d.pkiPath != "" {
			options = append(options, dialers.UsePKIPath(d.pkiPath))
		}
		return inBackground(ctx, dialers.NewTLS(d.host, options...).Dial)
	}
	conn, err := dialFirst(ctx, d.sockets())
	if err == nil || !start || d.socket != "" || !d.ownDaemon() || errors.Is(err, hypervisor.ErrDenied) {
		return conn, err
	}
	if failed := startDaemon(ctx, d.daemonPath, d.driver); failed != nil {
		// Another program may have started it in the same moment.
		if conn, err = dialUntil(ctx, d.sockets(), time.Second); err == nil {
			return conn, nil
		}
		return nil, failed
	}
	conn, err = dialUntil(ctx, d.sockets(), 10*time.Second)
	if err != nil {
		return nil, fmt.Errorf("%w: it was started but does not listen: %w", hypervisor.ErrCannotStart, err)
	}
	return conn, nil
}

// ownDaemon tells whether the daemon is one that runs as the user. As root there is only the system's.
func (d *dialer) ownDaemon() bool { return d.path != "/system" && os.Geteuid() != 0 }

// sockets lists where the daemon may listen, modular before monolithic, as libvirt's C client looks for it
// (remote/remote_sockets.c).
func (d *dialer) sockets() []string {
	if d.socket != "" {
		return []string{d.socket}
	}
	folders := []string{"/run/libvirt", "/var/run/libvirt"}
	if d.ownDaemon() {
		folders = []string{runtimeFolder()}
	}
	names := []string{"virtqemud-sock", "libvirt-sock"}
	if d.driver == "test" {
		slices.Reverse(names) // the monolithic daemon serves every driver
	}
	var list []string
	for _, name := range names {
		for _, folder := range folders {
			list = append(list, filepath.Join(folder, name))
		}
	}
	return list
}

// runtimeFolder is where a user's daemon puts its sockets: g_get_user_runtime_dir and "libvirt".
func runtimeFolder() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "libvirt")
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "libvirt")
	}
	home, _ := os.UserHomeDir()
	return filepath.Join(home, ".cache", "libvirt")
}

// dialFirst connects to the first socket that answers.
func dialFirst(ctx context.Context, paths []string) (net.Conn, error) {
	var first error
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.Mode().Type() != fs.ModeSocket:
			err = fmt.Errorf("%s is not a socket", path)
		case err == nil:
			var conn net.Conn
			if conn, err = new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
				return conn, nil
			}
		}
		if first == nil || !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	return nil, unreachable(first)
}

func dialUntil(ctx context.Context, paths []string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		conn, err := dialFirst(ctx, paths)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func unreachable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", hypervisor.ErrDenied, err)
	}
	return fmt.Errorf("%w: %w", hypervisor.ErrDisconnected, err)
}

// inBackground runs what reaches a host without knowing of a context.
func inBackground(ctx context.Context, dial func() (net.Conn, error)) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, 1)
	go func() {
		conn, err := dial()
		results <- result{conn, err}
	}()
	select {
	case r := <-results:
		if errors.Is(r.err, hypervisor.ErrDenied) || errors.Is(r.err, hypervisor.ErrDisconnected) {
			return nil, r.err
		}
		return r.conn, unreachable(r.err)
	case <-ctx.Done():
		go func() {
			if r := <-results; r.conn != nil {
				r.conn.Close()
			}
		}()
		return nil, unreachable(ctx.Err())
	}
}
