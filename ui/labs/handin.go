package labs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/app/userdirs"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// HandInParams is what HandIn works with.
type HandInParams struct {
	Services
	Window  fyne.Window
	Machine uuid.UUID // of a lab
	// Later returns the window over which the receipt is shown; nil: the one in which it was asked. It may return nil when none is open.
	Later func() fyne.Window
}

// HandIn goes through what handing in a machine needs, over a window, hands it in and shows the receipt. UI goroutine.
func HandIn(p HandInParams) {
	d := newDesk(p.Services, p.Window)
	d.handIn(p.Machine, p.Later)
}

// shutdownPatience is how long a guest has to shut down before it is offered to switch it off.
const shutdownPatience = 20 * time.Second

// handIn is the dialog before a submission: a list of what must be as it should.
type handIn struct {
	*desk
	machine uuid.UUID
	later   func() fyne.Window
	outlook labs.Outlook

	modal   *widgets.Modal
	state   *checkLine
	size    *checkLine
	who     *widgets.Picture
	where   *widgets.Picture
	student *widgets.Entry
	place   *widgets.Entry
	name    *widgets.FormField
	target  *widgets.FormField
	act     *widgets.Button // brings the machine to where it can be handed in
	submit  *widgets.Button
	stop    func()
	touched bool // the name was edited
	waiting bool // for the machine to be off
	overdue bool // it takes long
	timer   func()
}

// handIn reads what is remembered and asks for the rest.
func (d *desk) handIn(id uuid.UUID, later func() fyne.Window) {
	h := &handIn{desk: d, machine: id, later: later}
	if h.find() == nil {
		return
	}
	type known struct {
		student, place string
		outlook        labs.Outlook
	}
	dispatch.Background(d.Dispatch, func(context.Context) (k known, err error) {
		k.student, _ = d.Library.Student() // else it is asked for
		k.outlook, err = d.Labs.Outlook(id)
		if k.place = d.Settings.Get().LastHandIn; k.place == "" {
			for _, folder := range []string{userdirs.Folder(os.Getenv, "XDG_DOCUMENTS_DIR", "Documents"), os.Getenv("HOME")} {
				if info, err := os.Stat(folder); err == nil && info.IsDir() {
					k.place = folder
					break
				}
			}
		}
		return k, err
	}, func(k known, err error) {
		if h.find() == nil {
			return
		}
		h.outlook = k.outlook // of which nothing is known after an error
		h.open(k.student, k.place)
	})
}

// find returns the machine, nil when it is gone.
func (h *handIn) find() *machines.Machine {
	for _, m := range h.Machines.Snapshot().Machines {
		if m.UUID == h.machine && m.Config != nil {
			return m
		}
	}
	return nil
}

func (h *handIn) machineName() string {
	if m := h.find(); m != nil {
		return vmconfig.Inert(m.Name, nameLength)
	}
	return lang.L("a machine")
}

