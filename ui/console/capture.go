package console

import (
	"context"
	"errors"
	"sync"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// grabs captures keyboard and pointer for the window: x11.Input.
type grabs interface {
	Capture(keyboard, pointer bool)
	Minimise() error
}

// capture decides when the guest has all keys of the keyboard, also those of the desktop, and when it has the pointer. UI goroutine only.
//
// The keyboard is captured while the guest's picture has the focus and nothing lies over it. The host key frees it, until the focus comes
// anew or the host key captures it again. The pointer is captured by a click into the picture of a guest that only knows movements.
type capture struct {
	grabs grabs // nil: this desktop does not let us, as on Wayland
	idle  func() bool

	auto     bool // capture with the focus
	live     bool // there is a guest that takes keys
	focused  bool // the picture has the focus
	covered  bool // a menu or dialog lies over it
	absolute bool // the guest's pointer is absolute

	freed   bool // by the host key
	asked   bool // for by the host key, or the menu
	pointer bool // asked for by a click

	asks, has captured
}

// captured is what of the host's devices only the guest has.
type captured struct{ keyboard, pointer bool }

// want says what should be captured now.
func (c *capture) want() captured {
	if c.grabs == nil || !c.live || !c.focused || c.covered {
		return captured{}
	}
	pointer := c.pointer && !c.absolute
	return captured{keyboard: pointer || c.asked || c.auto && !c.freed, pointer: pointer}
}

// update passes on what is wanted. A key that is down when the keyboard changes hands would be up for the toolkit only when the focus goes,
// so it is waited for.
func (c *capture) update() {
	want := c.want()
	if want.keyboard && !c.asks.keyboard && !c.idle() {
		want = captured{}
	}
	if want != c.asks && c.grabs != nil {
		c.asks = want
		c.grabs.Capture(want.keyboard, want.pointer)
	}
}

// free gives keyboard and pointer back to the host.
func (c *capture) free() {
	c.freed, c.asked, c.pointer = true, false, false
	c.update()
}

// toggle is a tap on the host key, or the menu's entry.
func (c *capture) toggle() {
	if c.want().keyboard {
		c.free()
		return
	}
	c.freed, c.asked = false, true
	c.update()
}

// focus follows the picture's focus. What the user said holds until the focus comes anew.
func (c *capture) focus(on bool) {
	if on && !c.focused {
		c.freed, c.asked, c.pointer = false, false, false
	}
	c.focused = on
	c.update()
}

// steersPointer reports whether a click into the picture captures the pointer: nothing else moves the guest's then.
func (c *capture) steersPointer() bool { return c.grabs != nil && !c.absolute }

// relative is the pointer of a guest that only knows movements, while it is captured. Its methods may be called from any goroutine.
type relative struct {
	mu      sync.Mutex
	input   Input // nil: nobody
	buttons display.ButtonMask
}

func (r *relative) setInput(in Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.input, r.buttons = in, 0
}

func (r *relative) move(dx, dy int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.input != nil {
		r.input.Relative(dx, dy, r.buttons)
	}
}

// xButtons are the buttons by their numbers in X.
var xButtons = map[byte]display.ButtonMask{
	1: display.ButtonLeft, 2: display.ButtonMiddle, 3: display.ButtonRight, 4: display.WheelUp, 5: display.WheelDown,
	6: display.WheelLeft, 7: display.WheelRight, 8: display.ButtonBack, 9: display.ButtonForward,
}

func (r *relative) button(n byte, down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if down {
		r.buttons |= xButtons[n]
	} else {
		r.buttons &^= xButtons[n]
	}
	if r.input != nil {
		r.input.Relative(0, 0, r.buttons)
	}
}

// release lets go of all buttons.
func (r *relative) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buttons != 0 && r.input != nil {
		r.input.Relative(0, 0, 0)
	}
	r.buttons = 0
}

// openCapture connects the window to the X server for capturing. Where that does not work there is no capture.
func (w *Window) openCapture() {
	handle := WindowHandle(w.win)
	if handle == 0 {
		return
	}
	cancel := dispatch.Background(w.p.Dispatch, func(context.Context) (*x11.Input, error) {
		return x11.OpenInput(handle, w.captureHandlers())
	}, func(in *x11.Input, err error) {
		switch {
		case err != nil:
		case w.closed:
			in.Close()
		default:
			w.startCapture(in)
		}
	})
	w.cancels = append(w.cancels, cancel)
}

