package console

import (
	"bytes"
	"context"
	"image"
	"io"
	"os"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// pictureMenu is what can be done with the guest's picture.
func (w *Window) pictureMenu() *fyne.Menu {
	able, reason := w.copier.able()
	return fyne.NewMenu("",
		widgets.MenuItem("screenshot", lang.L("Save picture")+w.hostKeyHint("E"), true, "", w.screenshot),
		widgets.MenuItem("copy", lang.L("Copy picture"), able, reason, w.copyPicture),
		fyne.NewMenuItemSeparator(),
		w.recordItem(),
	)
}

// picture writes the newest picture of the guest's screen, pixel for pixel, as a PNG. Not for the UI goroutine.
func (w *Window) picture(ctx context.Context) (func(io.Writer) error, error) {
	if picture := w.display.frames.snapshot(); picture != nil {
		return writePNG(image.Image(picture)), nil
	}
	data, err := w.p.Machines.Screenshot(ctx, w.p.ID)
	return func(out io.Writer) error { _, err := out.Write(data); return err }, err
}

// screenshot saves the picture in the user's pictures folder.
func (w *Window) screenshot() {
	if w.machine == nil {
		return
	}
	name, now := w.machine.Name, time.Now()
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (string, error) {
		write, err := w.picture(ctx)
		if err != nil {
			return "", err
		}
		return savePicture(w.pictures(), name, w.p.ID, now, write)
	}, func(path string, err error) {
		if err != nil {
			w.fail(lang.L("The screenshot was not saved"), err)
			return
		}
		text := lang.F("Screenshot saved: %s", path)
		if w.text.on() { // which is not what is seen
			text = lang.F("Picture of the screen saved: %s", path)
		}
		w.say(w.saved(text, path))
	})
	w.display.Focus()
}

// saved is a notice about a new file, whose path can be copied.
func (w *Window) saved(text, path string) notice {
	return notice{text: text, action: lang.L("Copy path"), do: func() {
		w.p.App.Clipboard().SetContent(path)
		w.say(notice{text: lang.L("Path copied.")})
	}}
}

// copyPicture puts the picture on the clipboard, where it stays until something else is copied or the program ends.
func (w *Window) copyPicture() {
	fault := lang.L("The picture was not copied")
	copied := func() { w.p.Dispatch.Do(func() { w.say(notice{text: lang.L("Picture copied.")}) }) }
	// Its end is not bound to this window: the clipboard outlives it.
	dispatch.Run(w.p.Dispatch, func(ctx context.Context) error {
		write, err := w.picture(ctx)
		if err != nil {
			return err
		}
		var png bytes.Buffer
		if err := write(&png); err != nil {
			return err
		}
		return w.copier.copy(ctx, png.Bytes(), copied)
	}, func(err error) { w.fail(fault, err) })
	w.display.Focus()
}

// pictures is the folder for screenshots. Not for the UI goroutine: it reads a file.
func (w *Window) pictures() string {
	if w.p.Pictures != "" {
		return w.p.Pictures
	}
	return picturesFolder(os.Getenv)
}