// open shows the list with a name and a place.
func (h *handIn) open(student, place string) {
	h.act = widgets.NewButton("", "", widgets.StylePlain, h.bringOff)
	h.state = newCheckLine(h.act)
	h.size = newCheckLine(nil)
	h.who, h.where = widgets.NewIcon("circle", theme.IconNormal, theme.ColorMuted), widgets.NewIcon("circle", theme.IconNormal, theme.ColorMuted)
	h.student, h.place = widgets.NewEntry(), widgets.NewEntry()
	h.student.SetText(student)
	h.student.MostBytes = lab.MaxStudentBytes
	h.place.SetText(place)
	h.place.SetPlaceHolder(lang.L("Where?"))
	h.name = widgets.NewFormField(lang.L("Your name"), h.student, "")
	h.target = widgets.NewFormField(lang.L("Where to"), h.place, "")
	choose := widgets.NewButton("folder", lang.L("Choose a folder…"), widgets.StylePlain, h.choose)
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { h.modal.Close() })
	h.submit = widgets.NewButton("send", lang.L("Hand in"), widgets.StylePrimary, h.accept)
	h.touched = false
	h.student.OnChanged = func(string) {
		h.touched = true
		h.check()
	}
	h.place.OnChanged = func(string) { h.check() }
	h.student.OnSubmitted = func(string) { h.submit.Tapped(nil) }
	h.place.OnSubmitted = h.student.OnSubmitted
	line := func(icon *widgets.Picture, field fyne.CanvasObject) fyne.CanvasObject {
		return container.NewBorder(nil, nil, container.New(layout.NewCustomPaddedLayout(theme.Gap6+2, 0, 0, theme.Gap2), container.NewVBox(icon)), nil, field)
	}
	content := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), h.state.box, line(h.who, h.name), line(h.where, h.target),
		container.NewHBox(widgets.Space(theme.IconNormal+theme.Gap2, 0), choose), h.size.box,
		widgets.Small(lang.L("What is on the machine’s disks is handed in, also deleted files, and with it your name, when checkpoints and resets were made, and when you handed in before.")))
	h.modal = widgets.NewModal(h.window, "send", fynetheme.ColorNamePrimary, lang.F("Hand in “%s”", h.machineName()), content, 600, cancel, h.submit)
	changed := dispatch.Coalesce(h.Dispatch, h.check)
	h.stop = h.Machines.Subscribe(changed)
	h.modal.OnClosed = h.end
	switch {
	case student == "":
		h.modal.FocusOn(h.student)
	case place == "":
		h.modal.FocusOn(h.place)
	}
	h.check()
	h.modal.Show()
}

// end stops following the machine.
func (h *handIn) end() {
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
	if h.timer != nil {
		h.timer()
		h.timer = nil
	}
	h.waiting, h.overdue = false, false
}

// check looks at everything anew.
func (h *handIn) check() {
	if h.modal == nil || h.modal.Closed() || h.stop == nil {
		return
	}
	reason := h.checkMachine()
	mark := func(icon *widgets.Picture, ok bool) {
		if ok {
			icon.SetIcon("success", theme.ColorRunning)
		} else {
			icon.SetIcon("circle", theme.ColorMuted)
		}
	}
	then := func(fault string) {
		if reason == "" {
			reason = fault
		}
	}
	fault := ""
	if name := strings.TrimSpace(h.student.Text); name == "" {
		fault = lang.L("Write your name first.")
	} else if lab.CheckStudent(name) != nil {
		fault = lang.L("A name is one line of letters.")
	}
	mark(h.who, fault == "")
	then(fault)
	h.name.SetHint(lang.L("Your teacher sees it. It is remembered for the next time."))
	h.name.SetFault("")
	if h.touched {
		h.name.SetFault(fault)
	}
	ref, note, fault := readHandIn(h.place.Text)
	mark(h.where, ref != "")
	h.target.SetFault(fault)
	if note == "" {
		note = lang.F("A folder, a new file that ends in %s, or a registry", labs.SubmissionSuffix)
	}
	h.target.SetHint(note)
	if ref == "" && fault == "" {
		fault = lang.L("Name a place first.")
	}
	then(fault)
	h.checkSize()
	h.submit.SetEnabled(reason == "", reason)
	h.modal.Relayout()
}

