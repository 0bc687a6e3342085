package console

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/theme"
)

// TestWindowSharesClipboard: nothing passes until a direction is switched on, and then only while the user works in the guest.
func TestWindowSharesClipboard(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Config = devices()
	w := f.open()
	source := f.live(w, 0)
	w.display.frames.SetCapabilities(display.Capabilities{Clipboard: true})
	f.until("the capability", func() bool { return w.display.screen.can.Clipboard })
	host := fyne.CurrentApp().Clipboard()
	host.SetContent("secret of the host")
	w.display.frames.SetClipboard("secret of the guest")
	f.queue.Drain()
	if host.Content() != "secret of the host" || w.status.clipboard.color != colorDisabled {
		t.Error("text passes although nothing is shared")
	}
	expect(t, source.clipboards(), "")

	toggle := func(item int) { w.clipboardMenu().Items[item].Action() }
	toggle(0)
	expect(t, source.clipboards(), "true false|secret of the host")
	if w.status.clipboard.color != theme.ColorRunning {
		t.Error("sharing does not show")
	}
	host.SetContent("second")
	f.until("the second text", func() bool { return source.clipboards() == "second" })
	w.display.frames.SetClipboard("unasked")
	f.queue.Drain()
	expect(t, host.Content(), "second")

	toggle(0)
	toggle(1)
	expect(t, source.clipboards(), "false false|false true")
	host.SetContent("third")
	w.display.frames.SetClipboard("of the guest")
	f.until("the guest's text", func() bool { return host.Content() == "of the guest" })

	f.queue.Drain()
	for i := range 100 {
		w.display.frames.SetClipboard(fmt.Sprint("flood ", i))
	}
	if n := f.queue.Drain(); n > 50 {
		t.Errorf("a flood of texts waits for the windows: %d", n)
	}
	expect(t, host.Content(), "flood 99")
	w.display.frames.SetClipboard("of the guest")
	f.queue.Drain()

	// Elsewhere: the window has not the focus.
	toggle(0)
	f.until("both", func() bool { return strings.HasSuffix(source.clipboards(), "true true|of the guest") })
	w.focusToolbar()
	f.queue.Drain()
	host.SetContent("copied elsewhere")
	w.display.frames.SetClipboard("of a guest in the background")
	f.queue.Drain()
	expect(t, host.Content(), "copied elsewhere")
	expect(t, source.clipboards(), "")
	w.display.Focus()
	expect(t, source.clipboards(), "copied elsewhere")

	f.until("remembered", func() bool { c := f.get().Consoles[testID]; return c.ClipboardToGuest && c.ClipboardFromGuest })
	w.shut()
	again := f.open()
	second := f.live(again, 1)
	f.until("shared again", func() bool { return strings.HasPrefix(second.clipboards(), "true true") })
}

// TestClipboardSaysWhyNot: without a channel the switches are off limits, and the reason is told.
func TestClipboardSaysWhyNot(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Config = devices()
	f.machine.Config.Clipboard = false
	w := f.open()
	f.live(w, 0)
	m := w.clipboardMenu()
	if !m.Items[0].Disabled || !m.Items[1].Disabled || !strings.Contains(w.status.clipboard.tip, "qemu-vdagent") {
		t.Errorf("%+v, %q", m.Items[0], w.status.clipboard.tip)
	}
	f.machine.Config.Clipboard = true
	if why := w.whyNotShared(); !strings.HasPrefix(why, "This display") {
		t.Errorf("the display cannot, but %q", why)
	}
}
