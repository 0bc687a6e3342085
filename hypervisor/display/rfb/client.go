// Package rfb is a client of the RFB protocol, which VNC servers speak: first of all QEMU's, with its extensions for keys, pointer and lamps.
//
// A Client is made of a connection, and Run lets it fill a display.Presenter until the connection ends. Pixels are read straight into the
// presenter's memory, in the format that QEMU has them; input may come from any goroutine and never waits. The package trusts nothing: every
// rectangle is checked against the screen, and every message has a limit of bytes and of time.
//
// It speaks
//   - versions 3.3 to 3.8, with no security, VNC's password, and VeNCrypt with certificates (X509None, X509Vnc, X509Plain), which are checked
//     against authorities or a fingerprint before any password is sent; anonymous TLS and SASL are refused with an error of their own;
//   - the encodings raw, copyrect, RRE, CoRRE, hextile, zlib, Tight with JPEG, TRLE, and ZRLE;
//   - desktop size (both forms, and wishes for one), rich and alpha cursors, desktop name, last rectangle, lamps, keys by number, relative
//     pointers, side buttons, fences, continuous updates, and the extended clipboard's text.
//
// Sources: RFC 6143; the RFB community's rfbproto.rst; QEMU's ui/vnc.c for what is QEMU's own.
package rfb

import (
	"context"
	"errors"
	"image"
	"net"
	"sync"
	"time"

	"guesthouse/hypervisor/display"
)

// Options of a Client. The zero value is for a server across a network that asks for nothing.
type Options struct {
	// Password is for servers that ask for one: with VNC's own authentication, whose first eight bytes count, or beside Username.
	Password string
	// Username is for servers that want one: VeNCrypt's X509Plain.
	Username string
	// TLS says whose certificate is trusted, for servers that encrypt.
	TLS TLS
	// RequireTLS refuses servers that do not encrypt, with ErrUnencrypted.
	RequireTLS bool

	// Local is for connections that do not leave this computer: pixels come as they are, and encryption only where the server insists. Other
	// connections get compressed pictures.
	Local bool
	// Quality allows lossy pictures, 1 the worst and smallest to 10 the best. 0: none.
	Quality int
	// Encodings replaces the choice of pixel encodings: numbers of RFC 6143, 7.7, best first; those that cannot be decoded are left out.
	Encodings []int32

	// Heartbeat keeps QEMU's screen timer awake while somebody looks, at the cost of tiny messages. It is for machines without a D-Bus display,
	// whose presence has the same effect for nothing. Servers other than QEMU are left alone.
	Heartbeat bool
}

// A Client is a display.Source on a connection to an RFB server. Make one with New for each connection.
type Client struct {
	conn    *meter
	options Options
	limits  limits

	mu    sync.Mutex
	queue queue
	keys  map[uint32]uint32 // held keys: number to keysym
	point pointer           // as of the last event in the queue
	pace  pacer
	size  resizer
	clip  clipboard
	stats display.Stats
	out   net.Conn // what is written to: conn, or TLS on it
	// answers are messages that wait for the writer, in the order in which the server asked for them.
	answers []byte
	start   time.Time
	alive   bool          // between ServerInit and the end of Run
	signal  chan struct{} // capacity 1: the writer has something to look at
}

// A pointer is where the pointer is and what is pressed.
type pointer struct {
	x, y    int
	buttons display.ButtonMask
}

var _ display.Source = (*Client)(nil)

// New makes a client of the server at the other end of conn, which it owns from now on: conn is closed when Run returns.
func New(conn net.Conn, options Options) *Client {
	m := &meter{Conn: conn}
	return &Client{
		conn:    m,
		out:     m,
		options: options,
		limits:  limits{handshake: handshakeTime, message: messageTime},
		keys:    make(map[uint32]uint32),
		pace:    pacer{visible: true, wakes: options.Heartbeat, rate: rate{wakeEvery, eagerFor, heartbeat}},
		stats:   display.Stats{AbsolutePoint: true},
		signal:  make(chan struct{}, 1),
	}
}

