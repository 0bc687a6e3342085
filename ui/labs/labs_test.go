package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang/langtest"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

func TestEmptyLibraryTellsWhatToDo(t *testing.T) {
	r := newRig(t, nil)
	r.shows("No labs yet")
	r.press("Add a lab…")
	r.shows("Name the place that your teacher gave you")
	r.write("Place", "firewalls")
	if b := r.button("Add"); b.Tip() == "" {
		t.Error("a name is taken as a place")
	}
	r.write("Place", "/media/stick/firewalls.lab")
	r.shows("A .lab file on this computer")
	r.got = labOf("networks/firewalls", 1).ID
	r.mu.Lock()
	r.images = []labs.Image{labOf("networks/firewalls", 1)}
	r.mu.Unlock()
	r.press("Add")
	r.shows("Lab of networks/firewalls")
	r.until("the new lab has the keyboard", func() bool { return r.window.Canvas().Focused() == r.w.grid.cards[0].main })
	if calls := r.took(); len(calls) != 1 || fmt.Sprint(calls[0].arg) != "{/media/stick/firewalls.lab   false}" {
		t.Errorf("fetched %+v", calls)
	}
}

// TestCardStates has a card for each way that it can stand with a lab.
func TestCardStates(t *testing.T) {
	now := time.Unix(1.8e9, 0)
	ready, damaged := labOf("a/one", 2), labs.Image{ID: lab.Sum([]byte("x")), Names: []string{"a/bad:1"}, Err: labs.ErrChanged}
	incomplete := labOf("b/two", 1, func(i *labs.Image) { i.Ready = false })
	used := map[uuid.UUID]trace{}
	look := func(i labs.Image, newer int, list ...*machines.Machine) cardLook {
		for _, m := range list {
			used[m.UUID] = trace{used: now.Add(-3 * time.Hour)}
		}
		return lookOf(item{Image: i, machines: list, newer: newer, connected: true, traces: used}, now)
	}
	for name, c := range map[string]struct {
		look                cardLook
		state, note, button string
		reset               bool
	}{
		"ready":      {look(ready, 0), "Ready", "not launched yet", "Launch", false},
		"newer":      {look(ready, 3), "Ready", "not launched yet · version 3 is here too", "Launch", false},
		"incomplete": {look(incomplete, 0), "Incomplete", "its disks are not all here", "Repair…", false},
		"running":    {look(ready, 0, machineOf(ready, "mine", hypervisor.StateRunning)), "Running", "mine", "Show", true},
		"off":        {look(ready, 0, machineOf(ready, "mine", hypervisor.StateOff)), "Off", "mine · last used: 3 hours ago", "Start", true},
		"two":        {look(ready, 0, machineOf(ready, "mine", hypervisor.StatePaused), machineOf(ready, "other", hypervisor.StateOff)), "Paused", "mine · and 1 more machine", "Show", true},
	} {
		l := c.look
		if l.state.Text != c.state || l.note != c.note || l.main.text != c.button || l.reset.shown != c.reset || l.main.reason != "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l := lookOf(item{Image: damaged, connected: true}, now); l.title != "a/bad:1" || l.state.Text != "Damaged" || l.main.text != "Remove…" || l.note == "" {
		t.Errorf("damaged: %+v", l)
	}
	if l := lookOf(item{Image: ready}, now); l.main.reason == "" {
		t.Error("a lab can be launched without a connection")
	}
	old := labOf("f", 1, func(i *labs.Image) { i.Config.Expires = time.Date(2026, 7, 31, 12, 0, 0, 0, time.Local) })
	if l := look(old, 0); l.note != "its course ended on 31 July 2026 · not launched yet" || l.main.reason != "" || !strings.Contains(l.main.tip, "31 July 2026") {
		t.Errorf("after the end of its course: %q, %+v", l.note, l.main)
	}
	if l := lookOf(item{Image: old, connected: true}, old.Config.Expires); l.note != "not launched yet" || strings.Contains(l.main.tip, "2026") {
		t.Errorf("before the end of its course: %q, %+v", l.note, l.main)
	}
	evil := labOf("e", 1, func(i *labs.Image) { i.Config.Title, i.Config.Course.Name = "a\u202eb", "c\u202ed" })
	if l := lookOf(item{Image: evil}, now); strings.ContainsRune(l.title+l.course, '\u202e') {
		t.Errorf("foreign texts act: %+v", l)
	}
}

