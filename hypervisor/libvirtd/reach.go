package libvirtd

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"golang.org/x/crypto/ssh"

	"guesthouse/hypervisor"
)

// tunnelLimit is how long it may take to reach a display over SSH, including a new connection.
const tunnelLimit = sshConnectLimit + bannerLimit

// reach connects to the display where the live description says it listens. Errors are *hypervisor.GraphicsError, or wrap
// ErrDenied or the context's.
func (v vnc) reach(ctx context.Context, s *session) (hypervisor.GraphicsPath, error) {
	path := hypervisor.GraphicsPath{Password: v.password, Local: s.host.Local, Host: s.dialer.host}
	limit := bannerLimit
	dial := new(net.Dialer).DialContext
	at := v.host
	switch {
	case s.host.Local:
		if v.socket == "" && !ownAddress(at) {
			return path, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsExposed, Address: v.address(at)}
		}
		at, path.Host = loopback(at), "localhost"
	case s.dialer.transport == "ssh":
		limit, dial, at = tunnelLimit, s.dialer.tunnel.lead, loopback(at)
	default:
		if v.socket == "" && v.port == 0 {
			break // handed over, see below
		}
		if ip := net.ParseIP(at); v.socket != "" || at == "" || at == "localhost" || ip != nil && ip.IsLoopback() {
			return path, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsHostOnly, Address: v.address(loopback(at))}
		} else if ip != nil && ip.IsUnspecified() {
			at = s.dialer.host
		}
		path.NeedsTLS, path.Host = true, at
	}
	network, address := "unix", v.socket
	if address == "" {
		if v.port == 0 {
			return path, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsHandedOver}
		}
		network, address = "tcp", v.address(at)
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	path.Conn, err = inBackground(within, func() (net.Conn, error) { return dial(within, network, address) })
	if ctx.Err() != nil {
		if err == nil {
			path.Conn.Close()
		}
		return path, ctx.Err()
	}
	if err != nil {
		return path, unreached(address, err, s.dialer.transport == "ssh")
	}
	if own, ok := path.Conn.(*net.UnixConn); ok && s.host.Local {
		if err := checkPeer(own, s.host.Session); err != nil {
			own.Close()
			return path, err
		}
	}
	return path, nil
}

// address is host and port for a dialler.
func (v vnc) address(host string) string {
	if v.socket != "" {
		return v.socket
	}
	return net.JoinHostPort(host, strconv.Itoa(v.port))
}

// ownAddress reports whether a display that listens at host listens on its own computer too.
func ownAddress(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// loopback is where the display's own computer finds it.
func loopback(host string) string {
	switch ip := net.ParseIP(host); {
	case host == "", ip != nil && ip.Equal(net.IPv4zero):
		return "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		return "::1"
	}
	return host
}

// unreached says why a dialler failed.
func unreached(address string, err error, tunnelled bool) error {
	reason := hypervisor.GraphicsSilent
	var name *net.DNSError
	var channel *ssh.OpenChannelError
	switch {
	case errors.Is(err, hypervisor.ErrDenied) && !tunnelled:
		return err
	case errors.As(err, &name):
		reason = hypervisor.GraphicsNoName
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		reason = hypervisor.GraphicsRefused
	case errors.As(err, &channel) && channel.Reason == ssh.ConnectionFailed:
		reason = hypervisor.GraphicsRefused
	case errors.As(err, &channel), errors.Is(err, hypervisor.ErrDenied):
		reason = hypervisor.GraphicsTunnel
	}
	return &hypervisor.GraphicsError{Reason: reason, Address: address, Err: err}
}
