package manager

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/ui/widgets"
)

// chain is n checkpoints, each saved after the one before it, with the last one current.
func chain(n int) []checkpoints.Checkpoint {
	var list []checkpoints.Checkpoint
	for i := 1; i <= n; i++ {
		c := checkpoints.Checkpoint{ID: strconv.Itoa(i), Name: "Checkpoint " + strconv.Itoa(i), Created: time.Now().Add(time.Duration(i-n) * time.Hour), Current: i == n}
		if i > 1 {
			c.Parent = strconv.Itoa(i - 1)
		}
		list = append(list, c)
	}
	return list
}

// withPoints is a rig of one machine with checkpoints.
func withPoints(t *testing.T, state hypervisor.State, list ...checkpoints.Checkpoint) *rig {
	t.Helper()
	r := newRig(t, machine("web", state))
	r.mu.Lock()
	r.points = list
	r.mu.Unlock()
	r.m.loadCheckpoints(true)
	r.settle()
	return r
}

// TestAutomaticNames: the tree shows when, and the tooltip begins with the whole name.
func TestAutomaticNames(t *testing.T) {
	list := chain(2)
	today := time.Now().Format("Automatic 2006-01-02 15.04.05")
	list[0].Name, list[1].Name = "Automatic 2020-11-29 14.40.01", today
	r := withPoints(t, hypervisor.StateOff, list...)
	wantText(t, r.window, "Automatic, 29 Nov 2020\n", "Automatic, "+time.Now().Format("15:04")[:3])
	found := false
	for _, o := range objects(r.window) {
		if h, ok := o.(*widgets.Hint); ok && strings.HasPrefix(h.Tip(), today+"\n") {
			found = true
		}
	}
	if !found {
		t.Error("no tooltip has the whole name")
	}
}

// TestKeyboardReachesWhatIsBelow: what the keyboard comes to is scrolled into view.
func TestKeyboardReachesWhatIsBelow(t *testing.T) {
	r := withPoints(t, hypervisor.StateOff, chain(30)...)
	r.window.Resize(fyne.NewSize(1024, 500))
	r.settle()
	c, scroll := r.window.Canvas(), r.m.details.scroll
	driver := fyne.CurrentApp().Driver()
	seen := map[float32]bool{}
	for range 200 {
		c.FocusNext()
		o := c.Focused().(fyne.CanvasObject)
		at := driver.AbsolutePositionForObject(o)
		top := driver.AbsolutePositionForObject(scroll)
		if at.X < top.X || at.Y < top.Y {
			continue // the toolbar and the list
		}
		if at.Y+o.Size().Height > top.Y+scroll.Size().Height+0.5 {
			t.Fatalf("%T at %v of %v", o, at, top.Y+scroll.Size().Height)
		}
		seen[scroll.Offset.Y] = true
	}
	if len(seen) < 10 {
		t.Errorf("it scrolled to %v only", seen)
	}
}

// TestScrollingEndsTheTooltip: what it is of is somewhere else then.
func TestScrollingEndsTheTooltip(t *testing.T) {
	r := withPoints(t, hypervisor.StateOff, chain(30)...)
	r.window.Resize(fyne.NewSize(1024, 500))
	for _, o := range objects(r.window) {
		if h, ok := o.(*widgets.Hint); ok && strings.HasPrefix(h.Tip(), "Checkpoint 1\n") {
			h.MouseIn(&desktop.MouseEvent{})
			r.until("the tooltip", func() bool { return widgets.TipText(h) != "" })
			r.m.details.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -50)})
			if widgets.TipText(h) != "" || r.m.details.scroll.Offset.Y == 0 {
				t.Error("the tooltip stays")
			}
			return
		}
	}
	t.Fatal("there is no row")
}

// TestDeletedCanBePutBack: the strip of the finished job offers it.
func TestDeletedCanBePutBack(t *testing.T) {
	list := chain(3)
	r := withPoints(t, hypervisor.StateOff, list...)
	r.m.trash(r.m.checkpoints.id, list[1])
	r.runner.WaitIdle()
	r.until("the strip", func() bool { return strings.Contains(texts(r.window), "Put back") })
	r.took()
	press(t, r.window, "Put back")
	r.settle()
	if calls := r.took(); len(calls) != 1 || calls[0].what != "put back 2" {
		t.Errorf("it made %+v", calls)
	}
}

// TestStripsSayWhatCameOfIt and of which machine.
func TestStripsSayWhatCameOfIt(t *testing.T) {
	r := withPoints(t, hypervisor.StateOff, chain(1)...)
	r.runner.Start("Saving a checkpoint of web", r.ids["web"].String(), func(_ context.Context, report func(jobs.Progress)) error {
		report(jobs.Progress{Outcome: "Checkpoint “one” saved"})
		return nil
	})
	r.runner.WaitIdle()
	r.until("the strip", func() bool { return strings.Contains(texts(r.window), "Checkpoint “one” saved\nweb\n") })
}

// TestStripsDoNotMoveThePage: when one goes, a page that is scrolled to its end stays where it is, and gives the room below it back when it is scrolled.
func TestStripsDoNotMoveThePage(t *testing.T) {
	r := withPoints(t, hypervisor.StateOff, chain(30)...)
	r.window.Resize(fyne.NewSize(1024, 500))
	r.settle()
	scroll := r.m.details.scroll
	end := scroll.Content.MinSize().Height
	release := make(chan struct{})
	job := r.runner.Start("one", "", func(context.Context, func(jobs.Progress)) error { <-release; return nil })
	r.until("the strip", func() bool { return r.m.activity.Box.Visible() })
	scroll.ScrollToBottom()
	before, height := scroll.Offset.Y, scroll.Size().Height
	close(release)
	r.runner.WaitIdle()
	r.runner.Dismiss(job.Status().ID)
	r.until("it has gone", func() bool { return !r.m.activity.Box.Visible() })
	if scroll.Size().Height <= height || scroll.Offset.Y != before {
		t.Errorf("the page went from %v to %v", before, scroll.Offset.Y)
	}
	scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 300)})
	if got := scroll.Content.MinSize().Height; got != end {
		t.Errorf("the page is %v high, want %v", got, end)
	}
}
