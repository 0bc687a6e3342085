package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/settings"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// typeClipboard asks how the clipboard's text should be typed into the guest.
func (w *Window) typeClipboard() {
	w.readClipboard(func(text string, ok bool) {
		if ok {
			w.askTyping(text)
		}
	})
}

// askTyping asks how a text should be typed, or says why it cannot be.
func (w *Window) askTyping(text string) {
	switch n := utf8.RuneCountInString(text); {
	case w.typing != nil:
		w.say(notice{text: lang.L("A text is being typed already.")})
	case !w.body.live:
		w.say(notice{text: lang.L("There is nobody to type for: the guest’s keyboard is not connected.")})
	case strings.TrimSpace(text) == "" || !utf8.ValidString(text):
		w.say(notice{text: lang.L("There is no text in the clipboard.")})
	case n > typingLimit:
		w.say(notice{text: lang.F("The clipboard’s text has %d characters; up to %d can be typed. Bring it into the guest as a file.", n, typingLimit)})
	default:
		w.prepareTyping(text)
	}
}

// prepareTyping finds out which layouts there are and opens the question.
func (w *Window) prepareTyping(text string) {
	type found struct {
		names  []string
		chosen string
		layout *keymap.Layout
	}
	remembered := w.p.Settings.Get().Consoles[w.p.ID].Layout
	dispatch.Background(w.p.Dispatch, func(context.Context) (found, error) {
		f := found{names: layoutNames(), chosen: remembered}
		layout, err := readLayout(f.chosen)
		if err != nil {
			f.chosen = hostLayout(f.names, x11.KeyboardLayout(), os.Getenv)
			layout, err = readLayout(f.chosen)
		}
		f.layout = layout
		return f, err
	}, func(f found, err error) {
		switch {
		case w.closed:
		case err != nil:
			w.fail(lang.L("The text was not typed"), err)
		default:
			newTypeDialog(w, text, f.names, f.chosen, f.layout)
		}
	})
}

// typeDialog shows what will be typed, with which layout, and what cannot be.
type typeDialog struct {
	w      *Window
	text   string
	name   string
	plan   plan
	modal  *widgets.Modal
	choice *widget.Select
	note   *widgets.FormField
	ok     *widgets.Button
}

const previewLines, previewWidth = 6, 60

// preview is the beginning of a text, as it can be shown: foreign, and perhaps very long.
func preview(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	more := len(lines) > previewLines
	lines = lines[:min(len(lines), previewLines)]
	for i, line := range lines {
		lines[i] = vmconfig.Inert(line, previewWidth)
	}
	if more {
		lines = append(lines, "…")
	}
	return strings.Join(lines, "\n")
}

func newTypeDialog(w *Window, text string, names []string, chosen string, layout *keymap.Layout) {
	d := &typeDialog{w: w, text: text, name: chosen}
	shown := widget.NewLabelWithStyle(preview(text), fyne.TextAlignLeading, fyne.TextStyle{Monospace: true})
	shown.Truncation = fyne.TextTruncateEllipsis
	d.choice = widget.NewSelect(names, nil)
	d.choice.Selected = chosen
	d.choice.OnChanged = d.choose
	d.note = widgets.NewFormField(lang.L("The guest’s keyboard layout"), d.choice, "")
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { d.modal.Close() })
	d.ok = widgets.NewButton("", lang.L("Type"), widgets.StylePrimary, d.accept)
	content := container.NewVBox(container.NewStack(widgets.NewPanel(theme.ColorSurfaceRaised, "", 6), shown), d.note)
	d.modal = widgets.NewModal(w.win, "keyboard", theme.ColorMuted, lang.L("Type the clipboard’s text?"), content, 480, cancel, d.ok)
	d.show(layout)
	w.display.ReleaseAll()
	d.modal.Show()
}

// choose reads another layout.
func (d *typeDialog) choose(name string) {
	d.ok.Disable(lang.L("The layout is being read."))
	dispatch.Background(d.w.p.Dispatch, func(context.Context) (*keymap.Layout, error) { return readLayout(name) }, func(l *keymap.Layout, err error) {
		if err != nil {
			d.note.SetFault(explained(err).Summary)
			return
		}
		if d.choice.Selected == name {
			d.name = name
			d.ok.Enable()
			d.show(l)
			d.modal.Relayout()
		}
	})
}

// show says how long it takes and what cannot be typed.
func (d *typeDialog) show(l *keymap.Layout) {
	d.plan = planTyping(d.text, l)
	hint := lang.N("%d character", "%d characters", d.plan.characters, d.plan.characters) + ", " + lang.N("%d line", "%d lines", d.plan.lines, d.plan.lines) + ", " +
		lang.F("about %s.", roughly(d.plan.duration()))
	d.note.SetFault("")
	d.note.SetHint(hint)
	if d.plan.skipped > 0 {
		d.note.SetFault(lang.N("%d character is not on this keyboard and is left out: %s", "%d characters are not on this keyboard and are left out: %s",
			d.plan.skipped, d.plan.skipped, vmconfig.Inert(string(d.plan.untypable), 40)))
	}
	if len(d.plan.strokes) == 0 {
		d.ok.Disable(lang.L("Nothing of it is on this keyboard."))
	}
}

// roughly is a duration in words.
func roughly(t time.Duration) string {
	if t < time.Minute {
		s := max(1, int(t.Round(time.Second)/time.Second))
		return lang.N("%d second", "%d seconds", s, s)
	}
	m := int((t + time.Minute/2) / time.Minute)
	return lang.N("%d minute", "%d minutes", m, m)
}

func (d *typeDialog) accept() {
	d.modal.Close()
	d.w.rememberConsole(func(c *settings.Console) { c.Layout = d.name })
	d.w.startTyping(d.plan)
}

// reportEvery is how often the progress of typing is shown.
const reportEvery = 300 * time.Millisecond

// startTyping types, with progress and Cancel in the status line.
func (w *Window) startTyping(p plan) {
	if w.typing != nil || !w.body.live {
		return
	}
	total, done := len(p.strokes), 0
	show := func() {
		if w.typing != nil {
			w.say(notice{text: lang.F("Typing: %d of %d", done, total), action: lang.L("Cancel"), do: w.stopTyping})
		}
	}
	last := time.Time{}
	keys := w.display.keyboard
	stop := dispatch.Run(w.p.Dispatch, func(ctx context.Context) error {
		return keys.typeText(ctx, p, typingGap, func(n int) {
			if now := time.Now(); now.Sub(last) >= reportEvery {
				last = now
				w.p.Dispatch.Do(func() { done = n; show() })
			}
		})
	}, func(err error) {
		w.typing = nil
		switch {
		case w.closed:
		case errors.Is(err, context.Canceled):
			w.say(notice{text: lang.F("Typing was stopped after %d of %d.", done, total)})
		case err != nil:
			w.say(notice{text: fmt.Sprintf("%s: %s", lang.F("Typing was stopped after %d of %d", done, total), lang.L(explained(err).Summary)), fault: true})
		default:
			w.say(notice{text: lang.N("%d character was typed.", "%d characters were typed.", total, total)})
		}
	})
	w.typing = stop
	show()
}

// stopTyping breaks off; the end says how far it came.
func (w *Window) stopTyping() {
	if w.typing != nil {
		w.typing()
	}
}
