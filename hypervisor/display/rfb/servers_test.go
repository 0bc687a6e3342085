package rfb_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"guesthouse/hypervisor/display/rfb"
)

// An xServer is a real Xvnc, into which a test draws.
type xServer struct {
	t       testing.TB
	display string
	socket  string // where it serves VNC
	conn    *xgb.Conn
	screen  *xproto.ScreenInfo
	gc      xproto.Gcontext
}

// startXvnc starts Xvnc with a screen of w×h pixels, and more arguments.
func startXvnc(t testing.TB, w, h int, more ...string) *xServer {
	t.Helper()
	program := tool(t, "Xvnc")
	dir, err := os.MkdirTemp("", "rfb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	x := &xServer{t: t, socket: filepath.Join(dir, "vnc")}
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, append([]string{
		"-displayfd", "3", "-geometry", fmt.Sprintf("%dx%d", w, h), "-depth", "24", "-SecurityTypes", "None", "-rfbunixpath", x.socket,
		"-rfbport", "-1", "-nolisten", "tcp", "-ac", "-noreset", "-desktop", "a desk", "-BlacklistThreshold", "1000000",
	}, more...)...)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{to}, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	to.Close()
	number, err := bufio.NewReader(from).ReadString('\n')
	from.Close()
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("Xvnc does not start: %v\n%s", err, log.String())
	}
	x.display = ":" + strings.TrimSpace(number)
	xgb.Logger.SetOutput(io.Discard) // it tells of every missing authority file
	if x.conn, err = xgb.NewConnDisplay(x.display); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.conn.Close)
	x.screen = xproto.Setup(x.conn).DefaultScreen(x.conn)
	if x.gc, err = xproto.NewGcontextId(x.conn); err != nil {
		t.Fatal(err)
	}
	x.check(xproto.CreateGCChecked(x.conn, x.gc, xproto.Drawable(x.screen.Root), xproto.GcSubwindowMode, []uint32{xproto.SubwindowModeIncludeInferiors}).Check())
	return x
}

func (x *xServer) check(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

// put draws a picture.
func (x *xServer) put(p picture) {
	x.t.Helper()
	x.putInto(xproto.Drawable(x.screen.Root), p)
}

func (x *xServer) putInto(target xproto.Drawable, p picture) {
	x.t.Helper()
	const rows = 20 // a request has a limit
	for y := 0; y < p.h; y += rows {
		part := p.sub(image.Rect(0, y, p.w, min(y+rows, p.h)))
		x.check(xproto.PutImageChecked(x.conn, xproto.ImageFormatZPixmap, target, x.gc,
			uint16(part.w), uint16(part.h), 0, int16(y), 0, x.screen.RootDepth, part.raw()).Check())
	}
}

// move copies an area of the screen.
func (x *xServer) move(from image.Rectangle, to image.Point) {
	x.t.Helper()
	root := xproto.Drawable(x.screen.Root)
	x.check(xproto.CopyAreaChecked(x.conn, root, root, x.gc, int16(from.Min.X), int16(from.Min.Y), int16(to.X), int16(to.Y),
		uint16(from.Dx()), uint16(from.Dy())).Check())
}

// screenshot is what the server itself says it shows.
func (x *xServer) screenshot() picture {
	x.t.Helper()
	w, h := x.screen.WidthInPixels, x.screen.HeightInPixels
	m, err := xproto.GetImage(x.conn, xproto.ImageFormatZPixmap, xproto.Drawable(x.screen.Root), 0, 0, w, h, math.MaxUint32).Reply()
	x.check(err)
	p := picture{int(w), int(h), nil}
	for i := 0; i < len(m.Data); i += 4 {
		p.pix = append(p.pix, uint32(m.Data[i+2])<<16|uint32(m.Data[i+1])<<8|uint32(m.Data[i]))
	}
	return p
}

// mixed is a picture that has everything servers treat differently: a smooth part, text, noise, areas of one colour, and few colours.
func mixed(w, h int) picture {
	rng := rand.New(rand.NewPCG(1, 2))
	p := picture{w, h, make([]uint32, w*h)}
	for i := range p.pix {
		x, y := i%w, i/w
		switch {
		case x < w/2 && y < h/2: // a photograph, nearly
			p.pix[i] = uint32(x*255/w)<<16 | uint32(y*255/h)<<8 | uint32(128+int(80*math.Sin(float64(x+y)/25)))
		case y < h/2: // text
			if p.pix[i] = 0xffffff; (x*7+y*3)%11 < 3 && y%12 < 9 {
				p.pix[i] = 0x202020
			}
		case x < w/4:
			p.pix[i] = 0x336699
		case x < w*3/10 && y < h*6/10:
			p.pix[i] = rng.Uint32() >> 8
		default:
			p.pix[i] = []uint32{0xeeeeee, 0x0000ff, 0x00ff00, 0xff0000, 0x777777, 0xcc8800}[(x/5+y/3)%6]
		}
	}
	return p
}

// difference is how far a screen is from a picture: in how many pixels, and by how much a colour on average.
func difference(st state, want picture) (pixels int, mean float64) {
	if st.size != image.Pt(want.w, want.h) {
		return want.w * want.h, 255
	}
	sum := 0
	for i, c := range want.pix {
		got := st.pixel(i%want.w, i/want.w)
		if got == c {
			continue
		}
		pixels++
		for shift := 0; shift < 24; shift += 8 {
			d := int(got>>shift&255) - int(c>>shift&255)
			sum += max(d, -d)
		}
	}
	return pixels, float64(sum) / float64(3*len(want.pix))
}

func same(want picture) func(state) bool {
	return func(st state) bool {
		n, _ := difference(st, want)
		return n == 0
	}
}

// A tap is a connection that keeps what comes in.
type tap struct {
	net.Conn
	mu   sync.Mutex
	kept bytes.Buffer
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.Write(p[:n])
	return n, err
}

func (t *tap) recording() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.kept.Bytes())
}

