package widgets

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

const patience = 20 * time.Second

func window(t *testing.T, content fyne.CanvasObject) (fyne.Window, *dispatch.Queue) {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	q := &dispatch.Queue{}
	w := test.NewTempWindow(t, WithTooltips(q, content))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(640, 480))
	return w, q
}

func key(f fyne.Focusable, name fyne.KeyName) { f.TypedKey(&fyne.KeyEvent{Name: name}) }

func TestButtonActsOnlyWhileEnabled(t *testing.T) {
	count := 0
	b := NewToolButton("start", "Start", func() { count++ })
	w, _ := window(t, container.NewVBox(b))
	test.Tap(b)
	w.Canvas().Focus(b)
	key(b, fyne.KeySpace)
	key(b, fyne.KeyReturn)
	if count != 3 {
		t.Errorf("click, Space and Enter acted %d times", count)
	}
	b.Disable("The machine is off.")
	test.Tap(b)
	key(b, fyne.KeySpace)
	if count != 3 {
		t.Error("a disabled button acts")
	}
}

// TestHold: a longer press is no click. The test driver ends an animation as soon as it starts.
func TestHold(t *testing.T) {
	clicks, held := 0, 0
	b := NewToolButton("start", "Start", func() { clicks++ })
	window(t, container.NewVBox(b))
	press := func() {
		b.MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary})
		b.MouseUp(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary})
		b.Tapped(nil)
	}
	press()
	b.OnHold = func() { held++ }
	press()
	if clicks != 1 || held != 1 {
		t.Errorf("%d clicks, %d longer presses", clicks, held)
	}
	b.Tapped(nil) // by a key
	b.Disable("The machine is off.")
	press()
	if clicks != 2 || held != 1 {
		t.Errorf("%d clicks, %d longer presses after it was disabled", clicks, held)
	}
}

func TestReasonIsInTheTooltip(t *testing.T) {
	b := NewToolButton("start", "Start", nil).SetTip("Start the machine")
	w, q := window(t, container.NewVBox(b))
	b.MouseIn(&desktop.MouseEvent{})
	if TipText(b) != "" {
		t.Error("the tooltip shows without a pause")
	}
	if !q.DrainUntil(func() bool { return TipText(b) == "Start the machine" }, patience) {
		t.Fatal("no tooltip for a resting pointer")
	}
	b.MouseOut()
	if TipText(b) != "" {
		t.Error("the tooltip stays")
	}
	b.Disable("It runs already.")
	w.Canvas().Focus(b)
	if TipText(b) != "It runs already." {
		t.Errorf("the keyboard gets the tooltip %q", TipText(b))
	}
	w.Canvas().Unfocus()
	b.MouseIn(&desktop.MouseEvent{})
	b.MouseOut() // gone before the pause is over
	q.Settle(patience)
	if TipText(b) != "" {
		t.Error("a tooltip for a pointer that went on")
	}
}

func TestTooltipStaysInTheWindow(t *testing.T) {
	b := NewIconButton("more", strings.Repeat("a long explanation ", 12), nil)
	w, _ := window(t, container.NewVBox(container.NewHBox(Space(600, 0), b), Space(0, 440)))
	w.Canvas().Focus(b)
	layer := tipLayerOf(b)
	pos, size := layer.bubble.Position(), layer.bubble.Size()
	if !layer.bubble.Visible() || pos.X < 0 || pos.X+size.Width > 640.5 || pos.Y < 0 || pos.Y+size.Height > 480.5 {
		t.Errorf("the tooltip is at %v with %v", pos, size)
	}
}

// TestMenuEndsTheTooltip: a menu that opens anywhere in the window, not only at what the tooltip is of.
func TestMenuEndsTheTooltip(t *testing.T) {
	b := NewIconButton("more", "what it does", nil)
	w, _ := window(t, container.NewVBox(b))
	w.Canvas().Focus(b)
	if TipText(b) == "" {
		t.Fatal("there is no tooltip")
	}
	ShowMenuAt(w.Canvas(), fyne.NewMenu("", fyne.NewMenuItem("one", nil)), fyne.NewPos(300, 300))
	if windowTips(w.Canvas()).bubble.Visible() {
		t.Error("the tooltip stays beside the menu")
	}
}

