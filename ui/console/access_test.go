package console

import (
	"context"
	"errors"
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
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// remembering is a Displays in memory.
type remembering struct {
	mu       sync.Mutex
	password string
	err      error
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
		w := Open(Params{
			App: fyne.CurrentApp(), Dispatch: f.queue, Machines: onSocket{f, qemu}, Checkpoints: fakeCheckpoints{f}, Jobs: f.jobs, Settings: fakeSettings{f},
			ID: testID, Displays: kept, after: func(time.Duration) <-chan time.Time { return time.After(10 * time.Millisecond) },
			NewSource: func(p hypervisor.GraphicsPath) display.Source {
				return rfb.New(p.Conn, rfb.Options{Password: p.Password})
			},
		})
		t.Cleanup(w.shut)
		return w
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
	cmd := exec.Command(qemu, append([]string{"-accel", "tcg", "-m", "32", "-nodefaults", "-no-user-config", "-vga", "std", "-display", "none", "-S"}, args...)...)
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
