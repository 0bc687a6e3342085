package e2e

import (
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// inputMachine has a PS/2 keyboard and mouse, and no tablet.
const inputMachine = `<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>%d</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='cdrom'/></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'/><target dev='sda' bus='sata'/><readonly/></disk>
    <graphics type='vnc'><listen type='none'/></graphics>
    <graphics type='dbus' p2p='yes'/>
    <video><model type='virtio' heads='1'/></video>
    %s
    <serial type='pty'/><console type='pty'/>
  </devices>
</domain>`

const tablet = "<input type='tablet' bus='usb'/>"

// typist is a running guest in a console window with the focus.
type typist struct {
	*program
	name    string
	guest   *guesttest.Console
	console string // pattern of its window's title
	inside  image.Point
}

func startTypist(t *testing.T, name, devices string) *typist {
	t.Helper()
	h := hosttest.Start(t)
	s := startScreen(t, h)
	file := filepath.Join(h.Dir, name+".xml")
	if err := os.WriteFile(file, fmt.Appendf(nil, inputMachine, name, guesttest.MinMemoryMiB, guesttest.ISO(t), devices), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
	h.Virsh(t, "start", name)
	y := &typist{program: startProgram(t, h, s), name: name, guest: guesttest.Open(t, h, name), console: "^" + name + " – "}
	y.waitText(manager, "^"+name+"$")
	y.click(manager, name)
	y.click(manager, "Show")
	y.waitWindow(y.console)
	y.guest.WaitReady()
	picture := y.waitPicture(y.console, guesttest.Picture.Block)
	y.inside = picture.Min.Add(image.Pt(40, 40))
	return y
}

const (
	captureSign = `^Keyboard (and mouse )?captured – Right Ctrl frees (it|them)$`
	hostKeySign = `^Right Ctrl$`
)

func (y *typist) waitCaptured(on bool) {
	y.t.Helper()
	sign := hostKeySign
	if on {
		sign = captureSign
	}
	y.waitText(y.console, sign)
}

// tapHost taps the host key.
func (y *typist) tapHost() {
	y.t.Helper()
	y.xdotool("key", xRightCtrl)
}

// receives waits for these lines of the guest's keyboard, and for no others between them: "56 down".
func (y *typist) receives(what string, want ...string) {
	y.t.Helper()
	for n, line := range want {
		got := y.guest.WaitLine(`^key (\d+ (?:down|up))$`)[1]
		if got != line {
			y.t.Fatalf("%s: the guest got %q as number %d of %q", what, got, n+1, want)
		}
	}
}

// front waits until a window is the active one.
func (y *typist) front(pattern string) {
	y.t.Helper()
	y.eventually("window "+pattern+" in front", func() error {
		w, err := y.window(pattern)
		if err != nil {
			return err
		}
		id, err := y.xID(w.Title)
		if err != nil {
			return err
		}
		if active := y.run("xdotool", "getactivewindow"); active != id {
			return errors.New("another is")
		}
		return nil
	})
}

func pressed(codes ...int) []string {
	var lines []string
	for _, c := range codes {
		lines = append(lines, strconv.Itoa(c)+" down")
	}
	for n := len(codes) - 1; n >= 0; n-- {
		lines = append(lines, strconv.Itoa(codes[n])+" up")
	}
	return lines
}

// TestKeyboard: what the desktop would take reaches the guest while the keyboard is captured and the desktop while it is free; keys are the
// same physical keys whatever the host's layout; nothing is stuck.
func TestKeyboard(t *testing.T) {
	y := startTypist(t, "Typist", tablet)

	t.Log("captured with the focus: Super and Alt+Tab are the guest's")
	y.waitCaptured(true)
	y.guest.Skip()
	y.xdotool("key", "Super_L")
	y.receives("Super", pressed(125)...)
	y.xdotool("keydown", "Alt_L", "key", "Tab", "keyup", "Alt_L")
	y.receives("Alt+Tab", pressed(56, 15)...)
	y.front(y.console)
	y.xdotool("keydown", "Alt_L", "key", "F4", "keyup", "Alt_L")
	y.receives("Alt+F4", pressed(56, 62)...)

	t.Log("a held key repeats in the guest, and ends")
	y.xdotool("keydown", "a")
	y.guest.WaitLine(`^key 30 down$`)
	y.xdotool("keyup", "a")
	y.guest.WaitLine(`^key 30 up$`)

	captured := true
	for _, layout := range []struct{ name, variant string }{{"us", ""}, {"de", ""}, {"fr", ""}, {"us", "intl"}} {
		t.Logf("the same keys with the layout %s %s, captured and free", layout.name, layout.variant)
		if out := y.run("setxkbmap", "-rules", "evdev", "-model", "pc105", "-layout", layout.name, "-variant", layout.variant); out != "" {
			t.Fatalf("setxkbmap: %s", out)
		}
		for range 2 {
			y.guest.Skip()
			// Of the keys some are dead in one layout or the other: beside 1, Equal, Apostrophe, right of P.
			for _, x := range []int{49, 21, 48, 34, 24, 29, 38, 58, 10, 94} {
				y.xdotool("key", strconv.Itoa(x))
				y.receives(fmt.Sprintf("X key %d", x), pressed(x-8)...)
			}
			y.xdotool("keydown", "50", "key", "24", "keyup", "50") // Shift
			y.receives("Shift+Q", pressed(42, 16)...)
			y.xdotool("keydown", "108", "key", "24", "keyup", "108") // AltGr in most
			y.receives("AltGr+Q", pressed(100, 16)...)
			y.tapHost()
			captured = !captured
			y.waitCaptured(captured)
		}
	}
	y.run("setxkbmap", "-layout", "us")

	t.Log("a dialog takes the keyboard, and what is held is let go of")
	y.waitCaptured(true)
	y.guest.Skip()
	y.xdotool("keydown", "Shift_L")
	y.guest.WaitLine(`^key 42 down$`)
	y.xdotool("keydown", xRightCtrl, "key", "r", "keyup", xRightCtrl)
	y.waitText(y.console, `^Reset\?$`)
	y.guest.WaitLine(`^key 42 up$`)
	y.waitCaptured(false)
	y.xdotool("keyup", "Shift_L")
	y.guest.Skip()
	y.keys("Escape")
	y.waitNoText(y.console, `^Reset\?$`)
	y.waitCaptured(true)
	y.xdotool("key", "b")
	y.receives("the first key after the dialog", pressed(48)...)

	t.Log("freed: Alt+Tab is the desktop's")
	y.tapHost()
	y.waitCaptured(false)
	y.guest.Skip()
	y.xdotool("keydown", "Alt_L", "key", "Tab", "keyup", "Alt_L")
	y.front(manager)
	if line := y.guest.Last(`^key 15 `); line != nil {
		t.Errorf("the guest got %q, too", line[0])
	}
	y.waitWindow(y.console)
	y.waitCaptured(true) // the focus came anew

	t.Log("free when the machine stops")
	y.host.Virsh(t, "destroy", y.name)
	y.waitWindow(y.console + "off$")
	y.keys("alt+F4")
	y.waitNoWindow(y.console)
}

// TestRelativePointer: a guest that knows only movements gets them after a click into its picture, without an end at the screen's edge.
func TestRelativePointer(t *testing.T) {
	y := startTypist(t, "Mouse", "")
	y.guest.Skip()
	y.pointAt(y.inside.Add(image.Pt(20, 0)))
	y.clickAt(y.inside, 1)
	y.waitText(y.console, `^Keyboard and mouse captured`)
	if line := y.guest.Last(`^motion .*`); line != nil {
		t.Errorf("the guest got %q before the pointer was captured", line[0])
	}
	for range 40 {
		y.xdotool("mousemove_relative", "--", "60", "0")
	}
	x := 0
	y.eventually("the whole way", func() error {
		match := y.guest.WaitLine(`^motion (-?\d+) -?\d+ buttons 0$`)
		dx, err := strconv.Atoi(match[1])
		if err != nil {
			return err
		}
		if x += dx; x < screenWidth+200 {
			return fmt.Errorf("moved %d", x)
		}
		return nil
	})
	for n, bit := range map[int]int{1: 1, 3: 2, 2: 4} {
		y.guest.Skip()
		y.xdotool("click", strconv.Itoa(n))
		y.guest.WaitLine(fmt.Sprintf(`^motion 0 0 buttons %d$`, bit))
		y.guest.WaitLine(`^motion 0 0 buttons 0$`)
	}
	y.guest.Skip()
	y.xdotool("click", "5")
	y.guest.WaitLine(`^wheel -1$`)
	y.tapHost()
	y.waitCaptured(false)
	y.guest.Skip()
	y.xdotool("mousemove_relative", "--", "30", "10")
	y.xdotool("key", "a")
	y.guest.WaitLine(`^key 30 down$`)
	if line := y.guest.Last(`^motion .*`); line != nil {
		t.Errorf("a free pointer moves the guest's: %q", line[0])
	}
}

// TestTyping: the clipboard's text arrives as the keys that type it on the guest's keyboard, and an entry of the menu as exactly its combination.
func TestTyping(t *testing.T) {
	y := startTypist(t, "Writer", tablet)
	type stroke struct {
		shift, altgr bool
		key          int
	}
	for _, c := range []struct {
		layout, text string
		want         []stroke
	}{
		{"en-us", "zA|", []stroke{{key: 44}, {shift: true, key: 30}, {shift: true, key: 43}}},
		{"de", "zß@", []stroke{{key: 21}, {key: 12}, {altgr: true, key: 16}}},
		{"fr", "a1{", []stroke{{key: 16}, {shift: true, key: 2}, {altgr: true, key: 5}}},
	} {
		t.Logf("%q with %s", c.text, c.layout)
		y.clip(c.text)
		y.click(y.console, "Keys")
		y.click(y.console, "Type the clipboard’s text…")
		y.waitText(y.console, `^Type the clipboard’s text\?$`)
		for _, known := range []string{"en-us", "de", "fr"} {
			w, err := y.window(y.console)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := find(w, known); err == nil && known != c.layout {
				y.click(y.console, known)
				y.click(y.console, c.layout)
				break
			}
		}
		y.waitText(y.console, `^3 characters, 1 line, `)
		y.guest.Skip()
		y.click(y.console, "Type")
		for _, s := range c.want {
			keys := []int{s.key}
			if s.shift {
				keys = []int{42, s.key}
			}
			if s.altgr {
				keys = []int{100, s.key}
			}
			y.receives("a character", pressed(keys...)...)
		}
		y.waitText(y.console, `^3 characters were typed\.$`)
	}

	t.Log("a program that owns the clipboard and does not answer costs a word, and the window goes on")
	y.silentClipboard()
	y.click(y.console, "Keys")
	y.click(y.console, "Type the clipboard’s text…")
	y.waitText(y.console, `^The program that owns the clipboard does not answer\.`)

	t.Log("a combination of the menu")
	y.guest.Skip()
	y.click(y.console, "Keys")
	y.click(y.console, "Ctrl+Alt+F2")
	y.receives("the combination", pressed(29, 56, 60)...)
}

// clip puts text into the clipboard.
func (p *program) clip(text string) {
	p.t.Helper()
	file := filepath.Join(p.host.Dir, "clip")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.start(exec.Command(hosttest.Tool(p.t, "xclip"), "-selection", "clipboard", "-quiet", "-in", file))
	p.eventually("the clipboard", func() error {
		// Without the newlines at its end, which run leaves out.
		if got := p.run("xclip", "-selection", "clipboard", "-out"); got != strings.TrimSpace(text) {
			return fmt.Errorf("it holds %q", got)
		}
		return nil
	})
}

// silentClipboard has a program own the clipboard that answers nobody, as one that hangs does.
func (p *program) silentClipboard() {
	p.t.Helper()
	x, err := xgb.NewConnDisplay(p.display)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(x.Close)
	const name = "CLIPBOARD"
	clipboard, err := xproto.InternAtom(x, false, uint16(len(name)), name).Reply()
	if err != nil {
		p.t.Fatal(err)
	}
	window, err := xproto.NewWindowId(x)
	if err != nil {
		p.t.Fatal(err)
	}
	root := xproto.Setup(x).DefaultScreen(x).Root
	xproto.CreateWindow(x, 0, window, root, -1, -1, 1, 1, 0, xproto.WindowClassInputOnly, 0, 0, nil)
	xproto.SetSelectionOwner(x, window, clipboard.Atom, xproto.TimeCurrentTime)
	owner, err := xproto.GetSelectionOwner(x, clipboard.Atom).Reply()
	if err != nil || owner.Owner != window {
		p.t.Fatalf("the clipboard was not taken: %v", err)
	}
}