// TestDialogEndsTheTooltip: a dialog that a key has opened dims what lies behind it, and nothing there is explained any more.
func TestDialogEndsTheTooltip(t *testing.T) {
	b := NewIconButton("more", "what it does", nil)
	w, _ := window(t, container.NewVBox(b))
	w.Canvas().Focus(b)
	if !windowTips(w.Canvas()).bubble.Visible() {
		t.Fatal("there is no tooltip")
	}
	m := NewModal(w, "", "", "Question", Paragraphs("Yes?"), 200).Show()
	defer m.Close()
	if windowTips(w.Canvas()).bubble.Visible() {
		t.Error("the tooltip stays behind the dialog")
	}
}

func newSlider(z vmconfig.Zones, step int64) (*ZoneSlider, *[]int64) {
	var seen []int64
	s := NewZoneSlider(z, step, func(text string) (int64, error) {
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, errors.New("not a number")
		}
		return v, nil
	}, func(v int64) string { return strconv.FormatInt(v, 10) })
	s.OnChanged = func(v int64) { seen = append(seen, v) }
	return s, &seen
}

func TestZoneSlider(t *testing.T) {
	s, seen := newSlider(vmconfig.Zones{Min: 1, Green: 8, Amber: 12, Max: 16}, 2)
	w, _ := window(t, s)
	last := func() int64 {
		if len(*seen) == 0 {
			return -1
		}
		return (*seen)[len(*seen)-1]
	}
	s.SetValue(5)
	if len(*seen) != 0 || s.Value() != 5 || s.entry.Text != "5" {
		t.Fatalf("SetValue: calls %v, value %d, field %q", *seen, s.Value(), s.entry.Text)
	}
	w.Canvas().Focus(s.track)
	for _, step := range []struct {
		key  fyne.KeyName
		want int64
	}{{fyne.KeyRight, 6}, {fyne.KeyRight, 8}, {fyne.KeyLeft, 6}, {fyne.KeyEnd, 16}, {fyne.KeyHome, 1}, {fyne.KeyPageUp, 16}, {fyne.KeyPageDown, 1}} {
		key(s.track, step.key)
		if s.Value() != step.want || last() != step.want {
			t.Errorf("%s: value %d, told %d, want %d", step.key, s.Value(), last(), step.want)
		}
	}
	s.entry.SetText("11")
	if s.Value() != 11 || last() != 11 {
		t.Errorf("typed 11: value %d", s.Value())
	}
	calls := len(*seen)
	s.entry.SetText("many")
	if s.Err() == nil || s.Fault() != "not a number" || s.Value() != 11 || len(*seen) != calls {
		t.Errorf("typed nonsense: err %v, value %d", s.Err(), s.Value())
	}
	s.entry.SetText("40") // beyond the end: the form finds fault, not the slider
	if s.Value() != 40 || s.Err() != nil {
		t.Errorf("typed 40: value %d, %v", s.Value(), s.Err())
	}
	width := s.track.Size().Width
	s.track.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(width, 5)}})
	if s.Value() != 16 {
		t.Errorf("dragged to the end: %d", s.Value())
	}
	s.track.Tapped(&fyne.PointEvent{Position: fyne.NewPos(0, 5)})
	if s.Value() != 1 {
		t.Errorf("clicked at the beginning: %d", s.Value())
	}
	s.SetEnabled(false)
	key(s.track, fyne.KeyEnd)
	if s.Value() != 1 {
		t.Error("a disabled slider moves")
	}
}

