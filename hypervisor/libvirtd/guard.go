package libvirtd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	minPacket  = 28               // length word and header
	maxPacket  = 32<<20 + 4       // VIR_NET_MESSAGE_MAX and the length word
	maxFDs     = 32               // VIR_NET_MESSAGE_NUM_FDS_MAX
	firstRoom  = 64 << 10         // what a connection needs most of the time
	stallLimit = 30 * time.Second // longest pause inside a packet, and longest wait for room to send
)

// Reasons for which the guard closes a connection.
var (
	errNonsense = errors.New("the other side does not keep to libvirt's protocol")
	errStalled  = errors.New("the other side stopped in the middle of a message")
	errDone     = errors.New("no longer needed")
)

// guard is the net.Conn under go-libvirt. The library believes every length and count, panics or deadlocks on a wrong one,
// and loses passed descriptors; so it only ever sees complete, checked answers to its own calls:
//
//   - framing is checked, a packet that stalls or a peer that talks nonsense ends the connection;
//   - a reply is passed on once, for a call that waits, and only with a payload of the expected layout;
//   - events never reach the library: they go to onEvent, which must not block;
//   - descriptors are taken out of replies (takeFD) and put into calls (attach).
//
// Read is called by one goroutine, all else by any.
type guard struct {
	conn    net.Conn
	unix    *net.UnixConn // conn, when descriptors can be passed
	onEvent func(proc uint32, payload []byte)

	// Reader's own.
	buf   []byte // received, from off on not yet looked at
	off   int
	ready []byte // checked bytes for the library
	oob   []byte
	early []byte // stream packets that overtook the reply to their call
	queue []int  // descriptors received and not yet claimed by a packet
	stall *time.Timer
	limit time.Duration // for stall

	patient atomic.Bool // sending may wait for ever: what is sent goes to a guest, which may not listen

	wmu sync.Mutex
	out []byte // a packet of the library that is not complete yet

	mu       sync.Mutex
	calls    map[uint32]uint32 // serial -> procedure of the calls that wait
	streams  map[uint32]bool   // serials of open streams
	sendProc uint32            // the next call of this procedure carries sendFD
	sendFD   *os.File
	got      []*os.File
	heard    time.Time // when the last packet came
	err      error     // why it ended

	done    chan struct{} // closed when the connection is over
	opened  chan struct{} // closed when the library has finished connecting
	dropped chan struct{} // closed when the library has closed us
	ended   sync.Once
	closed  sync.Once
}

func newGuard(conn net.Conn, onEvent func(proc uint32, payload []byte)) *guard {
	g := &guard{
		conn: conn, onEvent: onEvent,
		buf:   make([]byte, 0, firstRoom),
		calls: map[uint32]uint32{}, streams: map[uint32]bool{},
		heard: time.Now(), limit: stallLimit,
		done: make(chan struct{}), opened: make(chan struct{}), dropped: make(chan struct{}),
	}
	if u, ok := conn.(*net.UnixConn); ok {
		g.unix = u
		g.oob = make([]byte, syscall.CmsgSpace(4*maxFDs))
	}
	g.stall = time.AfterFunc(time.Hour, func() { g.fail(errStalled) })
	g.stall.Stop()
	return g
}

// fail ends the connection; the first reason stays.
func (g *guard) fail(err error) {
	g.ended.Do(func() {
		g.mu.Lock()
		g.err = err
		files := g.got
		g.got = nil
		g.mu.Unlock()
		close(g.done)
		g.conn.Close()
		for _, f := range files {
			f.Close()
		}
	})
}

// reason tells why the connection ended, nil while it lives.
func (g *guard) reason() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// lastHeard tells when the last complete packet came.
func (g *guard) lastHeard() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heard
}

// Close is called by the library.
func (g *guard) Close() error {
	g.closed.Do(func() { close(g.dropped) })
	g.fail(net.ErrClosed)
	return nil
}