// TestNewsOfTheLibrary: what somebody else did to the library shows without a click.
func TestNewsOfTheLibrary(t *testing.T) {
	r := newRig(t, nil)
	r.shows("No labs yet")
	r.mu.Lock()
	r.images = []labs.Image{labOf("a/one", 1)}
	r.mu.Unlock()
	r.library.Notify()
	r.shows("Lab of a/one")
}

func TestLaunchShowsTheMachine(t *testing.T) {
	one := labOf("a/one", 1)
	r := newRig(t, []labs.Image{one})
	r.press("Launch")
	if !strings.Contains(r.texts(), "Being launched…") { // at once, whatever the job does meanwhile
		t.Error("the card does not say that its lab is being launched")
	}
	r.until("the console opens", func() bool { return len(r.opened) == 1 })
	if r.opened[0] != launched {
		t.Errorf("opened %v", r.opened)
	}
	r.wants("launch", one.ID)

	r.errs = []error{fmt.Errorf("%w: base", labs.ErrChanged)}
	r.settle()
	r.press("Launch")
	r.shows("could not be launched")
	r.shows("The lab's disk was changed or damaged")
	r.press("Close")
	r.until("the failed job was read and goes", func() bool {
		return !slices.ContainsFunc(r.runner.List(), func(s jobs.Status) bool { return s.Err != nil })
	})
	if len(r.opened) != 1 {
		t.Error("a console opened for nothing")
	}
}

func TestMachineOfALab(t *testing.T) {
	one := labOf("a/one", 1)
	running := machineOf(one, "mine", hypervisor.StateRunning)
	r := newRig(t, []labs.Image{one}, running)
	r.press("Show")
	if len(r.opened) != 1 || r.opened[0] != running.UUID || len(r.took()) != 0 {
		t.Fatalf("opened %v", r.opened)
	}

	// A running machine is switched off only after that was agreed to.
	r.press("Reset…")
	r.shows("for seven days you can take the reset back")
	r.press("Cancel")
	if calls := r.took(); len(calls) != 0 {
		t.Fatalf("reset without a yes: %v", calls)
	}
	r.press("Reset…")
	r.mu.Lock()
	r.undo[running.UUID] = time.Now()
	r.mu.Unlock()
	r.press("Switch off and reset")
	r.settle()
	r.wants("reset", labs.ResetOptions{PowerOff: true})

	r.publishes(&machines.Snapshot{Connected: true, Machines: []*machines.Machine{machineOf(one, "mine", hypervisor.StateOff)}})
	r.shows("Start")
	r.until("the reset can be taken back", func() bool { return r.w.grid.cards[0].undo.Visible() })
	r.w.grid.cards[0].undo.Tapped(nil)
	r.press("Take back")
	r.settle()
	r.wants("undo", labs.ResetOptions{})

	r.press("Start")
	r.until("the console opens", func() bool { return len(r.opened) == 2 })
	r.wants(string(machines.ActionStart), running.UUID)

	r.press("Reset…")
	r.press("Reset")
	r.settle()
	r.wants("reset", labs.ResetOptions{})

	r.publishes(&machines.Snapshot{Machines: []*machines.Machine{machineOf(one, "mine", hypervisor.StateOff, func(m *machines.Machine) { m.Offline = true })}})
	r.until("nothing can be done without a connection", func() bool {
		_, off := r.w.grid.cards[0].main.Disabled()
		_, also := r.w.grid.cards[0].reset.Disabled()
		return off && also
	})
}