func TestZoneSliderScales(t *testing.T) {
	s, _ := newSlider(vmconfig.Zones{Min: 4 << 20, Green: 1 << 30, Amber: 1 << 35, Max: 1 << 41}, 1<<30)
	test.NewTempApp(t)
	if f := s.fraction(1 << 30); f < 0.3 || f > 0.6 {
		t.Errorf("1 GiB of 2 TiB is at %.2f, want a logarithmic scale", f)
	}
	for _, f := range []float64{-1, 0, 0.2, 0.5, 0.9, 1, 2} {
		if v := s.at(f); v < s.zones.Min || v > s.zones.Max {
			t.Errorf("at(%v) = %d is outside", f, v)
		}
	}
	flat, _ := newSlider(vmconfig.Zones{Min: 1, Green: 1, Amber: 1, Max: 1}, 1)
	if flat.fraction(1) != 0 || flat.at(0.7) != 1 {
		t.Error("a slider with one value is confused")
	}
}

func dialogButtons(w fyne.Window) map[string]*Button {
	found := map[string]*Button{}
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if b, ok := o.(*Button); ok {
			found[b.Text()] = b
		}
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case *widget.PopUp:
			walk(o.Content)
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	if top := w.Canvas().Overlays().Top(); top != nil {
		walk(top)
	}
	return found
}

func TestConfirm(t *testing.T) {
	back := NewEntry()
	w, _ := window(t, back)
	w.Canvas().Focus(back)
	agreed := 0
	ask := func() { Confirm(w, "Delete?", "Really?", []string{"web", "db"}, "Delete", true, func() { agreed++ }) }
	ask()
	if w.Canvas().Focused() != dialogButtons(w)["Cancel"] {
		t.Error("a dangerous question has its focus on the danger")
	}
	key(w.Canvas().Focused(), fyne.KeyEscape)
	if ModalOpen(w) || agreed != 0 || w.Canvas().Focused() != back {
		t.Errorf("Escape: open %v, agreed %d", ModalOpen(w), agreed)
	}
	ask()
	test.Tap(dialogButtons(w)["Delete"])
	if ModalOpen(w) || agreed != 1 {
		t.Errorf("yes: open %v, agreed %d", ModalOpen(w), agreed)
	}
}

func TestErrorDialog(t *testing.T) {
	w, _ := window(t, NewEntry())
	m := ShowError(w, ErrorText{Title: "It failed", Summary: "The disk is full.", Remedy: "Delete something.", Detail: "ENOSPC at line 3"})
	test.Tap(dialogButtons(w)["Copy"])
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.Contains(got, "ENOSPC at line 3") || !strings.Contains(got, "The disk is full.") {
		t.Errorf("copied %q", got)
	}
	key(w.Canvas().Focused(), fyne.KeyEscape) // the focus is on Copy since the click
	if !m.Closed() || ModalOpen(w) {
		t.Error("Escape does not close it after a click")
	}
}

func TestSection(t *testing.T) {
	body := NewText("inside", 14, false, theme.ColorMuted)
	s := NewSection("disk", "Storage", body)
	w, _ := window(t, container.NewVBox(s))
	var told []bool
	s.OnToggled = func(open bool) { told = append(told, open) }
	w.Canvas().Focus(s.head)
	key(s.head, fyne.KeyLeft)
	key(s.head, fyne.KeyLeft)
	if s.Open() || body.Visible() {
		t.Error("Left does not fold")
	}
	test.Tap(s.head)
	if !s.Open() || !body.Visible() || len(told) != 2 || told[0] || !told[1] {
		t.Errorf("told %v", told)
	}
}

func TestFormField(t *testing.T) {
	window(t, NewEntry())
	f := NewFormField("Name", NewEntry(), "up to 64 letters")
	f.SetFault("The name is in use.")
	if got := f.note.String(); got != "The name is in use." || !f.note.Visible() {
		t.Errorf("shown: %q", got)
	}
	f.SetFault("")
	if got := f.note.String(); got != "up to 64 letters" {
		t.Errorf("hint does not come back: %q", got)
	}
}

