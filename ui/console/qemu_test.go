package console

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// onSocket is a world whose machine's display is a real one on a unix socket.
type onSocket struct {
	*world
	path string
}

func (s onSocket) OpenDisplay(ctx context.Context, _ uuid.UUID) (hypervisor.GraphicsPath, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.path)
	return hypervisor.GraphicsPath{Conn: conn, Local: true, Host: "there"}, err
}

// TestRealMachine shows a real QEMU's screen in a window, presses keys in it and sends Ctrl+Alt+F2 from the menu. QEMU notes in its trace
// which keys its guest's keyboard was given.
func TestRealMachine(t *testing.T) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal("QEMU is not installed: run packaging/setup test")
	}
	dir, err := os.MkdirTemp("", "console") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, trace := filepath.Join(dir, "vnc"), filepath.Join(dir, "trace")
	cmd := exec.Command(qemu, "-accel", "tcg", "-m", "32", "-nodefaults", "-no-user-config", "-vga", "std", "-display", "none", "-vnc", "unix:"+socket,
		"-trace", "input_event_key_qcode", "-D", trace)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})

	f := newWorld(t, hypervisor.StateRunning)
	w := openWindow(Params{
		App: fyne.CurrentApp(), Dispatch: f.queue, Machines: onSocket{f, socket}, Checkpoints: fakeCheckpoints{f}, Jobs: f.jobs, Settings: fakeSettings{f},
		ID: testID, after: func(time.Duration) <-chan time.Time { return time.After(10 * time.Millisecond) }, // until QEMU listens
		NewSource: func(p hypervisor.GraphicsPath) display.Source { return rfb.New(p.Conn, rfb.Options{Local: p.Local}) },
	})
	t.Cleanup(w.shut)
	f.until("a picture", func() bool { return w.body.live && w.display.GuestSize().X >= 640 })
	f.until("something on it", func() bool {
		for _, v := range w.display.frames.paint().Pix {
			if v != 0 && v != 255 {
				return true
			}
		}
		f.queue.Do(func() {}) // look again
		return false
	})

	for _, scan := range []int{38, 23, 50, 79, 133} { // a, Tab, left Shift, keypad 7, Super
		e := &fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: scan}}
		w.display.KeyDown(e)
		w.display.KeyUp(e)
	}
	w.sendKeys(ctrlAltF(2))
	w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 39}})
	w.display.FocusLost()
	want := "a+ a- tab+ tab- shift+ shift- kp_7+ kp_7- meta_l+ meta_l- ctrl+ alt+ f2+ f2- alt- ctrl- s+ s-"
	f.until("the keys in QEMU's trace", func() bool {
		f.queue.Do(func() {})
		return keysIn(trace) == want || strings.HasSuffix(keysIn(trace), "s-")
	})
	if got := keysIn(trace); got != want {
		t.Errorf("the guest's keyboard got %q, want %q", got, want)
	}
}

// keysIn reads the keys from QEMU's trace: "a+" is a press, "a-" a release.
func keysIn(file string) string {
	data, _ := os.ReadFile(file)
	var keys []string
	for line := range strings.Lines(string(data)) {
		var con, down int
		var name string
		if _, err := fmt.Sscanf(line, "input_event_key_qcode con %d, key qcode %s down %d", &con, &name, &down); err == nil {
			keys = append(keys, strings.TrimSuffix(name, ",")+map[int]string{0: "-", 1: "+"}[down])
		}
	}
	return strings.Join(keys, " ")
}