func (w *Window) startCapture(in *x11.Input) {
	var stopRun, stopObey func()
	ended := func(err error) {
		if !errors.Is(err, context.Canceled) { // then each of the two has the other end as well
			stopRun()
			stopObey()
			w.captureLost()
		}
	}
	stopRun, stopObey = dispatch.Run(w.p.Dispatch, in.Run, ended), dispatch.Run(w.p.Dispatch, in.Obey, ended)
	w.cancels = append(w.cancels, stopRun, stopObey)
	w.input.Store(in)
	w.setGrabs(in)
}

// captureLost ends capturing for this window: without its connection the X server has given back what was captured, and tells of no key
// that goes up.
func (w *Window) captureLost() {
	w.input.Store(nil)
	w.display.ReleaseAll()
	w.setGrabs(nil)
	w.showCapture(captured{})
}

// setGrabs says how keyboard and pointer are captured from now on; nil: not at all.
func (w *Window) setGrabs(g grabs) {
	w.capture.grabs, w.capture.asks = g, captured{}
	w.display.steered = w.capture.steersPointer
	w.capture.update()
}

// captureHandlers take keys and movements on the goroutine of the X connection and pass them on without the UI goroutine, whose turn comes
// sixty times a second only.
func (w *Window) captureHandlers() x11.Handlers {
	keys, pointer := w.display.keyboard, &w.display.relative
	return x11.Handlers{
		Key: func(keycode byte, action x11.KeyAction) {
			code := keymap.EvdevFromX11(int(keycode))
			var act hostAct
			switch action {
			case x11.KeyPressed:
				act = keys.press(code)
			case x11.KeyRepeated:
				keys.repeat(code)
			case x11.KeyReleased:
				act = keys.release(code)
			}
			if act.tapped { // the way out works even if the UI hangs
				if in := w.input.Load(); in != nil {
					in.Capture(false, false)
				}
				w.p.Dispatch.Do(w.capture.free)
			} else if act.command != 0 {
				w.p.Dispatch.Do(func() { w.hostAct(act) })
			}
		},
		Motion: pointer.move,
		Button: pointer.button,
		Side:   func(n byte, down bool) { w.p.Dispatch.Do(func() { w.display.side(xButtons[n], down) }) },
		Captured: func(keyboard, mouse bool) {
			keys.releaseAll() // a key that is down changes hands only one way
			if !mouse {
				pointer.release()
			}
			w.p.Dispatch.Do(func() { w.showCapture(captured{keyboard, mouse}) })
		},
	}
}

// showCapture tells what is captured, and the way out: in the status line and in the title, where no guest can draw.
func (w *Window) showCapture(has captured) {
	if w.closed {
		return
	}
	first := has.pointer && !w.toldPointer
	w.capture.has = has
	text := lang.F("Keyboard captured – %s frees it", w.hostKey)
	if has.pointer {
		text = lang.F("Keyboard and mouse captured – %s frees them", w.hostKey)
	}
	w.status.setCapture(has.keyboard, text)
	w.showTitle()
	if first {
		w.toldPointer = true
		w.say(notice{text: lang.F("Press %s to get your mouse back.", w.hostKey)})
	}
}

// showTitle names the window; while the keyboard is captured it names the way out as well.
func (w *Window) showTitle() {
	title := windowTitle(w.machine)
	if w.capture.has.keyboard {
		title += " – " + lang.F("%s frees the keyboard", w.hostKey)
	}
	if title != w.win.Title() {
		w.win.SetTitle(title)
	}
}

// hostAct does what the host key asks for.
func (w *Window) hostAct(act hostAct) {
	switch {
	case w.closed:
	case act.tapped:
		w.capture.toggle()
	case act.command != 0:
		w.hostCommand(act.command)
	}
}

// covers follows what comes and goes over the picture.
func (w *Window) covers() {
	w.capture.covered = widgets.ModalOpen(w.win)
	if w.capture.covered {
		w.display.ReleaseAll()
		w.text.host.letGo()
	}
	w.capture.update()
}
