package manager

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"
	"golang.org/x/image/draw"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// objects returns every visible object of the topmost dialog, or of the window when there is none.
func objects(w fyne.Window) []fyne.CanvasObject {
	root := w.Content()
	if top := w.Canvas().Overlays().Top(); top != nil {
		root = top
	}
	var list []fyne.CanvasObject
	var walk func(o fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		list = append(list, o)
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	walk(root)
	return list
}

// press presses the visible button with this text.
func press(t *testing.T, w fyne.Window, text string) {
	t.Helper()
	for _, o := range objects(w) {
		if b, ok := o.(*widgets.Button); ok && b.Text() == text {
			if reason, off := b.Disabled(); off {
				t.Fatalf("button %q is disabled: %s", text, reason)
			}
			test.Tap(b)
			return
		}
	}
	t.Fatalf("no button %q", text)
}

// texts returns what can be read.
func texts(w fyne.Window) string {
	var b strings.Builder
	for _, o := range objects(w) {
		switch o := o.(type) {
		case *widgets.Text:
			b.WriteString(o.Text() + "\n")
		case *widgets.Button:
			b.WriteString(o.Text() + "\n")
		case *widget.RichText:
			b.WriteString(o.String() + "\n")
		case *widget.Label:
			b.WriteString(o.Text + "\n")
		}
	}
	return b.String()
}

func wantText(t *testing.T, w fyne.Window, parts ...string) {
	t.Helper()
	all := texts(w)
	for _, p := range parts {
		if !strings.Contains(all, p) {
			t.Errorf("%q is not shown; shown is:\n%s", p, all)
		}
	}
}

func TestListFollowsTheInventory(t *testing.T) {
	web, db := machine("web", hypervisor.StateOff), machine("db", hypervisor.StateRunning)
	r := newRig(t, db, web)
	wantText(t, r.window, "web", "db", "Running", "Off")
	if got := r.selectedNames(); !slices.Equal(got, []string{"db"}) {
		t.Fatalf("selected %v, want the first machine", got)
	}
	r.selectNames("web")

	started := *web
	started.State, started.Checkpoint = hypervisor.StateRunning, "Checkpoint 1"
	r.publish(db, &started, machine("zebra", hypervisor.StateSaved))
	wantText(t, r.window, "zebra", "Saved", "[Checkpoint 1]")
	if strings.Contains(texts(r.window), "Off\n") {
		t.Error("the old state is still shown")
	}
	if got := r.selectedNames(); !slices.Equal(got, []string{"web"}) {
		t.Errorf("selected %v after a change, want web still", got)
	}

	r.publish(db, machine("zebra", hypervisor.StateSaved))
	if got := r.selectedNames(); !slices.Equal(got, []string{"zebra"}) {
		t.Errorf("selected %v after web has gone, want its neighbour", got)
	}
}

func TestUnchangedInventoryDrawsNothing(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateOff))
	before := r.m.list.machines
	updates := 0
	update := r.m.list.UpdateItem
	r.m.list.UpdateItem = func(i int, o fyne.CanvasObject) { updates++; update(i, o) }
	r.publish(before...)
	if updates != 0 {
		t.Errorf("%d rows drawn for an unchanged inventory", updates)
	}
}

func TestKeyboardInTheList(t *testing.T) {
	r := newRig(t, machine("alpha", hypervisor.StateOff), machine("beta", hypervisor.StateOff), machine("bravo", hypervisor.StateOff), machine("gamma", hypervisor.StateRunning))
	l := r.m.list
	r.window.Canvas().Focus(l)
	key := func(name fyne.KeyName) { l.TypedKey(&fyne.KeyEvent{Name: name}); r.settle() }
	at := func(want string) {
		t.Helper()
		if got := r.selectedNames(); !slices.Equal(got, []string{want}) {
			t.Fatalf("selected %v, want %s", got, want)
		}
	}
	at("alpha")
	key(fyne.KeyDown)
	at("beta")
	key(fyne.KeyEnd)
	at("gamma")
	key(fyne.KeyDown)
	at("gamma")
	key(fyne.KeyHome)
	at("alpha")
	clock := time.Now()
	l.now = func() time.Time { return clock }
	for _, c := range "br" {
		l.TypedRune(c)
	}
	at("bravo")
	clock = clock.Add(2 * typeAheadPause)
	l.TypedRune('B')
	at("beta")

	key(fyne.KeyReturn)
	if calls := r.took(); len(calls) != 1 || calls[0].what != "start" || calls[0].ids[0] != r.ids["beta"] {
		t.Fatalf("Enter made %v, want a start of beta", calls)
	}
	r.until("the console opens after the start", func() bool { return slices.Equal(r.opened, []uuid.UUID{r.ids["beta"]}) })

	r.opened = nil
	key(fyne.KeyEnd)
	key(fyne.KeyReturn)
	if calls := r.took(); len(calls) != 0 || !slices.Equal(r.opened, []uuid.UUID{r.ids["gamma"]}) {
		t.Fatalf("Enter on a running machine made %v and opened %v, want only its window", calls, r.opened)
	}
	key(fyne.KeyF2)
	if widgets.ModalOpen(r.window) {
		t.Error("a running machine can be renamed")
	}
	key(desktop.KeyMenu)
	if !widgets.ModalOpen(r.window) {
		t.Error("the Menu key opens no menu")
	}
}

