package console

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/widgets"
)

// live waits until the picture of source i is shown and its input is connected.
func (f *world) live(w *Window, i int) *fakeSource {
	f.t.Helper()
	f.until("a live picture", func() bool { return f.source(i) != nil && w.body.live && w.display.input == Input(f.source(i)) })
	return f.source(i)
}

func TestWindowFollowsTheMachine(t *testing.T) {
	f := newWorld(t, hypervisor.StateOff)
	w := f.open()
	if w.win.Title() != "web – off" || w.page.title.Text() != "The machine is off" || !w.page.button.Visible() {
		t.Errorf("%q, page %q", w.win.Title(), w.page.title.Text())
	}
	f.set(func() { f.hold = make(chan struct{}) })
	test.Tap(w.page.button)
	f.until("starting", func() bool { return w.page.title.Text() == "Start…" && !w.page.button.Visible() })
	f.set(func() {
		close(f.hold)
		f.hold = nil
	})
	source := f.live(w, 0)
	if w.page.card.Visible() || w.page.cover.Visible() || w.win.Title() != "web – running" {
		t.Errorf("a page over a live picture; %q", w.win.Title())
	}
	if got := w.display.frames.paint().RGBAAt(7, 7); got != (color.RGBA{10, 120, 200, 255}) {
		t.Errorf("the picture is %v", got)
	}
	press := func(scan int) {
		w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: scan}})
		w.display.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: scan}})
	}
	source.take()
	press(38)
	expect(t, source.take(), "+1e -1e")

	test.Tap(w.bar.run)
	f.until("paused", func() bool { return w.page.title.Text() == "Paused" })
	if !w.page.veil.Visible() || w.page.cover.Visible() {
		t.Error("the picture of a paused machine is not dimmed")
	}
	press(38)
	expect(t, source.take(), "")
	test.Tap(w.page.button)
	f.live(w, 0)

	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("off", func() bool { return w.page.title.Text() == "The machine is off" && w.display.GuestSize().X == 0 })
	if !w.page.cover.Visible() || w.display.frames.snapshot() != nil {
		t.Error("the picture outlives the machine's run")
	}
	f.set(func() { f.machine = nil })
	w.refresh()
	if w.page.title.Text() != "This machine no longer exists" {
		t.Error(w.page.title.Text())
	}
	if want := []string{"start", "pause", "resume"}; !f.did(want...)() {
		t.Errorf("done: %v, want %v", f.noted(), want)
	}
}

// TestWindowThatIsPrepared has a picture and takes no more until it is shown; one that nobody wants goes.
func TestWindowThatIsPrepared(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	shown := func(w *Window) bool { return w.visible }
	visible := func(s *fakeSource) (on bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.visible) == 0 || s.visible[len(s.visible)-1]
	}
	w := f.prepare()
	source := f.live(w, 0)
	if shown(w) || visible(source) {
		t.Errorf("before it is wanted: shown %v, updates %v", shown(w), visible(source))
	}
	w.Show()
	f.until("updates", func() bool { return shown(w) && visible(source) })
	if f.source(1) != nil {
		t.Error("the display was opened twice")
	}
	w.Discard()
	f.until("closed", f.did("closed"))

	f.size = image.Pt(1280, 800)
	w = f.prepare()
	f.live(w, 1)
	w.Show()
	f.until("shown", func() bool { return shown(w) && f.queue.Drain() == 0 })
	if size := w.sizeFor(f.size); w.autoSize != size {
		t.Errorf("the window became %v, not %v as the screen that was there before", w.autoSize, size)
	}
	w.Discard()
	f.until("closed", f.did("closed", "closed"))

	w = f.prepare()
	f.live(w, 2)
	w.Discard()
	w.Show()
	f.until("closed", f.did("closed", "closed", "closed"))
	if shown(w) {
		t.Error("a window that was given up was shown")
	}
}

// TestWindowReconnects: after a restart of the machine, and after a connection that broke while the machine ran on.
func TestWindowReconnects(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0).hangUp <- errGone
	f.live(w, 1)
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("off", func() bool { return !w.body.live })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	f.live(w, 2)

	f.set(func() { f.openErr, f.tries = errors.New("nobody there"), patience })
	f.source(2).hangUp <- display.ErrTransport
	f.until("the loss", func() bool { return w.page.title.Text() == "Disconnected" })
	if !w.page.veil.Visible() || w.page.cover.Visible() || !w.page.details.Visible() {
		t.Error("the last picture is not shown dimmed")
	}
	f.set(func() { f.openErr = nil })
	w.pageAction(bodyReconnect)
	f.live(w, 3)
}

