package libvirtd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// Lengths that no message has end the connection, and the next one works (reliability.md rows 107 and 108).
func TestBadLengthReconnects(t *testing.T) {
	for name, head := range map[string][]byte{
		"0": {0, 0, 0, 0}, "3": {0, 0, 0, 3}, "27": {0, 0, 0, 27}, "too long": {2, 0, 0, 5}, "2^32-1": {255, 255, 255, 255},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once atomic.Bool
			f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
				if call.proc != 14 || once.Swap(true) {
					return false
				}
				c.raw(append(head, make([]byte, 64)...))
				return true
			})
			c := f.open(t)
			// The read is tried once more on the next connection.
			if text, err := c.DomainXML(t.Context(), testID, true); err != nil || text != "<x/>" {
				t.Fatalf("read after a bad length: %q, %v", text, err)
			}
			if e := waitFor(t, c, hypervisor.EventDisconnected); !errors.Is(e.Err, errNonsense) {
				t.Errorf("reason %v", e.Err)
			}
			waitFor(t, c, hypervisor.EventConnected)
		})
	}
}

// A change is never tried twice.
func TestBrokenWriteIsNotRepeated(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc == 34 {
			calls.Add(1)
			c.Close()
			return true
		}
		return false
	})
	c := f.open(t)
	if err := c.Pause(t.Context(), testID); !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Fatalf("got %v", err)
	}
	if n := calls.Load(); n != 1 {
		t.Fatalf("asked %d times", n)
	}
	if err := c.Resume(t.Context(), testID); err != nil {
		t.Fatalf("the next call: %v", err)
	}
}

// A peer that stops inside a message is given up.
func TestStallInsidePacket(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	g := newGuard(ours, nil)
	g.limit = 50 * time.Millisecond
	close(g.opened)
	go theirs.Write([]byte{0, 0, 1, 0, 1, 2, 3})
	if n, err := g.Read(make([]byte, 100)); n != 0 || !errors.Is(err, io.EOF) || !errors.Is(g.reason(), errStalled) {
		t.Fatalf("read %d, %v; reason %v", n, err, g.reason())
	}
}