// Run implements display.Source. It may be called once.
func (c *Client) Run(ctx context.Context, p display.Presenter) error {
	c.mu.Lock()
	c.start = time.Now()
	c.mu.Unlock()

	running, finish := context.WithCancel(ctx)
	defer finish()
	stop := context.AfterFunc(running, func() { c.conn.Close() }) // the only way to wake a read or a write
	defer stop()

	var writing error
	var writer sync.WaitGroup
	writer.Go(func() {
		if writing = c.write(running); writing == nil {
			return
		}
		// What the server sent before it went says more than a failed write: give the reader a moment to find it.
		grace := time.NewTimer(writeGrace)
		defer grace.Stop()
		select {
		case <-running.Done():
		case <-grace.C:
			c.conn.Close()
		}
	})
	s := &session{conn: c.conn, wire: newWire(c.conn, c.limits), options: c.options, client: c, show: p}
	err := s.run()
	finish()
	c.conn.Close()
	writer.Wait()
	c.over()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case writing != nil && errors.Is(err, net.ErrClosed): // it was us who closed, after a failed write
		return transport(writing)
	}
	return err
}

// writeGrace is how long a connection that takes no more input is still read from.
const writeGrace = time.Second

// ready opens the way for input and updates, after the handshake.
func (c *Client) ready() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive = true
	c.pace.ready = true
	c.pace.request()
	c.wake()
}

func (c *Client) over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive = false
	c.queue = queue{}
	c.clip, c.answers = clipboard{}, nil
	clear(c.keys)
}

// wake makes the writer look. The caller holds mu.
func (c *Client) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// write sends what waits, in as few writes as possible, until ctx ends or the connection breaks.
func (c *Client) write(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var out []byte
	for {
		var wait time.Duration
		var conn net.Conn
		out, wait, conn = c.due(out[:0], time.Now())
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
					return nil
				}
				return err
			}
			continue
		}
		var due <-chan time.Time // none when nothing is: a timer wakes another thread of the runtime even if it never fires
		if wait < idleLimit {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.signal:
		case <-due:
		}
	}
}

// due appends what is to be written now, and says when to ask again at the latest, and where it goes.
func (c *Client) due(out []byte, now time.Time) ([]byte, time.Duration, net.Conn) {
	if cap(out) > 64<<10 {
		out = nil // a clipboard has been here
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.alive {
		return out, idleLimit, c.out
	}
	out = c.queue.encode(out)
	if len(out) > 0 {
		c.pace.sent(now)
	}
	out = append(out, c.answers...)
	c.answers = c.answers[:0]
	out = c.clip.encode(out)
	out, wait := c.size.encode(out, now, c.point.buttons != 0, image.Pt(c.stats.Width, c.stats.Height))
	out, next := c.pace.encode(out, now, c.spareKey)
	return out, min(wait, next), c.out
}

// Key implements display.Source.
func (c *Client) Key(qnum, keysym uint32, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.alive {
		return
	}
	_, held := c.keys[qnum]
	switch {
	case down:
		if !c.queue.hasRoom() {
			c.stats.Dropped++
			return
		}
		c.keys[qnum] = keysym
	case !held:
		return // the press was dropped, or happened elsewhere
	default:
		delete(c.keys, qnum)
	}
	c.queue.key(qnum, keysym, down)
	c.wake()
}

// Pointer implements display.Source.
func (c *Client) Pointer(x, y int, buttons display.ButtonMask) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stats.AbsolutePoint { // a place means nothing to this guest, buttons do
		c.relative(0, 0, buttons)
		return
	}
	c.absolute(x, y, buttons)
}

// Relative implements display.Source. For a guest with an absolute pointer the distance counts from the last place.
func (c *Client) Relative(dx, dy int, buttons display.ButtonMask) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.AbsolutePoint {
		c.absolute(c.point.x+clamp(dx, relativeLimit), c.point.y+clamp(dy, relativeLimit), buttons)
		return
	}
	c.relative(dx, dy, buttons)
}

