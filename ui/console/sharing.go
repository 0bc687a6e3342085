package console

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/app/settings"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
)

// sharing is what passes between the clipboards of host and guest: nothing, until the user shares a direction. Text is never shown, kept or
// written anywhere. UI goroutine only.
type sharing struct {
	toGuest, fromGuest bool

	// source is who was told last, and what.
	source           display.Source
	toldTo, toldFrom bool

	focused bool
	halt    func() // ends watching the host's clipboard; nil: it is not watched
}

// clipboardPeriod is the time between two looks at a clipboard that does not tell of changes.
const clipboardPeriod = time.Second

// startSharing takes over what was chosen for this machine.
func (w *Window) startSharing() {
	c := w.p.Settings.Get().Consoles[w.p.ID]
	w.sharing.toGuest, w.sharing.fromGuest = c.ClipboardToGuest, c.ClipboardFromGuest
	// Of texts that come faster than they can be taken only the newest is kept.
	var newest atomic.Pointer[string]
	take := dispatch.Coalesce(w.p.Dispatch, func() {
		if text := newest.Swap(nil); text != nil {
			w.guestCopied(*text)
		}
	})
	w.display.frames.onClipboard = func(text string) {
		newest.Store(&text)
		take()
	}
}

// setSharing changes what is shared and remembers it for this machine.
func (w *Window) setSharing(toGuest, fromGuest bool) {
	w.sharing.toGuest, w.sharing.fromGuest = toGuest, fromGuest
	w.refreshSharing()
	w.rememberConsole(func(c *settings.Console) { c.ClipboardToGuest, c.ClipboardFromGuest = toGuest, fromGuest })
}

// refreshSharing tells the display what is shared, shows it, and watches the host's clipboard while that is needed.
func (w *Window) refreshSharing() {
	s := &w.sharing
	_, source := w.link.get()
	if !w.body.live {
		source = nil
	}
	if source != s.source {
		s.toldTo, s.toldFrom = false, false // as sources begin
		w.watchClipboard(false)
	}
	if source != nil && (s.toldTo != s.toGuest || s.toldFrom != s.fromGuest) {
		source.ShareClipboard(s.toGuest, s.fromGuest)
		s.toldTo, s.toldFrom = s.toGuest, s.fromGuest
		w.watchClipboard(false) // begin anew: the other side knows nothing of the clipboard yet
	}
	s.source = source
	w.status.setClipboard(source != nil, s.toGuest, s.fromGuest, w.whyNotShared())
	w.watchClipboard(source != nil && s.toGuest && s.focused && !w.closed)
}

// whyNotShared says why no text can pass, empty when it can.
func (w *Window) whyNotShared() string {
	switch m := w.machine; {
	case m != nil && m.Config != nil && !m.Config.Clipboard:
		return lang.L("This machine has no channel to the guest’s clipboard (qemu-vdagent). New machines get one with QEMU 10.1 or newer: before that, it would prevent checkpoints.")
	case !w.display.screen.can.Clipboard:
		return lang.L("This display does not exchange text with the guest’s clipboard.")
	}
	return ""
}

// clipboardMenu has a switch for each direction.
func (w *Window) clipboardMenu() *fyne.Menu {
	s := w.sharing
	why := w.whyNotShared()
	item := func(label string, on bool, toggle func()) *fyne.MenuItem {
		i := fyne.NewMenuItem(label, toggle)
		i.Checked, i.Disabled = on, why != "" && !on
		return i
	}
	m := fyne.NewMenu("",
		item(lang.L("Text copied here can be pasted in the guest"), s.toGuest, func() { w.setSharing(!s.toGuest, s.fromGuest) }),
		item(lang.L("Text copied in the guest can be pasted here"), s.fromGuest, func() { w.setSharing(s.toGuest, !s.fromGuest) }),
	)
	hint := fyne.NewMenuItem(lang.L("The guest needs spice-vdagent for this."), nil)
	if why != "" {
		hint.Label = lang.L("This machine cannot share its clipboard.") // the tooltip says why
	}
	hint.Disabled = true
	m.Items = append(m.Items, fyne.NewMenuItemSeparator(), hint)
	return m
}

// guestCopied puts the guest's text on the host's clipboard, while the user works in the guest: a guest in the background must not replace
// what was copied elsewhere.
func (w *Window) guestCopied(text string) {
	if !w.closed && w.sharing.fromGuest && w.sharing.focused && len(text) <= display.MaxClipboard {
		w.p.App.Clipboard().SetContent(text)
	}
}

// focusChanged follows whether the user works in the guest.
func (w *Window) focusChanged(on bool) {
	if w.sharing.focused != on {
		w.sharing.focused = on
		w.refreshSharing()
	}
}

// watchClipboard begins or ends offering what the host's clipboard holds.
func (w *Window) watchClipboard(on bool) {
	s := &w.sharing
	switch {
	case !on && s.halt != nil:
		s.halt()
		s.halt = nil
	case on && s.halt == nil && w.copier.system == clipboardX11:
		// The toolkit's way to read would have the windows wait for whatever program owns the clipboard.
		source := s.source
		s.halt = dispatch.Run(w.p.Dispatch, func(ctx context.Context) error {
			err := x11.WatchClipboard(ctx, display.MaxClipboard, source.OfferClipboard)
			if ctx.Err() != nil {
				err = nil // ended by us
			}
			return err
		}, func(err error) {
			if err != nil && !errors.Is(err, context.Canceled) {
				w.fail(lang.L("The clipboard cannot be read"), err)
			}
		})
	case on && s.halt == nil:
		last := ""
		look := func() {
			if text := w.p.App.Clipboard().Content(); text != last && s.source != nil {
				last = text
				s.source.OfferClipboard(text)
			}
		}
		look()
		s.halt = dispatch.Every(w.p.Dispatch, clipboardPeriod, look)
	}
}