// Answers whose content lies about its size fail that call, cost no memory, and the connection goes on (rows 109 and 110).
func TestMalformedReplies(t *testing.T) {
	huge := xdrWriter(nil).uint32(0x7fffffff)
	domains := xdrWriter(nil).uint32(1)
	cases := map[string]struct {
		proc    uint32
		payload []byte
		call    func(ctx context.Context, c *Conn) error
	}{
		"count of statistics": {344, append(huge, huge...), listAll},
		"count of parameters": {344, append(wireDomain(domains, "a", testID), 0x7f, 255, 255, 255), listAll},
		"wrong union tag": {
			344,
			wireDomain(domains, "a", testID).uint32(1).text("state.state").uint32(99).uint32(1), listAll,
		},
		"name too long": {344, domains.uint32(0x7fffffff).text("x"), listAll},
		"string too long": {14, huge, func(ctx context.Context, c *Conn) error {
			_, err := c.DomainXML(ctx, testID, true)
			return err
		}},
		"string of 2^31-3": {14, xdrWriter(nil).uint32(0x7ffffffd), func(ctx context.Context, c *Conn) error {
			_, err := c.DomainXML(ctx, testID, true)
			return err
		}},
		"short reply": {212, []byte{0, 0}, func(ctx context.Context, c *Conn) error {
			_, err := c.Domain(ctx, testID)
			return err
		}},
		"snapshots": {274, huge, func(ctx context.Context, c *Conn) error {
			_, err := c.Snapshots(ctx, testID)
			return err
		}},
		"job parameters": {298, append(xdrWriter(nil).uint32(1), huge...), func(ctx context.Context, c *Conn) error {
			_, _, err := c.Progress(ctx, testID)
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
				if call.proc != tc.proc {
					return false
				}
				c.reply(call, tc.payload)
				return true
			})
			c := f.open(t)
			before := allocated()
			err := tc.call(t.Context(), c)
			if err == nil || errors.Is(err, hypervisor.ErrDisconnected) {
				t.Fatalf("got %v", err)
			}
			if used := allocated() - before; used > 32<<20 {
				t.Errorf("%d MiB were allocated for it", used>>20)
			}
			if err := c.Resume(t.Context(), testID); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func listAll(ctx context.Context, c *Conn) error {
	_, err := c.Domains(ctx)
	return err
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A daemon that answers nothing is reported, then given up, and calls come back with their own deadline (row 111).
func TestSilenceIsReportedThenDropped(t *testing.T) {
	t.Parallel()
	var silent atomic.Bool
	f := newFakeDaemon(t, func(*fakeClient, packet) bool { return silent.Load() })
	o := f.options()
	o.pace = pace{ping: 20 * time.Millisecond, report: 50 * time.Millisecond, drop: 300 * time.Millisecond}
	c := f.openWith(t, o)
	silent.Store(true)
	waitFor(t, c, hypervisor.EventNotAnswering)
	if e := waitFor(t, c, hypervisor.EventDisconnected); !errors.Is(e.Err, hypervisor.ErrTimeout) {
		t.Errorf("reason %v", e.Err)
	}
	if _, err := c.Domains(t.Context()); !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Errorf("while disconnected: %v", err)
	}
	silent.Store(false)
	waitFor(t, c, hypervisor.EventConnected)
	if _, err := c.Domains(t.Context()); err != nil {
		t.Error(err)
	}
}

// A short silence is reported and taken back.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	var silent atomic.Bool
	resume := make(chan struct{})
	f := newFakeDaemon(t, func(*fakeClient, packet) bool {
		if silent.Load() {
			<-resume
		}
		return false
	})
	o := f.options()
	o.pace = pace{ping: 20 * time.Millisecond, report: 50 * time.Millisecond, drop: time.Minute}
	c := f.openWith(t, o)
	silent.Store(true)
	waitFor(t, c, hypervisor.EventNotAnswering)
	silent.Store(false)
	close(resume)
	waitFor(t, c, hypervisor.EventAnswering)
}

// A cancelled context ends the waiting at once and does not break the connection.
func TestContextEndsWaiting(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc == 14 {
			<-release
		}
		return false
	})
	c := f.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.DomainXML(ctx, testID, true); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	close(release)
	if _, err := c.Domains(t.Context()); err != nil {
		t.Error(err)
	}
}

// Second answers, answers to nothing, and stream data after the end of a stream do no harm (row 112).
func TestRepeatedAndUnaskedAnswers(t *testing.T) {
	t.Parallel()
	png := []byte("\x89PNG\r\n\x1a\nrest")
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		stream := packet{proc: procScreenshot, kind: typeStream, serial: call.serial}
		switch call.proc {
		case 14:
			for range 50 {
				c.reply(call, xdrWriter(nil).text("<x/>"))
				c.reply(packet{proc: 14, serial: call.serial + 1000}, xdrWriter(nil).text("<y/>"))
				c.send(packet{proc: 14, kind: typeStream, serial: call.serial, status: statusContinue, payload: []byte{1, 2, 3, 4}})
			}
			return true
		case procScreenshot:
			c.reply(call, xdrWriter(nil).uint32(1).text("image/png"))
			stream.status, stream.payload = statusContinue, png
			c.send(stream)
			stream.status, stream.payload = statusError, errorPayload(1, 0, "too bad")
			c.send(stream)
			stream.status, stream.payload = statusContinue, make([]byte, 1000)
			for range 200 {
				c.send(stream)
			}
			return true
		}
		return false
	})
	c := f.open(t)
	for range 10 {
		if text, err := c.DomainXML(t.Context(), testID, true); err != nil || text != "<x/>" {
			t.Fatalf("%q, %v", text, err)
		}
		var b bytes.Buffer
		var e *hypervisor.Error
		if err := c.Screenshot(t.Context(), testID, &b); !errors.As(err, &e) || e.Text != "too bad" || b.Len() > 0 {
			t.Fatalf("screenshot: %v, %d bytes", err, b.Len())
		}
	}
}

