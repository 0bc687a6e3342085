package restore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/hypervisor"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

type points struct {
	list    []checkpoints.Checkpoint
	loses   bool
	refusal string
}

func (p points) Overview(context.Context, uuid.UUID) (checkpoints.Overview, error) {
	return checkpoints.Overview{List: p.list, Changed: p.loses, Refusal: p.refusal, Settings: &vmconfig.Machine{CPUs: 1}}, nil
}

func (p points) NextName([]checkpoints.Checkpoint) string { return "Checkpoint 9" }

var now = time.Date(2026, 11, 23, 15, 0, 0, 0, time.Local)

func list() []checkpoints.Checkpoint {
	return []checkpoints.Checkpoint{
		{ID: "a", Name: "Old", Created: now.Add(-time.Hour)}, {ID: "b", Name: "New", Created: now}, {ID: "c", Name: "Lost", Created: now.Add(time.Hour), Problem: "It is gone."},
	}
}

func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		points points
		id     string
		want   string // checkpoint and whether it loses; or the error
	}{
		"newest that can be": {points{list: list()}, "", "b false"},
		"current":            {points{list: append([]checkpoints.Checkpoint{{ID: "z", Current: true}}, list()...), loses: true}, "", "z true"},
		"chosen":             {points{list: list()}, "a", "a false"},
		"damaged":            {points{list: list()}, "c", "It is gone."},
		"deleted":            {points{list: list()}, "q", "This checkpoint was deleted meanwhile."},
		"none":               {points{}, "", "This machine has no checkpoint yet."},
		"none can be":        {points{list: list()[2:]}, "", "No checkpoint of this machine can be restored: It is gone."},
	} {
		p, err := NewPlan(t.Context(), c.points, uuid.New(), c.id)
		got := p.To.ID + map[bool]string{true: " true", false: " false"}[p.Loses]
		if err != nil {
			var refusal Refusal
			if !errors.As(err, &refusal) {
				t.Errorf("%s: %v is no refusal", name, err)
			}
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestMenu: manager and console show the same.
func TestMenu(t *testing.T) {
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.Local)
	picked := ""
	m := Menu([]checkpoints.Checkpoint{
		{ID: "a", Name: "Old", Created: now.AddDate(-1, 0, 0)},
		{ID: "b", Name: "New", Created: now.Add(-time.Hour), Current: true},
		{ID: "c", Name: "Lost", Created: now.AddDate(0, -1, 0), Problem: "gone"},
		{ID: "d", Name: "Automatic 2026-11-23 14.40.01", Created: now.Add(-20 * time.Minute)},
	}, now, func(id string) { picked = id })
	var got []string
	for _, i := range m.Items {
		s := i.Label
		if i.Checked {
			s += " ✓"
		}
		if i.Disabled {
			s += " –"
		}
		got = append(got, s)
	}
	if want := "Automatic   14:40|New   14:00 ✓|Lost   23 Oct 15:00  –  cannot be restored –|Old   23 Nov 2025"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", strings.Join(got, "|"), want)
	}
	if m.Items[3].Action(); picked != "a" || m.Items[2].Action != nil {
		t.Errorf("it picked %q", picked)
	}
	if m := Menu([]checkpoints.Checkpoint{{ID: "p", Name: "Parent", Created: now}, {ID: "c", Name: "Child", Created: now}}, now, nil); !strings.HasPrefix(m.Items[0].Label, "Child") {
		t.Errorf("of the same second, %q is first", m.Items[0].Label)
	}
	if m := Menu(nil, now, nil); len(m.Items) != 1 || !m.Items[0].Disabled {
		t.Error("an empty menu says nothing")
	}
}

