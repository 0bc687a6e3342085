package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"guesthouse/hypervisor"
)

// remoteSocket is where the system's daemon listens on every distribution; modular ones have it as an alias.
const remoteSocket = "/var/run/libvirt/libvirt-sock"

const (
	sshConnectLimit = 20 * time.Second
	sshAliveEvery   = 15 * time.Second
)

// tunnel is one SSH connection to a host, over which all links to its daemon run. It is made when first needed and again when
// it has broken. No shell and no program of this computer is involved, and ~/.ssh/config is not read.
type tunnel struct {
	address
	mu     sync.Mutex
	client *ssh.Client
}

// dial opens a link's way to the daemon.
func (t *tunnel) dial(ctx context.Context) (net.Conn, error) { return t.through(ctx, t.channel) }

// lead opens a way to an address as the host sees it: "tcp" and host:port, or "unix" and a path. What is at the address may take its time or
// never answer: neither do the links to the daemon wait for it, nor are they given up when ctx ends.
func (t *tunnel) lead(ctx context.Context, network, address string) (net.Conn, error) {
	t.mu.Lock()
	client, err := t.connected(ctx)
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	conn, err := client.DialContext(ctx, network, address)
	if err != nil && ctx.Err() == nil && !answered(err) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.drop(client)
	}
	return conn, unreachable(err)
}

// through opens a channel over the SSH connection, which it makes anew when the old one does not serve.
func (t *tunnel) through(ctx context.Context, open func(*ssh.Client) (net.Conn, error)) (net.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		conn, err := open(t.client)
		if err == nil || answered(err) {
			return conn, unreachable(err)
		}
		t.drop(t.client)
	}
	client, err := t.connected(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := open(client)
	if err != nil {
		t.drop(client)
	}
	return conn, unreachable(err)
}

// connected returns the SSH connection, which it makes when there is none. mu is held.
func (t *tunnel) connected(ctx context.Context) (*ssh.Client, error) {
	if t.client == nil {
		client, err := t.connect(ctx)
		if err != nil {
			return nil, sshReason(t.host, err)
		}
		t.client = client
	}
	return t.client, nil
}

// drop gives a connection up, unless another one has taken its place already. mu is held.
func (t *tunnel) drop(client *ssh.Client) {
	_ = client.Close()
	if t.client == client {
		t.client = nil
	}
}

// answered reports whether an error is what the other side said, so that the connection is in order.
func answered(err error) bool { return errors.As(err, new(*ssh.OpenChannelError)) }

// close ends the SSH connection.
func (t *tunnel) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		t.drop(t.client)
	}
}

// channel reaches the system's daemon by its socket, and a user's own by libvirt's helper, which also starts it.
func (t *tunnel) channel(client *ssh.Client) (net.Conn, error) {
	if t.socket == "" && t.path == "/session" {
		return runHelper(client, "virt-ssh-helper "+t.name()) // name is one of a few fixed words
	}
	path := t.socket
	if path == "" {
		path = remoteSocket
	}
	return client.Dial("unix", path)
}

func (t *tunnel) connect(ctx context.Context) (*ssh.Client, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	known, err := knownHosts(home)
	if err != nil {
		return nil, err
	}
	port, name := t.port, t.user
	if port == "" {
		port = "22"
	}
	if name == "" {
		me, err := user.Current()
		if err != nil {
			return nil, err
		}
		name = me.Username
	}
	target := net.JoinHostPort(t.host, port)
	config := &ssh.ClientConfig{
		User: name, HostKeyCallback: known, HostKeyAlgorithms: knownAlgorithms(known, target),
		Auth: []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) { return signers(home, t.keyFile) })},
	}
	ctx, cancel := context.WithTimeout(ctx, sshConnectLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, target, config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	go keepAlive(client)
	return client, nil
}

