package console

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// Window is the window of one machine. UI goroutine only.
type Window struct {
	p   Params
	win fyne.Window

	display *Display
	stage   *stage
	scaling scaling
	scroll  *container.Scroll
	barKeys barKeys
	// scaledBefore is what toggleScaling goes back to.
	scaledBefore Scaling
	link         *link
	access       *access
	hold         hold
	bar          *toolbar
	page         *page
	text         *textView
	status       *status
	layout       *frameLayout
	frame        *fyne.Container

	machine    *machines.Machine // as last seen; nil: there is none
	work       string            // title of the job that runs on it, empty for none
	connected  bool              // to the hypervisor
	body       body
	hadPicture bool // pixels of this run of the machine are there
	running    bool // it runs and its screen is wanted

	activity    activity
	hint        *bootHint
	task        *taskPanel
	recorder    recorder
	sharing     sharing
	copier      copier
	slide       slide
	autoSize    fyne.Size // what the window was last resized to by itself
	before      fyne.Size // size before full screen
	askingClose *closeDialog
	askedIn     int // the link's round in which the password was asked for

	capture     capture
	input       atomic.Pointer[x11.Input] // for its own goroutine; nil: none
	hostKey     string                    // the host key's name
	toldPointer bool                      // how to get the pointer back
	typing      func()                    // stops the typing of a text; nil: none is typed
	// savingCheckpoint is set from a click on Checkpoint until its job has ended.
	savingCheckpoint bool
	// closeWhenOff closes the window as soon as the machine is off: the user chose to shut it down.
	closeWhenOff bool
	closed       bool
	ahead        bool          // Prepare made it, and Show was not called
	visible      bool          // show was called
	written      chan struct{} // closed when the last change of the settings is there; nil: none was made
	expecting    bool          // prepareStage has done its work
	unseen       bool          // nothing of the window is on the screen
	cancels      []func()
	noticeTimer  func()
}

// Prepare makes the window of machine p.ID and fetches a first picture, so that Show has little left to do. Until then it takes no others.
func Prepare(p Params) *Window {
	w := &Window{p: p, win: p.Window, ahead: true}
	if w.win == nil {
		w.win = p.App.NewWindow("")
	}
	w.begin()
	w.build()
	w.connect()
	w.refresh()
	return w
}

// Show brings a window that was prepared on the screen.
func (w *Window) Show() {
	if w.closed || !w.ahead {
		return
	}
	w.ahead = false
	w.updateVisible()
	w.prepareStage()
	if w.stage.early && !w.hadPicture { // the screen comes in a moment, but not while the toolkit paints with every processor
		dispatch.After(w.p.Dispatch, pictureTime, w.show)
	} else {
		w.show()
	}
}

// Discard gives up a window that was prepared and is not wanted.
func (w *Window) Discard() { w.shut() }

// pictureTime is how long a window that is ready waits for its first picture. Nobody sees that it was waited.
const pictureTime = 40 * time.Millisecond

// show brings the window on the screen, the first time that it is called.
func (w *Window) show() {
	if w.closed || w.visible {
		return
	}
	w.visible = true
	w.win.Show()
	w.stage.settle(w.win)
	switch {
	case w.body.ask:
		w.win.Canvas().Focus(w.page.form.first())
	case w.win.Canvas().Focused() == nil: // else a field asks for something already
		w.display.Focus()
	}
	w.p.Dispatch.Do(w.shown)
	if w.p.Kiosk != nil {
		w.enterKiosk()
	}
}

// shown lays out again when the window is there: only now it is known how many pixels of this monitor a Fyne unit has.
func (w *Window) shown() {
	if w.closed {
		return
	}
	if w.stage.early && w.hadPicture { // nothing else will tell that there is one
		w.refresh()
	}
	w.copier = newCopier(w.win)
	w.frame.Refresh()
	w.display.Refresh()
	w.openCapture()
	first := w.sizeFor(usualGuest)
	if guest := w.display.GuestSize(); guest.X <= largestAuto.X && guest.Y <= largestAuto.Y { // it may have been there before the window
		first = first.Max(w.sizeFor(guest))
	}
	if w.autoSize != (fyne.Size{}) && first != w.autoSize {
		w.autoSize = first
		w.win.Resize(first)
	}
}

// Raise brings the window to the front.
func (w *Window) Raise() {
	w.show()
	w.win.Show()
	w.win.RequestFocus()
}

