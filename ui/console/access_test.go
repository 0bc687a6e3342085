package console

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// remembering is a Displays in memory.
type remembering struct {
	mu       sync.Mutex
	password string
	pins     map[string]string
	err      error
}

func (r *remembering) Certificate(host string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pins[host]
}

func (r *remembering) SetCertificate(host, fingerprint string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pins == nil {
		r.pins = map[string]string{}
	}
	r.pins[host] = fingerprint
	return r.err
}

func (r *remembering) Password(uuid.UUID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.password
}

func (r *remembering) SetPassword(_ uuid.UUID, password string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.password = password
	return r.err
}

// TestAcceptE3Password opens a real display that wants a password: a wrong one is told and asked for again, the right one opens it and is
// remembered for the next window, until the user wants it forgotten.
func TestAcceptE3Password(t *testing.T) {
	qemu := startQEMU(t, "-object", "secret,id=word,data=open-it", "-vnc", "unix:SOCKET,password-secret=word")
	kept := &remembering{}
	f := newWorld(t, hypervisor.StateRunning)
	open := func() *Window {
		return f.openOn(qemu, kept)
	}
	asked := func(w *Window, title string) {
		t.Helper()
		f.until(title, func() bool {
			return w.page.title.Text() == title && w.page.form.box.Visible() && w.win.Canvas().Focused() == fyne.Focusable(w.page.form.entry) && w.page.form.entry.Text == ""
		})
	}
	live := func(w *Window) {
		t.Helper()
		f.until("a picture", func() bool {
			return w.body.live && !w.page.form.box.Visible() && w.win.Canvas().Focused() == fyne.Focusable(w.display)
		})
	}
	w := open()
	asked(w, "The screen is protected by a password")
	for range 2 { // also the same one twice
		test.Type(w.page.form.entry, "wrong")
		w.page.form.entry.OnSubmitted("wrong")
		asked(w, "The password is not accepted")
	}
	if !strings.Contains(w.page.text.Text, "not the right one") {
		t.Errorf("it says %q", w.page.text.Text)
	}
	test.Type(w.page.form.entry, "open-it")
	w.page.form.remember.SetChecked(true)
	test.Tap(w.page.button)
	live(w)
	f.until("remembered", func() bool { f.queue.Do(func() {}); return kept.Password(testID) == "open-it" })
	w.shut()

	w = open() // asks for nothing
	live(w)
	w.shut()

	kept.SetPassword(testID, "old")
	w = open()
	asked(w, "The password is not accepted")
	if !strings.Contains(w.page.text.Text, "remembered") || !w.page.form.remember.Checked {
		t.Errorf("it says %q, remembered %v", w.page.text.Text, w.page.form.remember.Checked)
	}
	w.page.form.remember.SetChecked(false)
	test.Type(w.page.form.entry, "open-it")
	test.Tap(w.page.button)
	live(w)
	f.until("forgotten", func() bool { f.queue.Do(func() {}); return kept.Password(testID) == "" })
	w.shut()

	kept.err = errors.New("the disk is full")
	w = open()
	asked(w, "The screen is protected by a password")
	test.Type(w.page.form.entry, "open-it")
	test.Tap(w.page.button)
	live(w)
	f.until("the fault", func() bool { return w.status.notice.fault })
}

// openOn opens a window on a real display.
func (f *world) openOn(socket string, kept Displays) *Window {
	w := openWindow(Params{
		App: fyne.CurrentApp(), Dispatch: f.queue, Machines: onSocket{f, socket}, Checkpoints: fakeCheckpoints{f}, Jobs: f.jobs, Settings: fakeSettings{f},
		ID: testID, Displays: kept, after: func(time.Duration) <-chan time.Time { return time.After(10 * time.Millisecond) },
	})
	f.t.Cleanup(w.shut)
	return w
}

// TestAcceptE13Certificate opens displays that encrypt: the user is asked once about a certificate that nobody vouches for, and another one
// in its place later is refused. A server that encrypts without a certificate is told apart.
func TestAcceptE13Certificate(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	kept := &remembering{}
	first := startQEMU(t, "-object", "tls-creds-x509,id=tls,endpoint=server,verify-peer=off,dir="+certificate(t), "-vnc", "unix:SOCKET,tls-creds=tls")
	w := f.openOn(first, kept)
	f.until("the question", func() bool {
		return w.page.title.Text() == "Is this really “there”?" && w.page.button.Text() == "Trust it from now on"
	})
	if !strings.Contains(w.page.text.Text, "No authority") || strings.Count(w.page.text.Text, ":") < 29 || kept.Certificate("there") != "" {
		t.Errorf("it says %q", w.page.text.Text)
	}
	test.Tap(w.page.button)
	f.until("a picture", func() bool { return w.body.live })
	f.until("written down", func() bool { f.queue.Do(func() {}); return kept.Certificate("there") != "" })
	w.shut()
	w = f.openOn(first, kept)
	f.until("a picture without a question", func() bool { return w.body.live })
	w.shut()

	trusted := kept.Certificate("there")
	second := startQEMU(t, "-object", "tls-creds-x509,id=tls,endpoint=server,verify-peer=off,dir="+certificate(t), "-vnc", "unix:SOCKET,tls-creds=tls")
	w = f.openOn(second, kept)
	f.until("the alarm", func() bool { return w.page.title.Text() == "The certificate of “there” has changed" })
	if w.page.button.Text() != "Try again" || kept.Certificate("there") != trusted {
		t.Error("it can be waved through")
	}
	w.shut()

	anonymous := startQEMU(t, "-object", "tls-creds-anon,id=tls,endpoint=server", "-vnc", "unix:SOCKET,tls-creds=tls")
	w = f.openOn(anonymous, kept)
	f.until("the explanation", func() bool { return w.page.title.Text() == "The screen wants another protection" })
	if !strings.Contains(w.page.text.Text, "without a certificate") || w.page.form.box.Visible() {
		t.Errorf("it says %q", w.page.text.Text)
	}
}

// certificate makes a folder with a server's certificate as QEMU wants it (tls-creds-x509).
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "there"}, DNSNames: []string{"there"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authority := *template
	template.IsCA, template.KeyUsage = false, x509.KeyUsageDigitalSignature
	root, err := x509.CreateCertificate(rand.Reader, &authority, &authority, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &authority, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"server-cert.pem": {Type: "CERTIFICATE", Bytes: der}, "ca-cert.pem": {Type: "CERTIFICATE", Bytes: root}, "server-key.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startQEMU runs a machine without a guest and returns its display's socket, which stands for SOCKET in the arguments.
func startQEMU(t *testing.T, args ...string) string {
	t.Helper()
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal("QEMU is not installed: run packaging/setup test")
	}
	dir, err := os.MkdirTemp("", "console") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "vnc")
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "SOCKET", socket)
	}
	cmd := exec.Command(qemu, append([]string{"-accel", "tcg", "-m", "32", "-nodefaults", "-no-user-config", "-vga", "std", "-display", "none"}, args...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(patient); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := new(net.Dialer).DialContext(context.Background(), "unix", socket); err == nil {
			conn.Close()
			return socket
		}
		if time.Now().After(end) {
			t.Fatal("QEMU does not listen")
		}
	}
}