func TestSeveralSelected(t *testing.T) {
	a, b, c, d := machine("a", hypervisor.StateOff), machine("b", hypervisor.StateRunning), machine("c", hypervisor.StateOff), machine("d", hypervisor.StateRunning)
	r := newRig(t, a, b, c, d)
	r.m.list.press(a.UUID, 0)
	r.m.list.press(c.UUID, fyne.KeyModifierShift)
	if got := r.selectedNames(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("Shift selected %v", got)
	}
	wantText(t, r.window, "3 machines selected", "6 GiB of memory and 6 processors in all")
	r.m.list.press(b.UUID, fyne.KeyModifierControl)
	if got := r.selectedNames(); !slices.Equal(got, []string{"a", "c"}) {
		t.Fatalf("Ctrl left %v", got)
	}
	r.m.list.selectAll()
	press(t, r.window, "Start")
	if calls := r.took(); len(calls) != 1 || !slices.Equal(calls[0].ids, []uuid.UUID{a.UUID, c.UUID}) {
		t.Errorf("Start made %v, want one job for those that are off", calls)
	}

	r.m.powerOff()
	wantText(t, r.window, "Power off?", "b", "d")
	press(t, r.window, "Cancel")
	if calls := r.took(); len(calls) != 0 {
		t.Errorf("Cancel did %v", calls)
	}
	r.m.powerOff()
	press(t, r.window, "Power off")
	if calls := r.took(); len(calls) != 1 || calls[0].what != "poweroff" || !slices.Equal(calls[0].ids, []uuid.UUID{b.UUID, d.UUID}) {
		t.Errorf("Power off made %v", calls)
	}
	if reason, off := r.m.toolbar.settings.Disabled(); !off || reason != reasonSeveral {
		t.Errorf("Settings with several machines: disabled %v, %q", off, reason)
	}
}

func TestDisabledButtonsSayWhy(t *testing.T) {
	r := newRig(t, machine("busy", hypervisor.StateOff, func(m *machines.Machine) { m.Busy = "Saving a checkpoint" }),
		machine("off", hypervisor.StateOff), machine("run", hypervisor.StateRunning), machine("stopped", hypervisor.StatePaused, func(m *machines.Machine) { m.Pause = hypervisor.PauseUser }))
	check := func(what string, b *widgets.Button, wantOff bool, reasonPart string) {
		t.Helper()
		reason, off := b.Disabled()
		if off != wantOff || !strings.Contains(reason, reasonPart) || off && reason == "" {
			t.Errorf("%s: disabled %v, %q; want %v, %q", what, off, reason, wantOff, reasonPart)
		}
	}
	tb := r.m.toolbar
	r.selectNames("off")
	check("start", tb.start, false, "")
	check("pause", tb.pause, true, "off")
	check("stop", tb.stop, true, "off")
	check("checkpoint", tb.checkpoint.Main, false, "")
	check("restore", tb.restore.Main, true, "no checkpoint")
	check("settings", tb.settings, false, "")

	r.selectNames("run")
	if tb.start.Text() != "Show" {
		t.Errorf("the start button says %q for a running machine", tb.start.Text())
	}
	check("pause", tb.pause, false, "")
	check("stop", tb.stop, false, "")

	r.selectNames("stopped")
	if tb.pause.Text() != "Resume" {
		t.Errorf("the pause button says %q for a paused machine", tb.pause.Text())
	}
	press(t, r.window, "Resume")
	if calls := r.took(); len(calls) != 1 || calls[0].what != "resume" {
		t.Errorf("Resume made %v", calls)
	}

	r.selectNames("busy")
	check("start", tb.start, true, "busy")

	r.mu.Lock()
	r.canSave = "Its disk is raw."
	r.mu.Unlock()
	r.selectNames("off")
	check("checkpoint", tb.checkpoint.Main, true, "Its disk is raw.")
	wantText(t, r.window, "Its disk is raw.")
	if strings.Contains(texts(r.window), "None yet.") {
		t.Error("the card promises what cannot be")
	}
	r.window.Canvas().Focus(tb.checkpoint.Main)
	if tip := widgets.TipText(tb.checkpoint.Main); tip != "Its disk is raw." {
		t.Errorf("the focused button's tooltip is %q", tip)
	}
	for _, item := range r.m.stopMenu().Items {
		if !item.IsSeparator && (!item.Disabled || !strings.Contains(item.Label, "off")) {
			t.Errorf("menu item %q of a machine that is off: disabled %v", item.Label, item.Disabled)
		}
	}
}

