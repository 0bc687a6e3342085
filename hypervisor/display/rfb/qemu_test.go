package rfb_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/hypervisor/keymap"
)

// A guest is a real QEMU that runs testdata/guest.S.
type guest struct {
	t      testing.TB
	socket string
	trace  string // file in which QEMU notes the keys it is given
	cmd    *exec.Cmd
	serial io.Writer
	lines  chan string // of the serial line
}

// tool finds a program, or skips the test where it is not installed.
func tool(t testing.TB, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// boot assembles the guest and starts it, with more arguments for QEMU.
func boot(t testing.TB, more ...string) *guest {
	t.Helper()
	return bootSource(t, "testdata/guest.S", more...)
}

// bootSource is boot for any guest that prints "+" when it is ready.
func bootSource(t testing.TB, source string, more ...string) *guest {
	t.Helper()
	qemu, as, ld := tool(t, "qemu-system-x86_64"), tool(t, "as"), tool(t, "ld")
	dir, err := os.MkdirTemp("", "rfb") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	image := filepath.Join(dir, "guest.img")
	for _, c := range [][]string{
		{as, "--32", "-o", image + ".o", source},
		{ld, "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", image, image + ".o"},
	} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
	}
	g := &guest{t: t, socket: filepath.Join(dir, "vnc"), trace: filepath.Join(dir, "trace"), lines: make(chan string, 1000)}
	g.cmd = exec.Command(qemu, append(more, "-accel", "tcg", "-machine", "pc", "-m", "16", "-nodefaults", "-no-user-config", "-vga", "std",
		"-display", "none", "-vnc", "unix:"+g.socket+vncOptions(more), "-serial", "stdio", "-name", "boot sector", "-trace", "input_event_key_qcode", "-D", g.trace,
		"-drive", "if=ide,format=raw,readonly=off,snapshot=on,file="+image)...)
	in, err := g.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.cmd.Stderr = os.Stderr
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.serial = in
	go func() {
		defer close(g.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			g.lines <- strings.TrimSpace(s.Text())
		}
	}()
	t.Cleanup(func() {
		g.cmd.Process.Kill()
		for range g.lines { // until the reader has seen the end
		}
		g.cmd.Wait()
	})
	g.expect("+")
	return g
}

// vncOptions makes QEMU ask for the password of a secret, and use the certificate, among the arguments.
func vncOptions(more []string) (options string) {
	if slices.Contains(more, passwordSecret) {
		options = ",password-secret=pw"
	}
	for _, m := range more {
		if strings.HasPrefix(m, "tls-creds-x509,id=tls,") {
			options += ",tls-creds=tls"
		}
	}
	return options
}

const passwordSecret = "secret,id=pw,data=open you"

// connect opens the guest's display.
func (g *guest) connect(o rfb.Options) *running {
	g.t.Helper()
	conn, err := net.Dial("unix", g.socket)
	if err != nil {
		g.t.Fatal(err)
	}
	return run(g.t, conn, o)
}

// line is the next line the guest prints.
func (g *guest) line() string {
	g.t.Helper()
	select {
	case s, ok := <-g.lines:
		if !ok {
			g.t.Fatal("the guest is gone")
		}
		return s
	case <-time.After(patience):
		g.t.Fatal("the guest prints nothing")
	}
	return ""
}

// expect reads lines until one is want.
func (g *guest) expect(want string) {
	g.t.Helper()
	for g.line() != want {
	}
}

// order makes the guest do something, and waits until it has.
func (g *guest) order(what string) {
	g.t.Helper()
	if _, err := io.WriteString(g.serial, what); err != nil {
		g.t.Fatal(err)
	}
	g.expect("+")
}

// rule is the guest's picture: the colour of the pixel of this number.
func rule(i int) uint32 { return uint32(i) * 2654435761 >> 8 }

