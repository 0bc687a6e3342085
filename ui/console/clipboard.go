package console

import (
	"context"
	"errors"

	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
)

// longestClipboard is the longest text that is read from the host's clipboard for typing and pasting, bytes.
const longestClipboard = 4 << 20

// readClipboard reads the text on the host's clipboard and calls then once with it on the UI goroutine, at once or later; ok is false when it
// could not be read, which has been said then. The toolkit's way to read has all windows wait for whatever program owns the clipboard, so it
// is taken only where there is no other.
func (w *Window) readClipboard(then func(text string, ok bool)) {
	if w.copier.system != clipboardX11 {
		then(w.p.App.Clipboard().Content(), true)
		return
	}
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (string, error) { return x11.ReadClipboard(ctx, longestClipboard) }, func(text string, err error) {
		switch {
		case w.closed:
			return
		case errors.Is(err, x11.ErrSilent):
			w.say(notice{text: lang.L("The program that owns the clipboard does not answer. Copy the text again."), fault: true})
		case errors.Is(err, x11.ErrTooLong):
			w.say(notice{text: lang.L("The clipboard’s text is too long. Bring it into the guest as a file."), fault: true})
		case err != nil:
			w.fail(lang.L("The clipboard cannot be read"), err)
		}
		then(text, err == nil)
	})
}

// pasteFor gives a terminal the clipboard's text.
func (w *Window) pasteFor(then func(text string)) {
	w.readClipboard(func(text string, ok bool) {
		if ok && text == "" {
			w.say(notice{text: lang.L("There is no text in the clipboard.")})
		}
		then(text)
	})
}
