package rfb_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// BenchmarkDecode is the processor time for an update of 1920×1080 pixels, by encoding and content: ours, and that of TigerVNC's and
// libvncclient's decoders (packaging/testing/decoders) for the same bytes in turn.
//
// What counts is the whole process, with its part of the kernel: ours and libvncclient read a unix socket that the same sender fills,
// TigerVNC's program a file. Each decodes the recording ten times, of which the first gets it its memory and does not count: in some virtual
// machines a new page costs more than decoding what is written to it. For the same reason the C libraries are told to keep what was freed.
// The result is the least of the nine others, in all turns, as others use the processor, too.
func BenchmarkDecode(b *testing.B) {
	qemu := startDisplayGuest(b)
	for _, content := range []struct {
		name    string
		command byte
	}{{"desktop", guesttest.ShowDesktop}, {"noise", guesttest.ShowNoise}} {
		qemu.screen.Do(content.command)
		for _, encoding := range []string{"raw", "hextile", "zlib", "tight", "zrle"} {
			b.Run(encoding+"/"+content.name, func(b *testing.B) {
				compareDecoders(b, record(b, qemu.socket, rfb.Options{Local: true}, lossless[encoding]), encoding)
			})
		}
	}
}

// BenchmarkDecodeJPEG is BenchmarkDecode for Tight with JPEG pictures, which QEMU never sends to us, but Xvnc does: of a desktop that has a
// photograph, text and areas in it, and of a photograph alone.
func BenchmarkDecodeJPEG(b *testing.B) {
	const w, h = 1920, 1080
	x := startXvnc(b, w, h)
	for _, content := range []struct {
		name  string
		shown picture
	}{{"desktop", mixed(w, h)}, {"photograph", photograph(w, h)}} {
		stop := x.flicker(content.shown)
		talk := record(b, x.socket, rfb.Options{Local: true}, lossless["tight"], qualityLevel8)
		stop()
		b.Run(content.name, func(b *testing.B) { compareDecoders(b, talk, "tight") })
	}
}

const qualityLevel8 = -24 // of 0 to 9: TigerVNC's viewer's own choice

// photograph is a picture as a camera makes it: smooth, with edges and a little noise.
func photograph(w, h int) picture {
	rng := rand.New(rand.NewPCG(3, 4))
	p := picture{w, h, make([]uint32, w*h)}
	for i := range p.pix {
		x, y := float64(i%w), float64(i/w)
		light := 110 + 60*math.Sin(x/90+math.Sin(y/70)) + 40*math.Cos(y/33-x/200) + rng.NormFloat64()*3
		if math.Sin(x/57)*math.Sin(y/43) > 0.4 {
			light /= 2
		}
		for shift, colour := range []float64{0.7, 0.9, 1.1} {
			p.pix[i] |= uint32(max(0, min(light*colour, 255))) << (16 - 8*shift)
		}
	}
	return p
}

// flicker shows a picture, and moved by some pixels, by turns until stop is called: each time the whole screen changes at once.
func (x *xServer) flicker(p picture) (stop func()) {
	moved := picture{p.w, p.h, append(slices.Clone(p.pix[5:]), p.pix[:5]...)}
	var shown [2]xproto.Drawable
	for i, p := range []picture{p, moved} {
		pixmap, err := xproto.NewPixmapId(x.conn)
		x.check(err)
		shown[i] = xproto.Drawable(pixmap)
		x.check(xproto.CreatePixmapChecked(x.conn, x.screen.RootDepth, pixmap, xproto.Drawable(x.screen.Root), uint16(p.w), uint16(p.h)).Check())
		x.putInto(shown[i], p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var drawing sync.WaitGroup
	drawing.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			xproto.CopyArea(x.conn, shown[i%2], xproto.Drawable(x.screen.Root), x.gc, 0, 0, 0, 0, uint16(p.w), uint16(p.h))
			x.conn.Sync()
			time.Sleep(50 * time.Millisecond)
		}
	})
	return func() {
		cancel()
		drawing.Wait()
	}
}

const (
	recordedUpdates = 20
	decodePasses    = 10 // how often each program decodes a recording in a turn, which is built into TigerVNC's
	decodeTurns     = 3  // how often they take turns, as one of them may be disturbed all the time
)