// TestNewCourse has the words of its key confirmed.
func TestNewCourse(t *testing.T) {
	r := newRig(t, nil)
	r.question = &labs.Question{Course: "Networks 101", Fingerprint: "lusab-babad-gutih-tugad-mumir", Title: "Firewalls", Place: "https://labs.example.org/"}
	ask := func() {
		t.Helper()
		r.w.fetch("https://labs.example.org/", labs.AddOptions{})
		r.shows("gutih")
		for _, part := range []string{"lusab", "mumir", "Networks 101", "Firewalls", "https://labs.example.org/"} {
			if !strings.Contains(r.texts(), part) {
				t.Errorf("the question does not show %q", part)
			}
		}
	}
	ended := func(state string) {
		t.Helper()
		r.until("the job ends as "+state, func() bool {
			list := r.runner.List()
			return len(list) > 0 && string(list[len(list)-1].State) == state
		})
		r.settle()
		if top := r.window.Canvas().Overlays().Top(); top != nil {
			t.Errorf("a dialog is open: %s", r.texts())
		}
	}
	ask()
	if r.window.Canvas().Focused() != r.button("No, do not add it") {
		t.Error("Enter would say yes")
	}
	r.press("No, do not add it")
	ended("cancelled")
	ask()
	widgets.DismissModal(r.button("No, do not add it"))
	ended("cancelled")
	ask()
	r.runner.Cancel(r.runner.List()[len(r.runner.List())-1].ID)
	ended("cancelled")
	ask()
	r.press("Yes, the words are the same")
	if !<-r.answer {
		t.Error("yes is no")
	}
	ended("done")
	ask()
	r.w.closeNow() // nobody can answer any more
	r.until("the job ends with its window", func() bool {
		list := r.runner.List()
		return string(list[len(list)-1].State) == "cancelled"
	})
}

// TestFetchAgain offers what helps after an error.
func TestFetchAgain(t *testing.T) {
	r := newRig(t, nil)
	arg := func() string {
		t.Helper()
		r.settle()
		calls := r.took()
		if len(calls) != 1 {
			t.Fatalf("%d calls", len(calls))
		}
		return fmt.Sprint(calls[0].arg)
	}
	fetch := func(err error) {
		r.errs = []error{err}
		r.w.fetch("reg.example.org/a/one", labs.AddOptions{})
		r.took()
	}
	fetch(fmt.Errorf("%w: version 3 was here", labs.ErrOlder))
	r.shows("This version is older")
	r.press("Add the older version")
	if got := arg(); got != "{reg.example.org/a/one   true}" {
		t.Error(got)
	}
	fetch(fmt.Errorf("%w: it belongs to others", labs.ErrNameTaken))
	r.shows("The name belongs to another lab")
	r.write("Name in this library", "Not a name")
	r.shows("Use small letters")
	r.write("Name in this library", "a/two")
	r.press("Add")
	if got := arg(); got != "{reg.example.org/a/one  a/two false}" {
		t.Error(got)
	}
	fetch(fmt.Errorf("the registry wants to know who you are: %w", source.ErrAuth))
	r.shows("The place wants to know who you are")
	r.write("User name", "ada")
	r.write("Password", "secret")
	r.press("Sign in")
	if got := arg(); got != "{reg.example.org/a/one ada  false}" {
		t.Error(got)
	}
	fetch(fmt.Errorf("%w: ask the teacher", labs.ErrKeyChanged))
	r.shows("The course's key has changed: ask the teacher.")
}