// Read gives checked packets to the library. Its only error is io.EOF: the library tries again after errors of other kinds.
func (g *guard) Read(p []byte) (int, error) {
	for len(g.ready) == 0 {
		if err := g.next(); err != nil {
			g.fail(err)
			g.closeQueue()
			g.settle()
			return 0, io.EOF
		}
	}
	n := copy(p, g.ready)
	g.ready = g.ready[n:]
	return n, nil
}

// settle holds back the end of a connection while the library is between two calls of connecting: it has a data race
// there. Its next write fails and it closes us, or it is ready.
func (g *guard) settle() {
	g.mu.Lock()
	waiting := len(g.calls) > 0
	g.mu.Unlock()
	if waiting {
		return
	}
	select {
	case <-g.opened:
	case <-g.dropped:
	}
}

// next reads one packet and leaves in ready what of it the library may see.
func (g *guard) next() error {
	if err := g.need(4); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(g.buf[g.off:]))
	if n < minPacket || n > maxPacket {
		return fmt.Errorf("%w: message of %d bytes", errNonsense, n)
	}
	if err := g.need(n); err != nil {
		return err
	}
	packet := g.buf[g.off : g.off+n]
	if binary.BigEndian.Uint32(packet[16:]) == typeReplyWithFDs {
		return g.replyWithFDs(n)
	}
	g.off += n
	return g.filter(packet)
}

// replyWithFDs takes the descriptors that follow a packet of n bytes, one zero byte each, and hides them from the library.
func (g *guard) replyWithFDs(n int) error {
	if g.unix == nil || n < minPacket+4 {
		return fmt.Errorf("%w: unexpected descriptors", errNonsense)
	}
	count := int(binary.BigEndian.Uint32(g.buf[g.off+minPacket:]))
	if count < 0 || count > maxFDs {
		return fmt.Errorf("%w: %d descriptors", errNonsense, count)
	}
	if err := g.need(n + count); err != nil {
		return err
	}
	if len(g.queue) < count {
		return fmt.Errorf("%w: descriptors are missing", errNonsense)
	}
	packet := g.buf[g.off : g.off+n]
	g.off += n + count
	files := make([]*os.File, 0, count)
	for _, fd := range g.queue[:count] {
		files = append(files, os.NewFile(uintptr(fd), "passed"))
	}
	g.queue = g.queue[count:]
	copy(packet[4:], packet[:minPacket]) // moves the header over the count
	packet = packet[4:]
	binary.BigEndian.PutUint32(packet, uint32(len(packet)))
	binary.BigEndian.PutUint32(packet[16:], typeReply)

	g.mu.Lock()
	_, wanted := g.calls[binary.BigEndian.Uint32(packet[20:])]
	if wanted && g.err == nil {
		g.got, files = append(g.got, files...), nil
	}
	g.mu.Unlock()
	for _, f := range files {
		f.Close()
	}
	return g.filter(packet)
}

// filter decides what the library sees of a packet.
func (g *guard) filter(p []byte) error {
	prog, vers, proc := binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[12:])
	kind, serial, status := binary.BigEndian.Uint32(p[16:]), binary.BigEndian.Uint32(p[20:]), binary.BigEndian.Uint32(p[24:])
	payload := p[minPacket:]
	g.mu.Lock()
	g.heard = time.Now()
	g.mu.Unlock()

	if prog == programKeepalive {
		return g.pong(proc)
	}
	if prog != programRemote || vers != protocolVersion {
		return fmt.Errorf("%w: program %#x version %d", errNonsense, prog, vers)
	}
	switch kind {
	case typeMessage:
		if g.onEvent != nil {
			g.onEvent(proc, payload)
		}
		return nil
	case typeReply:
		return g.reply(p, proc, serial, status)
	case typeStream:
		g.stream(p, serial, status)
		return nil
	}
	return fmt.Errorf("%w: message of type %d", errNonsense, kind)
}