// compareDecoders runs all decoders on a recording.
func compareDecoders(b *testing.B, talk []byte, encoding string) {
	file := filepath.Join(b.TempDir(), "recording")
	if err := os.WriteFile(file, talk, 0o600); err != nil {
		b.Fatal(err)
	}
	type decoder struct {
		name string
		run  func() time.Duration
		best time.Duration
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	decoders := []*decoder{{name: "guesthouse", run: func() time.Duration {
		return fromSocket(b, talk, func(socket string) *exec.Cmd {
			cmd := exec.Command(self, "-test.run", "^TestDecodingProcess$")
			cmd.Env = append(os.Environ(), decodeSocket+"="+socket)
			return cmd
		})
	}}}
	if program := os.Getenv("GUESTHOUSE_LIBVNCCLIENT"); program != "" {
		decoders = append(decoders, &decoder{name: "libvncclient", run: func() time.Duration {
			return fromSocket(b, talk, func(socket string) *exec.Cmd { return exec.Command(program, socket) })
		}})
	}
	if program := os.Getenv("GUESTHOUSE_DECPERF"); program != "" && encoding != "zlib" { // which it lacks
		decoders = append(decoders, &decoder{name: "tigervnc", run: func() time.Duration {
			cmd := exec.Command(program, file)
			cmd.Env = append(cmd.Environ(), keepMemory...)
			out, err := cmd.Output()
			var seconds float64
			if _, scan := fmt.Sscanf(string(out), "CPU time: %g s", &seconds); err != nil || scan != nil {
				b.Fatalf("decperf: %v, %q", err, out)
			}
			return time.Duration(seconds * float64(time.Second))
		}})
	}
	for b.Loop() {
		for range decodeTurns {
			for _, d := range decoders {
				if took := d.run(); d.best == 0 || took < d.best {
					d.best = took
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op") // the sum of all says nothing
	var peer *decoder
	for _, d := range decoders {
		b.ReportMetric(d.best.Seconds()*1000/recordedUpdates, d.name+"-cpu-ms/update")
		if d != decoders[0] && (peer == nil || d.best < peer.best) {
			peer = d
		}
	}
	if peer != nil {
		b.ReportMetric(decoders[0].best.Seconds()/peer.best.Seconds(), "cpu-ratio:"+peer.name)
		b.ReportMetric(1, "cpu-bar")
	}
}

// fromSocket plays a recording to a program that connects to a unix socket decodePasses times, and returns the least of the processor times
// that it says it took, but for the first.
func fromSocket(b *testing.B, talk []byte, program func(socket string) *exec.Cmd) time.Duration {
	dir, err := os.MkdirTemp("", "rfb")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s := &server{conn, b}
			s.admit()
			conn.(*net.UnixConn).SetWriteBuffer(4 << 20) // as QEMU's end has that we hand it; the kernel has its own limit
			go func() {
				conn.Write(talk)
				conn.(*net.UnixConn).CloseWrite()
			}()
			io.Copy(io.Discard, conn) // until the client hangs up: it may still write when it has everything
			conn.Close()
		}
	}()
	cmd := program(socket)
	cmd.Env, cmd.Stderr = append(cmd.Environ(), keepMemory...), os.Stderr
	out, err := cmd.Output()
	fields := strings.Fields(string(out))
	if err != nil || len(fields) < decodePasses || fields[0] != fmt.Sprint(recordedUpdates) {
		b.Fatalf("%s: %v, %q", cmd.Path, err, out)
	}
	var took []time.Duration
	for _, field := range fields[1:decodePasses] {
		d, err := time.ParseDuration(field + "s")
		if err != nil {
			b.Fatalf("%s: %q", cmd.Path, out)
		}
		took = append(took, d)
	}
	return slices.Min(took)
}

// keepMemory makes the C library's malloc keep what was freed instead of getting new pages again and again.
var keepMemory = []string{"MALLOC_MMAP_MAX_=0", "MALLOC_TRIM_THRESHOLD_=1073741824"}

const decodeSocket = "GUESTHOUSE_DECODE_SOCKET"

// TestDecodingProcess is a process of BenchmarkDecode: a client without a screen, that says what it took.
func TestDecodingProcess(t *testing.T) {
	socket := os.Getenv(decodeSocket)
	if socket == "" {
		t.Skip("only for BenchmarkDecode")
	}
	show := &timed{}
	for pass := range decodePasses {
		runtime.GC() // the memory of the pass before is free again
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		show.frames = 0
		_ = rfb.New(conn, rfb.Options{Local: true}).Run(context.Background(), show)
		if took := cpuTime() - show.began; pass == 0 {
			fmt.Print(show.frames)
		} else {
			fmt.Printf(" %.6f", took.Seconds())
		}
	}
	fmt.Println()
}

// timed is a screen that keeps its memory, and notes when its first pixels can come.
type timed struct {
	flat
	memory display.Framebuffer
	began  time.Duration
}

func (t *timed) Resize(w, h int) (fb display.Framebuffer, err error) {
	if t.memory.W != w || t.memory.H != h {
		t.memory, err = t.flat.Resize(w, h)
	}
	t.began = cpuTime()
	return t.memory, err
}

// cpuTime is what this process has used so far, with its part of the kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A displayGuest is a QEMU that shows moving pictures.
type displayGuest struct {
	socket string
	screen *guesttest.Screen
}

func startDisplayGuest(b *testing.B) displayGuest {
	b.Helper()
	qemu := tool(b, "qemu-system-x86_64")
	dir, err := os.MkdirTemp("", "rfb")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	disk := guesttest.DisplayDisk(b, dir)
	cmd := exec.Command(qemu, "-accel", "tcg", "-machine", "pc", "-m", fmt.Sprint(guesttest.DisplayMemoryMiB), "-nodefaults", "-no-user-config",
		"-vga", "std", "-display", "none", "-vnc", "unix:"+dir+"/vnc", "-serial", "unix:"+dir+"/serial,server,nowait",
		"-drive", "if=ide,format=raw,snapshot=on,file="+disk)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return displayGuest{dir + "/vnc", guesttest.OpenScreen(b, dir+"/serial")}
}

// record keeps what a server says from ServerInit on, for recordedUpdates updates in the first of these encodings.
func record(b *testing.B, socket string, o rfb.Options, encodings ...int32) []byte {
	b.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	k := &tap{Conn: conn}
	c := run(b, &narrow{Conn: k, encodings: append(encodings, -223), requests: recordedUpdates}, o)
	limit := time.Now().Add(hosttest.Patience)
	for c.frames() < recordedUpdates {
		if time.Now().After(limit) {
			b.Fatalf("only %d updates", c.frames())
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.cancel()
	c.ended()
	const handshake = 12 + 2 + 4 // banner, list of security types, result
	return k.recording()[handshake:]
}

// A narrow connection asks for these encodings only, as other programs decode no more, and for so many updates only, so that the last one is
// complete. It drops everything else that a client says after the handshake.
type narrow struct {
	net.Conn
	encodings []int32
	requests  int
	greeted   int
}

func (n *narrow) Write(p []byte) (int, error) {
	if n.greeted < 12+1+1 { // version, security type, ClientInit
		n.greeted += len(p)
		return n.Conn.Write(p)
	}
	var out []byte
	for rest := p; len(rest) > 0; {
		switch {
		case rest[0] == 0 && len(rest) >= 20: // SetPixelFormat
			out, rest = append(out, rest[:20]...), rest[20:]
		case rest[0] == 2 && len(rest) >= 4:
			out = binary.BigEndian.AppendUint16(append(out, 2, 0), uint16(len(n.encodings)))
			for _, e := range n.encodings {
				out = binary.BigEndian.AppendUint32(out, uint32(e))
			}
			rest = rest[4+4*int(binary.BigEndian.Uint16(rest[2:])):]
		case rest[0] == 3 && len(rest) >= 10:
			if n.requests--; n.requests >= 0 {
				out = append(out, rest[:10]...)
			}
			rest = rest[10:]
		default:
			rest = nil
		}
	}
	if len(out) > 0 {
		if _, err := n.Conn.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