func TestSearch(t *testing.T) {
	r := newRig(t, machine("db-1", hypervisor.StateOff), machine("web-1", hypervisor.StateOff), machine("mail", hypervisor.StateOff), machine("WEB-2", hypervisor.StateOff))
	r.shortcut(fyne.KeyF, fyne.KeyModifierControl)
	test.Type(r.m.search.Entry(), "web")
	if got := r.selectedNames(); !slices.Equal(got, []string{"web-1"}) {
		t.Fatalf("found %v", got)
	}
	wantText(t, r.window, "1 of 2")
	r.m.search.Entry().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := r.selectedNames(); !slices.Equal(got, []string{"WEB-2"}) {
		t.Fatalf("next found %v, want any case", got)
	}
	wantText(t, r.window, "2 of 2")
	r.m.search.Entry().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := r.selectedNames(); !slices.Equal(got, []string{"web-1"}) {
		t.Fatalf("next after the last found %v", got)
	}
	r.m.search.Entry().TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyN, Modifier: fyne.KeyModifierControl})
	if r.news != 1 {
		t.Error("Ctrl+N does nothing while the search has the focus")
	}
	test.Type(r.m.search.Entry(), "x")
	wantText(t, r.window, "none")
	r.m.search.Entry().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if r.m.search.Visible() || r.window.Canvas().Focused() != r.m.list {
		t.Error("Escape does not close the search and go back to the list")
	}
}

// shortcut presses a window shortcut.
func (r *rig) shortcut(key fyne.KeyName, mod fyne.KeyModifier) {
	r.m.keys.TypedShortcut(&desktop.CustomShortcut{KeyName: key, Modifier: mod})
	r.settle()
}

func TestShortcutsAndDialogs(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateRunning))
	r.shortcut(fyne.KeyN, fyne.KeyModifierControl)
	r.shortcut(fyne.KeyS, fyne.KeyModifierControl)
	r.shortcut(fyne.KeyT, fyne.KeyModifierControl|fyne.KeyModifierShift)
	if r.news != 1 || len(r.edited) != 1 {
		t.Errorf("Ctrl+N opened %d wizards, Ctrl+S %d settings", r.news, len(r.edited))
	}
	if calls := r.took(); len(calls) != 1 || calls[0].what != "save checkpoint" {
		t.Errorf("Ctrl+Shift+T made %v", calls)
	}
	r.m.reset()
	if !widgets.ModalOpen(r.window) {
		t.Fatal("no question")
	}
	r.shortcut(fyne.KeyN, fyne.KeyModifierControl)
	if r.news != 1 {
		t.Error("a shortcut works while a dialog is open")
	}
	r.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if widgets.ModalOpen(r.window) {
		t.Error("Escape does not close the question")
	}
	if calls := r.took(); len(calls) != 0 {
		t.Errorf("Escape did %v", calls)
	}
}

func cps() []checkpoints.Checkpoint {
	return []checkpoints.Checkpoint{
		{ID: "1", Name: "Checkpoint 1", Created: time.Now().Add(-50 * time.Hour), State: hypervisor.StateOff, SizeBytes: 1 << 20},
		{ID: "2", Name: "Clean install", Parent: "1", Created: time.Now().Add(-2 * time.Hour), State: hypervisor.StateRunning, Current: true},
		{ID: "3", Name: "Broken", Parent: "1", Created: time.Now().Add(-time.Hour), State: hypervisor.StateRunning, Problem: "Its memory file is missing."},
	}
}

func TestRestore(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateRunning, func(m *machines.Machine) { m.Checkpoint = "Clean install" }))
	r.mu.Lock()
	r.points = cps()
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	wantText(t, r.window, "Checkpoint 1", "Clean install", "Broken", "2 days ago", "2 hours ago", "1.0 MiB")

	press(t, r.window, "Restore")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "restore 2" || calls[0].arg != (checkpoints.RestoreOptions{Automatic: true}) {
		t.Fatalf("nothing would be lost: Restore made %v, want the current checkpoint without a question", calls)
	}

	r.mu.Lock()
	r.loses = true
	r.mu.Unlock()
	press(t, r.window, "Restore")
	r.settle()
	if calls := r.took(); len(calls) != 0 {
		t.Fatalf("restored without asking: %v", calls)
	}
	wantText(t, r.window, "would be lost", "Checkpoint 9")
	press(t, r.window, "Save, then restore")
	if calls := r.took(); len(calls) != 1 || calls[0].arg != (checkpoints.RestoreOptions{SaveFirst: true, SaveName: "Checkpoint 9"}) {
		t.Fatalf("save first made %v", calls)
	}
	if widgets.ModalOpen(r.window) {
		t.Error("the question stays open")
	}
	menu := r.m.restoreMenu().Items
	if len(menu) != 3 || !menu[0].Disabled || menu[2].Disabled || !strings.HasPrefix(menu[2].Label, "Checkpoint 1") {
		t.Errorf("restore menu %+v", menu)
	}
	menu[2].Action()
	r.settle()
	press(t, r.window, "Restore without saving")
	if calls := r.took(); len(calls) != 1 || calls[0].what != "restore 1" {
		t.Errorf("menu made %v", calls)
	}
}

