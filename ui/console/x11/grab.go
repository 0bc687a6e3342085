package x11

import (
	"fmt"
	"time"

	"github.com/jezek/xgb/xproto"
)

// grabKeyboard asks for the keyboard. ok is false when somebody else has it, or the window is not to be seen yet.
func (i *Input) grabKeyboard() (ok bool, err error) {
	i.setOn(func(on *captured) { on.keyboard = true }) // before the first event can come
	reply, err := xproto.GrabKeyboard(i.x, false, i.top, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply()
	if err == nil && reply.Status == xproto.GrabStatusSuccess {
		return true, nil
	}
	i.setOn(func(on *captured) { on.keyboard = false })
	return false, refused(err, reply != nil && busy(reply.Status))
}

// busy reports whether a grab that failed may succeed later.
func busy(status byte) bool {
	return status == xproto.GrabStatusAlreadyGrabbed || status == xproto.GrabStatusFrozen || status == xproto.GrabStatusNotViewable
}

func refused(err error, busy bool) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errGrab, err)
	case !busy:
		return errGrab
	}
	return nil
}

func (i *Input) setOn(change func(*captured)) {
	i.handling.Lock()
	defer i.handling.Unlock()
	change(&i.on)
}

// keyPress handles a press; one that follows a release of the same key at the same time is a repeat: that is how X reports them to clients
// that have not asked for better (XKB's detectable auto-repeat).
func (i *Input) keyPress(e xproto.KeyPressEvent) {
	if r := i.released; r != nil && r.key == e.Detail && r.at == e.Time {
		i.dropRelease()
		i.handle.Key(byte(e.Detail), KeyRepeated)
		return
	}
	i.flushRelease()
	i.handle.Key(byte(e.Detail), KeyPressed)
}

// keyRelease keeps a release until it is clear that no press follows at once.
func (i *Input) keyRelease(e xproto.KeyReleaseEvent) {
	i.flushRelease()
	r := &releaseTimer{key: e.Detail, at: e.Time}
	r.timer = time.AfterFunc(repeatGap, func() {
		i.handling.Lock()
		defer i.handling.Unlock()
		if i.released == r {
			i.flushRelease()
		}
	})
	i.released = r
}

// flushRelease hands out a release that waits; dropRelease forgets it.
func (i *Input) flushRelease() {
	if r := i.released; r != nil {
		i.dropRelease()
		i.handle.Key(byte(r.key), KeyReleased)
	}
}

func (i *Input) dropRelease() {
	if i.released != nil {
		i.released.timer.Stop()
		i.released = nil
	}
}
