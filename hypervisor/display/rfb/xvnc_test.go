package rfb_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"guesthouse/hypervisor/display/rfb"
)

func (x *xServer) dial() net.Conn {
	x.t.Helper()
	return dialSocket(x.t, x.socket)
}

// dialSocket connects to a server that has just been started.
func dialSocket(t testing.TB, path string) (conn net.Conn) {
	t.Helper()
	waitFor(t, "a server", func() (ok bool) {
		var err error
		conn, err = net.Dial("unix", path)
		return err == nil
	})
	return conn
}

func (x *xServer) connect(o rfb.Options) *running {
	x.t.Helper()
	return run(x.t, x.dial(), o)
}

// A recorder is a connection that remembers what the client says.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	said []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.said = append(r.said, p...)
	r.mu.Unlock()
	return r.Conn.Write(p)
}

// has reports whether the client has said these bytes, wherever.
func (r *recorder) has(p ...byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Contains(r.said, p)
}

// command is a program of the X session.
func (x *xServer) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	x.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, tool(x.t, name), args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+x.display)
	return cmd
}

// do runs a program of the X session and returns what it prints.
func (x *xServer) do(name string, args ...string) string {
	x.t.Helper()
	out, err := x.command(name, args...).Output()
	if err != nil {
		x.t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}

func TestXvncSizeNameAndContinuousUpdates(t *testing.T) {
	x := startXvnc(t, 320, 200)
	said := &recorder{Conn: x.dial()}
	r := run(t, said, rfb.Options{Local: true})
	st := r.wait(t, "the picture and the capability", func(st state) bool { return st.frames > 0 && st.can.Resize })
	if st.size.X != 320 || st.size.Y != 200 || !strings.Contains(st.name, "a desk") {
		t.Errorf("%v %q", st.size, st.name)
	}
	r.RequestSize(640, 360)
	r.wait(t, "the wished size", func(st state) bool { return st.size.X == 640 && st.size.Y == 360 })
	if got := x.do("xwininfo", "-root", "-stats"); !strings.Contains(got, "Width: 640") || !strings.Contains(got, "Height: 360") {
		t.Error("the X server's own opinion:", got)
	}

	// Pictures come without being asked for, and not while hidden.
	x.do("xsetroot", "-solid", "#123456")
	r.wait(t, "the colour", func(st state) bool { return st.size.X == 640 && st.pixel(639, 359) == 0x123456 })
	r.SetVisible(false)
	x.do("xsetroot", "-solid", "#abcdef")
	r.SetVisible(true)
	r.wait(t, "what was missed", func(st state) bool { return st.pixel(639, 359) == 0xabcdef })
	x.do("xsetroot", "-solid", "#fedcba")
	r.wait(t, "the next colour", func(st state) bool { return st.pixel(0, 0) == 0xfedcba })
	if !said.has(150, 1, 0, 0, 0, 0) {
		t.Error("Xvnc offers continuous updates, and they are not used")
	}
	if !said.has(248, 0, 0, 0) {
		t.Error("Xvnc sends fences, and none was answered")
	}
	x.do("vncconfig", "-display", x.display, "-set", "desktop=another desk")
	r.wait(t, "the new name", func(st state) bool { return strings.Contains(st.name, "another desk") })
	if !r.intact() {
		t.Error("bytes beside the pixels were written")
	}
}

func TestXvncClipboardBothWays(t *testing.T) {
	x := startXvnc(t, 320, 200)
	r := x.connect(rfb.Options{Local: true})
	r.wait(t, "the clipboard's capability", func(st state) bool { return st.can.Clipboard })
	r.ShareClipboard(true, true)
	copyOut := x.command("xclip", "-selection", "clipboard", "-in", "-quiet")
	copyOut.Stdin = strings.NewReader("aus dem Gast: Grüße €\nzweite Zeile")
	if err := copyOut.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		copyOut.Process.Kill()
		copyOut.Wait()
	}()
	st := r.wait(t, "the guest's text", func(st state) bool { return len(st.texts) > 0 })
	if want := "aus dem Gast: Grüße €\nzweite Zeile"; st.texts[0] != want {
		t.Errorf("got %q, want %q", st.texts[0], want)
	}
	want := "vom Wirt: Ærø €\nund weiter" + strings.Repeat(" long", 20000)
	r.OfferClipboard(want)
	waitFor(t, "our text in the X session", func() bool {
		out, err := x.command("xclip", "-selection", "clipboard", "-out").Output()
		return err == nil && string(out) == want
	})
}

func TestXvncTakesKeysByNumber(t *testing.T) {
	x := startXvnc(t, 320, 200)
	said := &recorder{Conn: x.dial()}
	r := run(t, said, rfb.Options{Local: true, Heartbeat: true})
	waitFor(t, "key numbers", func() bool { return r.Stats().ExtendedKeys })
	r.Key(0x1e, 'a', true)
	waitFor(t, "the key", func() bool { return said.has(255, 0, 0, 1) })
	x.do("xsetroot", "-solid", "#123456")
	r.wait(t, "a picture later", func(st state) bool { return st.frames > 0 && st.pixel(0, 0) == 0x123456 })
	if said.has(255, 0, 0, 0, 0, 0, 0, 0) {
		t.Error("Xvnc is taken for QEMU, and woken")
	}
}