func TestMenuOfACard(t *testing.T) {
	one := labOf("a/one", 1, func(i *labs.Image) {
		i.Config.Text, i.Config.Expires = "# Task\n\nDo it", time.Date(2001, 7, 31, 12, 0, 0, 0, time.Local)
	})
	r := newRig(t, []labs.Image{one, labOf("b/two", 1, func(i *labs.Image) { i.Ready = false })}, machineOf(one, "mine", hypervisor.StateRunning), machineOf(one, "other", hypervisor.StateOff))
	choose := func(label string) {
		t.Helper()
		for _, m := range r.w.menu(r.w.items[0]).Items {
			if m.Label == label && !m.Disabled {
				m.Action()
				return
			}
		}
		t.Fatalf("no %q", label)
	}
	choose("About this lab…")
	r.shows("Do it")
	r.shows("Ended on 31 July 2001")
	r.press("Close")
	choose("Check")
	r.shows("is as its teacher signed it")
	r.press("Close")
	r.wants("verify", one.ID)
	choose("Launch another machine")
	r.until("the other machine is shown", func() bool { return len(r.opened) == 1 })
	r.wants("launch", one.ID)
	choose("Repair from…")
	r.write("Place", "https://labs.example.org/a")
	r.press("Repair")
	r.settle()
	r.wants("repair", "https://labs.example.org/a")
	choose("Send to…")
	r.write("Place", "https://labs.example.org/a")
	r.shows("A web server can only be read")
	r.write("Place", "oci://reg.example.org/a/one")
	r.press("Send")
	r.shows("3.0 MiB were written; 1.0 GiB were there already.")
	r.press("Close")
	r.wants("send", "oci://reg.example.org/a/one")
	choose("Remove…")
	r.shows("cannot be reset any more")
	r.shows("other")
	r.press("Remove")
	r.settle()
	r.wants("remove", one.ID)
	for _, m := range r.w.menu(r.w.items[1]).Items {
		if (strings.HasPrefix(m.Label, "Send to…") || strings.HasPrefix(m.Label, "Check")) && !m.Disabled {
			t.Errorf("%q of an incomplete lab", m.Label)
		}
	}
}

// TestKeyboard walks over the cards and runs the window's keys.
func TestKeyboard(t *testing.T) {
	var list []labs.Image
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		list = append(list, labOf(name, 1))
	}
	r := newRig(t, list)
	focused := func() int {
		return slices.IndexFunc(r.w.grid.cards, func(c *card) bool { return r.window.Canvas().Focused() == c.main })
	}
	if columns := r.w.grid.layout.columns; columns != 3 {
		t.Fatalf("%d columns in a window of 1000", columns)
	}
	r.w.typed(&fyne.KeyEvent{Name: fyne.KeyDown})
	for i, step := range []struct {
		key  fyne.KeyName
		want int
	}{{fyne.KeyRight, 1}, {fyne.KeyDown, 4}, {fyne.KeyDown, 4}, {fyne.KeyUp, 1}, {fyne.KeyLeft, 0}, {fyne.KeyLeft, 0}} {
		r.w.grid.cards[focused()].main.TypedKey(&fyne.KeyEvent{Name: step.key})
		if got := focused(); got != step.want {
			t.Errorf("step %d: card %d, want %d", i, got, step.want)
		}
	}
	r.window.Resize(fyne.NewSize(400, 500))
	if columns := r.w.grid.layout.columns; columns != 1 {
		t.Errorf("%d columns in a window of 400", columns)
	}
	r.w.grid.focus(r.window.Canvas(), 4)
	if r.w.grid.scroll.Offset.Y == 0 {
		t.Error("the card with the keyboard is not in view")
	}
	before := r.w.grid.cards[0]
	r.w.load()
	r.settle()
	if r.w.grid.cards[0] != before {
		t.Error("a card was made anew for nothing")
	}
}

func TestLibraryThatCannotBeRead(t *testing.T) {
	r := newRigFor(t)
	r.failure = errors.New("no such disk")
	r.w = New(Params{Services: r.services(), Window: r.window})
	r.shows("The library cannot be read")
	r.shows("No such disk.")
	r.failure = nil
	r.press("Try again")
	r.shows("No labs yet")
}

