package libvirtd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"guesthouse/hypervisor"
)

// procDomainState is virDomainGetState.
const procDomainState = 212

const serialXML = `<domain><devices>
<serial type='file'><alias name='serial0'/></serial>
<serial type='pty'><alias name='serial1'/></serial>
<console type='pty'><target type='virtio' port='1'/><alias name='console1'/></console>
</devices></domain>`

// consoleServer is the daemon's side of one open console.
type consoleServer struct {
	*fakeClient
	open packet
	// input gets what the client sends, and is closed when the client is gone.
	input chan packet
}

func (s *consoleServer) stream(t *testing.T, status uint32, payload []byte) {
	t.Helper()
	if err := s.send(packet{proc: procOpenConsole, kind: typeStream, serial: s.open.serial, status: status, payload: payload}); err != nil {
		t.Error(err)
	}
}

// text is what the client sends next.
func (s *consoleServer) text(t *testing.T, n int) string {
	t.Helper()
	var b []byte
	for len(b) < n {
		select {
		case p, ok := <-s.input:
			if !ok {
				t.Fatalf("the client is gone after %q", b)
			}
			b = append(b, p.payload...)
		case <-time.After(patience):
			t.Fatalf("only %q came", b)
		}
	}
	return string(b)
}

// wantGone waits until the client has closed its connection.
func (s *consoleServer) wantGone(t *testing.T) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case _, ok := <-s.input:
			if !ok {
				return
			}
		case <-limit:
			t.Fatal("the connection of the console stays")
		}
	}
}

// serveConsole is a daemon with a running machine of serialXML; answer deals with the call that opens a console.
func serveConsole(t *testing.T, answer func(*fakeClient, packet)) (*Conn, <-chan *consoleServer) {
	t.Helper()
	return serveConsoleWith(t, answer, func(*fakeClient, packet) bool { return false })
}

// serveConsoleWith is serveConsole where special may answer other calls.
func serveConsoleWith(t *testing.T, answer func(*fakeClient, packet), special func(*fakeClient, packet) bool) (*Conn, <-chan *consoleServer) {
	t.Helper()
	servers := make(chan *consoleServer, 10)
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if special(c, call) {
			return true
		}
		switch call.proc {
		case 14:
			c.reply(call, xdrWriter(nil).text(serialXML))
			return true
		case procOpenConsole:
			answer(c, call)
			s := &consoleServer{fakeClient: c, open: call, input: make(chan packet, 1000)}
			servers <- s
			defer close(s.input)
			for {
				var head [minPacket]byte
				if _, err := io.ReadFull(c, head[:]); err != nil {
					return true
				}
				p := packet{
					kind: binary.BigEndian.Uint32(head[16:]), status: binary.BigEndian.Uint32(head[24:]),
					payload: make([]byte, binary.BigEndian.Uint32(head[:])-minPacket),
				}
				if _, err := io.ReadFull(c, p.payload); err != nil {
					return true
				}
				s.input <- p
			}
		}
		return false
	})
	return f.open(t), servers
}

func agree(c *fakeClient, call packet) { c.reply(call, nil) }

func openTestConsole(t *testing.T, c *Conn) io.ReadWriteCloser {
	t.Helper()
	console, err := c.OpenConsole(t.Context(), testID, "", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { console.Close() })
	return console
}

func TestTextConsole(t *testing.T) {
	t.Parallel()
	c, servers := serveConsole(t, func(c *fakeClient, call packet) {
		// A daemon's threads race: data may overtake the answer.
		c.send(packet{proc: procOpenConsole, kind: typeStream, serial: call.serial, status: statusContinue, payload: []byte("ear")})
		c.reply(call, nil)
		c.send(packet{proc: procOpenConsole, kind: typeStream, serial: call.serial, status: statusContinue, payload: []byte("ly ")})
	})
	console := openTestConsole(t, c)
	s := <-servers
	if !bytes.Contains(s.open.payload, []byte("serial1")) {
		t.Errorf("another console was asked for: %q", s.open.payload)
	}
	s.stream(t, statusContinue, []byte("login: "))
	got := make([]byte, len("early login: "))
	if _, err := io.ReadFull(console, got); err != nil || string(got) != "early login: " {
		t.Fatalf("%q, %v", got, err)
	}
	long := bytes.Repeat([]byte("x"), 3*consolePart)
	go func() {
		console.Write([]byte("root\r"))
		console.Write(long)
	}()
	if got := s.text(t, 5); got[:5] != "root\r" {
		t.Fatalf("the guest got %q", got)
	}
	s.text(t, len(long)-len("root\r")) // what is missing of it may have come with the first words
	s.stream(t, statusContinue, []byte("bye"))
	s.stream(t, statusContinue, nil) // the line was closed (daemonStreamHandleRead in remote_daemon_stream.c)
	if rest, err := io.ReadAll(console); err != nil || string(rest) != "bye" {
		t.Fatalf("%q, %v", rest, err)
	}
	s.wantGone(t)
	if _, err := console.Write([]byte("x")); err == nil {
		t.Error("a closed console takes input")
	}
}