// shows reports whether the picture is the guest's, of this size, with turned of its pixels inverted.
func shows(st state, w, h, turned int) bool {
	if st.size.X != w || st.size.Y != h {
		return false
	}
	for i := range w * h {
		want := rule(i)
		if i < turned {
			want ^= 0xffffff
		}
		if st.pixel(i%w, i/w) != want {
			return false
		}
	}
	return true
}

func TestQEMUPictureIsTheGuestsPictureOnEveryPixel(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{Heartbeat: true, Local: true})
	c.wait(t, "the whole picture", func(st state) bool { return shows(st, 640, 480, 0) })

	g.order("t")
	st := c.wait(t, "the inverted row", func(st state) bool { return shows(st, 640, 480, 64) })
	if st.damage.Dx()*st.damage.Dy() >= 640*480 {
		t.Error("64 pixels changed, and everything was sent:", st.damage)
	}

	g.order("r")
	c.wait(t, "the picture after a resize", func(st state) bool { return shows(st, 800, 600, 0) })
	if !c.intact() {
		t.Error("bytes beside the pixels were written")
	}

	s := c.Stats()
	if !s.ExtendedKeys || s.Encoding != "raw" || s.Updates == 0 || s.Rectangles == 0 || s.BytesIn < 640*480*4 || s.FirstPicture <= 0 {
		t.Errorf("odd figures: %+v", s)
	}
	if name := c.state().name; !strings.Contains(name, "boot sector") {
		t.Errorf("the display's name is %q", name)
	}
}

func TestQEMUWithAPassword(t *testing.T) {
	g := boot(t, "-object", passwordSecret)
	for password, want := range map[string]error{"": display.ErrPasswordNeeded, "wrong": display.ErrAuth} {
		if err := g.connect(rfb.Options{Password: password}).ended(); !errors.Is(err, want) {
			t.Errorf("password %q: ended with %v", password, err)
		}
	}
	c := g.connect(rfb.Options{Password: "open you"})
	c.wait(t, "the picture", func(st state) bool { return shows(st, 640, 480, 0) })
}

func TestQEMUTellsLampsAndPointerMode(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{})
	c.wait(t, "a pointer mode", func(st state) bool { return st.modes > 0 })
	if c.state().absolute || c.Stats().AbsolutePoint {
		t.Error("a PS/2 mouse is not absolute")
	}
	g.order("l")
	c.wait(t, "all lamps", func(st state) bool { return st.leds == display.LEDs{Scroll: true, Num: true, Caps: true} })
}

func TestQEMUMouseMovesAndPressesInTheGuest(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{})
	c.wait(t, "a pointer mode", func(st state) bool { return st.modes > 0 })
	g.order("e")
	// A PS/2 packet: flags (1 left, 2 right, 4 middle, 8 always, 0x10/0x20 signs), dx, dy upwards.
	for _, step := range []struct {
		dx, dy  int
		buttons display.ButtonMask
		want    []string
	}{
		{5, 3, 0, []string{"m28", "m05", "mfd"}},
		{0, 0, display.ButtonLeft, []string{"m09", "m00", "m00"}},
		{-2, -1, display.ButtonLeft, []string{"m19", "mfe", "m01"}},
		{0, 0, display.ButtonLeft | display.ButtonRight, []string{"m0b", "m00", "m00"}},
		{0, 0, display.ButtonMiddle, []string{"m0c", "m00", "m00"}},
	} {
		c.Relative(step.dx, step.dy, step.buttons)
		for _, want := range step.want {
			if got := g.mouse(); got != want {
				t.Fatalf("%+v: the guest got %s, want %s", step, got, want)
			}
		}
	}
	c.ReleaseAll()
	for _, want := range []string{"m08", "m00", "m00"} {
		if got := g.mouse(); got != want {
			t.Fatalf("ReleaseAll: the guest got %s, want %s", got, want)
		}
	}
}

// mouse is the next mouse byte.
func (g *guest) mouse() string {
	g.t.Helper()
	for {
		if s := g.line(); strings.HasPrefix(s, "m") && s != "mfa" {
			return s
		}
	}
}

