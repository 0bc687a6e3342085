package rfb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"guesthouse/hypervisor/display"
)

// readBuffer holds message heads and small rectangles; larger reads go past it, straight into the caller's memory.
const readBuffer = 64 << 10

// A wire reads the server's bytes within a budget and a time for each message.
type wire struct {
	conn   net.Conn
	limits limits
	buf    *bufio.Reader
	until  time.Time // the connection's deadline for reads; zero: none
	budget int64     // bytes the current message may still take
	small  [16]byte
}

// limits are how long things may take; constants but for tests.
type limits struct{ handshake, message time.Duration }

func newWire(conn net.Conn, l limits) *wire {
	return &wire{conn: conn, limits: l, buf: bufio.NewReaderSize(conn, readBuffer)}
}

// begin starts a message, or a handshake, that has to be complete within d, or a little less, and budget bytes. The deadline of the message
// before stays while it is near enough: to set one wakes another thread of the runtime, which costs as much as a small update.
func (w *wire) begin(d time.Duration, budget int64) {
	w.budget = budget
	if left := time.Until(w.until); left < d-d/4 || left > d {
		w.deadline(time.Now().Add(d))
	}
}

// deadline limits the time of reads. A connection that takes no deadline is either closed, which the next read says better, or a tunnel that
// knows none.
func (w *wire) deadline(until time.Time) {
	w.until = until
	_ = w.conn.SetReadDeadline(until)
}

// next waits, as long as it takes, for the first byte of a message, and starts the message. A connection that ends here ended in good order.
func (w *wire) next() (byte, error) {
	kind, err := w.buf.ReadByte()
	if errors.Is(err, os.ErrDeadlineExceeded) { // that of the message before
		w.deadline(time.Time{})
		kind, err = w.buf.ReadByte()
	}
	if err != nil {
		return 0, ended(err)
	}
	w.begin(w.limits.message, messageBudget)
	return kind, nil
}

// spend takes n bytes from the message's budget.
func (w *wire) spend(n int64) error {
	if n < 0 || n > w.budget {
		return protocol("a message of more bytes than it can need")
	}
	w.budget -= n
	return nil
}

// read fills p.
func (w *wire) read(p []byte) error {
	if err := w.spend(int64(len(p))); err != nil {
		return err
	}
	_, err := io.ReadFull(w.buf, p)
	return transport(err)
}

// skip drops n bytes.
func (w *wire) skip(n int64) error {
	if err := w.spend(n); err != nil {
		return err
	}
	for n > 0 {
		step, err := w.buf.Discard(int(min(n, readBuffer)))
		n -= int64(step)
		if err != nil {
			return transport(err)
		}
	}
	return nil
}

// bytes reads n bytes, of which there may be no more than limit, into new memory.
func (w *wire) bytes(n, limit uint32, what string) ([]byte, error) {
	if n > limit {
		return nil, protocol("a %s of %d bytes", what, n)
	}
	p := make([]byte, n)
	return p, w.read(p)
}

// head reads the next n bytes, at most 16, which stay valid until the next call.
func (w *wire) head(n int) ([]byte, error) {
	p := w.small[:n]
	return p, w.read(p)
}

func (w *wire) u8() (uint8, error) {
	p, err := w.head(1)
	return p[0], err
}

func (w *wire) u32() (uint32, error) {
	p, err := w.head(4)
	return binary.BigEndian.Uint32(p), err
}

// protocol is an error of a server that does not keep to the protocol.
func protocol(format string, args ...any) error {
	return fmt.Errorf("%w: %s", display.ErrProtocol, fmt.Sprintf(format, args...))
}

// transport is the error of a connection that broke; nil stays nil.
func transport(err error) error {
	switch {
	case err == nil:
		return nil
	case gone(err):
		return fmt.Errorf("%w: it ended in the middle of a message", display.ErrTransport)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: a message was not complete in time", display.ErrTransport)
	}
	return fmt.Errorf("%w: %w", display.ErrTransport, err)
}

// ended is the error of a connection that ended between two messages.
func ended(err error) error {
	if gone(err) {
		return display.ErrClosed
	}
	return transport(err)
}

// gone reports whether an error means that the other end closed the connection.
func gone(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// A meter counts the bytes that pass a connection.
type meter struct {
	net.Conn
	in, out atomic.Uint64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.in.Add(uint64(max(n, 0)))
	return n, err
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	m.out.Add(uint64(max(n, 0)))
	return n, err
}