// checkMachine shows how it stands with the machine, and returns why it cannot be handed in; empty: it can.
func (h *handIn) checkMachine() (reason string) {
	m := h.find()
	set := func(icon string, color fyne.ThemeColorName, title, text, button, buttonIcon string) {
		h.state.set(icon, color, title, text)
		show(h.act, button != "")
		h.act.Set(buttonIcon, button)
		h.act.SetStyle(map[bool]widgets.Style{true: widgets.StyleDanger, false: widgets.StylePlain}[buttonIcon == "poweroff"])
		h.act.Enable()
	}
	missing := lang.L("What it has not written to its disks would be missing.")
	switch {
	case m == nil:
		reason = lang.L("The machine does not exist.")
		set("warning", fynetheme.ColorNameWarning, reason, "", "", "")
		return reason
	case m.Offline:
		reason = lang.L("There is no connection to the hypervisor.")
		set("warning", fynetheme.ColorNameWarning, reason, "", "", "")
		return reason
	case m.State == hypervisor.StateOff:
		h.waiting, h.overdue = false, false
		set("success", theme.ColorRunning, lang.L("The machine is off"), lang.L("All that it wrote is on its disks."), "", "")
		if m.Busy != "" {
			return lang.L("Another operation is working on the machine.")
		}
		return ""
	case m.State == hypervisor.StateSaved:
		set("circle", theme.ColorMuted, lang.L("The machine’s state is saved"), lang.L("Resume it and shut it down, so that all is on its disks."), lang.L("Resume"), "resume")
	case m.State == hypervisor.StatePaused:
		set("circle", theme.ColorMuted, lang.L("The machine is paused"), lang.L("Resume it and shut it down, so that all is on its disks."), lang.L("Resume"), "resume")
	case m.State == hypervisor.StateCrashed || m.State == hypervisor.StateUnknown:
		set("circle", theme.ColorMuted, lang.L("The machine has crashed"), lang.L("Power it off first."), lang.L("Power off"), "poweroff")
	case h.overdue:
		set("circle", theme.ColorMuted, lang.L("The machine does not shut down"), lang.L("Shut it down from inside, or power it off: what is open in it is lost then."), lang.L("Power off"), "poweroff")
	case h.waiting:
		set("refresh", fynetheme.ColorNamePrimary, lang.L("Shutting down…"), lang.L("You can hand in as soon as the machine is off."), "", "")
	default:
		set("circle", theme.ColorMuted, lang.L("The machine is running"), missing, lang.L("Shut down first"), "shutdown")
	}
	if ok, why := m.Can(h.wanted(m)); !ok {
		h.act.Disable(lang.L(why))
	}
	return lang.L("Shut the machine down first.")
}

// wanted is what brings the machine nearer to being off.
func (h *handIn) wanted(m *machines.Machine) machines.Action {
	switch {
	case m.State == hypervisor.StateSaved:
		return machines.ActionStart
	case m.State == hypervisor.StatePaused:
		return machines.ActionResume
	case m.State == hypervisor.StateRunning && !h.overdue:
		return machines.ActionShutdown
	}
	return machines.ActionPowerOff
}

// bringOff does what the button beside the machine's state says.
func (h *handIn) bringOff() {
	m := h.find()
	if m == nil {
		return
	}
	action := h.wanted(m)
	h.waiting = action == machines.ActionShutdown
	if h.timer != nil {
		h.timer()
		h.timer = nil
	}
	if h.waiting {
		h.timer = dispatch.After(h.Dispatch, shutdownPatience, func() {
			h.overdue = h.waiting
			h.check()
		})
	}
	h.window.Canvas().Focus(h.student) // the button goes
	h.check()
	h.follow(h.Machines.Do(action, m.UUID), lang.L("That did not work"), h.check, func(error) bool {
		h.waiting = false
		h.check()
		return false
	})
}

// checkSize says about how much it will be.
func (h *handIn) checkSize() {
	o := h.outlook
	title := lang.F("About %s were written in the machine", vmconfig.RoughSize(o.Written))
	switch {
	case o.Written == 0:
		show(h.size.box, false)
	case o.Limit > 0 && o.Written > o.Limit:
		h.size.set("warning", fynetheme.ColorNameWarning, title, lang.F("The lab takes %s. Only what differs from the lab counts; it is compared before anything is written.", vmconfig.RoughSize(o.Limit)))
	case o.Limit > 0:
		h.size.set("success", theme.ColorRunning, title, lang.F("The lab takes %s. Only what differs from the lab goes into the file.", vmconfig.RoughSize(o.Limit)))
	default:
		h.size.set("info", theme.ColorMuted, title, lang.L("Only what differs from the lab goes into the file."))
	}
}

// readHandIn understands where a submission is to go. note says what kind of place it is, fault what is wrong with it.
func readHandIn(text string) (ref, note, fault string) {
	text = strings.TrimSpace(text)
	ref, parsed, note, fault := readPlace(text, false)
	switch {
	case ref == "":
		return "", note, fault
	case parsed.Kind == source.KindWeb:
		return "", "", lang.L("A web server can only be read. Make a file here and hand that in there.")
	case parsed.Kind == source.KindFile && !strings.HasSuffix(strings.ToLower(parsed.Location), labs.SubmissionSuffix):
		return "", "", lang.F("The name of the file must end in %s.", labs.SubmissionSuffix)
	case parsed.Kind == source.KindFile:
		return ref, lang.L("A new file of this name is made"), ""
	case parsed.Kind == source.KindFolder:
		return ref, lang.L("A file is made in this folder"), ""
	}
	return ref, note, ""
}

