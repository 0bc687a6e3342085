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
	doubtful.Caution = "It was saved with QEMU 99.0.0."
	p, err := NewPlan(t.Context(), points{list: []checkpoints.Checkpoint{doubtful}}, uuid.New(), doubtful.ID)
	if err != nil || !p.Asks(true) || p.Automatic(true).SaveFirst {
		t.Fatalf("%+v, %v", p, err)
	}
	Ask(w, p, func(bool) {})
	if text := strings.ReplaceAll(texts(w), "\n", " "); !strings.Contains(text, "QEMU 99.0.0") || !strings.Contains(text, "disks only") {
		t.Errorf("it says %s", text)
	}
	p = Plan{To: list()[0], Loses: true}
	if !p.Asks(false) || p.Asks(true) || !p.Automatic(true).SaveFirst || p.Automatic(false).SaveFirst {
		t.Errorf("%+v", p)
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