func TestJobRow(t *testing.T) {
	cancelled, dismissed := 0, 0
	r := NewJobRow(JobLook{Title: "Saving", Fraction: 0.5, Cancel: true}, func() { cancelled++ }, nil, func() { dismissed++ })
	window(t, r)
	test.Tap(r.cancel)
	if cancelled != 1 || r.dismiss.Visible() || r.details.Visible() {
		t.Error("a running job needs Cancel only")
	}
	r.Set(JobLook{Title: "Saving", State: JobRunning, Fraction: -1})
	if reason, off := r.cancel.Disabled(); !off || reason == "" {
		t.Error("Cancel is offered where it is not heard")
	}
	r.Set(JobLook{Title: "Saving", Text: "The disk is full.", State: JobFailed})
	if r.bar.Visible() || r.cancel.Visible() || !r.details.Visible() {
		t.Error("a failed job needs its reason")
	}
	test.Tap(r.dismiss)
	if dismissed != 1 {
		t.Error("Dismiss does nothing")
	}
}

func TestElide(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light))
	long := "a name that is much too long for its place"
	width := fyne.MeasureText("a name that is", 14, fyne.TextStyle{}).Width
	got := Elide(long, width, 14, fyne.TextStyle{})
	if !strings.HasSuffix(got, "…") || fyne.MeasureText(got, 14, fyne.TextStyle{}).Width > width {
		t.Errorf("elided to %q", got)
	}
	if Elide("short", 500, 14, fyne.TextStyle{}) != "short" {
		t.Error("what fits is cut")
	}
}

func TestMenuItemSaysWhyNot(t *testing.T) {
	test.NewTempApp(t)
	item := MenuItem("reset", "Reset", false, "The machine is off.", nil)
	if !item.Disabled || !strings.Contains(item.Label, "The machine is off.") {
		t.Errorf("item %q, disabled %v", item.Label, item.Disabled)
	}
}

func TestMarkup(t *testing.T) {
	w, _ := window(t, container.NewVBox(
		NewButton("start", "Start", StylePrimary, nil),
		NewStateBadge(StateLook{Icon: "state-running", Text: "Running", Color: theme.ColorRunning}, 14),
		KeyValue("Memory", "2 GiB"),
	))
	test.AssertRendersToMarkup(t, "basic.xml", w.Canvas())
}

func TestEmptyPageGivesLongTextsTheirRoom(t *testing.T) {
	test.NewTempApp(t)
	action := NewButton("", "Go", StylePlain, func() {})
	w := test.NewTempWindow(t, EmptyPage(nil, "Title", strings.Repeat("several words in a long text ", 20), action))
	w.Resize(fyne.NewSize(800, 600))
	place := fyne.CurrentApp().Driver().AbsolutePositionForObject
	var text *widget.RichText
	var find func(o fyne.CanvasObject)
	find = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *fyne.Container:
			for _, child := range o.Objects {
				find(child)
			}
		case *widget.RichText:
			text = o
		}
	}
	find(w.Content())
	if text == nil {
		t.Fatal("no text")
	}
	if bottom := place(text).Y + text.MinSize().Height; bottom > place(action).Y {
		t.Errorf("the text ends at %v, below the top of its button at %v", bottom, place(action).Y)
	}
}

// TestUnknownProgress is one bar, and no pieces of one.
func TestUnknownProgress(t *testing.T) {
	p := NewProgressLine()
	window(t, p)
	known := func() (n int) {
		for _, o := range test.WidgetRenderer(p).Objects() {
			if r := o.(*canvas.Rectangle); r.FillColor != transparent && r.Visible() {
				n++
			}
		}
		return n
	}
	if got := known(); got != 1 {
		t.Errorf("it is drawn as %d pieces", got)
	}
	p.Set(0.5)
	if got := known(); got != 2 {
		t.Errorf("half is drawn as %d pieces", got)
	}
}