// unheard are keys that QEMU knows by a name, but that its PS/2 keyboard has no scan code for: guests with a USB or virtio keyboard get them.
var unheard = map[uint16]string{
	keymap.Again: "again", keymap.Props: "props", keymap.Undo: "undo", keymap.Front: "front", keymap.Copy: "copy",
	keymap.Open: "open", keymap.Paste: "paste", keymap.Find: "find", keymap.Cut: "cut", keymap.Help: "help",
	keymap.Hangul: "lang1", keymap.Hanja: "lang2",
}

// unknown are keys with a number that QEMU 7.2 has no key for; later versions have some of them. None belongs to a 105 or 106 key keyboard:
// there, Zenkaku/Hankaku sends the code of Grave.
var unknown = []uint16{
	keymap.ZenkakuHankaku, keymap.Katakana, keymap.KPJPComma, keymap.Prog1, keymap.Prog2, keymap.WWW, keymap.ScreenLock, keymap.EjectCD,
	keymap.Rewind, keymap.Config, keymap.F13, keymap.F14, keymap.F15, keymap.F16, keymap.F17, keymap.F18, keymap.F19, keymap.F20, keymap.F21,
	keymap.F22, keymap.F23, keymap.F24, keymap.FastForward, keymap.Search, keymap.BrightnessDown, keymap.BrightnessUp,
}

// The guest is the witness of the key table: whatever the numbers mean, these are the bytes that a PC's program reads.
func TestQEMUGuestReceivesEveryKeyOfTheTable(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{})
	waitFor(t, "key numbers", func() bool { return c.Stats().ExtendedKeys })
	for evdev := range uint16(256) {
		qnum, ok := keymap.QnumFromEvdev(evdev)
		if !ok {
			continue
		}
		down, up := scanCodes(evdev, qnum)
		if unheard[evdev] != "" {
			down, up = nil, nil
		}
		strict := !slices.Contains(unknown, evdev)
		c.Key(qnum, 0, true)
		c.Key(qnum, 0, false)
		// Escape ends what the key printed, whatever that was.
		c.Key(1, 0, true)
		c.Key(1, 0, false)
		want := append(append(down, up...), "k01", "k81")
		if evdev == keymap.Esc {
			want = []string{"k01", "k81", "k01", "k81"}
		}
		var got []string
		for len(got) < 2 || got[len(got)-1] != "k81" || evdev == keymap.Esc && len(got) < 4 {
			got = append(got, g.line())
		}
		if !slices.Equal(got, want) && (strict || len(got) > 2) {
			t.Errorf("evdev %d, qnum %#x: the guest got %v, want %v", evdev, qnum, got, want)
		}
	}
	trace, err := os.ReadFile(g.trace)
	if err != nil {
		t.Fatal(err)
	}
	for evdev, name := range unheard {
		qnum, _ := keymap.QnumFromEvdev(evdev)
		if !strings.Contains(string(trace), "key qcode "+name+",") {
			t.Errorf("evdev %d, qnum %#x is not what QEMU calls %q", evdev, qnum, name)
		}
	}
}

// scanCodes is what a PC keyboard sends in set 1 for a key.
func scanCodes(evdev uint16, qnum uint32) (down, up []string) {
	switch evdev {
	case keymap.Pause: // says everything when pressed
		return []string{"ke1", "k1d", "k45", "ke1", "k9d", "kc5"}, nil
	case keymap.SysRq:
		return []string{"ke0", "k2a", "ke0", "k37"}, []string{"ke0", "kb7", "ke0", "kaa"}
	}
	code := qnum & 0x7f
	if qnum&0x80 != 0 {
		down, up = []string{"ke0"}, []string{"ke0"}
	}
	return append(down, hex(code)), append(up, hex(code|0x80))
}

func hex(code uint32) string {
	const digits = "0123456789abcdef"
	return string([]byte{'k', digits[code>>4&15], digits[code&15]})
}