// What is typed while the machine's state is being loaded waits until it is: the serial port that takes it would be replaced.
func TestTextConsoleWaitsForState(t *testing.T) {
	t.Parallel()
	var running atomic.Bool
	var asked atomic.Int32
	c, servers := serveConsoleWith(t, agree, func(c *fakeClient, call packet) bool {
		if call.proc != procDomainState || running.Load() {
			return false
		}
		asked.Add(1)
		c.reply(call, xdrWriter(nil).uint32(3).uint32(11)) // VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP
		return true
	})
	console := openTestConsole(t, c)
	s := <-servers
	before := asked.Load()
	go console.Write([]byte("root\r"))
	for limit := time.Now().Add(patience); asked.Load() < before+3; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("nobody asks for the machine's state again")
		}
	}
	select {
	case p := <-s.input:
		t.Fatalf("%q was sent while the state was being loaded", p.payload)
	default:
	}
	running.Store(true)
	if got := s.text(t, 5); got != "root\r" {
		t.Errorf("the guest got %q", got)
	}

	running.Store(false)
	waits := openTestConsole(t, c)
	<-servers
	failed := make(chan error, 1)
	go func() {
		_, err := waits.Write([]byte("x"))
		failed <- err
	}()
	waits.Close()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("a closed console takes input")
		}
	case <-time.After(patience):
		t.Fatal("Close does not end a Write")
	}
}

// Who does not read holds up nothing but this one console, and can close it.
func TestBlockedTextConsole(t *testing.T) {
	t.Parallel()
	c, servers := serveConsole(t, agree)
	console := openTestConsole(t, c)
	s := <-servers
	for range 40 {
		s.stream(t, statusContinue, make([]byte, 1000))
	}
	for range 3 {
		if _, err := c.DomainXML(t.Context(), testID, true); err != nil {
			t.Fatal(err)
		}
		if err := c.Pause(t.Context(), testID); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := console.Read(make([]byte, 100)); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	reading := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, console)
		reading <- err
	}()
	console.Close()
	select {
	case err := <-reading:
		if err == nil {
			t.Error("a closed console seems to have ended by itself")
		}
	case <-time.After(patience):
		t.Fatal("Close does not end a Read")
	}
	s.wantGone(t)
}

func TestTextConsoleRefused(t *testing.T) {
	t.Parallel()
	c, _ := serveConsole(t, func(c *fakeClient, call packet) {
		flags := binary.BigEndian.Uint32(call.payload[len(call.payload)-4:])
		if flags == 1 { // VIR_DOMAIN_CONSOLE_FORCE
			c.reply(call, nil)
			return
		}
		c.refuse(call, errorPayload(9, 0, "Active console session exists for this domain"))
	})
	if _, err := c.OpenConsole(t.Context(), testID, "serial1", false); !errors.Is(err, hypervisor.ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	console, err := c.OpenConsole(t.Context(), testID, "console1", true)
	if err != nil {
		t.Fatal(err)
	}
	console.Close()
	for _, device := range []string{"serial0", "serial7"} { // one that goes to a file, and one that is not there
		if _, err := c.OpenConsole(t.Context(), testID, device, false); !errors.Is(err, hypervisor.ErrNoConsole) {
			t.Errorf("%s: %v", device, err)
		}
	}
}

func TestTextConsoleBreaks(t *testing.T) {
	t.Parallel()
	c, servers := serveConsole(t, agree)
	for name, tc := range map[string]struct {
		do   func(s *consoleServer)
		want error
	}{
		"error":    {func(s *consoleServer) { s.stream(t, statusError, errorPayload(1, 0, "too bad")) }, nil},
		"gone":     {func(s *consoleServer) { s.Close() }, hypervisor.ErrDisconnected},
		"nonsense": {func(s *consoleServer) { s.raw([]byte{0, 0, 0, 3, 1, 2, 3, 4}) }, hypervisor.ErrDisconnected},
	} {
		console := openTestConsole(t, c)
		s := <-servers
		s.stream(t, statusContinue, []byte("so far"))
		tc.do(s)
		got, err := io.ReadAll(console)
		var e *hypervisor.Error
		if string(got) != "so far" || err == nil || tc.want != nil && !errors.Is(err, tc.want) || tc.want == nil && (!errors.As(err, &e) || e.Text != "too bad") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		for range 100 { // a daemon that does not stop talking after the end
			if s.send(packet{proc: procOpenConsole, kind: typeStream, serial: s.open.serial, status: statusContinue, payload: []byte("more")}) != nil {
				break
			}
		}
		s.wantGone(t)
	}
	if _, err := c.Domain(t.Context(), testID); err != nil {
		t.Errorf("the main connection: %v", err)
	}
}

// The daemon does not answer, and then it is no longer wanted.
func TestTextConsoleOpenCancelled(t *testing.T) {
	t.Parallel()
	c, servers := serveConsole(t, func(*fakeClient, packet) {})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := c.OpenConsole(ctx, testID, "", false)
		failed <- err
	}()
	s := <-servers
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.wantGone(t)
}
