package widgets

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
)

// Modal is a dialog over one window: icon, title, content and a row of buttons. Escape closes it, Ctrl+Return presses its primary button.
type Modal struct {
	// OnClosed is called once, however the dialog was closed.
	OnClosed func()

	popup  *widget.PopUp
	window fyne.Window
	focus  fyne.Focusable // what gets the focus when it opens
	last   fyne.Focusable // what had it last
	before fyne.Focusable // what had it in the window
	main   *Button        // the one thing to do here; nil: there is none
	tips   *tipLayer      // nil when the window has none
	closed bool

	overlay fyne.CanvasObject // of the canvas
}

// NewModal builds a dialog; Show opens it. icon may be empty. width is the least width of the content.
// The last button is the default one and gets the focus, unless FocusOn says otherwise.
func NewModal(w fyne.Window, icon string, iconColor fyne.ThemeColorName, title string, content fyne.CanvasObject, width float32, buttons ...*Button) *Modal {
	m := &Modal{window: w}
	head := container.NewHBox()
	if icon != "" {
		img := &canvas.Image{Resource: theme.IconIn(icon, iconColor), FillMode: canvas.ImageFillContain}
		img.SetMinSize(fyne.NewSquareSize(24))
		head.Add(container.NewCenter(img))
	}
	text := NewText(title, 17, true, fynetheme.ColorNameForeground)
	head.Add(container.NewCenter(text))

	row := container.NewHBox(layout.NewSpacer())
	for _, b := range buttons {
		row.Add(b)
		if b.style == StylePrimary {
			m.main = b
		}
	}
	parts := []fyne.CanvasObject{head, Space(0, theme.Gap1), content}
	if len(buttons) > 0 {
		m.focus = buttons[len(buttons)-1]
		parts = append(parts, Space(0, theme.Gap2), row)
	}
	strut := canvas.NewRectangle(color.Transparent)
	strut.SetMinSize(fyne.NewSize(width, 0))
	body := container.New(layout.NewCustomPaddedLayout(theme.Gap4, theme.Gap4, theme.Gap6, theme.Gap6),
		container.NewVBox(append(parts, strut)...))
	if tips := windowTips(w.Canvas()); tips != nil {
		m.tips = newTipLayer(tips.dispatch)
		body = container.NewStack(body, m.tips.box)
	}
	m.popup = widget.NewModalPopUp(body, w.Canvas())
	return m
}

// FocusOn chooses what gets the focus when the dialog opens.
func (m *Modal) FocusOn(f fyne.Focusable) *Modal {
	m.focus = f
	return m
}

// Show opens the dialog.
func (m *Modal) Show() *Modal {
	m.before = m.window.Canvas().Focused()
	endTip(m.window.Canvas())
	watchKeys(m.window.Canvas())
	openModals = append(openModals, m)
	m.popup.Show()
	m.overlay = m.window.Canvas().Overlays().Top()
	if m.focus != nil {
		m.window.Canvas().Focus(m.focus)
	}
	overlaysChanged(m.window.Canvas())
	return m
}

// Close closes the dialog and gives the focus back. It may be called more than once.
func (m *Modal) Close() {
	if m.closed {
		return
	}
	m.closed = true
	openModals = slices.DeleteFunc(openModals, func(o *Modal) bool { return o == m })
	m.popup.Hide()
	if modalOn(m.window.Canvas()) == nil {
		unwatchKeys(m.window.Canvas())
	}
	overlaysChanged(m.window.Canvas())
	if m.before != nil && m.window.Canvas().Overlays().Top() == nil {
		m.window.Canvas().Focus(m.before)
	}
	if m.OnClosed != nil {
		m.OnClosed()
	}
}

// InFront reports whether nothing lies over the open dialog.
func (m *Modal) InFront() bool { return !m.closed && m.window.Canvas().Overlays().Top() == m.overlay }

// Closed reports whether the dialog was closed.
func (m *Modal) Closed() bool { return m.closed }

// Relayout fits the dialog to content that grew or shrank.
func (m *Modal) Relayout() { m.popup.Resize(m.popup.MinSize()) }

// ModalOpen reports whether a dialog or menu is open over the window: its shortcuts must do nothing then.
func ModalOpen(w fyne.Window) bool { return w.Canvas().Overlays().Top() != nil }

// DismissModal closes the topmost dialog of the window that obj is in, as Escape does; without one it does nothing. UI goroutine only.
func DismissModal(obj fyne.CanvasObject) {
	c := fyne.CurrentApp().Driver().CanvasForObject(obj)
	if c == nil {
		return
	}
	if m := modalOn(c); m != nil {
		m.Close()
	}
}

// modalOn returns the topmost dialog over a canvas, nil if there is none.
func modalOn(c fyne.Canvas) *Modal {
	for i := len(openModals) - 1; i >= 0; i-- {
		if openModals[i].window.Canvas() == c {
			return openModals[i]
		}
	}
	return nil
}