// watch connects to a server, and keeps what it says.
func watch(t testing.TB, socket string, o rfb.Options) (*running, *tap) {
	t.Helper()
	k := &tap{Conn: dialSocket(t, socket)}
	return run(t, k, o), k
}

func TestQEMUPictureInEveryEncoding(t *testing.T) {
	g := boot(t)
	for _, name := range []string{"raw", "hextile", "zlib", "tight", "zrle"} {
		t.Run(name, func(t *testing.T) {
			c, _ := watch(t, g.socket, rfb.Options{Encodings: []int32{lossless[name]}})
			turned := 0
			c.wait(t, "the picture", func(st state) bool { return shows(st, 640, 480, turned) })
			for range 4 { // over the same streams
				g.order("t")
				turned = 64 - turned
				c.wait(t, "the changed row", func(st state) bool { return shows(st, 640, 480, turned) })
			}
			if s := c.Stats(); s.Encoding != name || !c.intact() {
				t.Errorf("encoding %q, intact %v", s.Encoding, c.intact())
			}
			c.cancel()
			c.ended()
		})
	}
}

func TestXvncPictureInEveryEncoding(t *testing.T) {
	const w, h = 700, 500
	x := startXvnc(t, w, h)
	for _, name := range []string{"raw", "rre", "hextile", "tight", "zrle"} {
		t.Run(name, func(t *testing.T) {
			x.put(mixed(w, h))
			c, _ := watch(t, x.socket, rfb.Options{Encodings: []int32{lossless[name], 1}})
			c.wait(t, "the server's own screenshot", same(x.screenshot()))
			if s := c.Stats(); s.Encoding != name {
				t.Errorf("encoding %q", s.Encoding)
			}
			x.move(image.Rect(20, 30, 420, 330), image.Pt(25, 22))
			c.wait(t, "the screenshot after a part moved", same(x.screenshot()))
			if s := c.Stats(); s.Encoding != "copyrect" {
				t.Errorf("a part moved, and came as %q", s.Encoding)
			}
			for seed := range uint64(5) { // over the same streams
				x.put(draw(rand.New(rand.NewPCG(seed, 0)), w, h, 1<<(2*seed+1)))
				c.wait(t, "another screenshot", same(x.screenshot()))
			}
			if !c.intact() {
				t.Error("bytes beside the pixels were written")
			}
			c.cancel()
			c.ended()
		})
	}
}

// Lossy pictures are near, and become exact once the server has time to mend them.
func TestXvncPictureAsJPEG(t *testing.T) {
	const w, h = 700, 500
	x := startXvnc(t, w, h)
	x.put(mixed(w, h))
	want := x.screenshot()
	c, k := watch(t, x.socket, rfb.Options{Encodings: []int32{7}, Quality: 9})
	st := c.wait(t, "a picture", func(st state) bool { return st.frames > 0 && st.pixel(w-1, h-1) != 0 })
	if n, mean := difference(st, want); mean > 4 {
		t.Errorf("%d pixels differ, by %.1f on average", n, mean)
	}
	if !bytes.Contains(k.recording(), []byte("JFIF")) {
		t.Error("the server sent no JPEG picture")
	}
}

// TestRecordedSessions plays what real servers have said, and compares with the screenshots that they made of themselves.
//
// The recordings were made by TestRecordSessions on Debian 12: QEMU 7.2 (its BIOS' text screen), Xvnc of TigerVNC 1.12 and x11vnc 0.9.16 with
// the picture of mixed.
func TestRecordedSessions(t *testing.T) {
	for name, talk := range recordedSessions(t) {
		server, _, _ := strings.Cut(name, "-")
		f, err := os.Open(filepath.Join(sessions, server+".png"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		want := picture{m.Bounds().Dx(), m.Bounds().Dy(), nil}
		for i := range want.w * want.h {
			r, g, b, _ := m.At(i%want.w, i/want.w).RGBA()
			want.pix = append(want.pix, (r>>8)<<16|(g>>8)<<8|b>>8)
		}
		show := newScreen()
		err = rfb.New(&replay{in: bytes.NewReader(talk)}, rfb.Options{}).Run(context.Background(), show)
		n, mean := difference(show.state(), want)
		if lossy := strings.Contains(name, "jpeg"); mean > 4 || n > 0 && !lossy {
			t.Errorf("%s: %d pixels differ, by %.1f on average; ended with %v", name, n, mean, err)
		}
		if !show.intact() {
			t.Errorf("%s: bytes beside the pixels were written", name)
		}
	}
}

const sessions = "testdata/sessions"

// recordedSessions is what servers said, by name.
func recordedSessions(t testing.TB) map[string][]byte {
	files, err := filepath.Glob(filepath.Join(sessions, "*.rfb"))
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded sessions: ", err)
	}
	all := make(map[string][]byte)
	for _, file := range files {
		talk, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".rfb")] = talk
	}
	return all
}