// begin reaches for the machine's screen while the window is still being built.
func (w *Window) begin() {
	w.display = newDisplay(w.p.Dispatch)
	w.stage = newStage(w.p.Dispatch, w.display.frames)
	w.stage.changed = w.stageChanged
	w.stage.seen = func(on bool) {
		w.unseen = !on
		w.updateVisible()
		w.refreshDevices()
	}
	// Fyne paints a window in its new size at once. What it painted before the X server followed stands too low or too high until the next
	// time that something is painted.
	w.stage.left = func() { widgets.HideTips(w.frame) }
	w.stage.resized = func() {
		if !w.closed {
			w.win.Canvas().Refresh(w.bar.box)
		}
	}
	w.stage.open(w.win) // a window that was used before is there already
	w.startSharing()
	w.link = newLink(w.display.frames)
	w.access = &access{displays: w.p.Displays, machine: w.p.ID}
	w.link.open = func(ctx context.Context) (hypervisor.GraphicsPath, error) {
		path, err := w.p.Machines.OpenDisplay(ctx, w.p.ID)
		if err != nil {
			return path, err
		}
		w.access.apply(&path)
		return path, nil
	}
	if w.link.newSource = w.p.NewSource; w.link.newSource == nil {
		w.link.newSource = func(path hypervisor.GraphicsPath) display.Source {
			options := w.access.options(path)
			options.Heartbeat = !hasDBus(find(w.p.Machines.Snapshot(), w.p.ID))
			return rfb.New(path.Conn, options)
		}
	}
	if w.p.after != nil {
		w.link.after = w.p.after
	}
	w.link.changed = dispatch.Coalesce(w.p.Dispatch, w.refresh)
	w.cancels = append(w.cancels, dispatch.Run(w.p.Dispatch, w.link.run, func(error) { w.display.frames.close() }))
	w.followMachine()
}

// build makes the parts and puts them into the window.
func (w *Window) build() {
	w.capture = capture{idle: w.display.keyboard.idle}
	w.display.canvas = w.win.Canvas()
	w.display.mode = scalingNamed(w.p.Settings.Get().Consoles[w.p.ID].Scaling)
	w.display.OnScreen = w.screenChanged
	w.display.OnPlaced = w.showScreen
	w.display.OnPointer = w.pointerMoved
	w.display.OnFocus = func(on bool) {
		w.focusChanged(on)
		w.keyboardMoved(on)
	}
	w.display.OnHost = w.hostAct
	w.display.OnIdle = w.capture.update
	w.display.OnCapture = w.capturePointer
	w.scroll = container.NewScroll(w.display)
	w.scroll.OnScrolled = func(fyne.Position) { w.placePicture() }
	w.display.viewport = w.scroll.Size
	w.page = newPage(w.p.Dispatch, w.pageAction, w.showError)
	w.text = newTextView(w)
	w.display.elsewhere = w.text.focus
	clicks := statusActions{
		cancel: w.p.Jobs.Cancel, discs: func() { w.menu(w.status.discs, w.discMenu()) }, record: w.stopRecording, clipboard: func() { w.menu(w.status.clipboard, w.clipboardMenu()) },
		screen: func() { w.menu(w.status.screen, w.viewMenu()) },
	}
	if w.p.Kiosk != nil {
		clicks = statusActions{cancel: w.p.Jobs.Cancel}
	}
	w.status = newStatus(clicks)
	w.status.onNotice = w.noticeChanged
	w.bar = newToolbar(toolbarActions{
		run: w.runOrPause, checkpoint: w.saveCheckpoint, named: w.saveCheckpointAs, restore: w.restoreLast, screenshot: w.screenshot,
		fullScreen:  w.toggleFullScreen,
		text:        w.text.toggle,
		task:        w.toggleTask,
		stopMenu:    func() { w.menu(w.bar.stop, w.stopMenu()) },
		restoreMenu: w.pickCheckpoint,
		keysMenu:    func() { w.menu(w.bar.keys, w.keysMenu()) },
		viewMenu:    func() { w.menu(w.bar.view, w.viewMenu()) },
		pictureMenu: func() { w.menu(w.bar.pictures, w.pictureMenu()) },
	})
	if w.p.Kiosk != nil {
		w.bar.box = barOf(w.kioskBar(w.bar))
	}
	w.barKeys = barKeys{w: w}
	w.hint = newBootHint(w.insertAndRestart, w.hintMoved)
	var handIn func()
	if w.p.HandIn != nil {
		handIn = func() {
			w.display.ReleaseAll()
			w.p.HandIn(w.p.ID, w.win)
		}
	}
	w.task = newTaskPanel(w.toggleTask, handIn)
	w.barKeys.attach()
	w.layout = &frameLayout{perUnit: w.display.pixelsPerUnit, done: w.placePicture}
	w.slide = slide{layout: w.layout, dispatch: w.p.Dispatch}
	screen := container.New(&hintLayout{w.layout}, container.NewStack(w.scroll, w.page.box, w.text.box), w.hint.box)
	w.frame = container.New(w.layout, container.New(&taskLayout{w.layout}, screen, w.task.box), w.bar.box, w.status.box)
	w.slide.moved = func() { w.frame.Refresh() }
	w.win.SetPadded(false)
	w.win.SetContent(widgets.WithTooltips(w.p.Dispatch, w.frame))
	w.win.SetCloseIntercept(w.Close)
	w.win.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) { // comes when nothing has the keyboard, as after a click beside a dialog's buttons
		if e.Name == fyne.KeyEscape {
			widgets.DismissModal(w.frame)
		}
	})
	w.win.SetOnClosed(w.onClosed)
	w.applyHostKey()
	w.win.Resize(w.firstSize())
	w.layout.measured = w.prepareStage
}

