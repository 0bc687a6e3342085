package keymap_test

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/keymap"
)

// The guest is the witness: every key goes through a real RFB client, QEMU and an emulated keyboard into a Linux that says which key it got.

const guestXML = `<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>%d</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='cdrom'/></os>
  <devices>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'/><target dev='sda' bus='sata'/><readonly/></disk>
    <graphics type='vnc'><listen type='socket' socket='%s'/></graphics>
    <controller type='usb' model='qemu-xhci'/>
    %s
    <serial type='pty'/><console type='pty'/>
  </devices>
</domain>`

// noScreen is a presenter that shows nothing.
type noScreen struct{}

func (noScreen) Resize(w, h int) (display.Framebuffer, error) {
	return display.Framebuffer{Pix: make([]byte, w*h*display.BytesPerPixel), Stride: w * display.BytesPerPixel, W: w, H: h}, nil
}
func (noScreen) Damage(image.Rectangle)               {}
func (noScreen) FrameDone()                           {}
func (noScreen) SetCursor(*display.Cursor)            {}
func (noScreen) SetPointerMode(bool)                  {}
func (noScreen) SetLEDs(display.LEDs)                 {}
func (noScreen) SetName(string)                       {}
func (noScreen) Bell()                                {}
func (noScreen) SetCapabilities(display.Capabilities) {}
func (noScreen) SetClipboard(string)                  {}

// machine is a running guest with a client at its display.
type machine struct {
	t      *testing.T
	host   *hosttest.Host
	name   string
	guest  *guesttest.Console
	client *rfb.Client
}