func TestWindowCheckpointAndRestore(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.list = []checkpoints.Checkpoint{
		{ID: "a", Name: "Clean", Created: time.Now().Add(-time.Hour), Current: true},
		{ID: "b", Name: "Broken", Created: time.Now(), Problem: "A file is missing."},
	}
	w := f.open()
	f.live(w, 0)
	test.Tap(w.bar.checkpoint)
	w.saveCheckpoint() // the second half of a double click
	f.until("saved", func() bool {
		return w.win.Title() == "web [Checkpoint 3] – running" && w.status.notice.text == "“Checkpoint 3” saved."
	})

	test.Tap(w.bar.restore) // nothing would be lost
	f.until("restored", f.did("save Checkpoint 3", "restore a"))
	told := func() bool { return w.status.notice.text == "Back at “Clean”." }
	f.until("told so", told) // else it comes over the next notice

	f.set(func() { f.loses = true })
	test.Tap(w.bar.restore)
	f.until("the question", func() bool { return widgets.ModalOpen(w.win) })
	tapButton(t, w.win, "Save, then restore")
	f.until("restored after saving", f.did("save Checkpoint 3", "restore a", "restore a after saving Checkpoint 3"))
	f.until("told so again", told)

	f.set(func() { f.log = nil })
	w.restore("b")
	f.until("refused", func() bool { return w.status.notice.text == "A file is missing." })
	f.set(func() { f.list = nil })
	w.restoreLast()
	f.until("nothing to restore", func() bool { return w.status.notice.text == "This machine has no checkpoint yet." })
	f.set(func() { f.fail["save Checkpoint 1"] = hypervisor.ErrNoSpace })
	w.saveCheckpoint()
	f.until("the fault", func() bool { return w.status.notice.fault && strings.HasPrefix(w.status.notice.text, faultSave) })
	if !f.did("save Checkpoint 1")() {
		t.Errorf("done: %v", f.noted())
	}
}

func TestWindowShowsAndCancelsJobs(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	f.set(func() { f.hold = make(chan struct{}) })
	w.saveCheckpoint()
	f.until("progress", func() bool { return w.status.bar.Visible() && w.status.bar.fraction == 0.25 })
	if got := w.status.work.Text(); got != "save Checkpoint 1 – a quarter" || !w.status.cancel.Visible() {
		t.Errorf("%q", got)
	}
	test.Tap(w.status.cancel)
	f.until("cancelled", func() bool { return !w.status.bar.Visible() })
	if w.status.notice.text != "" {
		t.Errorf("a cancel is told as a fault: %q", w.status.notice.text)
	}
	if got := f.jobs.List(); got[len(got)-1].State != jobs.Cancelled {
		t.Errorf("%+v", got)
	}
}

func TestWindowSendsKeys(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	source := f.live(w, 0)
	source.take()
	for _, item := range w.keysMenu().Items {
		if item.Label == "Ctrl+Alt+F2" {
			item.Action()
		}
	}
	expect(t, source.take(), "+1d +38 +3c -3c -38 -1d")

	w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: keymap.RightCtrl + 8}})
	w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: keymap.Delete + 8}})
	expect(t, source.take(), "+1d +38 +d3 -d3 -38 -1d")

	f.set(func() { f.openErr, f.tries = errGone, 1 })
	source.hangUp <- errGone
	f.until("lost", func() bool { return !w.body.live })
	w.sendKeys(ctrlAltDel)
	f.until("sent by the hypervisor", f.did("keys [29 56 111]"))
}

func TestWindowHostKeys(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	source := f.live(w, 0)
	source.take()
	host := func(code int) {
		w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: keymap.RightCtrl + 8}})
		w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: code + 8}})
		w.display.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: code + 8}})
		w.display.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: keymap.RightCtrl + 8}})
	}
	host(keymap.F)
	if !w.win.FullScreen() || w.bar.box.Visible() || w.display.Size() != w.win.Canvas().Size() {
		t.Errorf("full screen %v, toolbar %v, screen %v of %v", w.win.FullScreen(), w.bar.box.Visible(), w.display.Size(), w.win.Canvas().Size())
	}
	w.display.MouseMoved(mouseEvent(200, 0, 0))
	if !w.bar.box.Visible() || w.bar.box.Position().Y != 0 {
		t.Error("the toolbar does not come out at the top edge")
	}
	w.display.MouseMoved(mouseEvent(200, 300, 0))
	if w.bar.box.Visible() {
		t.Error("the toolbar stays")
	}
	host(keymap.F)
	if w.win.FullScreen() || !w.bar.box.Visible() {
		t.Error("full screen stays")
	}
	host(keymap.C)
	if w.display.Scaling() != ScaleToOnes || w.display.at.picture.Size() != w.display.GuestSize() {
		t.Errorf("exact size: %v", w.display.at.picture)
	}
	host(keymap.C)
	host(keymap.P)
	f.until("paused", f.did("pause"))
	for _, e := range strings.Fields(source.take()) {
		if strings.HasPrefix(e, "+") || strings.HasPrefix(e, "-") {
			t.Errorf("a command reached the guest: %s", e)
		}
	}
}