// TestCheckpointTree arranges checkpoints as a tree: what led to the present state is one straight line, and what branches off it is one column to the
// right, right after what it branches off.
func TestCheckpointTree(t *testing.T) {
	show := func(list []checkpoints.Checkpoint) string {
		var b strings.Builder
		for _, row := range treeOf(list) {
			b.WriteString(strings.Repeat(".", row.place.column))
			for _, mark := range []struct {
				on   bool
				sign string
			}{{row.place.up, "^"}, {row.place.across, "<"}} {
				if mark.on {
					b.WriteString(mark.sign)
				}
			}
			b.WriteString(row.ID)
			if row.place.down {
				b.WriteString("_")
			}
			b.WriteString(" ")
		}
		return strings.TrimSpace(b.String())
	}
	at := func(hours int) time.Time { return time.Unix(int64(3600*hours), 0) }
	point := func(id, parent string, hour int) checkpoints.Checkpoint {
		return checkpoints.Checkpoint{ID: id, Parent: parent, Created: at(hour)}
	}
	current := func(c checkpoints.Checkpoint) checkpoints.Checkpoint {
		c.Current = true
		return c
	}
	for _, c := range []struct {
		list []checkpoints.Checkpoint
		want string
	}{
		{nil, ""},
		{cps(), "1_ .<3 ^2_ ^"},
		// The order of the list is only parents first.
		{
			[]checkpoints.Checkpoint{point("a", "", 1), point("r", "", 9), point("c", "a", 3), point("b", "a", 2), current(point("d", "b", 4)), point("orphan", "gone", 8)},
			"a_ .<c ^b_ ^d_ ^ orphan r",
		},
		{[]checkpoints.Checkpoint{point("a", "", 1)}, "a"},
		{[]checkpoints.Checkpoint{current(point("a", "", 1)), point("b", "a", 2), point("c", "b", 3)}, "a_ .<b_ .^c ^"},
		// Beside the way to the present state, the longest line goes straight on.
		{
			[]checkpoints.Checkpoint{current(point("a", "", 1)), point("b", "a", 2), point("c", "b", 3), point("d", "b", 4), point("e", "c", 5)},
			"a_ .<b_ ..<d .^c_ .^e ^",
		},
	} {
		if got := show(c.list); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if rows := treeOf([]checkpoints.Checkpoint{{ID: "a", Parent: "b"}, {ID: "b", Parent: "a"}}); len(rows) != 3 {
		t.Errorf("a circle of parents gives %+v", rows)
	}
}

// TestLongTree: a chain is not indented however long it is, and what branches off it half-way comes there.
func TestLongTree(t *testing.T) {
	var list []checkpoints.Checkpoint
	for n := 1; n <= 30; n++ {
		c := checkpoints.Checkpoint{ID: strconv.Itoa(n), Created: time.Unix(int64(n), 0), Current: n == 30}
		if n > 1 {
			c.Parent = strconv.Itoa(n - 1)
		}
		list = append(list, c)
	}
	list = append(list, checkpoints.Checkpoint{ID: "side", Parent: "14", Created: time.Unix(99, 0)})
	rows := treeOf(list)
	for i, row := range rows {
		if want := row.ID == "side"; (row.place.column == 1) != want || row.place.column > 1 {
			t.Errorf("%q is in column %d", row.ID, row.place.column)
		}
		if row.ID == "side" && rows[i-1].ID != "14" {
			t.Errorf("what branches off 14 comes after %s", rows[i-1].ID)
		}
	}
	if last := rows[len(rows)-1]; last.ID != "" || len(rows) != 32 {
		t.Errorf("%d rows, the last is %q", len(rows), last.ID)
	}
	// Every restore to the one before the last and a new one from there: many columns share the room.
	list = nil
	for n := range 40 {
		list = append(list, checkpoints.Checkpoint{ID: strconv.Itoa(n), Parent: strconv.Itoa(n - 1), Created: time.Unix(int64(n), 0)},
			checkpoints.Checkpoint{ID: strconv.Itoa(n) + "x", Parent: strconv.Itoa(n - 1), Created: time.Unix(int64(n), 1)},
			checkpoints.Checkpoint{ID: strconv.Itoa(n) + "y", Parent: strconv.Itoa(n) + "x", Created: time.Unix(int64(n), 2)})
	}
	list[len(list)-1].Current = true
	rows = treeOf(list)
	step := indentFor(rows)
	for _, row := range rows {
		if width := newTreeLines(row.place, step, "primary", false).MinSize().Width; width > mostIndent+2*nodeSize {
			t.Fatalf("the lines of %q take %v", row.ID, width)
		}
	}
}

// TestCheckpointWords names a checkpoint before it is saved, and gives one another name and description.
func TestCheckpointWords(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateOff))
	r.mu.Lock()
	r.points = cps()
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	r.m.saveCheckpointAs()
	wantText(t, r.window, "Save a checkpoint", "only for what its disks change later")
	entry := func() *widgets.Entry { return r.window.Canvas().Focused().(*widgets.Entry) }
	entry().SetText("Before the upgrade")
	press(t, r.window, "Save")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].arg != (checkpoints.SaveOptions{Name: "Before the upgrade"}) {
		t.Errorf("saving made %+v", calls)
	}
	r.m.describeCheckpoint(r.m.checkpoints.id, cps()[1])
	name := entry()
	name.SetText("broken") // the name of another
	name.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.settle()
	if calls := r.took(); len(calls) != 0 || !widgets.ModalOpen(r.window) {
		t.Errorf("a name that is taken made %+v", calls)
	}
	name.SetText("Fresh")
	press(t, r.window, "Apply")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "describe 2" || calls[0].arg != (checkpoints.SaveOptions{Name: "Fresh"}) || widgets.ModalOpen(r.window) {
		t.Errorf("another name made %+v", calls)
	}
	r.m.trashBranch(r.m.checkpoints.id, checkpoints.Branch(cps(), "1"))
	wantText(t, r.window, "Delete these checkpoints?", "Checkpoint 1", "Clean install", "Broken")
	press(t, r.window, "Delete")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "trash 3 2 1" {
		t.Errorf("deleting made %+v", calls)
	}
}