// keepAlive keeps gateways from forgetting the connection and ends it when the host no longer answers.
func keepAlive(client *ssh.Client) {
	over := make(chan struct{})
	go func() {
		_ = client.Wait()
		close(over)
	}()
	for {
		late := time.AfterFunc(2*sshAliveEvery, func() { _ = client.Close() })
		_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			return
		}
		select {
		case <-time.After(sshAliveEvery):
		case <-over:
			return
		}
	}
}

// knownHosts reads the files in which OpenSSH keeps hosts' keys. Without any, no host is known.
func knownHosts(home string) (ssh.HostKeyCallback, error) {
	var files []string
	for _, f := range []string{filepath.Join(home, ".ssh", "known_hosts"), "/etc/ssh/ssh_known_hosts"} {
		if _, err := os.Stat(f); err == nil {
			files = append(files, f)
		}
	}
	return knownhosts.New(files...)
}

// knownAlgorithms lists the kinds of key known of a host, so that it shows one of these and not another that would look like a
// changed one.
func knownAlgorithms(known ssh.HostKeyCallback, target string) []string {
	var unknown *knownhosts.KeyError
	if !errors.As(known(target, &net.TCPAddr{IP: net.IPv4zero}, noKey{}), &unknown) {
		return nil
	}
	var list []string
	for _, k := range unknown.Want {
		if kind := k.Key.Type(); kind == ssh.KeyAlgoRSA {
			list = append(list, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			list = append(list, kind)
		}
	}
	return list
}

// noKey is a key that no host has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// signers are the keys to try: those of the agent, then the given file or the usual ones. A key with a passphrase has to be in
// the agent.
func signers(home, file string) ([]ssh.Signer, error) {
	var list []ssh.Signer
	if path := os.Getenv("SSH_AUTH_SOCK"); path != "" && file == "" {
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			// The agent signs over this connection; it lives as long as the handshake needs it.
			time.AfterFunc(sshConnectLimit, func() { conn.Close() })
			list, _ = agent.NewClient(conn).Signers()
		}
	}
	files := []string{file}
	if file == "" {
		files = nil
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			files = append(files, filepath.Join(home, ".ssh", name))
		}
	}
	var problem error
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err == nil {
			var key ssh.Signer
			if key, err = ssh.ParsePrivateKey(text); err == nil {
				list = append(list, key)
				continue
			}
		}
		if file != "" || !errors.Is(err, os.ErrNotExist) {
			problem = fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(list) == 0 && problem != nil {
		return nil, problem
	}
	return list, nil
}

// sshReason says what a failed SSH connection means.
func sshReason(host string, err error) error {
	var unknown *knownhosts.KeyError
	switch {
	case errors.As(err, &unknown) && len(unknown.Want) > 0:
		return fmt.Errorf("%w: the key of %s has changed; somebody may be listening in: %w", hypervisor.ErrDenied, host, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: the key of %s is not known yet; connect once with ssh and compare it: %w", hypervisor.ErrDenied, host, err)
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no type for it
		return fmt.Errorf("%w: %w", hypervisor.ErrDenied, err)
	}
	return unreachable(err)
}

// helper is a program on the other side, spoken to over its standard streams.
type helper struct {
	io.Reader
	io.WriteCloser
	session *ssh.Session
	client  *ssh.Client
}

func runHelper(client *ssh.Client, command string) (net.Conn, error) {
	s, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err := s.StdinPipe()
	if err == nil {
		var out io.Reader
		if out, err = s.StdoutPipe(); err == nil {
			if err = s.Start(command); err == nil {
				return &helper{Reader: out, WriteCloser: in, session: s, client: client}, nil
			}
		}
	}
	_ = s.Close()
	return nil, err
}

func (h *helper) Close() error {
	_ = h.WriteCloser.Close()
	return h.session.Close()
}

func (h *helper) LocalAddr() net.Addr              { return h.client.LocalAddr() }
func (h *helper) RemoteAddr() net.Addr             { return h.client.RemoteAddr() }
func (h *helper) SetDeadline(time.Time) error      { return nil }
func (h *helper) SetReadDeadline(time.Time) error  { return nil }
func (h *helper) SetWriteDeadline(time.Time) error { return nil }