// TestOffer takes what the program was opened with. Nothing is fetched before a yes.
func TestOffer(t *testing.T) {
	for argument, want := range map[string]string{
		"/home/ada/firewalls.lab":                       "/home/ada/firewalls.lab",
		"file:///home/ada/a%20b.lab":                    "file:///home/ada/a%20b.lab",
		"lab:https://labs.example.org/a.lab":            "https://labs.example.org/a.lab",
		"LAB:https%3A%2F%2Flabs.example.org%2Fa.lab":    "https://labs.example.org/a.lab",
		"lab://reg.example.org/a/one:2":                 "reg.example.org/a/one:2",
		"lab:oci://reg.example.org/a/one":               "oci://reg.example.org/a/one",
		"lab:/etc/passwd":                               "",
		"lab:file:///etc/passwd":                        "",
		"lab:../../x.lab":                               "",
		"lab:networks/firewalls":                        "",
		"lab:":                                          "",
		"firewalls.lab":                                 "",
		"lab:javascript:alert(1)":                       "",
		"lab:https://labs.example.org/\nhttps://other/": "",
	} {
		ref, _, err := readArgument(argument)
		if ref != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", argument, ref, err, want)
		}
	}
	r := newRig(t, nil)
	r.w.Offer("lab:https://teacher@labs.example.org/a.lab")
	r.shows("https://labs.example.org/a.lab")
	r.w.Offer("lab:https://teacher@labs.example.org/b.lab") // takes the other question's place
	r.press("Cancel")
	if r.window.Canvas().Overlays().Top() != nil || len(r.took()) != 0 {
		t.Error("more than one question, or something was fetched")
	}
	r.w.Offer("lab:https://teacher@labs.example.org/a.lab")
	r.press("Add")
	r.settle()
	if calls := r.took(); len(calls) != 1 || !strings.HasPrefix(fmt.Sprint(calls[0].arg), "{https://teacher@labs.example.org/a.lab ") {
		t.Errorf("fetched %v", calls)
	}
	r.w.Offer("lab:/etc/passwd")
	r.shows("A link to a lab can only lead to a web address or a registry.")
}

func TestPlaces(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for text, want := range map[string]string{
		"": "", " ": "", "h": "", "https:/": "", "firewalls": "", "stick/a.lab": "", "ftp://x": "",
		" /media/a ": "/media/a", "~/a.lab": "/home/ada/a.lab", "https://x.org/a": "https://x.org/a", "reg.org:5000/a:2": "reg.org:5000/a:2",
	} {
		if ref, _, _, _ := readPlace(text, false); ref != want {
			t.Errorf("%q is %q, want %q", text, ref, want)
		}
	}
	if _, _, _, fault := readPlace("https://x.org/a", true); fault == "" {
		t.Error("a lab can be sent to a web server")
	}
}

// TestChooseAFolder sends a lab into a folder under a name of its own, or beside the labs that are there.
func TestChooseAFolder(t *testing.T) {
	stick, web := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(web, "oci-layout"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, []labs.Image{labOf("a/one", 3)})
	for folder, want := range map[string]string{stick: filepath.Join(stick, "a-one-3.lab"), web: web} {
		r.prefs.LastFolder = folder
		r.w.send(r.images[0])
		r.press("Choose a file or folder…")
		r.settle()
		r.press("Use this folder")
		r.settle()
		if got := r.field("Place").Control().(*widgets.Entry).Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		r.press("Cancel")
	}
}

// TestClose asks only when work would end with the window.
func TestClose(t *testing.T) {
	r := newRig(t, nil)
	r.question = &labs.Question{Fingerprint: "a-b-c-d-e"}
	r.w.fetch("https://labs.example.org/", labs.AddOptions{})
	r.shows("Is this your teacher’s lab?")
	widgets.DismissModal(r.button("No, do not add it"))
	r.settle()
	r.last = true
	r.w.Close()
	r.settle()
	if !r.w.closing {
		t.Error("it asks without work")
	}
	if size := r.prefs.Windows[windowKey]; size.Width < 900 {
		t.Errorf("remembered %v", size)
	}
}

