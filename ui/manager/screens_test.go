package manager

import (
	"errors"
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/displays"
	"guesthouse/hypervisor"
	"guesthouse/ui/widgets"
)

// TestRememberedScreens lists and forgets with the keyboard alone, down to the last one.
func TestRememberedScreens(t *testing.T) {
	web := machine("web", hypervisor.StateOff)
	r := newRig(t, web)
	r.kept = []displays.Kept{{Machine: web.UUID}, {Machine: uuid.New()}, {Host: "desk.example", Fingerprint: "0A:1B:2C:3D:4E:5F:60:71"}}
	r.m.showScreens()
	wantText(t, r.window, "web", "Password remembered", "A machine that is not in the list", "desk.example", "Certificate trusted · SHA-256 0A:1B:2C:3D:4E:5F…")
	c := r.window.Canvas()
	focused := func() *widgets.Button {
		b, _ := c.Focused().(*widgets.Button)
		if b == nil {
			t.Fatalf("the focus is on %T", c.Focused())
		}
		return b
	}
	c.FocusPrevious() // from Close to the last row
	for _, step := range []struct {
		key  fyne.KeyName
		left int
	}{{fyne.KeyUp, 3}, {fyne.KeyDown, 3}, {fyne.KeyDown, 3}, {fyne.KeySpace, 2}, {fyne.KeyReturn, 1}, {fyne.KeySpace, 0}} {
		focused().TypedKey(&fyne.KeyEvent{Name: step.key})
		r.settle()
		if n := len(r.Kept()); n != step.left {
			t.Fatalf("%d are remembered after %s, not %d", n, step.key, step.left)
		}
		if b := focused(); step.left > 0 && b.Text() != "Forget" || step.left == 0 && b.Text() != "Close" {
			t.Errorf("after %s the focus is on %q", step.key, b.Text())
		}
	}
	wantText(t, r.window, "Nothing is remembered")
	focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if widgets.ModalOpen(r.window) {
		t.Error("Escape does not close it")
	}
}

// TestManyRememberedScreens scrolls to what has the focus, and tells when the file cannot be written.
func TestManyRememberedScreens(t *testing.T) {
	r := newRig(t)
	for i := range 40 {
		r.kept = append(r.kept, displays.Kept{Host: fmt.Sprintf("host%02d", i), Fingerprint: "00:11"})
	}
	r.m.showScreens()
	if height := r.window.Canvas().Overlays().Top().MinSize().Height; height > 500 {
		t.Errorf("the dialog is %v high", height)
	}
	c := r.window.Canvas()
	c.FocusPrevious()
	for range 30 {
		c.FocusPrevious()
	}
	row := c.Focused().(*widgets.Button)
	at, outer := fyne.CurrentApp().Driver().AbsolutePositionForObject(row).Y, c.Overlays().Top()
	if at < 0 || at+row.Size().Height > outer.Size().Height {
		t.Errorf("the focused row is at %v of %v", at, outer.Size().Height)
	}
	r.mu.Lock()
	r.err = errors.New("the disk is full")
	r.mu.Unlock()
	row.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	r.settle()
	wantText(t, r.window, "It is forgotten only until the program ends")
}