// connect starts what feeds the window beside the link to the display: the machine's state, the jobs.
func (w *Window) connect() {
	w.activity.source, w.activity.show = w.p.Machines, dispatch.Coalesce(w.p.Dispatch, w.showActivity)
	w.cancels = append(w.cancels,
		w.p.Machines.Subscribe(w.link.changed),
		w.p.Jobs.Subscribe(dispatch.Coalesce(w.p.Dispatch, w.refreshJobs)),
		widgets.WatchOverlays(w.win.Canvas(), w.placePicture),
		widgets.WatchOverlays(w.win.Canvas(), w.covers),
		func() { w.activity.watch(false) },
		w.endRecording, w.hint.stop, func() { w.watchClipboard(false) },
	)
}

// find returns a machine of a snapshot, nil when it is not there.
func find(s *machines.Snapshot, id uuid.UUID) *machines.Machine {
	for _, m := range s.Machines {
		if m.UUID == id {
			return m
		}
	}
	return nil
}

// followMachine learns the machine's state, and has its screen connected while it is active.
func (w *Window) followMachine() (active bool) {
	snapshot := w.p.Machines.Snapshot()
	w.machine, w.connected = find(snapshot, w.p.ID), snapshot.Connected
	active = w.machine != nil && w.machine.State.Active()
	w.hold.follow(active, w.manual())
	w.link.want(active && !w.hold.on)
	w.running = active && !w.hold.on && w.machine.State == hypervisor.StateRunning
	if !active {
		w.endRecording() // the film ends with the machine's run
	}
	return active
}

// refresh brings the window up to date with machine and link.
func (w *Window) refresh() {
	if w.closed {
		return
	}
	active := w.followMachine()
	status, source := w.link.get()
	if !w.running || status.Phase != linkIdle && status.Phase != linkConnecting {
		w.stage.decided()
	}
	switch {
	case status.Phase == linkLive:
		w.hadPicture = true
		w.keepPassword()
	case !active && status.Phase == linkIdle && w.hadPicture:
		w.hadPicture = false // the next run begins with a screen of its own
		w.display.frames.forget()
	}
	w.body = decideBody(w.atWork(), w.connected, status, w.hadPicture)
	if w.hold.on {
		w.body = heldBody(w.body, w.machine)
	}
	if w.askingClose != nil && w.machine != nil && w.machine.State == hypervisor.StatePaused {
		w.body = body{picture: w.body.picture, veil: w.body.veil} // the dialog paused it and says so
	}
	if w.body.live && source != nil {
		w.display.SetInput(source)
	} else {
		w.display.SetInput(nil)
	}
	w.updateVisible()
	w.showPage(status)
	w.showTitle()
	w.capture.live = w.body.live && source != nil
	if !w.capture.live {
		w.stopTyping()
	}
	w.capture.update()
	w.status.setState(w.machine)
	w.refreshDevices()
	w.refreshSharing()
	w.refreshHint()
	w.readTask()
	w.updateToolbar()
	w.showScreen()
	w.text.follow()
	if w.askingClose != nil {
		w.askingClose.follow()
	}
	if w.closeWhenOff && w.machine != nil && w.machine.State == hypervisor.StateOff {
		w.shut()
	}
}