// TestCheckpointTrash puts a checkpoint into the trash with a key, and back, and empties the trash.
func TestCheckpointTrash(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateOff))
	gone := cps()[0]
	gone.ID, gone.Name, gone.Deleted = "9", "Gone", time.Now().Add(-3*time.Hour)
	r.mu.Lock()
	r.points, r.trashed = cps(), []checkpoints.Checkpoint{gone}
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	r.m.details.points.key(&fyne.KeyEvent{Name: fyne.KeyDelete}, cps()[1])
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "trash 2" {
		t.Errorf("Delete made %+v", calls)
	}
	older := gone
	older.ID, older.Name, older.Deleted, older.Created = "8", "Older", time.Now().Add(-5*time.Hour), time.Now().Add(-72*time.Hour)
	oldest := older
	oldest.ID, oldest.Name, oldest.Deleted = "7", "Oldest", time.Now().Add(-6*time.Hour)
	r.mu.Lock()
	r.trashed = []checkpoints.Checkpoint{older, oldest, gone}
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	press(t, r.window, "Trash (3)")
	wantText(t, r.window, "Deleted checkpoints", "saved 2 days ago · deleted 3 hours ago", "saved 3 days ago · deleted 5 hours ago")
	if all := texts(r.window); strings.Index(all, "Gone") > strings.Index(all, "Older") {
		t.Error("what was deleted last is not on top")
	}
	did := func(what string, open bool) {
		t.Helper()
		r.settle()
		if calls := r.took(); len(calls) != 1 || calls[0].what != what || widgets.ModalOpen(r.window) != open {
			t.Errorf("it made %+v, want %s", calls, what)
		}
	}
	press(t, r.window, "Put back")
	did("put back 9", true)
	if all := texts(r.window); strings.Contains(all, "Gone") || !strings.Contains(all, "Older") {
		t.Errorf("after it was put back there is %s", all)
	}
	if back, ok := r.window.Canvas().Focused().(*widgets.Button); !ok || back.Text() != "Put back" {
		t.Error("the focus is not at the next one")
	}
	for _, o := range objects(r.window) {
		if b, ok := o.(*widgets.Button); ok && b.Text() == "" {
			test.Tap(b)
			break
		}
	}
	wantText(t, r.window, "Delete this checkpoint for good?", "Older")
	press(t, r.window, "Delete for good")
	did("empty 8", true)
	press(t, r.window, "Delete all for good")
	press(t, r.window, "Delete for good")
	did("empty 7", true)
	wantText(t, r.window, "The trash is empty.")
	press(t, r.window, "Close")
	if widgets.ModalOpen(r.window) {
		t.Error("it stays open")
	}
}

// TestCompareSettings shows what differs between a checkpoint and now, and that nothing does.
func TestCompareSettings(t *testing.T) {
	web := machine("web", hypervisor.StateOff)
	r := newRig(t, web)
	list := cps()
	then := *web.Config
	then.MemoryBytes = 3 * vmconfig.GiB
	list[0].Settings, list[1].Settings = &then, web.Config
	r.mu.Lock()
	r.points = list
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	r.m.compare(web.UUID, list[0])
	wantText(t, r.window, "Memory", "3 GiB", vmconfig.FormatSize(web.Config.MemoryBytes))
	press(t, r.window, "Close")
	r.m.compare(web.UUID, list[1])
	wantText(t, r.window, "are the same now")
	press(t, r.window, "Close")
}

