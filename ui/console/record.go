package console

import (
	"context"
	"fmt"
	"os"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/app/recording"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// recorder is the film that a window makes of its guest's screen. UI goroutine only.
type recorder struct {
	starting bool
	film     *recording.Recording // nil: none is made
	began    time.Time
	halt     func() // ends the clock
}

// recordItem is the menu's item that starts and stops the film.
func (w *Window) recordItem() *fyne.MenuItem {
	if w.recorder.film != nil {
		return widgets.MenuItem("stop", lang.L("Stop recording"), true, "", w.stopRecording)
	}
	_, err := recording.Find()
	switch {
	case err != nil:
		return widgets.MenuItem("record", lang.L("Record"), false, lang.L("needs the package ffmpeg"), nil)
	case w.display.GuestSize().X == 0:
		return widgets.MenuItem("record", lang.L("Record"), false, lang.L("there is no picture yet"), nil)
	}
	return widgets.MenuItem("record", lang.L("Record"), !w.recorder.starting, "", w.startRecording)
}

// startRecording begins a film in the user's videos folder.
func (w *Window) startRecording() {
	if w.machine == nil || w.recorder.film != nil || w.recorder.starting {
		return
	}
	w.recorder.starting = true
	name, now := w.machine.Name, time.Now()
	dispatch.Background(w.p.Dispatch, func(context.Context) (*recording.Recording, error) {
		f, err := newFile(w.videos(), name, w.p.ID, now, ".webm")
		if err != nil {
			return nil, err
		}
		f.Close()
		film, err := recording.Start(w.display.frames, f.Name())
		if err != nil {
			os.Remove(f.Name())
		}
		return film, err
	}, func(film *recording.Recording, err error) {
		w.recorder.starting = false
		if err != nil {
			w.fail(lang.L("The recording did not start"), err)
			return
		}
		if w.closed {
			film.Stop()
			return
		}
		w.recorder.film, w.recorder.began = film, time.Now()
		w.recorder.halt = dispatch.Every(w.p.Dispatch, time.Second, w.showRecording)
		w.showRecording()
		w.recorded(film)
	})
	w.display.Focus()
}

// recorded tells how a film ended.
func (w *Window) recorded(film *recording.Recording) {
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (kept bool, err error) {
		err = film.Wait(ctx)
		_, gone := os.Stat(film.Path())
		return gone == nil, err
	}, func(kept bool, err error) {
		w.recorder.halt()
		w.recorder.film = nil
		if w.closed {
			return
		}
		w.showRecording()
		switch {
		case err != nil && !kept:
			w.fail(lang.L("Nothing was recorded"), err)
		case err != nil:
			w.fail(lang.F("The recording in %s is not whole", film.Path()), err)
		default:
			w.say(w.saved(lang.F("Recording saved: %s", film.Path()), film.Path()))
		}
	})
}

// stopRecording ends the film; recorded tells when its file is complete.
func (w *Window) stopRecording() {
	w.endRecording()
	w.display.Focus()
}

func (w *Window) endRecording() {
	if w.recorder.film != nil {
		w.recorder.film.Stop()
	}
}

// showRecording shows how long the film is.
func (w *Window) showRecording() {
	w.updateVisible()
	if !w.closed {
		w.status.setRecording(w.recorder.film != nil, clock(time.Since(w.recorder.began)))
	}
}

// clock writes a duration as minutes and seconds, with hours if there are any.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// videos is the folder for films. Not for the UI goroutine: it reads a file.
func (w *Window) videos() string {
	if w.p.Pictures != "" {
		return w.p.Pictures
	}
	return videosFolder(os.Getenv)
}