// absolute and relative put a pointer event into the queue. The caller holds mu.
func (c *Client) absolute(x, y int, buttons display.ButtonMask) {
	x = max(0, min(x, c.stats.Width-1))
	y = max(0, min(y, c.stats.Height-1))
	c.pointerEvent(event{kind: eventAbsolute, x: x, y: y, buttons: buttons & c.queue.sendable()}, pointer{x, y, buttons & c.queue.sendable()})
}

func (c *Client) relative(dx, dy int, buttons display.ButtonMask) {
	c.pointerEvent(event{kind: eventRelative, x: dx, y: dy, buttons: buttons & c.queue.sendable()}, pointer{c.point.x, c.point.y, buttons & c.queue.sendable()})
}

func (c *Client) pointerEvent(e event, after pointer) {
	if !c.alive {
		return
	}
	e.move = e.buttons == c.point.buttons
	if e.move && e.kind == eventRelative && e.x == 0 && e.y == 0 {
		return
	}
	release := !e.move && e.buttons&^c.point.buttons == 0
	if c.queue.merge(e) {
		c.point = after
	} else if release || c.queue.hasRoom() {
		c.queue.add(e)
		c.point = after
	} else {
		c.stats.Dropped++
		return
	}
	c.wake()
}

// ReleaseAll implements display.Source.
func (c *Client) ReleaseAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.alive {
		return
	}
	for qnum, keysym := range c.keys {
		c.queue.key(qnum, keysym, false)
	}
	clear(c.keys)
	if c.point.buttons != 0 {
		e := event{kind: eventAbsolute, x: c.point.x, y: c.point.y}
		if !c.stats.AbsolutePoint {
			e = event{kind: eventRelative}
		}
		c.queue.add(e)
		c.point.buttons = 0
	}
	c.wake()
}

// SetVisible implements display.Source.
func (c *Client) SetVisible(visible bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.setVisible(visible, time.Now())
	c.wake()
}

// Stats implements display.Source.
func (c *Client) Stats() display.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.BytesIn, s.BytesOut = c.conn.in.Load(), c.conn.out.Load()
	s.RequestPending = c.pace.outstanding || c.pace.flowing
	return s
}

// The rest is called by the session, on Run's goroutine.

func (c *Client) resized(w, h int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Width, c.stats.Height = w, h
	c.pace.width, c.pace.height = w, h
}

func (c *Client) extendedKeys() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.ExtendedKeys = true
	c.queue.byNumber = true
	c.wake()
}

func (c *Client) sideButtons() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.sideButtons = true
}

// secured moves the writer to TLS, before it has anything to write.
func (c *Client) secured(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = conn
}

// pointerMode notes an extension that only QEMU has.
func (c *Client) pointerMode(absolute bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.AbsolutePoint = absolute
	c.pace.qemu = true
	c.wake()
}

// updatesEnd is told of the message that offers continuous updates, and says later that they have ended.
func (c *Client) updatesEnd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.updatesEnd()
	c.wake()
}

// updateBegan asks for the next update as soon as this one has begun, so that the server never waits for us.
func (c *Client) updateBegan() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.updateBegan()
	c.wake()
}

// updateEnded counts an update. repaint asks for the whole screen.
func (c *Client) updateEnded(pixels, repaint bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Updates++
	if pixels && !c.clip.plain { // SetEncodings was long before the request for these
		c.clip.plain = true
		c.wake()
	}
	if pixels && c.stats.FirstPicture == 0 {
		c.stats.FirstPicture = max(time.Since(c.start), 1)
	}
	if repaint {
		c.pace.full = true
	}
	if !pixels || repaint {
		c.pace.updateBegan()
		c.wake()
	}
}

func (c *Client) decoded(encoding string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Rectangles++
	c.stats.Encoding = encoding
}

// spareKey is a key that is not held, for the wake message. The caller holds mu.
func (c *Client) spareKey() (qnum uint32, ok bool) {
	if !c.queue.byNumber {
		return 0, false
	}
	for _, qnum := range [...]uint32{wakeKey, wakeKeyElse} {
		if _, held := c.keys[qnum]; !held {
			return qnum, true
		}
	}
	return 0, false
}