// A daemon's threads race: a stream's data may come before the answer to the call that opened it. Nothing of it is lost.
func TestStreamOvertakesReply(t *testing.T) {
	t.Parallel()
	png := []byte("\x89PNG\r\n\x1a\nrest")
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc != procScreenshot {
			return false
		}
		data := packet{proc: procScreenshot, kind: typeStream, serial: call.serial, status: statusContinue}
		end, last := data, data
		data.payload, last.payload = png[:8], png[8:]
		c.send(data)
		c.send(last)
		switch call.serial % 3 {
		case 0:
			c.send(end)
			c.reply(call, xdrWriter(nil).uint32(0))
		case 1:
			c.reply(call, xdrWriter(nil).uint32(0))
			c.send(end)
		default:
			c.reply(call, xdrWriter(nil).uint32(0))
			end.status = statusOK
			c.send(end)
		}
		return true
	})
	c := f.open(t)
	for range 9 {
		var b bytes.Buffer
		if err := c.Screenshot(t.Context(), testID, &b); err != nil || !bytes.Equal(b.Bytes(), png) {
			t.Fatalf("%q, %v", b.Bytes(), err)
		}
	}
}

// The answer to another procedure than the one called is nonsense.
func TestAnswerOfAnotherProcedure(t *testing.T) {
	t.Parallel()
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc == 14 {
			call.proc = 7
			c.reply(call, xdrWriter(nil).text("<x/>"))
			return true
		}
		return false
	})
	c := f.open(t)
	if _, err := c.DomainXML(t.Context(), testID, true); !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Fatalf("got %v", err)
	}
}

// Events of callbacks that nobody registered are dropped, and one that comes right behind the registration's answer is not
// lost (row 113).
func TestEventsOfUnknownCallbacks(t *testing.T) {
	t.Parallel()
	stranger := uuid.New()
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc == procRegisterEvent && c.callbacks == uint32(len(subscriptions))-1 {
			c.reply(call, c.usual(call))
			c.send(lifecycle(77, "stranger", stranger, 2, 0))
			c.send(lifecycle(c.callbacks, "one", testID, 2, 0))
			return true
		}
		return false
	})
	c, err := Open(t.Context(), "qemu:///session", f.options())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// It came before the connection was announced, so it is either delivered or covered by the re-read that
	// EventConnected asks for; the stranger's never shows.
	if e := <-c.Events(); e.Kind != hypervisor.EventConnected {
		t.Fatalf("first event %+v", e)
	}
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	if c.queue.pending[stranger] != nil {
		t.Error("an event of an unknown callback was taken")
	}
}

// A flood of events that nobody reads costs bounded memory, does not delay calls, and closing under it works (rows 114, 115).
func TestEventFlood(t *testing.T) {
	const events = 300000
	flooded := make(chan struct{})
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc != procRegisterEvent || c.callbacks != uint32(len(subscriptions))-1 {
			return false
		}
		c.reply(call, c.usual(call))
		go func() {
			ids := make([]uuid.UUID, 1000)
			for i := range ids {
				ids[i] = uuid.New()
			}
			for i := range events {
				if c.send(lifecycle(1, "machine", ids[i%len(ids)], 2, 0)) != nil {
					return
				}
			}
			close(flooded)
			for c.send(lifecycle(1, "machine", uuid.New(), 2, 0)) == nil { // and ever more machines
			}
		}()
		return true
	})
	c := f.open(t)
	<-flooded
	if _, err := c.DomainXML(t.Context(), testID, true); err != nil {
		t.Errorf("call behind the flood: %v", err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 100<<20 {
		t.Errorf("%d MiB in use", m.HeapAlloc>>20)
	}
	closed := make(chan struct{})
	go func() { c.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("Close hangs")
	}
}

// Too many machines to be true: the queue asks for a re-read instead of growing.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	for range 3 * maxPending {
		q.put(hypervisor.Event{Kind: hypervisor.EventState, Machine: uuid.New()})
	}
	list := q.take()
	if len(list) > maxPending+1 || list[0].Kind != hypervisor.EventConnected {
		t.Fatalf("%d events, first %+v", len(list), list[0])
	}
}