func (g *guard) reply(p []byte, proc, serial, status uint32) error {
	g.mu.Lock()
	called, waits := g.calls[serial]
	if waits && called == proc {
		delete(g.calls, serial)
	}
	g.mu.Unlock()
	if !waits {
		return nil // a second answer, or one to nothing
	}
	if called != proc || status > statusError {
		return fmt.Errorf("%w: answer to %d for call %d", errNonsense, proc, called)
	}
	if status == statusError {
		g.ready = rewrite(p, statusError, plainError(p[minPacket:]))
		return nil
	}
	layout, known := replyLayouts[proc]
	r := xdrReader{rest: p[minPacket:]}
	r.check(layout)
	if !known || r.err != nil {
		g.ready = rewrite(p, statusError, errorPayload(codeRPC, 0, "the answer cannot be read"))
		return nil //nolint:nilerr // the error goes to the caller of this one procedure
	}
	switch {
	case opensStream(proc):
		g.mu.Lock()
		g.streams[serial] = true
		g.mu.Unlock()
	case proc == procRegisterEvent:
		if g.onEvent != nil { // before the library knows it, so that no event falls between
			g.onEvent(procRegisterEvent, p[minPacket:])
		}
	}
	g.ready = p
	if len(g.early) > 0 && opensStream(proc) {
		g.ready = g.follow(p)
	}
	return nil
}

// follow appends to the reply of a stream's call what of the stream came before it: the daemon's threads race each other.
func (g *guard) follow(reply []byte) []byte {
	early := g.early
	g.early = nil
	all := append([]byte(nil), reply...)
	for len(early) > 0 {
		n := binary.BigEndian.Uint32(early)
		p := early[:n]
		early = early[n:]
		g.ready = nil
		g.stream(p, binary.BigEndian.Uint32(p[20:]), binary.BigEndian.Uint32(p[24:]))
		all = append(all, g.ready...)
	}
	return all
}

// stream passes on the data of an open stream. The library decodes the last packet as if it were the first reply, so that
// one gets the payload of an empty reply (an absent string).
func (g *guard) stream(p []byte, serial, status uint32) {
	g.mu.Lock()
	open := g.streams[serial]
	proc, called := g.calls[serial]
	last := status != statusContinue || len(p) == minPacket
	if last {
		delete(g.streams, serial)
	}
	g.mu.Unlock()
	switch {
	case called && opensStream(proc) && len(g.early)+len(p) <= maxPicture:
		g.early = append(g.early, p...)
	case !open:
	case !last:
		g.ready = p
	case status == statusError:
		g.ready = rewrite(p, statusError, plainError(p[minPacket:]))
	default:
		g.ready = rewrite(p, statusOK, []byte{0, 0, 0, 0})
	}
}

// rewrite makes a packet with the header of p.
func rewrite(p []byte, status uint32, payload []byte) []byte {
	q := make([]byte, minPacket, minPacket+len(payload))
	copy(q, p[:minPacket])
	q = append(q, payload...)
	binary.BigEndian.PutUint32(q, uint32(len(q)))
	binary.BigEndian.PutUint32(q[24:], status)
	return q
}

// pong answers the server's keep-alive ping (rpc/virkeepaliveprotocol.x).
func (g *guard) pong(proc uint32) error {
	if proc != 1 {
		return nil
	}
	var p xdrWriter
	for _, v := range []uint32{minPacket, programKeepalive, protocolVersion, 2, typeMessage, 0, statusOK} {
		p = p.uint32(v)
	}
	g.wmu.Lock()
	defer g.wmu.Unlock()
	return g.send(p)
}

// need waits until n bytes from off on are received.
func (g *guard) need(n int) error {
	for len(g.buf)-g.off < n {
		have := copy(g.buf, g.buf[g.off:])
		g.buf, g.off = g.buf[:have], 0
		switch {
		case have == 0 && cap(g.buf) > 16*firstRoom:
			g.buf = make([]byte, 0, firstRoom)
		case have == cap(g.buf): // grows with what really came, never with what was only announced
			g.buf = append(make([]byte, 0, 2*have), g.buf...)
		}
		if have > 0 {
			g.stall.Reset(g.limit)
		}
		m, err := g.receive(g.buf[have:cap(g.buf)])
		g.stall.Stop()
		g.buf = g.buf[:have+m]
		if err != nil {
			return err
		}
	}
	return nil
}

