package console

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

const (
	// silentAfter is how long a line may be silent before that is worth a word: QEMU takes a second to notice that somebody listens.
	silentAfter = 1500 * time.Millisecond
	// silentHintWidth is the width of the explanation, a comfortable line.
	silentHintWidth = 460
)

// newSilentHint is what stands on a terminal over which nothing has come: an empty one looks broken. Mouse and keys pass through it.
func newSilentHint() *fyne.Container {
	what := widgets.NewText(lang.L("Nothing has come over this line yet. Press Enter: a login may be waiting."), theme.TextNormal, false, theme.ColorMuted)
	why := widgets.NewParagraph(lang.L("If the guest stays silent, it has no login on its serial port. Linux offers one when it is started with “console=ttyS0”."),
		silentHintWidth, fynetheme.SizeNameCaptionText)
	hint := container.NewCenter(container.NewVBox(container.NewCenter(what), container.NewCenter(why)))
	hint.Hide()
	return hint
}

// Write shows what the guest says. The first word ends the hint that there was none.
func (c *textConsole) Write(p []byte) (int, error) {
	if len(p) > 0 && c.heard.CompareAndSwap(false, true) {
		c.link.changed()
	}
	return c.term.Write(p)
}

// isSilent reports whether the hint that nothing has come belongs on the console.
func (v *textView) isSilent(c *textConsole, phase textPhase) bool {
	if phase != textLive || c.heard.Load() {
		return false
	}
	if !c.listening {
		c.listening = true
		dispatch.After(v.w.p.Dispatch, silentAfter, func() {
			c.silent = true
			v.refresh()
		})
	}
	return c.silent
}