// TestShownName: what was saved by itself is told by its time.
func TestShownName(t *testing.T) {
	for name, want := range map[string]string{
		"Automatic 2026-11-23 14.40.01": "Automatic, 14:40", "Automatic 2026-11-22 14.40.01": "Automatic, 22 Nov 14:40", "Automatic 2025-11-22 14.40.01": "Automatic, 22 Nov 2025",
		"Automatic": "Automatic", "Automatic 2026-11-22 14.40.01 b": "Automatic 2026-11-22 14.40.01 b",
	} {
		if got := ShownName(checkpoints.Checkpoint{Name: name}, now); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}

// TestAsk: what is lost is said only when something is, and each button does what it says.
func TestAsk(t *testing.T) {
	a := test.NewApp()
	defer a.Quit()
	a.Settings().SetTheme(theme.New(theme.Light))
	w := test.NewWindow(container.NewStack())
	defer w.Close()
	w.Resize(fyne.NewSize(800, 600))
	for _, c := range []struct {
		loses  bool
		button string
		want   string
	}{{true, "Save, then restore", "true"}, {true, "Restore without saving", "false"}, {true, "Cancel", ""}, {false, "Restore", "false"}, {false, "Cancel", ""}} {
		got := ""
		Ask(w, Plan{To: list()[0], Loses: c.loses, SaveName: "Checkpoint 9"}, func(first bool) { got = map[bool]string{true: "true", false: "false"}[first] })
		text := texts(w)
		if strings.Contains(text, "Checkpoint 9") != c.loses || !strings.Contains(text, "“Old”") {
			t.Errorf("loses %v: it says %s", c.loses, text)
		}
		press(t, w, c.button)
		if got != c.want || widgets.ModalOpen(w) {
			t.Errorf("%s did %q, want %q", c.button, got, c.want)
		}
	}
}

// TestAskOfWhatCannotBeSaved: why the present state cannot be saved first is said before the click, and the click does nothing.
func TestAskOfWhatCannotBeSaved(t *testing.T) {
	a := test.NewApp()
	defer a.Quit()
	a.Settings().SetTheme(theme.New(theme.Light))
	w := test.NewWindow(container.NewStack())
	defer w.Close()
	w.Resize(fyne.NewSize(800, 600))
	const why = "The machine's state is saved."
	p, err := NewPlan(t.Context(), points{list: list(), loses: true, refusal: why}, uuid.New(), "a")
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	Ask(w, p, func(first bool) { got = map[bool]string{true: "true", false: "false"}[first] })
	if text := texts(w); !strings.Contains(text, why) || strings.Contains(text, "Checkpoint 9") {
		t.Errorf("it says %s", text)
	}
	press(t, w, "Save, then restore")
	if got != "" || !widgets.ModalOpen(w) {
		t.Errorf("what cannot be done did %q", got)
	}
	press(t, w, "Restore without saving")
	if got != "false" {
		t.Errorf("the other button did %q", got)
	}
}

// TestAskSaysWhatComesThen: whether the machine runs afterwards, and no word of memory while it has none.
func TestAskSaysWhatComesThen(t *testing.T) {
	a := test.NewApp()
	defer a.Quit()
	a.Settings().SetTheme(theme.New(theme.Light))
	w := test.NewWindow(container.NewStack())
	defer w.Close()
	w.Resize(fyne.NewSize(800, 600))
	at := func(s hypervisor.State) checkpoints.Checkpoint {
		return checkpoints.Checkpoint{Name: "Old", Created: now, State: s}
	}
	for _, c := range []struct {
		plan Plan
		want string
		not  string
	}{
		{Plan{To: at(hypervisor.StateOff), Loses: true}, "will be off again", "runs on"},
		{Plan{To: at(hypervisor.StateRunning), Loses: true}, "in its memory", "off"},
		{Plan{To: at(hypervisor.StateRunning)}, "runs on from there", "off"},
		{Plan{To: at(hypervisor.StatePaused)}, "will be paused again", "runs on"},
		{Plan{To: at(hypervisor.StateOff), Loses: true, Off: true}, "since then on its disks is in no checkpoint", "memory"},
		{Plan{To: at(hypervisor.StateRunning), Loses: true, DisksOnly: true}, "as after a power cut", "runs on"},
	} {
		Ask(w, c.plan, func(bool) {})
		if text := strings.ReplaceAll(texts(w), "\n", " "); !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("of %+v it says %s", c.plan, text)
		}
		press(t, w, "Cancel")
	}
}