// TestCopyCheckpoint asks for a name, proposes a free one, and refuses one that is taken.
func TestCopyCheckpoint(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateOff))
	r.mu.Lock()
	r.points = cps()
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	r.m.copyCheckpoint(r.m.checkpoints.id, cps()[0])
	name := r.window.Canvas().Focused().(*widgets.Entry)
	proposed := name.Text
	name.SetText("WEB")
	name.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.settle()
	if calls := r.took(); len(calls) != 0 {
		t.Errorf("a name that is taken made %+v", calls)
	}
	name.SetText(proposed)
	press(t, r.window, "Create")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "copy 1" || calls[0].arg != "web "+cps()[0].Name || widgets.ModalOpen(r.window) {
		t.Errorf("copying made %+v", calls)
	}

	r.m.copyCheckpoint(r.m.checkpoints.id, cps()[0])
	for _, o := range objects(r.window) {
		if check, ok := o.(*widget.Check); ok {
			test.Tap(check)
		}
	}
	press(t, r.window, "Create")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "link 1" {
		t.Errorf("a linked copy made %+v", calls)
	}
}

func TestDelete(t *testing.T) {
	r := newRig(t, machine("run", hypervisor.StateRunning), machine("web", hypervisor.StateOff))
	r.selectNames("run")
	r.m.remove()
	r.settle()
	if widgets.ModalOpen(r.window) {
		t.Fatal("a running machine can be deleted")
	}
	r.selectNames("web")
	r.m.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDelete})
	r.settle()
	wantText(t, r.window, "Delete “web”?", "One file (3.0 GiB) goes to the trash", "2 checkpoints are lost", "web.qcow2", "shared.qcow2", "another machine uses it")
	press(t, r.window, "Remove, keep the disks")
	if calls := r.took(); len(calls) != 1 || calls[0].what != "delete" || calls[0].arg != true {
		t.Errorf("keep made %v", calls)
	}
	r.m.remove()
	r.settle()
	press(t, r.window, "Delete all files")
	if calls := r.took(); len(calls) != 1 || calls[0].arg != false {
		t.Errorf("delete made %v", calls)
	}
}

func TestRename(t *testing.T) {
	r := newRig(t, machine("db", hypervisor.StateOff), machine("web", hypervisor.StateOff))
	r.selectNames("web")
	r.m.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyF2})
	entry := r.window.Canvas().Focused().(*widgets.Entry)
	entry.SetText("db")
	entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.settle()
	if calls := r.took(); len(calls) != 0 || !widgets.ModalOpen(r.window) {
		t.Fatalf("a name in use was accepted: %v", calls)
	}
	entry.SetText("mail")
	r.mu.Lock()
	r.err = hypervisor.ErrExists
	r.mu.Unlock()
	entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].arg != "mail" || !widgets.ModalOpen(r.window) {
		t.Fatalf("a refused name made %v, dialog open %v", calls, widgets.ModalOpen(r.window))
	}
	r.mu.Lock()
	r.err = nil
	r.mu.Unlock()
	press(t, r.window, "Rename")
	r.settle()
	if widgets.ModalOpen(r.window) {
		t.Error("the dialog stays open after the rename")
	}
}

func TestUnreadableMachine(t *testing.T) {
	lost := machine("lost", hypervisor.StateOff, func(m *machines.Machine) { m.Config, m.Problem = nil, errors.New("element <domain> expected") })
	r := newRig(t, lost, machine("web", hypervisor.StateRunning))
	wantText(t, r.window, "Cannot be read", "This machine cannot be read", "web")
	press(t, r.window, "Refresh")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "refresh" || calls[0].ids[0] != lost.UUID {
		t.Errorf("Refresh made %v", calls)
	}
	r.publish(machine("lost", hypervisor.StateOff), machine("web", hypervisor.StateRunning))
	if strings.Contains(texts(r.window), "This machine cannot be read") {
		t.Error("the machine was mended, but the error page stays")
	}
}

func TestPagesAndConnection(t *testing.T) {
	r := newRig(t)
	wantText(t, r.window, "Welcome to Guesthouse", "New machine")
	press(t, r.window, "New machine")
	if r.news != 1 {
		t.Error("the big button does nothing")
	}
	web := machine("web", hypervisor.StateRunning)
	r.publish(web)
	if strings.Contains(texts(r.window), "Welcome") {
		t.Error("the welcome stays")
	}
	gone := *web
	gone.Offline = true
	r.publishSnapshot(&machines.Snapshot{Err: hypervisor.ErrDisconnected, Machines: []*machines.Machine{&gone}})
	if !r.m.banner.box.Visible() {
		t.Error("no banner without a connection")
	}
	if reason, off := r.m.toolbar.create.Disabled(); !off || reason == "" {
		t.Error("New is enabled without a connection")
	}
	r.publish(web)
	if r.m.banner.box.Visible() {
		t.Error("the banner stays after the reconnect")
	}
	r.publishSnapshot(&machines.Snapshot{Err: hypervisor.ErrCannotStart})
	wantText(t, r.window, "No connection")
}