// openModals lists the open dialogs of all windows, oldest first: a canvas does not tell which dialog its topmost overlay belongs to.
var openModals []*Modal

// ErrorText is what an error dialog says.
type ErrorText struct {
	Title   string // what was tried, "web could not be started"
	Summary string // what happened and why
	Remedy  string // what to do; may be empty
	Detail  string // the original text, behind "Details"; may be empty
}

// ShowError tells about a failure. The original text is behind "Details" and can be copied.
func ShowError(w fyne.Window, e ErrorText) *Modal {
	e.Title, e.Summary, e.Remedy = lang.L(e.Title), lang.L(e.Summary), lang.L(e.Remedy)
	content := container.NewVBox(wrapped(e.Summary, fynetheme.ColorNameForeground))
	if e.Remedy != "" {
		content.Add(wrapped(e.Remedy, theme.ColorMuted))
	}
	var m *Modal
	closeIt := NewButton("", lang.L("Close"), StylePrimary, func() { m.Close() })
	copyIt := NewButton("copy", lang.L("Copy"), StylePlain, func() {
		fyne.CurrentApp().Clipboard().SetContent(joinLines(e.Title, e.Summary, e.Remedy, e.Detail))
	})
	if e.Detail != "" {
		text := widget.NewLabelWithStyle(e.Detail, fyne.TextAlignLeading, fyne.TextStyle{Monospace: true})
		text.Wrapping = fyne.TextWrapBreak
		text.Selectable = true
		scroll := NewScroll(text)
		scroll.SetMinSize(fyne.NewSize(480, 140))
		details := NewSection("", lang.L("Details"), container.NewStack(tinted(theme.ColorSurfaceRaised), scroll))
		details.SetOpen(false)
		details.OnToggled = func(bool) { m.Relayout() }
		content.Add(details)
	}
	m = NewModal(w, "error", fynetheme.ColorNameError, e.Title, content, 480, copyIt, closeIt)
	return m.Show()
}

// Confirm asks before something is done. Names, if any, are listed. A danger is styled as one and has
// its focus on Cancel. yes is called when the user agrees.
func Confirm(w fyne.Window, title, text string, names []string, action string, danger bool, yes func()) *Modal {
	var m *Modal
	style, icon, iconColor := StylePrimary, "info", fynetheme.ColorNamePrimary
	if danger {
		style, icon, iconColor = StyleDanger, "warning", fynetheme.ColorNameWarning
	}
	cancel := NewButton("", lang.L("Cancel"), StylePlain, func() { m.Close() })
	ok := NewButton("", action, style, func() {
		m.Close()
		yes()
	})
	content := container.NewVBox(wrapped(text, fynetheme.ColorNameForeground))
	if len(names) > 0 {
		content.Add(NameList(names))
	}
	m = NewModal(w, icon, iconColor, title, content, 440, cancel, ok)
	if danger {
		m.FocusOn(cancel)
	}
	return m.Show()
}

// NameList shows names one below the other; many scroll.
func NameList(names []string) fyne.CanvasObject {
	box := container.NewVBox()
	for _, n := range names {
		label := widget.NewLabelWithStyle(n, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
		label.Truncation = fyne.TextTruncateEllipsis
		box.Add(label)
	}
	var inner fyne.CanvasObject = box
	if len(names) > 5 {
		scroll := NewScroll(box)
		scroll.SetMinSize(fyne.NewSize(0, 170))
		inner = scroll
	}
	return container.NewStack(tinted(theme.ColorSurfaceRaised), inner)
}

func wrapped(text string, color fyne.ThemeColorName) fyne.CanvasObject {
	rt := widget.NewRichText(&widget.TextSegment{Text: text, Style: widget.RichTextStyle{ColorName: color}})
	rt.Wrapping = fyne.TextWrapWord
	return rt
}

func joinLines(lines ...string) string {
	out := ""
	for _, l := range lines {
		if l != "" {
			out += l + "\n"
		}
	}
	return out
}

// Muted is a secondary text, wrapped.
func Muted(text string) fyne.CanvasObject { return wrapped(text, theme.ColorMuted) }

// Small is a secondary text in small letters, wrapped.
func Small(text string) fyne.CanvasObject {
	rt := widget.NewRichText(&widget.TextSegment{Text: text, Style: widget.RichTextStyle{ColorName: theme.ColorMuted, SizeName: fynetheme.SizeNameCaptionText}})
	rt.Wrapping = fyne.TextWrapWord
	return rt
}

// Paragraphs shows texts one below the other, wrapped; the first is the most important.
func Paragraphs(texts ...string) fyne.CanvasObject {
	box := container.NewVBox()
	for i, t := range texts {
		color := fynetheme.ColorNameForeground
		if i > 0 {
			color = theme.ColorMuted
		}
		box.Add(wrapped(t, color))
	}
	return box
}
