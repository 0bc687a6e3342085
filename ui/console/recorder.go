package console

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// keyRecorder is a field that takes keys as they are pressed: it shows the combination that was held together last. UI goroutine only.
type keyRecorder struct {
	widget.BaseWidget
	OnChanged func(keys []uint16)

	keys     []uint16
	before   []uint16 // what keys was before the combination that is being pressed
	limit    int
	down     map[uint16]bool
	focused  bool
	scanBase scanBase
	frame    *widgets.Panel
	text     *widgets.Text
}

var (
	_ desktop.Keyable   = (*keyRecorder)(nil)
	_ fyne.Shortcutable = (*keyRecorder)(nil)
	_ fyne.Tappable     = (*keyRecorder)(nil)
)

// newKeyRecorder makes a field for at most limit keys.
func newKeyRecorder(limit int, keys []uint16) *keyRecorder {
	r := &keyRecorder{
		limit: limit, keys: keys, down: map[uint16]bool{}, OnChanged: func([]uint16) {},
		frame: widgets.NewPanel(theme.ColorSurfaceRaised, theme.ColorOutline, 6), text: widgets.NewText("", theme.TextNormal, true, colorForeground),
	}
	r.ExtendBaseWidget(r)
	r.show()
	return r
}

func (r *keyRecorder) show() {
	switch {
	case len(r.keys) > 0:
		r.text.Set(chordName(r.keys), colorForeground)
	case r.focused:
		r.text.Set(lang.L("Press the keys together…"), theme.ColorMuted)
	default:
		r.text.Set(lang.L("Click here, then press the keys"), theme.ColorMuted)
	}
	fill := theme.ColorSurfaceRaised
	if r.focused {
		fill = theme.ColorSelected
	}
	r.frame.SetFill(fill)
	r.Refresh()
}

// KeyDown implements desktop.Keyable. The first key of a new combination takes the place of the old one. Tab, Shift+Tab and Escape lead out of
// the field as everywhere else.
func (r *keyRecorder) KeyDown(e *fyne.KeyEvent) {
	code := r.scanBase.evdev(r, e.Physical.ScanCode)
	switch {
	case code == 0 || code == keymap.Esc && len(r.down) == 0:
		return
	case code == keymap.Tab && r.onlyShift():
		if len(r.down) > 0 {
			r.keys = r.before
			r.show()
			r.OnChanged(r.keys)
		}
		return
	}
	if len(r.down) == 0 {
		r.before, r.keys = r.keys, nil
	}
	r.down[code] = true
	if !slices.Contains(r.keys, code) && len(r.keys) < r.limit && sendable([]uint16{code}) {
		r.keys = append(slices.Clone(r.keys), code)
	}
	r.show()
	r.OnChanged(r.keys)
}

// onlyShift reports whether no other key than Shift is down.
func (r *keyRecorder) onlyShift() bool {
	for code := range r.down {
		if code != keymap.LeftShift && code != keymap.RightShift {
			return false
		}
	}
	return true
}

// KeyUp implements desktop.Keyable.
func (r *keyRecorder) KeyUp(e *fyne.KeyEvent) {
	delete(r.down, r.scanBase.evdev(r, e.Physical.ScanCode))
}

// FocusGained implements fyne.Focusable.
func (r *keyRecorder) FocusGained() {
	r.focused = true
	r.show()
}

// FocusLost implements fyne.Focusable.
func (r *keyRecorder) FocusLost() {
	r.focused = false
	clear(r.down)
	r.show()
}

// Tapped implements fyne.Tappable.
func (r *keyRecorder) Tapped(*fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(r); c != nil {
		c.Focus(r)
	}
}

// TypedKey implements fyne.Focusable.
func (r *keyRecorder) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape && len(r.down) == 0 {
		widgets.DismissModal(r)
	}
}

// TypedRune implements fyne.Focusable.
func (r *keyRecorder) TypedRune(rune) {}

// TypedShortcut implements fyne.Shortcutable, so that combinations are no shortcuts here.
func (r *keyRecorder) TypedShortcut(fyne.Shortcut) {}

// CreateRenderer implements fyne.Widget.
func (r *keyRecorder) CreateRenderer() fyne.WidgetRenderer {
	inner := container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, theme.Gap3, theme.Gap3), r.text)
	return widget.NewSimpleRenderer(container.NewStack(r.frame, inner))
}
