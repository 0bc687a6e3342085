package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"guesthouse/hypervisor"
)

// greeter listens like a display does, and returns its port.
func greeter(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "RFB 003.008\n")
			conn.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// closedPort is a port of this computer where nothing listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestAcceptE7WhyADisplayIsOutOfReach goes through what descriptions say, for a hypervisor of this computer, one behind SSH and one behind TLS.
func TestAcceptE7WhyADisplayIsOutOfReach(t *testing.T) {
	open, shut := greeter(t), closedPort(t)
	tunnel := sshTunnel(t)
	local := &session{host: hypervisor.Host{Local: true, Session: true}, dialer: &dialer{address: address{transport: "unix"}}}
	secure := &session{dialer: &dialer{address: address{transport: "tls", host: "127.0.0.1"}}}
	shell := &session{dialer: &dialer{address: address{transport: "ssh", host: "127.0.0.1"}, tunnel: tunnel}}
	socket := func(text string) string {
		return "<graphics type='vnc'><listen type='socket' socket='" + text + "'/></graphics>"
	}
	at := func(host string, port int) string {
		return "<graphics type='vnc' port='" + strconv.Itoa(port) + "'><listen type='address' address='" + host + "'/></graphics>"
	}
	const none, spice = "<graphics type='vnc'><listen type='none'/></graphics>", "<graphics type='spice' port='5900'/>"
	for _, c := range []struct {
		name, graphics string
		from           *session
		want           hypervisor.GraphicsReason // empty: it is reached
	}{
		{"no display", "", local, hypervisor.GraphicsMissing},
		{"D-Bus alone", "<graphics type='dbus' p2p='yes'/>", local, hypervisor.GraphicsMissing},
		{"SPICE", spice, local, hypervisor.GraphicsUnsupported},
		{"SDL and RDP", "<graphics type='sdl'/><graphics type='rdp'/>", shell, hypervisor.GraphicsUnsupported},
		{"listens", at("127.0.0.1", open), local, ""},
		{"everywhere", at("0.0.0.0", open), local, ""},
		{"by name", at("localhost", open), local, ""},
		{"refused", at("127.0.0.1", shut), local, hypervisor.GraphicsRefused},
		{"socket that is gone", socket("/nonexistent/vnc"), local, hypervisor.GraphicsRefused},
		{"network only", at("192.0.2.1", open), local, hypervisor.GraphicsExposed},
		{"network only, IPv6", at("2001:db8::1", open), local, hypervisor.GraphicsExposed},
		{"another computer", at("example.org", open), local, hypervisor.GraphicsExposed},
		{"handed over", none, local, hypervisor.GraphicsHandedOver},
		{"handed over, far away", none, shell, hypervisor.GraphicsHandedOver},
		{"handed over, far away by TLS", none, secure, hypervisor.GraphicsHandedOver},
		{"through SSH", at("127.0.0.1", open), shell, ""},
		{"through SSH, everywhere", at("0.0.0.0", open), shell, ""},
		{"refused behind SSH", at("127.0.0.1", shut), shell, hypervisor.GraphicsRefused},
		{"SSH forbids it", socket("/forbidden"), shell, hypervisor.GraphicsTunnel},
		{"own computer only", at("127.0.0.1", open), secure, hypervisor.GraphicsHostOnly},
		{"own computer only, by socket", socket("/run/vnc"), secure, hypervisor.GraphicsHostOnly},
		{"everywhere, to be encrypted", at("0.0.0.0", open), secure, ""},
		{"no such name", at("nobody.invalid", open), secure, hypervisor.GraphicsNoName},
	} {
		t.Run(c.name, func(t *testing.T) {
			var path hypervisor.GraphicsPath
			v, err := findVNC("<domain id='1'><devices>" + c.graphics + "</devices></domain>")
			if err == nil {
				path, err = v.reach(t.Context(), c.from)
			}
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				path.Conn.Close()
				if remote := c.from != local; path.Local == remote || path.NeedsTLS != (c.from == secure) {
					t.Errorf("%+v", path)
				}
				return
			}
			var reason *hypervisor.GraphicsError
			if !errors.As(err, &reason) || reason.Reason != c.want {
				t.Fatalf("%v, want %s", err, c.want)
			}
			if errors.Is(err, hypervisor.ErrNoGraphics) != reason.Permanent() {
				t.Errorf("%v: permanent %v", err, reason.Permanent())
			}
		})
	}
}

// What the SSH server said stays readable.
func TestAcceptE7WhatSSHSaid(t *testing.T) {
	tunnel := sshTunnel(t)
	tunnel.user = "you"
	s := &session{dialer: &dialer{address: address{transport: "ssh", host: "127.0.0.1"}, tunnel: tunnel}}
	_, err := vnc{host: "127.0.0.1", port: 5900}.reach(t.Context(), s)
	var reason *hypervisor.GraphicsError
	if !errors.As(err, &reason) || reason.Reason != hypervisor.GraphicsTunnel || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Error(err)
	}
}

// A display that does not answer through SSH costs the daemon's links nothing: they share the connection, and do not wait.
func TestSilentDisplayBehindSSH(t *testing.T) {
	tunnel := sshTunnel(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	link, err := tunnel.lead(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	before := tunnel.client

	ctx, giveUp := context.WithCancel(t.Context())
	silent := make(chan error, 1)
	go func() {
		_, err := tunnel.lead(ctx, "tcp", silentAddress)
		silent <- err
	}()
	if _, err := tunnel.dial(t.Context()); !errors.As(err, new(*ssh.OpenChannelError)) { // sockets are refused here, at once
		t.Errorf("a link beside it: %v", err)
	}
	select {
	case err := <-silent:
		t.Fatalf("it is not silent: %v", err)
	default:
	}
	giveUp()
	if err := <-silent; err == nil {
		t.Error("an address that does not answer was reached")
	}
	if tunnel.client != before {
		t.Error("the connection was given up")
	}
	other, err := tunnel.lead(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
}

// silentAddress is where the test's SSH server finds somebody who neither takes nor refuses a connection.
const silentAddress = "192.0.2.9:5900"

// sshTunnel is a tunnel to an SSH server of the test, which forwards to TCP ports and refuses sockets.
func sshTunnel(t *testing.T) *tunnel {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	mine, text := newKey(t)
	file := filepath.Join(home, "key")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	h := newSSHHost(t, mine.PublicKey(), "")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.know(t, home, h.key.PublicKey())
	_, port, _ := net.SplitHostPort(h.addr)
	tunnel := &tunnel{address: address{transport: "ssh", host: "127.0.0.1", port: port, user: "me", keyFile: file}}
	t.Cleanup(tunnel.close)
	return tunnel
}

// forward leads a channel to a port of this computer, as sshd does (RFC 4254, 7.2).
func forward(n ssh.NewChannel) {
	var to struct {
		Host string
		Port uint32
		From string
		Back uint32
	}
	if n.ChannelType() != "direct-tcpip" || ssh.Unmarshal(n.ExtraData(), &to) != nil {
		_ = n.Reject(ssh.Prohibited, "administratively prohibited")
		return
	}
	if net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))) == silentAddress {
		return
	}
	far, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = n.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	ch, requests, err := n.Accept()
	if err != nil {
		far.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	go pipe(far, ch)
	pipe(ch, far)
}