// updateVisible stops the display's updates while nobody would see them: a picture that stands still, a minimised or covered window. A
// film goes on all the same.
func (w *Window) updateVisible() {
	moves := w.body.live || !w.body.veil && w.body.picture
	w.link.setVisible(moves && !w.ahead && (!w.unseen && !w.text.on() || w.recorder.film != nil))
}

// showPage shows the body's page. While it asks for a password its field has the keyboard, and each try empties it.
func (w *Window) showPage(l linkStatus) {
	w.access.complete(&w.body, l.Err)
	asked := w.page.shown.ask
	w.page.set(w.body)
	switch {
	case w.body.ask && w.askedIn != l.Round:
		w.askedIn = l.Round
		w.page.form.ask(w.access)
		if w.visible && !widgets.ModalOpen(w.win) {
			w.win.Canvas().Focus(w.page.form.first())
		}
	case asked && !w.body.ask && w.visible && !widgets.ModalOpen(w.win):
		w.display.Focus()
	}
}

// hasDBus reports whether the machine has a D-Bus display, whose mere presence keeps QEMU's screen timer fast.
func hasDBus(m *machines.Machine) bool {
	return m != nil && m.Config != nil && slices.ContainsFunc(m.Config.Displays, func(d vmconfig.Display) bool { return d.Kind == "dbus" })
}

// windowTitle is "<name> [checkpoint] – <state>".
func windowTitle(m *machines.Machine) string {
	if m == nil {
		return "Guesthouse"
	}
	title := vmconfig.Inert(m.Name, 80)
	if m.Checkpoint != "" {
		title += " [" + vmconfig.Inert(m.Checkpoint, 40) + "]"
	}
	return title + " – " + titleWord(m)
}

func (w *Window) updateToolbar() {
	w.bar.set(toolbarState{
		machine: w.machine, picture: w.hadPicture, fullScreen: w.win.FullScreen(), host: w.hostKey, recording: w.recorder.film != nil,
		hasText: len(w.text.list()) > 0, text: w.text.on(), hasTask: w.task.there, task: w.task.box.Visible(),
	})
}

// atWork returns the machine, as busy when a job brings it up: it is off or paused for a moment on its way.
func (w *Window) atWork() *machines.Machine {
	m := w.machine
	if m == nil || m.Busy != "" || w.work == "" || m.State == hypervisor.StateRunning {
		return m
	}
	busy := *m
	busy.Busy = w.work
	return &busy
}

// refreshJobs shows the running job of this machine.
func (w *Window) refreshJobs() {
	if w.closed {
		return
	}
	var running *jobs.Status
	for _, j := range w.p.Jobs.List() {
		if j.State == jobs.Running && j.Subject == w.p.ID.String() {
			running = &j
		}
	}
	w.status.setJob(running)
	title := ""
	if running != nil {
		title = running.Title
	}
	if title != w.work {
		w.work = title
		w.refresh()
	}
}

// screenChanged follows the guest's screen: its size, pointer and lamps.
func (w *Window) screenChanged() {
	if w.capture.absolute != w.display.screen.absolute {
		w.capture.absolute, w.capture.pointer = w.display.screen.absolute, false
		w.capture.update()
	}
	w.fitToGuest()
	w.showScreen()
	w.refreshSharing()
}

func (w *Window) showScreen() {
	d := w.display
	w.status.setScreen(w.body.live, d.screen.size, d.at, w.whyScaled(), d.screen.absolute, d.screen.leds)
	w.placePicture()
}

// keyboardMoved follows the keyboard. Where another window has changed the settings, this one learns it when the user comes to it.
func (w *Window) keyboardMoved(on bool) {
	if on {
		w.applyHostKey()
		w.barKeys.letGo()
	} else {
		w.p.Dispatch.Do(w.claimKeyboard)
	}
	w.capture.focus(on)
}

// capturePointer is a click into the picture of a guest that only knows movements.
func (w *Window) capturePointer() {
	w.capture.pointer = true
	w.capture.update()
}