// TestRecordSessions makes the recordings of TestRecordedSessions: GUESTHOUSE_RECORD=1 go test -run TestRecordSessions .
func TestRecordSessions(t *testing.T) {
	if os.Getenv("GUESTHOUSE_RECORD") == "" {
		t.Skip("GUESTHOUSE_RECORD is not set")
	}
	if err := os.MkdirAll(sessions, 0o755); err != nil {
		t.Fatal(err)
	}
	keep := func(name, socket string, o rfb.Options, want picture) {
		c, k := watch(t, socket, o)
		st := c.wait(t, name, func(st state) bool {
			n, mean := difference(st, want)
			return n == 0 || o.Quality > 0 && mean < 4
		})
		if err := os.WriteFile(filepath.Join(sessions, name+".rfb"), k.recording(), 0o644); err != nil {
			t.Fatal(err)
		}
		n, mean := difference(st, want)
		t.Logf("%s: %d bytes, %d pixels differ by %.2f", name, len(k.recording()), n, mean)
		c.cancel()
		c.ended()
	}
	keepPicture := func(server string, p picture) {
		m := image.NewRGBA(image.Rect(0, 0, p.w, p.h))
		for i, c := range p.pix {
			m.Set(i%p.w, i/p.w, color.RGBA{byte(c >> 16), byte(c >> 8), byte(c), 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sessions, server+".png"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	const w, h = 260, 170
	x := startXvnc(t, w, h)
	x.put(mixed(w, h))
	want := x.screenshot()
	keepPicture("xvnc", want)
	for _, name := range []string{"hextile", "tight", "zrle"} {
		keep("xvnc-"+name, x.socket, rfb.Options{Encodings: []int32{lossless[name]}}, want)
	}
	keep("xvnc-jpeg", x.socket, rfb.Options{Encodings: []int32{7}, Quality: 9}, want)

	socket := filepath.Join(t.TempDir(), "s")
	server := exec.Command(tool(t, "x11vnc"), "-display", x.display, "-unixsock", socket, "-rfbport", "0", "-forever", "-nopw", "-quiet", "-cursor", "none", "-noxdamage")
	server.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	keepPicture("x11vnc", want)
	for _, name := range []string{"corre", "zlib", "tight", "zrle"} {
		keep("x11vnc-"+name, socket, rfb.Options{Encodings: []int32{lossless[name]}}, want)
	}

	dir := t.TempDir()
	qemu := exec.Command(tool(t, "qemu-system-x86_64"), "-accel", "tcg", "-m", "16", "-nodefaults", "-no-user-config", "-vga", "std", "-display", "none",
		"-vnc", "unix:"+dir+"/v", "-qmp", "unix:"+dir+"/q,server,nowait")
	if err := qemu.Start(); err != nil {
		t.Fatal(err)
	}
	defer qemu.Wait()
	defer qemu.Process.Kill()
	var qmp net.Conn
	waitFor(t, "QEMU's monitor", func() (ok bool) {
		var err error
		qmp, err = net.Dial("unix", dir+"/q")
		return err == nil
	})
	answers := json.NewDecoder(qmp)
	ask := func(what string) {
		io.WriteString(qmp, what)
		for {
			var a struct{ Return, Error json.RawMessage }
			if err := answers.Decode(&a); err != nil || a.Error != nil {
				t.Fatal(err, string(a.Error))
			}
			if a.Return != nil {
				return
			}
		}
	}
	ask(`{"execute":"qmp_capabilities"}`)
	waitFor(t, "the BIOS to complain", func() bool {
		ask(`{"execute":"screendump","arguments":{"filename":"` + dir + `/p"}}`)
		b, err := os.ReadFile(dir + "/p")
		if err != nil {
			t.Fatal(err)
		}
		var p picture
		fmt.Sscanf(string(b[:min(len(b), 40)]), "P6\n%d %d\n", &p.w, &p.h)
		for pix := b[len(b)-3*p.w*p.h:]; len(pix) > 0; pix = pix[3:] {
			p.pix = append(p.pix, uint32(pix[0])<<16|uint32(pix[1])<<8|uint32(pix[2]))
		}
		still := slices.Equal(p.pix, want.pix) && p.h == 400 && slices.Max(p.pix) > 0
		want = p
		return still
	})
	keepPicture("qemu", want)
	for _, name := range []string{"hextile", "zlib", "tight", "zrle"} {
		keep("qemu-"+name, dir+"/v", rfb.Options{Encodings: []int32{lossless[name]}}, want) // when the cursor is as it was then
	}
}