func TestActivity(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateOff))
	if r.m.activity.Box.Visible() {
		t.Error("the activity area is there without work")
	}
	r.mu.Lock()
	r.err = hypervisor.ErrNoSpace
	r.mu.Unlock()
	press(t, r.window, "Start")
	r.until("the failed job is shown", func() bool {
		list := r.runner.List()
		return len(list) == 1 && list[0].State == jobs.Failed && r.m.activity.Row(list[0].ID) != nil && r.m.activity.Row(list[0].ID).Look().State == widgets.JobFailed
	})
	r.settle()
	if len(r.opened) != 0 {
		t.Error("a failed start opens a window")
	}
	press(t, r.window, "Details")
	if !widgets.ModalOpen(r.window) {
		t.Fatal("Details shows nothing")
	}
	press(t, r.window, "Close")
	r.runner.Dismiss(r.runner.List()[0].ID)
	r.until("the area goes with its last job", func() bool { return !r.m.activity.Box.Visible() })
}

func TestPreviewOnlyWhileRunning(t *testing.T) {
	off := machine("web", hypervisor.StateOff)
	r := newRig(t, off)
	r.mu.Lock()
	r.picture = screen(t, 1280, 800)
	r.prefs.PreviewSeconds = 3600
	r.mu.Unlock()
	running := *off
	running.State = hypervisor.StateRunning
	r.publish(&running)
	r.until("a picture is shown", func() bool { return r.m.details.preview.picture != nil })
	if b := r.m.details.preview.picture.Bounds(); b.Dx() > previewWidth || b.Dy() > previewHeight {
		t.Errorf("the picture is kept with %v pixels", b)
	}
	r.publish(off)
	if r.m.details.preview.picture != nil || r.m.details.preview.halt != nil {
		t.Error("the picture or its timer outlives the machine")
	}
	again := running
	r.publish(&again)
	r.until("the same picture is shown after a restart", func() bool { return r.m.details.preview.picture != nil })
	if _, err := machines.Shrink([]byte("no picture"), 10, 10, draw.ApproxBiLinear); err == nil {
		t.Error("nonsense passes for a picture")
	}
}

func TestFoldedSectionsAndSizeAreRemembered(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateOff))
	wantText(t, r.window, "Memory", "2 GiB", "UEFI", "None: emulated, slow", "web.qcow2 (qcow2)", "Shared with this computer", "VNC, only for this computer")
	r.m.details.remember("system", false)
	r.settle()
	if !r.m.details.folded("system") || r.m.details.folded("network") {
		t.Error("folding is not remembered")
	}
	r.m.closeNow()
	r.settle()
	if s := (prefs{r.backend}).Get().Windows[windowKey]; s.Width < 400 {
		t.Errorf("remembered size %v", s)
	}
}

func TestThousandMachines(t *testing.T) {
	var list []*machines.Machine
	for range 1000 {
		list = append(list, machine("vm"+uuid.NewString(), hypervisor.StateOff))
	}
	r := newRig(t, list...)
	drawn := 0
	for _, o := range objects(r.window) {
		if _, ok := o.(*machineRow); ok {
			drawn++
		}
	}
	if drawn == 0 || drawn > 40 {
		t.Errorf("%d rows exist for 1000 machines in a window of 700", drawn)
	}
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.Local)
	for d, want := range map[time.Duration]string{
		time.Second: "just now", time.Minute: "1 minute ago", 59 * time.Minute: "59 minutes ago", 25 * time.Hour: "1 day ago", 40 * 24 * time.Hour: "14 October 2026",
	} {
		if got := lang.Age(now.Add(-d), now); got != want {
			t.Errorf("age of %v: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{5: "5 bytes", 1 << 20: "1.0 MiB", 1200 << 20: "1.2 GiB", 340 << 20: "340 MiB", 20 << 40: "20 TiB"} {
		if got := vmconfig.RoughSize(n); got != want {
			t.Errorf("vmconfig.RoughSize(%d) = %q, want %q", n, got, want)
		}
	}
	m := machine("x", hypervisor.StateSaved)
	m.Since = now.Add(-time.Hour)
	if got := sinceText(m, now); got != "Saved since 14:00" {
		t.Errorf("since: %q", got)
	}
	m.Since = now.Add(-48 * time.Hour)
	if got := sinceText(m, now); got != "Saved since 21 November 2026, 15:00" {
		t.Errorf("since: %q", got)
	}
	if got := shown("a\u202eb\x1b"); strings.ContainsAny(got, "\u202e\x1b") {
		t.Errorf("control characters are shown raw: %q", got)
	}
}

func TestRowMarkup(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateRunning, func(m *machines.Machine) { m.Checkpoint = "Clean install" }))
	row := newMachineRow(r.m.list)
	row.set(r.m.snap.Machines[0], true, false, false)
	w := test.NewTempWindow(t, row)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(300, rowHeight))
	test.AssertRendersToMarkup(t, "row.xml", w.Canvas())
}