func TestQEMUSeesAutoRepeatAndLetsGoOfEverything(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{})
	waitFor(t, "key numbers", func() bool { return c.Stats().ExtendedKeys })
	ctrl, _ := keymap.QnumFromEvdev(keymap.LeftCtrl)
	a, _ := keymap.QnumFromEvdev(keymap.A)
	c.Key(ctrl, 0, true)
	c.Key(a, 0, true)
	c.Key(a, 0, true) // repeat
	for _, want := range []string{"k1d", "k1e", "k1e"} {
		if got := g.line(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	c.ReleaseAll()
	c.ReleaseAll() // nothing is down any more
	got := map[string]bool{g.line(): true, g.line(): true}
	if !got["k9d"] || !got["k9e"] {
		t.Fatalf("released %v, want k9d and k9e", got)
	}
	c.Key(a, 0, false) // late release from the toolkit
	c.Key(1, 0, true)
	if got := g.line(); got != "k01" {
		t.Fatalf("a release too many reached the guest: %s", got)
	}
}

// The picture comes after a key press without anybody else waking QEMU; the wake messages must not reach the guest.
func TestQEMUWakeMessagesReachNoGuest(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{Heartbeat: true})
	c.wait(t, "the picture", func(st state) bool { return shows(st, 640, 480, 0) })
	out := c.Stats().BytesOut
	c.Key(1, 0, true)
	// Nothing changes in the guest, so that wakes go on for their time and the heartbeat after them.
	waitFor(t, "ten wake messages", func() bool { return c.Stats().BytesOut >= out+10*12 })
	c.Key(1, 0, false)
	for _, want := range []string{"k01", "k81"} {
		if got := g.line(); got != want {
			t.Fatalf("the guest got %s, want %s", got, want)
		}
	}
}

func TestQEMUThatIsKilledEndsTheClientInOrder(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{Heartbeat: true})
	c.wait(t, "the picture", func(st state) bool { return shows(st, 640, 480, 0) })
	g.cmd.Process.Kill()
	if err := c.ended(); !errors.Is(err, display.ErrClosed) && !errors.Is(err, display.ErrTransport) {
		t.Errorf("Run ended with %v", err)
	}
}

// waitFor polls for what has no event.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// QEMU says that it has a clipboard even where the guest has no channel for it, and cannot tell a VGA guest another size.
func TestQEMUTellsWhatItCanDo(t *testing.T) {
	g := boot(t)
	c := g.connect(rfb.Options{Local: true})
	st := c.wait(t, "the picture and the clipboard", func(st state) bool { return st.can.Clipboard && shows(st, 640, 480, 0) })
	if st.can.SideButtons {
		t.Error("QEMU has no side buttons")
	}
	c.ShareClipboard(true, true)
	c.OfferClipboard("Grüße €")
	c.wait(t, "the message of sizes", func(st state) bool { return st.can.Resize })
	c.RequestSize(800, 600)
	c.wait(t, "the refusal", func(st state) bool { return !st.can.Resize })
	g.order("r") // it can still change by itself
	c.wait(t, "the other size", func(st state) bool { return shows(st, 800, 600, 0) && !st.can.Resize })
	c.ShareClipboard(false, false)
}

// QEMU hands one viewer's clipboard to another as it does to a guest with an agent.
func TestQEMUHandsTheClipboardOn(t *testing.T) {
	g := boot(t)
	var both [2]*running
	for i := range both {
		both[i] = g.connect(rfb.Options{Local: true})
		both[i].wait(t, "the clipboard's capability", func(st state) bool { return st.can.Clipboard })
		both[i].ShareClipboard(true, true)
	}
	for i, text := range []string{"Grüße €\nzweite Zeile", strings.Repeat("many lines\n", 20000), "kurz"} {
		from, to := both[i%2], both[(i+1)%2]
		from.OfferClipboard(text)
		to.wait(t, "the text", func(st state) bool { return slices.Contains(st.texts, text) })
	}
}