func TestQueueCoalesces(t *testing.T) {
	q := newQueue()
	for _, k := range []hypervisor.EventKind{
		hypervisor.EventDefined, hypervisor.EventState, hypervisor.EventState, hypervisor.EventUndefined, hypervisor.EventDevices,
	} {
		q.put(hypervisor.Event{Kind: k, Machine: testID, Name: "one"})
	}
	list := q.take()
	want := []hypervisor.EventKind{hypervisor.EventUndefined, hypervisor.EventState, hypervisor.EventDevices}
	if len(list) != len(want) {
		t.Fatalf("got %+v", list)
	}
	for i, k := range want {
		if list[i].Kind != k {
			t.Errorf("event %d is %+v", i, list[i])
		}
	}
}

// Decisions go by the number, texts are capped and valid (row 117).
func TestErrorsOfTheDaemon(t *testing.T) {
	wire := func(code uint32, text string, errno uint32) []byte {
		w := xdrWriter(nil).uint32(code).uint32(10).uint32(1).text(text).uint32(2)
		w = w.uint32(0).uint32(0).uint32(0).uint32(0) // domain, str1 to str3
		return w.uint32(errno).uint32(0).uint32(0)
	}
	for name, tc := range map[string]struct {
		payload []byte
		kind    error
		code    int
		text    string
	}{
		"no domain":       {wire(42, "Domäne nicht gefunden", 0), hypervisor.ErrNotFound, 42, "Domäne nicht gefunden"},
		"state":           {wire(55, "domain is <b>running</b>", 0), hypervisor.ErrInvalidState, 55, "domain is <b>running</b>"},
		"revert risky":    {wire(77, "x", 0), hypervisor.ErrNeedsForce, 77, "x"},
		"lock":            {wire(68, "x", 0), hypervisor.ErrBusy, 68, "x"},
		"no space":        {wire(38, "kein Platz", uint32(syscall.ENOSPC)), hypervisor.ErrNoSpace, 38, "kein Platz"},
		"permission":      {wire(38, "x", uint32(syscall.EACCES)), hypervisor.ErrDenied, 38, "x"},
		"errno elsewhere": {wire(55, "x", uint32(syscall.ENOSPC)), hypervisor.ErrInvalidState, 55, "x"},
		"success as code": {wire(0, "x", 0), nil, 1, "x"},
		"wrong encoding":  {wire(9, "a\xff\xfeb", 0), nil, 9, "a�b"},
		"one megabyte":    {wire(9, strings.Repeat("x", 1<<20), 0), nil, 9, strings.Repeat("x", maxErrorText)},
		"no text":         {xdrWriter(nil).uint32(42).uint32(10).uint32(0).uint32(2), hypervisor.ErrNotFound, 42, "no reason given"},
		"endless text":    {xdrWriter(nil).uint32(42).uint32(10).uint32(1).uint32(0x7fffffff), nil, codeRPC, "the answer cannot be read"},
		"empty":           {nil, nil, codeRPC, "the answer cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
				if call.proc == 28 {
					c.refuse(call, tc.payload)
					return true
				}
				return false
			})
			err := f.open(t).Resume(t.Context(), testID)
			var e *hypervisor.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if !errors.Is(e.Kind, tc.kind) || e.Code != tc.code || e.Text != tc.text || e.Op != "resume" || !utf8.ValidString(e.Text) {
				t.Errorf("got kind %v, code %d, op %q, text %.80q (%d)", e.Kind, e.Code, e.Op, e.Text, len(e.Text))
			}
		})
	}
}