// TestDisksOnly: the disks can be usable where the memory is not, and what would be lost can be saved first.
func TestDisksOnly(t *testing.T) {
	lost := list()[2]
	lost.DisksUsable = true
	c := points{list: []checkpoints.Checkpoint{lost, list()[0]}, loses: true}
	p, err := NewDisksPlan(t.Context(), c, uuid.New(), lost.ID)
	if err != nil || p.To.ID != lost.ID || !p.Loses {
		t.Fatalf("%+v, %v", p, err)
	}
	if o := p.Options(true); o != (checkpoints.RestoreOptions{SaveFirst: true, SaveName: "Checkpoint 9", DisksOnly: true}) {
		t.Errorf("%+v", o)
	}
	if o := p.Options(false); o != (checkpoints.RestoreOptions{DisksOnly: true}) {
		t.Errorf("%+v", o)
	}
	if _, err := NewPlan(t.Context(), c, uuid.New(), lost.ID); err == nil {
		t.Error("its memory can be restored")
	}
}

// TestSettingsThatGoBack are found out, and said in the question.
func TestSettingsThatGoBack(t *testing.T) {
	a := test.NewApp()
	defer a.Quit()
	a.Settings().SetTheme(theme.New(theme.Light))
	w := test.NewWindow(container.NewStack())
	defer w.Close()
	w.Resize(fyne.NewSize(800, 600))
	same, other := list()[0], list()[1]
	same.Settings, other.Settings = &vmconfig.Machine{CPUs: 1}, &vmconfig.Machine{CPUs: 4}
	for _, c := range []checkpoints.Checkpoint{same, other} {
		p, err := NewPlan(t.Context(), points{list: []checkpoints.Checkpoint{c}}, uuid.New(), c.ID)
		if err != nil || p.Asks(true) != (c.ID == other.ID) {
			t.Fatalf("%+v, %v", p, err)
		}
		m := Ask(w, p, func(bool) {})
		if text := texts(w); strings.Contains(text, "Processors") != p.Asks(false) {
			t.Errorf("with %v it says %s", p.Changes, text)
		}
		m.Close()
	}
}

// TestCaution: a memory that may not run is asked about, even when nothing is lost, and what would be lost is saved by itself when the user wants that.
func TestCaution(t *testing.T) {
	a := test.NewApp()
	defer a.Quit()
	a.Settings().SetTheme(theme.New(theme.Light))
	w := test.NewWindow(container.NewStack())
	defer w.Close()
	w.Resize(fyne.NewSize(800, 600))
	doubtful := list()[1]
	doubtful.Caution, doubtful.DisksUsable = "It was saved with QEMU 99.0.0.", true
	p, err := NewPlan(t.Context(), points{list: []checkpoints.Checkpoint{doubtful}}, uuid.New(), doubtful.ID)
	if err != nil || !p.Asks(true) || p.Automatic(true).SaveFirst {
		t.Fatalf("%+v, %v", p, err)
	}
	Ask(w, p, func(bool) {})
	if text := strings.ReplaceAll(texts(w), "\n", " "); !strings.Contains(text, "QEMU 99.0.0") || !strings.Contains(text, "disks only") {
		t.Errorf("it says %s", text)
	}
	for refusal, asks := range map[string]bool{"": false, "It is full.": true} {
		p, err := NewPlan(t.Context(), points{list: list(), loses: true, refusal: refusal}, uuid.New(), list()[0].ID)
		if err != nil || !p.Asks(false) || p.Asks(true) != asks || !p.Automatic(true).SaveFirst || p.Automatic(false).SaveFirst {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// overlay lists what the open question is made of.
func overlay(w fyne.Window) []fyne.CanvasObject {
	return test.LaidOutObjects(w.Canvas().Overlays().Top())
}

func texts(w fyne.Window) string {
	var all []string
	for _, o := range overlay(w) {
		if t, ok := o.(*canvas.Text); ok {
			all = append(all, t.Text)
		}
	}
	return strings.Join(all, "\n")
}

func press(t *testing.T, w fyne.Window, text string) {
	t.Helper()
	for _, o := range overlay(w) {
		if b, ok := o.(*widgets.Button); ok && b.Text() == text {
			test.Tap(b)
			return
		}
	}
	t.Fatalf("no button %q", text)
}