func TestPublish(t *testing.T) {
	first := labOf("networks/firewalls", 2, func(i *labs.Image) {
		i.Config.Text, i.Config.Network = "Do it", lab.Network{Mode: lab.NetworkInternet, Ports: []lab.Port{{Name: "web", Guest: 80}}}
	})
	m := machineOf(first, "Déjà vu & Übung", hypervisor.StateOff)
	r := newRigFor(t, m)
	r.images = []labs.Image{first, labOf("networks/firewalls", 1), labOf("x/foreign", 1, func(i *labs.Image) { i.Config.Course.Name = "Foreign" })}
	r.foreign = []string{"Foreign"}
	r.points = []checkpoints.Checkpoint{{ID: "7", Name: "clean"}, {ID: "8", Name: "broken", Problem: "gone"}}
	r.window.SetContent(widgets.Space(1, 1))
	open := func() {
		t.Helper()
		Publish(PublishParams{Services: r.services(), Window: r.window, Machine: m.UUID, Checkpoints: points{r.backend}})
		r.settle()
	}
	open()
	r.shows("deleted files")
	b := r.button("Publish")
	if reason, off := b.Disabled(); !off || reason != "Write the name of your course first." {
		t.Errorf("%v %q", off, reason)
	}
	text := func(label string) string { return r.field(label).Control().(*widgets.Entry).Text }
	if got := text("Short name"); got != "deja-vu-uebung" {
		t.Errorf("proposes %q", got)
	}
	r.write("Course", "Rechnernetze I")
	if got := text("Short name"); got != "rechnernetze-i/deja-vu-uebung" {
		t.Errorf("proposes %q", got)
	}
	for _, c := range []struct{ label, bad, good, fault string }{
		{"Short name", "Not/A name", "netze/uebung-1", "Use small letters"},
		{"Language", "german!", "de", "Write a code such as"},
		{"Ports of the guest", "80", "web=80, ssh=22", "Write each port"},
		{"Ports of the guest", "web=80 web=81", "web=80, ssh=22", "Write each port"},
		{"Most that is handed in", "0", "64", "Write a number"},
		{"Most checkpoints", "many", "3", "Write a number"},
		{"End of the course", "31.7.", "2027-07-31", "Write a day"},
		{"Title", " ", "Übung 1", "Write a title first"},
	} {
		r.write(c.label, c.bad)
		if fault := r.field(c.label).Fault(); !strings.HasPrefix(fault, c.fault) {
			t.Errorf("%s %q: fault %q", c.label, c.bad, fault)
		}
		if _, off := b.Disabled(); !off {
			t.Errorf("%s %q can be published", c.label, c.bad)
		}
		r.write(c.label, c.good)
		if fault := r.field(c.label).Fault(); fault != "" {
			t.Errorf("%s %q: fault %q", c.label, c.good, fault)
		}
	}
	r.write("Course", "Netze")
	if got := text("Short name"); got != "netze/uebung-1" {
		t.Errorf("what was written is replaced by %q", got)
	}
	r.shows("SSH host keys")
	r.field("Before it is published").Control().(*widget.Check).SetChecked(true)
	r.got = first.ID
	r.press("Publish")
	r.shows("is published")
	calls := r.took()
	o := calls[0].arg.(labs.PublishOptions)
	c := o.Config
	if len(calls) != 1 || c.Name != "netze/uebung-1" || c.Title != "Übung 1" || c.Course.Name != "Netze" || c.Language != "de" || c.Network.Mode != lab.NetworkIsolated ||
		!slices.Equal(c.Network.Ports, []lab.Port{{Name: "web", Guest: 80}, {Name: "ssh", Guest: 22}}) || c.Submit.GrowthMiB != 64 || o.Checkpoint != "" || !o.Clean || c.ID != uuid.Nil {
		t.Errorf("published %+v", o)
	}
	r.press("Send to…")
	r.write("Place", "/tmp/x.lab")
	r.press("Send")
	r.shows("is sent")
	r.press("Close")
	r.took()

	// The next version takes over what the one before said; a checkpoint is published.
	r.dirty = "Cleaning needs a program."
	open()
	r.shows("Cleaning needs a program.")
	if !r.field("Before it is published").Control().(*widget.Check).Disabled() {
		t.Error("a copy can be cleaned by nothing")
	}
	if got := text("Course"); got != "Netze" {
		t.Errorf("the course is forgotten: %q", got)
	}
	next, what := r.choice("It becomes"), r.choice("What is published")
	if got := next.Options; !slices.Equal(got, []string{"A new lab", "Version 3 of “Lab of networks/firewalls”"}) {
		t.Errorf("offers %q", got)
	}
	if got := what.Options; !slices.Equal(got, []string{"The machine as it is now", "Checkpoint “clean”"}) {
		t.Errorf("offers %q", got)
	}
	next.SetSelectedIndex(1)
	what.SetSelectedIndex(1)
	r.press("Publish")
	r.shows("is published")
	o = r.took()[0].arg.(labs.PublishOptions)
	if c = o.Config; c.ID != first.Config.ID || c.Text != "Do it" || c.Network.Mode != lab.NetworkInternet || len(c.Network.Ports) != 1 || o.Checkpoint != "7" || o.Clean {
		t.Errorf("published %+v", o)
	}
}