// choose lets the student choose a folder.
func (h *handIn) choose() {
	folder := ""
	if ref, _, _ := readHandIn(h.place.Text); filepath.IsAbs(ref) {
		folder = ref
	}
	query := widgets.FileQuery{
		Title: lang.L("Choose where the file goes"), Folder: folder, Suffixes: []string{".lab"}, Open: lang.L("Open"), TakeFolder: lang.L("Use this folder"),
	}
	widgets.ChooseFile(h.window, h.Dispatch, query, func(path string) {
		if strings.HasSuffix(strings.ToLower(path), ".lab") { // a file is not overwritten: it is to go beside it
			path = filepath.Dir(path)
		}
		h.place.SetText(path)
		h.window.Canvas().Focus(h.place)
	})
}

// accept hands in.
func (h *handIn) accept() {
	h.check()
	ref, _, _ := readHandIn(h.place.Text)
	if _, off := h.submit.Disabled(); off || ref == "" {
		return
	}
	student, place := strings.TrimSpace(h.student.Text), strings.TrimSpace(h.place.Text)
	h.modal.Close()
	dispatch.Run(h.Dispatch, func(context.Context) error {
		return h.Settings.Update(func(s *settings.Settings) { s.LastHandIn = place })
	}, nil) // not worth a word when it fails
	h.signIn(func(o source.Options, retry func(error) bool) {
		var receipt labs.Receipt // written on the job's goroutine before it ends
		job := h.Labs.Submit(h.machine, labs.SubmitOptions{Student: student, To: ref, Options: o, Done: func(r labs.Receipt) { receipt = r }})
		shown := h.showWork(job, lang.F("Handing in “%s”", h.machineName()))
		dispatch.Run(h.Dispatch, job.Wait, func(err error) {
			shown.Close()
			if h.later != nil {
				if h.window = h.later(); h.window == nil { // what was made is there all the same
					return
				}
			}
			if err == nil {
				h.showReceipt(receipt)
				return
			}
			dismiss := func() { h.Jobs.Dismiss(job.Status().ID) }
			if retry(err) {
				dismiss()
				return
			}
			again := func() {
				if h.find() != nil && !h.closing {
					h.open(student, place)
				}
			}
			if m := h.failed(lang.F("“%s” could not be handed in", h.machineName()), err); m != nil {
				m.OnClosed = func() {
					dismiss()
					again()
				}
				return
			}
			again() // it was cancelled
		})
	})
}

// showWork shows how far a job is, with a way to cancel it. It goes on when the dialog is closed.
func (d *desk) showWork(job *jobs.Job, title string) *widgets.Modal {
	line := widgets.NewProgressLine()
	text := widgets.NewText(" ", theme.TextSmall, false, theme.ColorMuted).Elided()
	var m *widgets.Modal
	on := widgets.NewButton("", lang.L("Go on in the background"), widgets.StylePlain, func() { m.Close() })
	cancel := widgets.NewButton("close", lang.L("Cancel"), widgets.StylePlain, job.Cancel)
	m = widgets.NewModal(d.window, "send", fynetheme.ColorNamePrimary, title, container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), widgets.Space(0, theme.Gap1), line, text), 480, on, cancel)
	update := func() {
		s := job.Status()
		line.Set(s.Progress.Fraction)
		text.SetText(lang.Progress(s.Progress))
	}
	stop := d.Jobs.Subscribe(dispatch.Coalesce(d.Dispatch, func() {
		if !m.Closed() {
			update()
		}
	}))
	m.OnClosed = stop
	update()
	return m.FocusOn(on).Show() // a second Enter must not cancel what the first one began
}

