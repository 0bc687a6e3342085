package libvirtd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"guesthouse/hypervisor"
)

// sshHost is an SSH server that forwards to a unix socket (without one: to TCP ports), and runs "virt-ssh-helper" as libvirt's package would.
type sshHost struct {
	addr        string
	key         ssh.Signer
	connections atomic.Int32
	helper      atomic.Value // the command it was asked to run
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func newSSHHost(t *testing.T, allowed ssh.PublicKey, socket string) *sshHost {
	t.Helper()
	key, _ := newKey(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h := &sshHost{addr: l.Addr().String(), key: key}
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() == "me" && string(k.Marshal()) == string(allowed.Marshal()) {
			return nil, nil
		}
		return nil, errors.New("no")
	}}
	config.AddHostKey(key)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.connections.Add(1)
			go h.serve(conn, config, socket)
		}
	}()
	return h
}

func (h *sshHost) serve(conn net.Conn, config *ssh.ServerConfig, socket string) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		if socket == "" {
			go forward(n)
			continue
		}
		ch, reqs, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			if n.ChannelType() == "session" {
				for r := range reqs {
					if r.Type == "exec" {
						h.helper.Store(string(r.Payload[4:]))
						r.Reply(true, nil)
						break
					}
					r.Reply(false, nil)
				}
			}
			go ssh.DiscardRequests(reqs)
			far, err := net.Dial("unix", socket)
			if err != nil {
				ch.Close()
				return
			}
			go pipe(far, ch)
			pipe(ch, far)
		}()
	}
}

func pipe(to io.WriteCloser, from io.Reader) {
	io.Copy(to, from)
	to.Close()
}

func (h *sshHost) know(t *testing.T, home string, key ssh.PublicKey) {
	t.Helper()
	line := knownhosts.Line([]string{knownhosts.Normalize(h.addr)}, key) + "\n"
	if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Over SSH all links share one connection; unknown, changed and refused keys are told apart; a lost connection comes back.
func TestSSH(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	mine, text := newKey(t)
	other, _ := newKey(t)
	keyFile := filepath.Join(home, "key")
	if err := os.WriteFile(keyFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFakeDaemon(t, nil)
	h := newSSHHost(t, mine.PublicKey(), f.listener.Addr().String())
	uri := func(user, path string) string {
		return fmt.Sprintf("qemu+ssh://%s@%s/%s?keyfile=%s", user, h.addr, path, keyFile)
	}

	if _, err := Open(t.Context(), uri("me", "system"), Options{}); !errors.Is(err, hypervisor.ErrDenied) || !strings.Contains(err.Error(), "not known yet") {
		t.Errorf("unknown host: %v", err)
	}
	h.know(t, home, other.PublicKey())
	if _, err := Open(t.Context(), uri("me", "system"), Options{}); !errors.Is(err, hypervisor.ErrDenied) || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("changed host: %v", err)
	}
	h.know(t, home, h.key.PublicKey())
	if _, err := Open(t.Context(), uri("you", "system"), Options{}); !errors.Is(err, hypervisor.ErrDenied) {
		t.Errorf("refused key: %v", err)
	}
	h.connections.Store(0)
	for _, path := range []string{"system", "session"} {
		c, err := Open(t.Context(), uri("me", path), Options{})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer c.Close()
		for range 3 {
			if err := c.Resume(t.Context(), testID); err != nil {
				t.Fatal(err)
			}
		}
		if host := c.Host(); host.Local {
			t.Error("a remote host is taken for local")
		}
		if n := h.connections.Swap(0); n != 1 {
			t.Errorf("%s: %d SSH connections", path, n)
		}
		if path == "system" {
			waitFor(t, c, hypervisor.EventConnected)
			c.dialer.tunnel.close()
			waitFor(t, c, hypervisor.EventDisconnected)
			waitFor(t, c, hypervisor.EventConnected)
			h.connections.Store(0)
		}
	}
	if command := h.helper.Load(); command != "virt-ssh-helper qemu:///session" {
		t.Errorf("the helper was called as %q", command)
	}
}
