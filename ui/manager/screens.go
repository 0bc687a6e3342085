package manager

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/google/uuid"

	"guesthouse/app/displays"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// screensShown is how many remembered screens are seen at once; more of them scroll.
const screensShown = 5

func (m *Manager) screensItem() *fyne.MenuItem {
	item := fyne.NewMenuItem(lang.L("Remembered screens…"), m.showScreens)
	item.Icon = theme.Icon("lock")
	return item
}

// screens is the dialog that lists remembered passwords and trusted certificates, and forgets them.
type screens struct {
	m       *Manager
	modal   *widgets.Modal
	content *fyne.Container
	scroll  *container.Scroll
	close   *widgets.Button
	forget  []*widgets.Button // one for each row
}

func (m *Manager) showScreens() {
	s := &screens{m: m, content: container.NewStack()}
	s.close = widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { s.modal.Close() })
	s.fill()
	s.modal = widgets.NewModal(m.window, "lock", fynetheme.ColorNamePrimary, lang.L("Remembered screens"), s.content, 480, s.close)
	s.modal.Show()
}

// fill lists what is remembered now.
func (s *screens) fill() {
	kept := s.m.p.Screens.Kept()
	slices.SortStableFunc(kept, func(a, b displays.Kept) int {
		return strings.Compare(strings.ToLower(s.name(a)), strings.ToLower(s.name(b)))
	})
	s.forget = nil
	if len(kept) == 0 {
		s.content.Objects = []fyne.CanvasObject{widgets.EmptyPage(widgets.NewIcon("lock", 40, theme.ColorMuted), lang.L("Nothing is remembered"),
			lang.L("Passwords of machines’ screens that you have remembered and certificates that you trust are listed here."))}
		s.content.Refresh()
		return
	}
	list := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	for i, k := range kept {
		list.Add(s.row(i, k))
	}
	bar := float32(0) // room for the scroll bar beside the buttons
	if len(kept) > screensShown {
		bar = theme.Gap3
	}
	s.scroll = widgets.NewScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, bar), list))
	row := list.Objects[0].MinSize().Height + theme.Gap2
	s.scroll.SetMinSize(fyne.NewSize(0, row*float32(min(len(kept), screensShown))-theme.Gap2))
	s.content.Objects = []fyne.CanvasObject{container.NewBorder(
		widgets.Muted(lang.L("These screens open without a question. What is forgotten is asked for the next time.")), nil, nil, nil, widgets.Card(s.scroll))}
	s.content.Refresh()
}

// name is what a remembered thing is about.
func (s *screens) name(k displays.Kept) string {
	if k.Machine == uuid.Nil {
		return vmconfig.Inert(k.Host, 100)
	}
	if machine := s.m.byID[k.Machine]; machine != nil {
		return shown(machine.Name)
	}
	return lang.L("A machine that is not in the list")
}

func (s *screens) row(i int, k displays.Kept) fyne.CanvasObject {
	icon, note, tip := "lock", lang.L("Password remembered"), ""
	if k.Machine == uuid.Nil {
		icon, note = "success", lang.F("Certificate trusted · SHA-256 %s…", shortFingerprint(k.Fingerprint))
		tip = lang.F("SHA-256 of the certificate: %s", vmconfig.Inert(k.Fingerprint, 100))
	} else if s.m.byID[k.Machine] == nil {
		tip = k.Machine.String()
	}
	name := widgets.NewText(s.name(k), theme.TextNormal, true, fynetheme.ColorNameForeground).Elided()
	second := widgets.NewText(note, theme.TextSmall, false, theme.ColorMuted).Elided()
	texts := widgets.NewHint(container.New(layout.NewCustomPaddedVBoxLayout(0), name, second), tip)
	forget := widgets.NewButton("", lang.L("Forget"), widgets.StylePlain, func() { s.drop(i, k) })
	forget.OnKey = func(e *fyne.KeyEvent) bool { return s.key(i, e) }
	row := container.NewBorder(nil, nil, container.NewCenter(widgets.NewIcon(icon, 18, theme.ColorMuted)), container.NewCenter(forget), texts)
	forget.OnFocus = func() { widgets.Reveal(s.scroll, row) }
	s.forget = append(s.forget, forget)
	return row
}

// key lets Up and Down move through the rows.
func (s *screens) key(i int, e *fyne.KeyEvent) bool {
	switch {
	case e.Name == fyne.KeyUp && i > 0:
		s.m.window.Canvas().Focus(s.forget[i-1])
	case e.Name == fyne.KeyDown && i+1 < len(s.forget):
		s.m.window.Canvas().Focus(s.forget[i+1])
	default:
		return e.Name == fyne.KeyUp || e.Name == fyne.KeyDown
	}
	return true
}

// drop forgets what row i shows; the focus goes to the row that takes its place.
func (s *screens) drop(i int, k displays.Kept) {
	for _, b := range s.forget {
		b.Disable(lang.L("It is being forgotten."))
	}
	dispatch.Run(s.m.p.Dispatch, func(context.Context) error { return s.m.p.Screens.Forget(k) }, func(err error) {
		if !s.modal.Closed() {
			offset := fyne.Position{}
			if s.scroll != nil {
				offset = s.scroll.Offset
			}
			s.fill()
			s.modal.Relayout()
			if len(s.forget) == 0 {
				s.m.window.Canvas().Focus(s.close)
			} else {
				s.scroll.ScrollToOffset(offset)
				s.m.window.Canvas().Focus(s.forget[min(i, len(s.forget)-1)])
			}
		}
		s.m.showError(lang.L("It is forgotten only until the program ends"), err)
	})
}

// shortFingerprint is enough of a fingerprint to tell two certificates apart.
func shortFingerprint(text string) string {
	const short = len("AA:BB:CC:DD:EE:FF")
	text = vmconfig.Inert(text, 100)
	return text[:min(short, len(text))]
}
