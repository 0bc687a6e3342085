package rfb_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// BenchmarkDecode is the processor time for an update of 1920×1080 pixels, by encoding and content: ours, and that of TigerVNC's and
// libvncclient's decoders (packaging/testing/decoders) for the same bytes in turn. What counts is the whole process, with its reading: ours
// and libvncclient out of a unix socket, TigerVNC's program out of a file. Times are the least of all turns, as others use the processor, too.
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

const recordedUpdates = 20

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
			out, err := exec.Command(program, file).Output()
			var seconds float64
			if _, scan := fmt.Sscanf(string(out), "CPU time: %g s", &seconds); err != nil || scan != nil {
				b.Fatalf("decperf: %v, %q", err, out)
			}
			return time.Duration(seconds * float64(time.Second))
		}})
	}
	for b.Loop() {
		for _, d := range decoders {
			if took := d.run(); d.best == 0 || took < d.best {
				d.best = took
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

// fromSocket plays a recording to a program that connects to a unix socket, and returns the processor time it says it took.
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
	go func() {
		conn, err := l.Accept()
		l.Close()
		if err != nil {
			return
		}
		defer conn.Close()
		s := &server{conn, b}
		s.say("RFB 003.008\n")
		s.hear(12)
		s.say(1, 1)
		s.hear(1)
		s.say(uint32(0))
		s.hear(1)
		conn.(*net.UnixConn).SetWriteBuffer(4 << 20) // as QEMU's end has that we hand it; the kernel has its own limit
		go func() {
			conn.Write(talk)
			conn.(*net.UnixConn).CloseWrite()
		}()
		io.Copy(io.Discard, conn) // until the client hangs up: it may still write when it has everything
	}()
	cmd := program(socket)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var updates int
	var seconds float64
	if _, scan := fmt.Sscanf(string(out), "%d %g", &updates, &seconds); scan != nil || updates != recordedUpdates {
		b.Fatalf("%s: %v, %q", cmd.Path, err, out)
	}
	return time.Duration(seconds * float64(time.Second))
}

const decodeSocket = "GUESTHOUSE_DECODE_SOCKET"

// TestDecodingProcess is a process of BenchmarkDecode: a client without a screen, that says what it took.
func TestDecodingProcess(t *testing.T) {
	socket := os.Getenv(decodeSocket)
	if socket == "" {
		t.Skip("only for BenchmarkDecode")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	show := &timed{}
	_ = rfb.New(conn, rfb.Options{Local: true}).Run(context.Background(), show)
	fmt.Printf("%d %.6f\n", show.frames, (cpuTime() - show.began).Seconds())
}

// timed is a screen that notes when its first pixels can come.
type timed struct {
	flat
	began time.Duration
}

func (t *timed) Resize(w, h int) (display.Framebuffer, error) {
	t.began = cpuTime()
	return t.flat.Resize(w, h)
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