func boot(t *testing.T, name, keyboard string) *machine {
	t.Helper()
	h := hosttest.Start(t)
	socket := filepath.Join(h.Dir, "vnc")
	file := filepath.Join(h.Dir, "machine.xml")
	if err := os.WriteFile(file, fmt.Appendf(nil, guestXML, name, guesttest.MinMemoryMiB, guesttest.ISO(t), socket, keyboard), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
	h.Virsh(t, "start", name)
	m := &machine{t: t, host: h, name: name, guest: guesttest.Open(t, h, name)}
	m.guest.WaitReady()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	m.client = rfb.New(conn, rfb.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.client.Run(ctx, noScreen{})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	if err := hosttest.Poll(hosttest.Patience, func() error {
		if !m.client.Stats().ExtendedKeys {
			return fmt.Errorf("the display takes no key numbers")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

var keyLine = regexp.MustCompile(`^key (\d+) (down|up)$`)

// got returns what the guest's keyboard reported for what send does: "30 down", "30 up".
func (m *machine) got(send func()) []string {
	m.t.Helper()
	const mark = keymap.Esc
	m.guest.Skip()
	send()
	m.press(mark)
	var lines []string
	for !slices.Equal(lines[max(0, len(lines)-2):], []string{"1 down", "1 up"}) {
		match := m.guest.WaitLine(keyLine.String())
		lines = append(lines, match[1]+" "+match[2])
	}
	return lines[:len(lines)-2]
}

func (m *machine) press(evdev uint16) {
	qnum, _ := keymap.QnumFromEvdev(evdev)
	m.client.Key(qnum, 0, true)
	m.client.Key(qnum, 0, false)
}

// monitor asks QEMU.
func (m *machine) monitor(command string) string {
	m.t.Helper()
	return m.host.Virsh(m.t, "qemu-monitor-command", m.name, command)
}

// keyNames are the names of all keys that this QEMU knows.
func (m *machine) keyNames() []string {
	m.t.Helper()
	var answer struct {
		Return []struct {
			Values []string
		}
	}
	if err := json.Unmarshal([]byte(m.monitor(`{"execute":"query-qmp-schema"}`)), &answer); err != nil {
		m.t.Fatal(err)
	}
	for _, e := range answer.Return {
		if slices.Contains(e.Values, "kp_comma") && slices.Contains(e.Values, "spc") {
			return e.Values
		}
	}
	m.t.Fatal("QEMU lists no keys")
	return nil
}

// names are QEMU's names of our keys (QKeyCode of its QMP schema; keycodemapdb relates them to Linux's codes).
var names = map[uint16]string{
	keymap.Esc: "esc", keymap.Key1: "1", keymap.Key2: "2", keymap.Key3: "3", keymap.Key4: "4", keymap.Key5: "5", keymap.Key6: "6",
	keymap.Key7: "7", keymap.Key8: "8", keymap.Key9: "9", keymap.Key0: "0", keymap.Minus: "minus", keymap.Equal: "equal",
	keymap.Backspace: "backspace", keymap.Tab: "tab", keymap.Q: "q", keymap.W: "w", keymap.E: "e", keymap.R: "r", keymap.T: "t", keymap.Y: "y",
	keymap.U: "u", keymap.I: "i", keymap.O: "o", keymap.P: "p", keymap.LeftBrace: "bracket_left", keymap.RightBrace: "bracket_right",
	keymap.Enter: "ret", keymap.LeftCtrl: "ctrl", keymap.A: "a", keymap.S: "s", keymap.D: "d", keymap.F: "f", keymap.G: "g", keymap.H: "h",
	keymap.J: "j", keymap.K: "k", keymap.L: "l", keymap.Semicolon: "semicolon", keymap.Apostrophe: "apostrophe", keymap.Grave: "grave_accent",
	keymap.LeftShift: "shift", keymap.Backslash: "backslash", keymap.Z: "z", keymap.X: "x", keymap.C: "c", keymap.V: "v", keymap.B: "b",
	keymap.N: "n", keymap.M: "m", keymap.Comma: "comma", keymap.Dot: "dot", keymap.Slash: "slash", keymap.RightShift: "shift_r",
	keymap.KPAsterisk: "kp_multiply", keymap.LeftAlt: "alt", keymap.Space: "spc", keymap.CapsLock: "caps_lock",
	keymap.F1: "f1", keymap.F2: "f2", keymap.F3: "f3", keymap.F4: "f4", keymap.F5: "f5", keymap.F6: "f6", keymap.F7: "f7", keymap.F8: "f8",
	keymap.F9: "f9", keymap.F10: "f10", keymap.F11: "f11", keymap.F12: "f12",
	keymap.F13: "f13", keymap.F14: "f14", keymap.F15: "f15", keymap.F16: "f16", keymap.F17: "f17", keymap.F18: "f18", keymap.F19: "f19",
	keymap.F20: "f20", keymap.F21: "f21", keymap.F22: "f22", keymap.F23: "f23", keymap.F24: "f24",
	keymap.NumLock: "num_lock", keymap.ScrollLock: "scroll_lock", keymap.KP0: "kp_0", keymap.KP1: "kp_1", keymap.KP2: "kp_2",
	keymap.KP3: "kp_3", keymap.KP4: "kp_4", keymap.KP5: "kp_5", keymap.KP6: "kp_6", keymap.KP7: "kp_7", keymap.KP8: "kp_8", keymap.KP9: "kp_9",
	keymap.KPMinus: "kp_subtract", keymap.KPPlus: "kp_add", keymap.KPDot: "kp_decimal", keymap.KPEnter: "kp_enter", keymap.KPSlash: "kp_divide",
	keymap.KPEqual: "kp_equals", keymap.KPComma: "kp_comma", keymap.Key102nd: "less", keymap.Ro: "ro", keymap.Yen: "yen",
	keymap.Hiragana: "hiragana", keymap.Henkan: "henkan", keymap.Muhenkan: "muhenkan", keymap.KatakanaHiragana: "katakanahiragana",
	keymap.Hangul: "lang1", keymap.Hanja: "lang2", keymap.RightCtrl: "ctrl_r", keymap.RightAlt: "alt_r", keymap.SysRq: "print",
	keymap.Home: "home", keymap.Up: "up", keymap.PageUp: "pgup", keymap.Left: "left", keymap.Right: "right", keymap.End: "end",
	keymap.Down: "down", keymap.PageDown: "pgdn", keymap.Insert: "insert", keymap.Delete: "delete", keymap.Pause: "pause",
	keymap.LeftMeta: "meta_l", keymap.RightMeta: "meta_r", keymap.Menu: "compose", keymap.Mute: "audiomute",
	keymap.VolumeDown: "volumedown", keymap.VolumeUp: "volumeup", keymap.NextSong: "audionext", keymap.PreviousSong: "audioprev",
	keymap.PlayPause: "audioplay", keymap.StopCD: "audiostop", keymap.Media: "mediaselect", keymap.Mail: "mail",
	keymap.Calculator: "calculator", keymap.Computer: "computer", keymap.HomePage: "ac_home", keymap.Back: "ac_back",
	keymap.Forward: "ac_forward", keymap.Refresh: "ac_refresh", keymap.Bookmarks: "ac_bookmarks", keymap.Sleep: "sleep", keymap.WakeUp: "wake",
	keymap.Power: "power", keymap.Stop: "stop", keymap.Again: "again", keymap.Props: "props", keymap.Undo: "undo", keymap.Front: "front",
	keymap.Copy: "copy", keymap.Open: "open", keymap.Paste: "paste", keymap.Find: "find", keymap.Cut: "cut", keymap.Help: "help",
}

// otherNames are QEMU's further names: "asterisk" and "sysrq" are second names of keys above, no keyboard of today has the others.
var otherNames = []string{"unmapped", "asterisk", "sysrq", "menu", "lf"}

// A lost is why a guest does not get a key that QEMU knows, or gets another: QEMU's emulated keyboard does not have it.
const (
	notPS2  = "QEMU's PS/2 keyboard has no scan code for it" // Sun's extra keys; Korean keys up to QEMU 9
	notUSB  = "QEMU's USB keyboard has no media, browser, power or Sun keys"
	swapUSB = "QEMU 7.2 gives its USB keyboard another usage for it"
)

var sunKeys = []uint16{
	keymap.Again, keymap.Props, keymap.Undo, keymap.Front, keymap.Copy, keymap.Open, keymap.Paste, keymap.Find, keymap.Cut, keymap.Help,
}

// lost gives the reason by key, for each keyboard.
var lost = map[string]map[uint16]string{
	"ps2": reasons(notPS2, append([]uint16{keymap.Hangul, keymap.Hanja}, sunKeys...)...),
	"usb": merge(reasons(notUSB, append([]uint16{
		keymap.Hiragana, keymap.Hangul, keymap.Hanja, keymap.Stop, keymap.Calculator, keymap.Sleep, keymap.WakeUp, keymap.Mail, keymap.Bookmarks,
		keymap.Computer, keymap.Back, keymap.Forward, keymap.NextSong, keymap.PlayPause, keymap.PreviousSong, keymap.StopCD, keymap.HomePage,
		keymap.Refresh, keymap.Media,
	}, sunKeys...)...), reasons(swapUSB, keymap.KPEqual, keymap.KPComma, keymap.Open)),
}

func reasons(why string, keys ...uint16) map[uint16]string {
	m := map[uint16]string{}
	for _, k := range keys {
		m[k] = why
	}
	return m
}

func merge(a, b map[uint16]string) map[uint16]string {
	maps.Copy(a, b)
	return a
}

// Each key that QEMU knows by name has a number in our table that makes QEMU do the same as the name does, and what arrives in the guest is the
// key that was pressed, unless QEMU's keyboard lacks it.
func TestEveryKeyOfQEMUArrivesInAGuest(t *testing.T) {
	for kind, device := range map[string]string{"ps2": "", "usb": "<input type='keyboard' bus='usb'/>"} {
		t.Run(kind, func(t *testing.T) {
			m := boot(t, "keys-"+kind, device)
			known := m.keyNames()
			ours := slices.Collect(maps.Values(names))
			for _, name := range known {
				if !slices.Contains(ours, name) && !slices.Contains(otherNames, name) {
					t.Errorf("no key of ours is QEMU's %q", name)
				}
			}
			for _, evdev := range slices.Sorted(maps.Keys(names)) {
				name := names[evdev]
				if !slices.Contains(known, name) || evdev == keymap.Power || evdev == keymap.Esc {
					continue // a later QEMU's; the guest would power off; arrives after each of the others
				}
				byNumber := m.got(func() { m.press(evdev) })
				want := []string{fmt.Sprintf("%d down", evdev), fmt.Sprintf("%d up", evdev)}
				if kind == "usb" && slices.Equal(byNumber, want) {
					continue // the name was compared on the other keyboard: it takes a process of virsh each
				}
				byName := m.got(func() { m.pressName(name) })
				if !slices.Equal(byNumber, byName) {
					t.Errorf("evdev %d arrives as %v, QEMU's %q as %v", evdev, byNumber, name, byName)
				}
				if why := lost[kind][evdev]; !slices.Equal(byNumber, want) && why == "" {
					t.Errorf("evdev %d (%s) arrives as %v", evdev, name, byNumber)
				}
			}
			// Zenkaku/Hankaku of a 106 key keyboard: a PC keyboard sends it with the scan code of Grave, and so do we.
			if got := m.got(func() { m.press(keymap.ZenkakuHankaku) }); !slices.Equal(got, []string{"41 down", "41 up"}) {
				t.Errorf("Zenkaku/Hankaku arrives as %v", got)
			}
			if kind == "ps2" {
				m.press(keymap.Power)
				m.guest.WaitLine(`^POWER BUTTON$`)
			}
		})
	}
}

// pressName presses and releases a key by QEMU's name for it.
func (m *machine) pressName(name string) {
	m.t.Helper()
	event := func(down bool) string {
		return fmt.Sprintf(`{"type":"key","data":{"down":%v,"key":{"type":"qcode","data":%q}}}`, down, name)
	}
	m.monitor(`{"execute":"input-send-event","arguments":{"events":[` + event(true) + "," + event(false) + `]}}`)
}