// TestPublishByKeyboard reaches every field with Tab, and each is in view then.
func TestPublishByKeyboard(t *testing.T) {
	m := machineOf(labOf("a", 1), "web", hypervisor.StateOff)
	r := newRigFor(t, m)
	r.window.SetContent(widgets.Space(1, 1))
	r.window.Resize(fyne.NewSize(1000, 500))
	Publish(PublishParams{Services: r.services(), Window: r.window, Machine: m.UUID, Checkpoints: points{r.backend}})
	r.shows("deleted files")
	c := r.window.Canvas()
	last := r.field("Most that is handed in").Control().(*widgets.Entry)
	steps := 0
	for ; c.Focused() != fyne.Focusable(last) && steps < 20; steps++ {
		c.FocusNext()
	}
	if steps < 8 || steps == 20 {
		t.Errorf("%d steps to the last field", steps)
	}
	driver := fyne.CurrentApp().Driver()
	if bottom := driver.AbsolutePositionForObject(last).Y + last.Size().Height; bottom > 460 {
		t.Errorf("the field with the keyboard ends at %v of 500", bottom)
	}
}

// TestPublishRunning needs a checkpoint.
func TestPublishRunning(t *testing.T) {
	one := labOf("a", 1)
	m := machineOf(one, "web", hypervisor.StateRunning)
	r := newRigFor(t, m)
	r.window.SetContent(widgets.Space(1, 1))
	Publish(PublishParams{Services: r.services(), Window: r.window, Machine: m.UUID, Checkpoints: points{r.backend}})
	r.shows("Shut the machine down, or save a checkpoint first.")
	r.press("Close")
	r.points = []checkpoints.Checkpoint{{ID: "7", Name: "clean", State: hypervisor.StateRunning}}
	Publish(PublishParams{Services: r.services(), Window: r.window, Machine: m.UUID, Checkpoints: points{r.backend}})
	r.shows("as after a power cut")
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "SQL: first questions": "sql-first-questions", "  -- ": "", "Größe": "groesse", "Ångström": "angstroem", "日本": "",
		strings.Repeat("ab ", 20): "ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab",
	} {
		got := slug(text)
		if got != want || got != "" && lab.CheckName(got) != nil {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestEveryTextIsTranslatable looks at the window and its dialogs in a made-up language.
func TestEveryTextIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	one := labOf("a/one", 1, func(i *labs.Image) { i.Config.Course.Name, i.Config.Title = "q", "x" })
	mine := machineOf(one, "web", hypervisor.StateRunning)
	r := newRig(t, nil, mine)
	allowed := []string{"a", "one", "q", "x", "web", "ssh", "GiB", "MiB", "Guesthouse", "Markdown", "en"}
	look := func(what string) {
		t.Helper()
		for _, text := range langtest.Untranslated(r.window, append(allowed, strings.Split(fingerprint(one.Config), "-")...)...) {
			t.Errorf("%s: %q", what, text)
		}
		if top := r.window.Canvas().Overlays().Top(); top != nil {
			r.window.Canvas().Overlays().Remove(top)
		}
	}
	look("empty")
	r.images = []labs.Image{one}
	r.undo[mine.UUID] = time.Now()
	r.w.load()
	r.settle()
	look("cards")
	for _, text := range langtest.UntranslatedMenu(r.w.menu(r.w.items[0]), allowed...) {
		t.Errorf("menu: %q", text)
	}
	r.w.Add()
	look("add")
	r.w.about(r.w.items[0])
	look("about")
	r.w.askReset(r.w.items[0])
	look("reset")
	r.w.askUndo(r.w.items[0])
	look("undo")
	r.w.askRemove(r.w.items[0])
	look("remove")
	r.w.send(one)
	look("send")
	r.w.sent(one, "q", labs.Pushed{NewBytes: vmconfig.GiB})
	look("sent")
	r.w.published(one)
	look("published")
	r.w.askTrust(labs.Question{Course: "q", Title: "x", Place: "a", Fingerprint: "a-a-a-a-a"}, func() {})
	look("trust")
	off := machineOf(one, "web", hypervisor.StateOff)
	newForm(&r.w.desk, off, []checkpoints.Checkpoint{{Name: "one", State: hypervisor.StateRunning}}, []labs.Image{one}).open("")
	look("publish")
}

// TestPasswordOfAKey asks for it while the job waits.
func TestPasswordOfAKey(t *testing.T) {
	r := newRig(t, nil)
	ask := func(first bool) (*jobs.Job, *string) {
		got := new(string)
		return r.runner.Start("sign", "", func(ctx context.Context, _ func(jobs.Progress)) (err error) {
			*got, err = r.w.password(ctx, first)
			return err
		}), got
	}
	if job, got := ask(true); job.Wait(t.Context()) != nil || *got != "" {
		t.Error("a key that is made here has a password")
	}
	job, got := ask(false)
	r.shows("The course’s key is protected")
	r.write("Password", "secret")
	r.press("Sign")
	if err := job.Wait(t.Context()); err != nil || *got != "secret" {
		t.Errorf("%q, %v", *got, err)
	}
	job, _ = ask(false)
	r.shows("The course’s key is protected")
	r.press("Cancel")
	if err := job.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("after no: %v", err)
	}
}

// TestUpdateOfAMachine: a reset can lead to the version of the lab that came later; one that is in no later version is not offered that.
func TestUpdateOfAMachine(t *testing.T) {
	one, two := labOf("a/one", 1), labOf("a/one", 2)
	mine := machineOf(one, "mine", hypervisor.StateOff)
	r := newRig(t, []labs.Image{one, two}, mine)
	for _, i := range r.w.items {
		labels := ""
		for _, m := range r.w.menu(i).Items {
			labels += m.Label + "\n"
		}
		if got := strings.Contains(labels, "Reset to version 2…"); got != (i.Config.Version == 1) {
			t.Errorf("the menu of version %d offers:\n%s", i.Config.Version, labels)
		}
	}
	i := slices.IndexFunc(r.w.items, func(i item) bool { return i.Config.Version == 1 })
	r.w.askUpdate(r.w.items[i])
	r.shows("to version 2?")
	r.press("Reset")
	r.settle()
	r.wants("reset", labs.ResetOptions{Update: true})
}