// TestKeyboardStaysInTheGuest: a click beside the toolbar's buttons takes the focus away in Fyne; a dialog keeps it.
func TestKeyboardStaysInTheGuest(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	w.win.Canvas().Unfocus()
	f.queue.Drain()
	if w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("the keyboard is nowhere")
	}
	w.powerOff()
	f.queue.Drain()
	if w.win.Canvas().Focused() == fyne.Focusable(w.display) {
		t.Error("keys go past the question")
	}
	tapButton(t, w.win, "Cancel")
	if w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("the keyboard does not come back from the question")
	}
	w.focusToolbar()
	f.queue.Drain()
	if w.win.Canvas().Focused() != fyne.Focusable(w.bar.run) {
		t.Error("the toolbar cannot have the keyboard")
	}
}

// TestToolbarKeys: with the keyboard on the toolbar the arrows move, and the host key does what it does on the screen.
func TestToolbarKeys(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.settings.HostKey = []uint16{keymap.RightCtrl}
	w := f.open()
	f.live(w, 0)
	focused := func(want fyne.Focusable, when string) {
		t.Helper()
		f.queue.Drain()
		if got := w.win.Canvas().Focused(); got != want {
			t.Errorf("%s: the keyboard is at %T %+v", when, got, got)
		}
	}
	typed := func(names ...fyne.KeyName) {
		for _, name := range names {
			w.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: name})
		}
	}
	press := func(code int, down bool) {
		e := &fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: code + 8}}
		b := w.win.Canvas().Focused().(*widgets.Button)
		if down {
			b.KeyDown(e)
		} else {
			b.KeyUp(e)
		}
	}
	w.focusToolbar()
	typed(fyne.KeyRight, fyne.KeyRight, fyne.KeyLeft)
	focused(w.bar.stop, "right, right, left")
	typed(fyne.KeyDown)
	if !widgets.ModalOpen(w.win) {
		t.Error("Down opens no menu")
	}
	w.win.Canvas().Overlays().Remove(w.win.Canvas().Overlays().Top())
	typed(fyne.KeyEscape)
	focused(w.display, "Escape")
	w.focusToolbar()
	press(keymap.RightCtrl, true)
	press(keymap.RightCtrl, false)
	focused(w.display, "the host key")
	w.focusToolbar()
	press(keymap.RightCtrl, true)
	press(keymap.P, true)
	f.until("paused", func() bool { return w.page.title.Text() == "Paused" })
	focused(w.display, "the host key and P") // as after each of its commands
}

// TestNamedCheckpoint asks for a name, and saves under it.
func TestNamedCheckpoint(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	test.Tap(w.bar.named)
	f.until("the question", func() bool { return widgets.ModalOpen(w.win) })
	w.win.Canvas().Focused().(*widgets.Entry).SetText("Before the exam")
	tapButton(t, w.win, "Save")
	f.until("saved", func() bool {
		return w.status.notice.text == "“Before the exam” saved." && !widgets.ModalOpen(w.win)
	})
	if got := f.noted(); !slices.Contains(got, "save Before the exam") {
		t.Errorf("it did %q", got)
	}
}

func TestWindowScreenshot(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	test.Tap(w.bar.screenshot)
	f.until("saved", func() bool { return w.status.notice.action == "Copy path" })
	w.status.notice.do()
	path := f.clipboard()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, err := png.Decode(file)
	if err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 200 {
		t.Fatalf("%v: %v", img, err)
	}
	if got := color.RGBAModel.Convert(img.At(100, 100)); got != (color.RGBA{10, 120, 200, 255}) {
		t.Errorf("a pixel is %v", got)
	}
	if name := filepath.Base(path); !strings.HasPrefix(name, "web 20") || filepath.Dir(path) != w.p.Pictures {
		t.Errorf("saved as %s", path)
	}
}

func (f *world) clipboard() string { return fyne.CurrentApp().Clipboard().Content() }

// TestTwoWindows: each machine's window has its own keyboard.
func TestTwoWindows(t *testing.T) {
	f, g := newWorld(t, hypervisor.StateRunning), newWorld(t, hypervisor.StateRunning)
	w, v := f.open(), g.open()
	one, two := f.live(w, 0), g.live(v, 0)
	one.take()
	two.take()
	w.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 50}}) // Shift stays down here
	v.display.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 38}})
	v.display.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 38}})
	expect(t, one.take(), "+2a")
	expect(t, two.take(), "+1e -1e")
	w.display.FocusLost()
	expect(t, one.take()+two.take(), "-2a")
}

func TestWindowRemembersItsSize(t *testing.T) {
	f := newWorld(t, hypervisor.StateOff)
	w := f.open()
	w.win.Resize(fyne.NewSize(900, 700))
	w.Close() // off: no question
	f.until("remembered", func() bool {
		return f.get().Windows["console:"+testID.String()] == settings.WindowSize{Width: 900, Height: 700}
	})
	if !f.did("closed")() {
		t.Errorf("done: %v", f.noted())
	}
	if got := f.open().win.Canvas().Size(); got != fyne.NewSize(900, 700) {
		t.Errorf("opened again with %v", got)
	}
}

func (f *world) get() settings.Settings { return fakeSettings{f}.Get() }