// applyHostKey brings everything that depends on the host key up to date with the settings.
func (w *Window) applyHostKey() {
	s := w.p.Settings.Get()
	w.capture.auto = s.CaptureKeyboard
	keys := s.HostKey
	if len(keys) == 0 {
		keys = []uint16{keymap.RightCtrl}
	}
	name := chordName(keys)
	if name == w.hostKey {
		return
	}
	w.hostKey = name
	w.display.keyboard.setHost(keys)
	w.status.setHostKey(name, lang.F("The host key, %s. Alone it captures and frees the keyboard. With F: full screen, C: exact size, A: fit the window, "+
		"M: minimise, P: pause, T: checkpoint, E: screenshot, H: shut down, R: reset, Q: close, Home: toolbar, Del: Ctrl+Alt+Del, "+
		"F1 to F12: Ctrl+Alt+F1 to F12, Insert: the host key itself.", name))
	w.updateToolbar()
}

// hintMoved lays out again after the hint came or went. A button that is no longer to be seen must not keep the keyboard.
func (w *Window) hintMoved() {
	w.frame.Refresh()
	if !w.hint.box.Visible() && w.visible && !w.closed && !widgets.ModalOpen(w.win) {
		w.display.Focus()
	}
}

// claimKeyboard gives the keyboard back to the guest when nothing else in the window wants it: a click on the toolbar or beside its buttons
// takes it away.
func (w *Window) claimKeyboard() {
	if c := w.win.Canvas(); !w.closed && c.Focused() == nil && c.Overlays().Top() == nil {
		w.display.Focus()
	}
}

// pageAction is the button in the middle of the window.
func (w *Window) pageAction(a bodyAction) {
	switch a {
	case bodyStart:
		w.do(machines.ActionStart)
	case bodyResume:
		w.do(machines.ActionResume)
	case bodyPowerOff:
		w.do(machines.ActionPowerOff)
	case bodyTrust:
		w.trust()
	case bodyConnect:
		w.connectScreen()
	case bodyShutdown:
		w.shutDown()
	case bodyAddDisplay:
		w.addDisplay()
	case bodyReconnect:
		if w.body.ask {
			w.access.enter(w.page.form.user.Text, w.page.form.entry.Text, w.page.form.remember.Checked)
			w.link.retry()
			return // the keyboard stays in the field until there is a picture
		}
		w.link.retry()
	}
	w.display.Focus()
}

// usualGuest is the screen that a new window is made for.
var usualGuest = image.Pt(1024, 768)

// firstSize is the size that the window had when it was closed last, else one for the usual guest.
func (w *Window) firstSize() fyne.Size {
	if s, ok := w.p.Settings.Get().Windows[w.settingsKey()]; ok && s.Width > 100 && s.Height > 100 {
		return fyne.NewSize(s.Width, s.Height)
	}
	w.autoSize = w.sizeFor(usualGuest)
	return w.autoSize
}

func (w *Window) settingsKey() string { return "console:" + w.p.ID.String() }

// sizeFor is the window's size that shows a guest screen pixel for pixel.
func (w *Window) sizeFor(guest image.Point) fyne.Size {
	bar, status := w.layout.bars(w.frame.Objects)
	screen := w.display.UnitsFor(guest)
	return w.onMonitor(screen.Add(fyne.NewSize(w.taskRoom(screen.Width), bar+status)))
}

// onMonitor bounds a window's size by the monitor's, as far as that is known: what does not fit is scaled down, and nothing is beyond its edge.
func (w *Window) onMonitor(size fyne.Size) fyne.Size {
	if w.p.Monitor == nil {
		return size
	}
	most := w.p.Monitor()
	if most.X <= 0 || most.Y <= 0 {
		return size
	}
	scale := max(w.win.Canvas().Scale(), 0.1)
	return fyne.NewSize(min(size.Width, float32(most.X)/scale), min(size.Height, float32(most.Y)/scale))
}

// largestAuto bounds what the window grows to by itself, guest pixels.
var largestAuto = image.Pt(1440, 900)

// fitToGuest lets the window grow with the guest's screen, as long as the user has not chosen a size. It does not shrink: a guest changes
// its mode several times while it boots, and a window that jumps about is worse than a little surround.
func (w *Window) fitToGuest() {
	guest := w.display.GuestSize()
	now := w.win.Canvas().Size()
	const slack = 3
	chosen := abs(now.Width-w.autoSize.Width) > slack || abs(now.Height-w.autoSize.Height) > slack
	if guest.X == 0 || w.win.FullScreen() || chosen || guest.X > largestAuto.X || guest.Y > largestAuto.Y {
		return
	}
	if size := w.sizeFor(guest).Max(now); size != now {
		w.autoSize = size
		w.win.Resize(size)
	}
}