// receive reads bytes, and the descriptors that come with them.
func (g *guard) receive(p []byte) (int, error) {
	if g.unix == nil {
		return g.conn.Read(p)
	}
	n, oobn, flags, _, err := g.unix.ReadMsgUnix(p, g.oob)
	if oobn > 0 {
		if messages, e := syscall.ParseSocketControlMessage(g.oob[:oobn]); e == nil {
			for i := range messages {
				if fds, e := syscall.ParseUnixRights(&messages[i]); e == nil {
					g.queue = append(g.queue, fds...)
				}
			}
		}
	}
	switch {
	case err != nil:
		return max(n, 0), err
	case n == 0:
		return 0, io.EOF
	case flags&syscall.MSG_CTRUNC != 0 || len(g.queue) > 2*maxFDs:
		return n, fmt.Errorf("%w: too many descriptors", errNonsense)
	}
	return n, nil
}

// closeQueue closes descriptors that nobody claimed. Reader only.
func (g *guard) closeQueue() {
	for _, fd := range g.queue {
		_ = syscall.Close(fd)
	}
	g.queue = nil
}

// takeFD returns the descriptor that came with the last reply, nil when none did. The caller closes it.
func (g *guard) takeFD() *os.File {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.got) == 0 {
		return nil
	}
	f := g.got[0]
	g.got = g.got[1:]
	return f
}

// attach makes the next call of proc carry f, which stays the caller's.
func (g *guard) attach(proc uint32, f *os.File) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sendProc, g.sendFD = proc, f
}

// Write takes packets from the library, notes which call they are, and sends them.
func (g *guard) Write(p []byte) (int, error) {
	g.wmu.Lock()
	defer g.wmu.Unlock()
	g.out = append(g.out, p...)
	for len(g.out) >= minPacket {
		n := int(binary.BigEndian.Uint32(g.out))
		if n < minPacket {
			return 0, errNonsense
		}
		if len(g.out) < n {
			break
		}
		packet := g.out[:n:n]
		g.out = g.out[n:]
		if err := g.call(packet); err != nil {
			g.fail(err)
			return 0, err
		}
	}
	if len(g.out) == 0 {
		g.out = nil
	}
	return len(p), nil
}

func (g *guard) call(p []byte) error {
	proc, kind, serial := binary.BigEndian.Uint32(p[12:]), binary.BigEndian.Uint32(p[16:]), binary.BigEndian.Uint32(p[20:])
	if kind != typeCall {
		return g.send(p)
	}
	g.mu.Lock()
	g.calls[serial] = proc
	var file *os.File
	if g.sendFD != nil && g.sendProc == proc {
		file, g.sendFD = g.sendFD, nil
	}
	g.mu.Unlock()
	if file == nil {
		return g.send(p)
	}
	if g.unix == nil {
		return errors.New("descriptors can be passed over a local socket only")
	}
	q := make([]byte, 0, len(p)+4)
	q = append(q, p[:minPacket]...)
	q = append(q, 0, 0, 0, 1) // one descriptor follows the packet
	q = append(q, p[minPacket:]...)
	binary.BigEndian.PutUint32(q, uint32(len(q)))
	binary.BigEndian.PutUint32(q[16:], typeCallWithFDs)
	if err := g.send(q); err != nil {
		return err
	}
	_, _, err := g.unix.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(file.Fd())), nil)
	return err
}

// send writes a whole packet, with a limit on how long the other side may let it wait. wmu is held.
func (g *guard) send(p []byte) error {
	if !g.patient.Load() {
		limit := time.AfterFunc(g.limit, func() { g.fail(errStalled) })
		defer limit.Stop()
	}
	_, err := g.conn.Write(p)
	return err
}

// The rest of net.Conn. The library sets no deadlines; the guard has its own.

func (g *guard) LocalAddr() net.Addr              { return g.conn.LocalAddr() }
func (g *guard) RemoteAddr() net.Addr             { return g.conn.RemoteAddr() }
func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }
