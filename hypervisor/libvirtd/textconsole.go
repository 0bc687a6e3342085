package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// consolePart is how much of a long input is sent at a time: libvirt takes 256 KiB in one message of a stream.
const consolePart = 64 << 10

// loadingPause is how often input that waits for a machine's state to be loaded looks whether it is.
const loadingPause = 100 * time.Millisecond

// OpenConsole implements hypervisor.Connection.
func (c *Conn) OpenConsole(ctx context.Context, id uuid.UUID, device string, force bool) (io.ReadWriteCloser, error) {
	console, err := c.openConsole(ctx, id, device, force)
	if err != nil {
		return nil, named("open the text console", err)
	}
	return console, nil
}

func (c *Conn) openConsole(ctx context.Context, id uuid.UUID, device string, force bool) (*textConsole, error) {
	d, err := c.Domain(ctx, id)
	if err != nil {
		return nil, err
	}
	if !d.State.Active() {
		return nil, fmt.Errorf("%w: it does not run", hypervisor.ErrInvalidState)
	}
	text, err := c.DomainXML(ctx, id, true)
	if err != nil {
		return nil, err
	}
	if device, err = findConsole(text, device); err != nil {
		return nil, err
	}
	s, err := c.current()
	if err != nil {
		return nil, err
	}
	k, err := s.lend(ctx)
	if err != nil {
		return nil, err
	}
	if k == s.main { // a stream that waits would stop everything else
		return nil, &hypervisor.Error{Text: "this hypervisor has no text consoles", Kind: hypervisor.ErrUnsupported}
	}
	var flags libvirt.DomainConsoleFlags
	if force {
		flags = libvirt.DomainConsoleForce
	}
	t := newTextConsole(s, k)
	t.loading = func(ctx context.Context) bool { return c.loading(ctx, id) }
	go t.run(id, device, flags)
	limit := time.NewTimer(readLimit)
	defer limit.Stop()
	select {
	case <-t.opened:
		return t, nil
	case <-t.ended:
		return nil, consoleError(t.err)
	case <-limit.C:
		err = fmt.Errorf("%w (waited %v)", hypervisor.ErrTimeout, readLimit)
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = t.Close()
	return nil, err
}

// loading reports whether a machine's state is still being loaded, as far as the daemon says.
func (c *Conn) loading(ctx context.Context, id uuid.UUID) bool {
	loading, err := read(ctx, c, "read the machine's state", func(l *libvirt.Libvirt) (bool, error) {
		state, reason, err := l.DomainGetState(handle(id), 0)
		return libvirt.DomainState(state) == libvirt.DomainPaused && libvirt.DomainPausedReason(reason) == libvirt.DomainPausedStartingUp, err
	})
	return err == nil && loading
}

// findConsole returns the name of the console to open: device, or the first one that can be opened.
func findConsole(text, device string) (string, error) {
	m, err := domxml.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%w: its description cannot be read: %w", hypervisor.ErrNoConsole, err)
	}
	list := m.TextConsoles()
	switch at := slices.IndexFunc(list, func(c vmconfig.TextConsole) bool { return c.Device == device }); {
	case device == "" && len(list) > 0:
		return list[0].Device, nil
	case at >= 0:
		return device, nil
	case device != "":
		return "", fmt.Errorf("%w: there is no %q", hypervisor.ErrNoConsole, vmconfig.Inert(device, 40))
	}
	return "", hypervisor.ErrNoConsole
}

// consoleError names the one refusal that libvirt gives no number of its own (virChrdevOpen in src/conf/virchrdev.c).
func consoleError(err error) error {
	if e := new(hypervisor.Error); errors.As(err, &e) && e.Kind == nil && libvirt.ErrorNumber(e.Code) == libvirt.ErrOperationFailed {
		return &hypervisor.Error{Code: e.Code, Text: e.Text, Kind: hypervisor.ErrInUse}
	}
	return err
}

// textConsole is an open stream on a link of its own. Both directions are pipes without room: who does not read makes the guest wait.
type textConsole struct {
	session *session
	link    *link

	// loading reports whether the machine's state is still being loaded; heard is done once it is not.
	loading func(context.Context) bool
	heard   sync.Once

	fromGuest *io.PipeReader
	toCaller  *io.PipeWriter
	toGuest   *io.PipeWriter
	toDaemon  *io.PipeReader

	opened chan struct{} // closed when the daemon has opened the console
	open   sync.Once
	ended  chan struct{} // closed when the stream is over; err says why, nil for its regular end
	err    error
	over   sync.Once
}

func newTextConsole(s *session, k *link) *textConsole {
	t := &textConsole{session: s, link: k, opened: make(chan struct{}), ended: make(chan struct{})}
	t.fromGuest, t.toCaller = io.Pipe()
	t.toDaemon, t.toGuest = io.Pipe()
	k.g.patient.Store(true)
	return t
}

// run makes the call, which lasts as long as the stream.
func (t *textConsole) run(id uuid.UUID, device string, flags libvirt.DomainConsoleFlags) {
	defer func() {
		if p := recover(); p != nil { // the library decodes by reflection
			t.end(fmt.Errorf("%w: %v", errNonsense, p))
		}
	}()
	err := t.link.l.DomainOpenConsoleBidirectional(handle(id), optional(device), consoleInput{t}, consoleOutput{t}, uint32(flags))
	switch {
	case err == nil:
	case !t.link.alive() && !errors.As(err, new(libvirt.Error)):
		err = t.link.lost()
	default:
		err = translate(err)
	}
	t.end(err)
}

// end frees the link. Who reads gets what came before, then the reason.
func (t *textConsole) end(err error) {
	t.over.Do(func() {
		t.err = err
		close(t.ended)
		_ = t.toCaller.CloseWithError(err) // nil: io.EOF
		_ = t.toDaemon.CloseWithError(io.ErrClosedPipe)
		t.session.giveBack(t.link, false)
	})
}

// Read implements io.Reader.
func (t *textConsole) Read(p []byte) (int, error) { return t.fromGuest.Read(p) }

// Write implements io.Writer. It waits while neither guest nor daemon take anything, and until a saved state or a checkpoint is loaded.
func (t *textConsole) Write(p []byte) (int, error) {
	t.heard.Do(t.waitLoaded)
	done := 0
	for done < len(p) {
		n, err := t.toGuest.Write(p[done:min(done+consolePart, len(p))])
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// waitLoaded returns when the machine's state is loaded or the console is over. QEMU's serial port takes what comes before that, and then
// loses it: the state that is loaded replaces the port's own.
func (t *textConsole) waitLoaded() {
	for t.loading(context.Background()) {
		select {
		case <-t.ended:
			return
		case <-time.After(loadingPause):
		}
	}
}

// Close implements io.Closer.
func (t *textConsole) Close() error {
	_ = t.fromGuest.Close() // first, so that the library is not kept from seeing the end of its link
	t.end(io.ErrClosedPipe)
	return nil
}

// consoleInput is what the library sends. It asks for the first time when the daemon has agreed to the stream.
type consoleInput struct{ *textConsole }

// Read implements io.Reader.
func (t consoleInput) Read(p []byte) (int, error) {
	t.open.Do(func() { close(t.opened) })
	return t.toDaemon.Read(p)
}

// consoleOutput takes what the library received. It never returns an error: the library would leave the rest of the stream unread and all
// that follows on the link waiting behind it.
type consoleOutput struct{ *textConsole }

// Write implements io.Writer.
func (t consoleOutput) Write(p []byte) (int, error) {
	_, _ = t.toCaller.Write(p)
	return len(p), nil
}
