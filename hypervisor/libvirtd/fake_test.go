package libvirtd

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// packet is one message as the fake daemon sees it.
type packet struct {
	prog, proc, kind, serial, status uint32
	payload                          []byte
}

func (p packet) bytes() []byte {
	if p.prog == 0 {
		p.prog = programRemote
	}
	var w xdrWriter
	for _, v := range []uint32{uint32(minPacket + len(p.payload)), p.prog, protocolVersion, p.proc, p.kind, p.serial, p.status} {
		w = w.uint32(v)
	}
	return append(w, p.payload...)
}

// fakeDaemon speaks libvirt's protocol on a unix socket, as badly as a test wants it.
type fakeDaemon struct {
	listener *net.UnixListener
	// special may answer a call itself and then returns true. It runs on the connection's goroutine.
	special func(c *fakeClient, call packet) bool
}

// fakeClient is one connection to the fake daemon.
type fakeClient struct {
	*net.UnixConn
	mu        sync.Mutex
	callbacks uint32
}

func (c *fakeClient) send(p packet) error { return c.raw(p.bytes()) }

func (c *fakeClient) raw(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Write(b)
	return err
}

func (c *fakeClient) reply(call packet, payload []byte) error {
	return c.send(packet{proc: call.proc, kind: typeReply, serial: call.serial, payload: payload})
}

func (c *fakeClient) refuse(call packet, payload []byte) error {
	return c.send(packet{proc: call.proc, kind: typeReply, serial: call.serial, status: statusError, payload: payload})
}

func newFakeDaemon(t *testing.T, special func(c *fakeClient, call packet) bool) *fakeDaemon {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "fl") //nolint:usetesting // unix socket paths are short
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeDaemon{listener: l, special: special}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go f.serve(&fakeClient{UnixConn: conn})
		}
	}()
	return f
}

func (f *fakeDaemon) serve(c *fakeClient) {
	defer c.Close()
	for {
		var head [minPacket]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		call := packet{
			proc: binary.BigEndian.Uint32(head[12:]), kind: binary.BigEndian.Uint32(head[16:]),
			serial: binary.BigEndian.Uint32(head[20:]), payload: make([]byte, n-minPacket),
		}
		if _, err := io.ReadFull(c, call.payload); err != nil {
			return
		}
		if f.special != nil && f.special(c, call) {
			continue
		}
		if c.reply(call, c.usual(call)) != nil {
			return
		}
	}
}

// usual is a well-behaved answer.
func (c *fakeClient) usual(call packet) []byte {
	var w xdrWriter
	switch call.proc {
	case 66:
		return w.uint32(1).uint32(0)
	case 3, 7, 14, 186:
		return w.text("<x/>")
	case 4, 157:
		return w.uint32(0).uint32(9000000)
	case 5:
		return w.uint32(16)
	case 6:
		return append(make([]byte, 128+8), w.uint32(4).uint32(0).uint32(1).uint32(1).uint32(1).uint32(1)...)
	case procRegisterEvent:
		c.callbacks++
		return w.uint32(c.callbacks)
	case 273:
		return w.uint32(0).uint32(0)
	case 274:
		return w.uint32(0).uint32(0)
	case 344:
		return w.uint32(0)
	case 23, 24, 196, 350:
		return wireDomain(nil, "one", testID)
	case 212:
		return w.uint32(1).uint32(1)
	case 183, 151, 150:
		return w.uint32(0)
	}
	return nil
}

var testID = uuid.MustParse("0f0e0d0c-0b0a-0908-0706-050403020100")

func wireDomain(w xdrWriter, name string, id uuid.UUID) xdrWriter {
	return append(w.text(name), append(id[:], 0, 0, 0, 1)...)
}

// lifecycle is a message of callback 1 that a machine started.
func lifecycle(callback uint32, name string, id uuid.UUID, event, detail uint32) packet {
	w := wireDomain(xdrWriter(nil).uint32(callback), name, id).uint32(event).uint32(detail)
	return packet{proc: msgLifecycle, kind: typeMessage, payload: w}
}

func (f *fakeDaemon) options() Options {
	return Options{Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", f.listener.Addr().String())
	}}
}

// open connects and takes the first event.
func (f *fakeDaemon) open(t *testing.T) *Conn {
	t.Helper()
	return f.openWith(t, f.options())
}

func (f *fakeDaemon) openWith(t *testing.T, o Options) *Conn {
	t.Helper()
	c, err := Open(t.Context(), "qemu:///session", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	waitFor(t, c, hypervisor.EventConnected)
	return c
}

const patience = time.Minute

// waitFor takes events until one of that kind comes.
func waitFor(t *testing.T, c *Conn, kind hypervisor.EventKind) hypervisor.Event {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-c.Events():
			if !ok {
				t.Fatalf("events ended while waiting for kind %d", kind)
			}
			if e.Kind == kind {
				return e
			}
		case <-limit:
			t.Fatalf("no event of kind %d", kind)
		}
	}
}