// Descriptors that nobody asked for are closed, and a claim to send some without doing so ends the connection.
func TestUnaskedDescriptors(t *testing.T) {
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		switch call.proc {
		case 14: // descriptors with an ordinary message and with an answer to nothing
			r, w, err := os.Pipe()
			if err != nil {
				return true
			}
			defer r.Close()
			defer w.Close()
			p := packet{proc: 14, kind: typeReplyWithFDs, serial: call.serial + 100, payload: []byte{0, 0, 0, 1}}
			c.raw(p.bytes())
			c.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(w.Fd())), nil)
			c.reply(call, xdrWriter(nil).text("<x/>"))
			return true
		case 28:
			p := packet{proc: 28, kind: typeReplyWithFDs, serial: call.serial, payload: []byte{0, 0, 0, 2}}
			c.raw(append(p.bytes(), 0, 0))
			return true
		}
		return false
	})
	c := f.open(t)
	before := descriptors(t)
	for range 20 {
		if text, err := c.DomainXML(t.Context(), testID, true); err != nil || text != "<x/>" {
			t.Fatalf("%q, %v", text, err)
		}
	}
	if now := descriptors(t); now > before+5 {
		t.Errorf("%d descriptors before, %d now", before, now)
	}
	if err := c.Resume(t.Context(), testID); !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Errorf("missing descriptors: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Numbers are checked before the daemon sees them.
func TestNumbersAreChecked(t *testing.T) {
	var reached atomic.Bool
	f := newFakeDaemon(t, func(_ *fakeClient, call packet) bool {
		if call.proc == 350 || call.proc == 226 {
			reached.Store(true)
		}
		return false
	})
	c := f.open(t)
	for _, text := range []string{
		"<domain><vcpu>-1</vcpu></domain>", "<domain><vcpu current='-1'>2</vcpu></domain>", "<domain><memory>-5</memory></domain>",
		"<domain><vcpu>99999999999999999999</vcpu></domain>", "<domain>", strings.Repeat("x", 5<<20),
	} {
		if _, err := c.Define(t.Context(), text); !errors.Is(err, hypervisor.ErrInvalid) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	for _, codes := range [][]uint{nil, {0}, {1 << 31}, make([]uint, 17)} {
		if err := c.SendKeys(t.Context(), testID, codes); !errors.Is(err, hypervisor.ErrInvalid) {
			t.Errorf("%v: %v", codes, err)
		}
	}
	if reached.Load() {
		t.Error("the daemon was asked")
	}
	if _, err := c.Define(t.Context(), "<domain><name>a</name><vcpu placement='static' current='1'>2</vcpu></domain>"); err != nil {
		t.Error(err)
	}
}

// Connections that were closed or lost leave no goroutine and no descriptor behind.
func TestNothingIsLeftBehind(t *testing.T) {
	var fatal atomic.Bool
	f := newFakeDaemon(t, func(c *fakeClient, call packet) bool {
		if call.proc == 14 && fatal.Load() {
			c.raw(make([]byte, 64))
			return true
		}
		return false
	})
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for range 20 {
		c, err := Open(t.Context(), "qemu:///session", f.options())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Resume(t.Context(), testID); err != nil {
			t.Fatal(err)
		}
		fatal.Store(true)
		if _, err := c.DomainXML(t.Context(), testID, true); err == nil {
			t.Fatal("no error")
		}
		fatal.Store(false)
		c.Close()
	}
	limit := time.Now().Add(patience)
	for runtime.NumGoroutine() > goroutines+4 || descriptors(t) > files+4 {
		if time.Now().After(limit) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d now; %d descriptors before, %d now\n%s", goroutines, runtime.NumGoroutine(),
				files, descriptors(t), buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}