// adjust makes the window fit the guest's screen.
func (w *Window) adjust() {
	if guest := w.display.GuestSize(); guest.X > 0 && !w.win.FullScreen() {
		w.autoSize = w.sizeFor(guest)
		w.win.Resize(w.autoSize)
	}
}

func abs(v float32) float32 { return max(v, -v) }

// shut closes the window without asking.
func (w *Window) shut() {
	if w.closed {
		return
	}
	size := w.win.Canvas().Size()
	if w.win.FullScreen() {
		size = w.before
	}
	if w.visible && size.Width > 100 && size != w.autoSize {
		w.remember(func(s *settings.Settings) {
			if s.Windows == nil {
				s.Windows = map[string]settings.WindowSize{}
			}
			s.Windows[w.settingsKey()] = settings.WindowSize{Width: size.Width, Height: size.Height}
		})
	}
	if w.p.Left == nil {
		w.win.Close()
		return
	}
	w.win.SetOnClosed(nil)
	w.onClosed()
	w.p.Left(w.win, w.visible || WindowHandle(w.win) != 0)
}

// remember writes a setting off the UI goroutine. A failure costs a window's size or a preselection: not worth a message.
func (w *Window) remember(change func(*settings.Settings)) {
	w.write(change, nil)
}

// write changes the settings off the UI goroutine, one change after the other: of two clicks on a switch the second counts.
func (w *Window) write(change func(*settings.Settings), done func(error)) {
	before, written := w.written, make(chan struct{})
	w.written = written
	dispatch.Run(w.p.Dispatch, func(context.Context) error {
		defer close(written)
		if before != nil {
			<-before
		}
		return w.p.Settings.Update(change)
	}, done)
}

// rememberConsole writes a setting of this machine's window, as remember does.
func (w *Window) rememberConsole(change func(*settings.Console)) {
	w.remember(func(s *settings.Settings) {
		if s.Consoles == nil {
			s.Consoles = map[uuid.UUID]settings.Console{}
		}
		c := s.Consoles[w.p.ID]
		change(&c)
		s.Consoles[w.p.ID] = c
	})
}

// rememberThen is remember for what the window shows: then, if not nil, runs when the setting is there. It applies even when it could not be
// written, until the program ends.
func (w *Window) rememberThen(change func(*settings.Settings), then func()) {
	w.write(change, func(err error) {
		if w.closed {
			return
		}
		w.fail(lang.L("The setting was not saved"), err)
		if then != nil {
			then()
		}
	})
}

// onClosed runs when the window is gone, however it went.
func (w *Window) onClosed() {
	if w.closed {
		return
	}
	w.say(notice{}) // its timer ends
	w.closed = true
	w.stopTyping()
	w.display.SetInput(nil)
	for _, cancel := range w.cancels {
		cancel()
	}
	w.slide.stop()
	w.stage.close()
	w.scaling.rest()
	w.page.pulse.run(false)
	if w.p.Closed != nil {
		w.p.Closed()
	}
}

// noticeTime is how long a message stays when nobody dismisses it. Faults stay.
const noticeTime = 10 * time.Second

// say shows a message in the status line.
func (w *Window) say(n notice) {
	if w.closed {
		return
	}
	if w.noticeTimer != nil {
		w.noticeTimer()
		w.noticeTimer = nil
	}
	w.status.say(n)
	if n.text != "" && !n.fault {
		w.noticeTimer = dispatch.After(w.p.Dispatch, noticeTime, func() {
			w.noticeTimer = nil
			w.status.say(notice{})
		})
	}
}

// noticeChanged shows the status line in full screen while it has something to say.
func (w *Window) noticeChanged() { w.slide.setStatus(w.status.notice.text != "") }

// fail tells that something did not work. A cancel is not a failure.
func (w *Window) fail(what string, err error) {
	if err == nil || errors.Is(err, context.Canceled) || w.closed {
		return
	}
	w.say(notice{text: fmt.Sprintf("%s: %s", lang.L(what), lang.L(explained(err).Summary)), fault: true, action: lang.L("Details"), do: func() { w.showErrorOf(what, err) }})
}