// showReceipt shows what the student should keep.
func (h *handIn) showReceipt(r labs.Receipt) {
	file := filepath.IsAbs(r.Place)
	title, text := lang.F("“%s” is handed in", h.machineName()), lang.L("It lies where your teacher finds it.")
	if file {
		title = lang.F("“%s” is packed: now hand the file in", h.machineName())
		text = lang.L("You can hand this file in by any way: upload it, send it by mail, or copy it to a stick. It is signed with your key: nobody can change it unnoticed.")
	}
	facts := container.NewVBox(
		widgets.KeyValue(lang.L("Number"), lang.F("%d of %s", r.Sequence, vmconfig.Inert(r.Student, lab.MaxStudentBytes))),
		widgets.KeyValue(lang.L("Time"), r.Created.Local().Format(lang.L("2 January 2006, 15:04"))),
		widgets.KeyValue(lang.L("Size"), lang.F("%s changed, %s written", vmconfig.RoughSize(r.Changed), vmconfig.RoughSize(r.Written))),
		widgets.KeyValueTip(lang.L("Receipt"), r.Digest.String(), lang.F("%s\nIt names exactly this submission.", r.Digest)),
		widgets.KeyValueTip(lang.L("Your key"), vmconfig.Inert(r.Fingerprint, 100), lang.L("Your teacher knows you by these words. They stay the same on this computer.")),
	)
	content := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), placeBox(r.Place), widgets.Paragraphs(text), widgets.Card(facts))
	if len(r.LeftOut) > 0 {
		content.Add(widgets.Notice("warning", fynetheme.ColorNameWarning, lang.F("Disks that are not the lab’s were not handed in: %s", vmconfig.Inert(strings.Join(r.LeftOut, ", "), 200))))
	}
	var m *widgets.Modal
	shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { m.Close() })
	copyIt := widgets.NewButton("copy", lang.L("Copy the receipt"), widgets.StylePlain, nil)
	copyIt.OnTapped = func() {
		copyText(receiptText(r))
		copyIt.Set("check", lang.L("Copied"))
	}
	m = widgets.NewModal(h.window, "success", fynetheme.ColorNameSuccess, title, content, 560, copyIt, shut)
	m.Show()
}

// receiptText is the receipt as it is copied.
func receiptText(r labs.Receipt) string {
	return strings.Join([]string{
		lang.F("Submission %d of %s", r.Sequence, vmconfig.Inert(r.Student, lab.MaxStudentBytes)),
		r.Created.UTC().Format(time.RFC3339),
		vmconfig.Inert(r.Place, 1000),
		lang.F("Receipt: %s", r.Digest),
		lang.F("Key: %s", vmconfig.Inert(r.Fingerprint, 100)),
	}, "\n") + "\n"
}

// checkLine is a line of a check list: an icon, what it is about in one line, and below what there is to say about it.
type checkLine struct {
	box   *fyne.Container
	icon  *widgets.Picture
	title *widgets.Text
	text  *widgets.Text
	tip   *widgets.Hint
}

// newCheckLine returns a line with a button at its right, or none if it is nil.
func newCheckLine(button *widgets.Button) *checkLine {
	l := &checkLine{
		icon:  widgets.NewIcon("circle", theme.IconNormal, theme.ColorMuted),
		title: widgets.NewText("", theme.TextNormal, true, fynetheme.ColorNameForeground).Elided(),
		text:  widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
	}
	l.tip = widgets.NewHint(container.New(layout.NewCustomPaddedVBoxLayout(0), l.title, l.text), "")
	left := container.New(layout.NewCustomPaddedLayout(0, 0, 0, theme.Gap2), container.NewCenter(l.icon))
	var right fyne.CanvasObject
	if button != nil {
		right = container.NewCenter(button)
	}
	l.box = container.NewStack(widgets.Space(0, 40), container.NewBorder(nil, nil, left, right, l.tip))
	return l
}

func (l *checkLine) set(icon string, color fyne.ThemeColorName, title, text string) {
	l.icon.SetIcon(icon, color)
	l.title.SetText(title)
	l.text.SetText(text)
	l.tip.SetText(text)
	l.box.Refresh()
}