// TestAutomaticMenu sets how checkpoints of the selected machine are saved by themselves.
func TestAutomaticMenu(t *testing.T) {
	web := machine("web", hypervisor.StateRunning)
	r := newRig(t, web)
	pick := func(label string) {
		t.Helper()
		for _, item := range r.m.automaticItem().ChildMenu.Items {
			if item.Label == label {
				item.Action()
				r.settle()
				return
			}
		}
		t.Fatalf("there is no %q", label)
	}
	for label, want := range map[string]settings.Automatic{
		"Every 30 minutes while it runs": {Minutes: 30, Keep: 5}, "Every hour while it runs": {Minutes: 60, Keep: 5}, "Off": {},
	} {
		pick(label)
		if got := r.prefs.Automatic[web.UUID]; got != want {
			t.Errorf("%s set %+v", label, got)
		}
	}
	wantNothing := func(part string) {
		t.Helper()
		if strings.Contains(texts(r.window), part) {
			t.Errorf("%q is shown", part)
		}
	}
	pick("Off")
	wantNothing("Saved by itself")
	pick("Every 15 minutes while it runs")
	wantText(t, r.window, "Saved by itself every 15 minutes while it runs, the last 5 are kept.")
	pick("Every 4 hours while it runs")
	pick("Keep the last one")
	if got := r.prefs.Automatic[web.UUID]; got != (settings.Automatic{Minutes: 240, Keep: 1}) {
		t.Errorf("it is %+v", got)
	}
	wantText(t, r.window, "Saved by itself every 4 hours while it runs, the last one is kept.")
}

// TestSaveFirst: with that preference, what would be lost is saved without a question.
func TestSaveFirst(t *testing.T) {
	r := newRig(t, machine("web", hypervisor.StateRunning, func(m *machines.Machine) { m.Checkpoint = "Clean install" }))
	r.mu.Lock()
	r.points, r.loses = cps(), true
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	item := r.m.saveFirstItem()
	if item.Checked {
		t.Error("it is on at first")
	}
	item.Action()
	r.settle()
	if !r.m.saveFirstItem().Checked {
		t.Error("it does not stay on")
	}
	press(t, r.window, "Restore")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].arg != (checkpoints.RestoreOptions{SaveFirst: true, Automatic: true}) {
		t.Errorf("Restore made %v", calls)
	}
}

// TestSpace shows what the checkpoints of all machines take, and deletes for good what was deleted after a question that names it.
func TestSpace(t *testing.T) {
	web, db := machine("web", hypervisor.StateOff), machine("db", hypervisor.StateOff)
	r := newRig(t, web, db)
	r.m.openSpace()
	r.settle()
	wantText(t, r.window, "No machine has a checkpoint.")
	press(t, r.window, "Close")
	r.mu.Lock()
	r.spaces = []checkpoints.Space{
		{Machine: web.UUID, Name: "web", Count: 3, Bytes: 3 * vmconfig.GiB, Trash: []checkpoints.Checkpoint{{ID: "a", Name: "Old"}, {ID: "b", Name: "Older"}}, Frees: vmconfig.GiB},
		{Machine: db.UUID, Name: "db", Count: 1, Bytes: checkpoints.Unknown},
	}
	r.mu.Unlock()
	r.m.openSpace()
	r.settle()
	wantText(t, r.window, "3 checkpoints · 2 deleted", "1 checkpoint", "3.0 GiB", "?", "at least 1.0 GiB")
	press(t, r.window, "Reclaim room")
	wantText(t, r.window, "Old of “web”", "Older of “web”")
	press(t, r.window, "Delete for good")
	if calls := r.took(); len(calls) != 1 || calls[0].what != "empty a b" || calls[0].ids[0] != web.UUID {
		t.Errorf("it made %v", calls)
	}
}

// TestReturnWithAnInvalidName leaves the focus in the field.
func TestReturnWithAnInvalidName(t *testing.T) {
	r := newRig(t, machine("db", hypervisor.StateOff), machine("web", hypervisor.StateOff))
	r.selectNames("web")
	r.m.rename()
	field := r.window.Canvas().Focused().(*widgets.Entry)
	field.SetText("db")
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.settle()
	if got := r.window.Canvas().Focused(); got != field || len(r.took()) != 0 {
		t.Errorf("the focus is at %v", got)
	}
}
