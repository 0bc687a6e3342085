package labs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/app/labs"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// contextMenu is what can be done with the chosen submission.
func (w *Submissions) contextMenu() *fyne.Menu {
	e := w.list.chosen
	if e == nil {
		return fyne.NewMenu("")
	}
	reason := w.reasonOf(e)
	items := []*fyne.MenuItem{
		widgets.MenuItem("show", lang.L("Open"), reason == "", lang.L("see below the table"), w.openChosen),
		widgets.MenuItem("notes", lang.L("Note…"), true, "", w.editNote),
	}
	if !e.Receipt.IsZero() {
		items = append(items, widgets.MenuItem("copy", lang.L("Copy the receipt"), true, "", func() { copyText(e.Receipt.String()) }))
	}
	return fyne.NewMenu("", items...)
}

// machineOf returns the machine that was made of a submission, Nil if there is none any more.
func (w *Submissions) machineOf(e *entry) uuid.UUID {
	if e.mark.Machine == uuid.Nil {
		return uuid.Nil
	}
	for _, m := range w.Machines.Snapshot().Machines {
		if m.UUID == e.mark.Machine {
			return m.UUID
		}
	}
	return uuid.Nil
}

// reasonOf says why a submission cannot be opened; empty: it can.
func (w *Submissions) reasonOf(e *entry) string {
	switch {
	case w.opening[e.MarkKey()]:
		return lang.L("It is being opened.")
	case w.machineOf(e) != uuid.Nil:
		return ""
	case !w.Machines.Snapshot().Connected:
		return lang.L("There is no connection to the hypervisor.")
	}
	return e.unopenable()
}

// openChosen shows the machine of the chosen submission, and makes it first.
func (w *Submissions) openChosen() {
	e := w.list.chosen
	if e == nil || w.page != pageLabs || widgets.ModalOpen(w.window) || w.opening[e.MarkKey()] {
		return
	}
	if machine := w.machineOf(e); machine != uuid.Nil {
		w.p.OpenConsole(machine)
		return
	}
	if w.reasonOf(e) != "" {
		if e.Err != nil {
			w.showError(lang.F("“%s” cannot be opened", vmconfig.Inert(e.File, nameLength)), e.Err)
		}
		return
	}
	if e.State == labs.SubmissionOtherKey {
		widgets.Confirm(w.window, lang.L("Open it although the key is another one?"),
			e.reason()+"\n\n"+lang.L("Opening it changes nothing about which key is the student’s."), nil, lang.L("Open"), true, func() { w.openNow(e, true) })
		return
	}
	w.openNow(e, false)
}

// openNow makes a machine of a submission and shows it.
func (w *Submissions) openNow(e *entry, another bool) {
	key := e.MarkKey()
	// The whole is a path, whatever characters it has.
	job, machine := w.Labs.OpenSubmission(filepath.Join(w.dir, e.File)+"#", labs.OpenOptions{AnotherKey: another, Start: true})
	w.opening[key] = true
	w.chosenChanged()
	idle := func() {
		delete(w.opening, key)
		w.chosenChanged()
	}
	w.follow(job, lang.F("“%s” could not be opened", vmconfig.Inert(e.File, nameLength)), func() {
		idle()
		w.mark(key, func(m *labs.Mark) { m.Opened, m.Machine = time.Now().Truncate(time.Second), machine })
		w.p.OpenConsole(machine)
	}, func(error) bool {
		idle()
		return false
	})
}

// unopened returns the next submission that was not opened yet, in the order of the table from the chosen one on and round its end; nil: there is none.
func (w *Submissions) unopened() *entry {
	at := slices.Index(w.list.shown, w.list.chosen)
	if at < 0 {
		at = 0
	}
	for n := range w.list.shown {
		e := w.list.shown[(at+n)%len(w.list.shown)]
		if (e.State == labs.SubmissionVerified || e.State == labs.SubmissionNew) && e.mark.Opened.IsZero() && w.reasonOf(e) == "" {
			return e
		}
	}
	return nil
}

// openNext opens it.
func (w *Submissions) openNext() {
	if e := w.unopened(); e != nil {
		w.list.choose(e)
		w.openChosen()
	}
}

// mark changes what is noted of a submission, wherever it is in the table then.
func (w *Submissions) mark(key string, change func(*labs.Mark)) {
	dispatch.Background(w.Dispatch, func(ctx context.Context) (labs.Mark, error) { return w.Library.Mark(ctx, key, change) }, func(m labs.Mark, err error) {
		if w.closing {
			return
		}
		if err != nil {
			w.showError(lang.L("The note could not be kept"), err)
			return
		}
		for _, e := range w.all {
			if e.MarkKey() == key {
				e.setMark(m)
			}
		}
		w.list.Refresh()
		w.chosenChanged()
	})
}

// editNote asks for the note of the chosen submission.
func (w *Submissions) editNote() {
	e := w.list.chosen
	if e == nil {
		return
	}
	key := e.MarkKey()
	text := widgets.NewMultiLineEntry(8)
	text.MostBytes = labs.MaxNoteBytes
	text.SetText(e.mark.Note)
	text.SetPlaceHolder(lang.L("What you think of it. It stays on this computer and never goes into the student’s file."))
	var m *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { m.Close() })
	keep := widgets.NewButton("", lang.L("Keep"), widgets.StylePrimary, func() {
		m.Close()
		note := strings.TrimSpace(text.Text)
		w.mark(key, func(m *labs.Mark) { m.Note = note })
	})
	m = widgets.NewModal(w.window, "notes", fynetheme.ColorNamePrimary, lang.F("Note about “%s”", vmconfig.Inert(e.cells[columnStudent], nameLength)), text, 520, cancel, keep)
	m.FocusOn(text).Show()
}

// askExport asks to which file the list goes.
func (w *Submissions) askExport() {
	path := widgets.NewEntry()
	path.SetText(filepath.Join(w.dir, "submissions.csv"))
	field := widgets.NewFormField(lang.L("File"), path, lang.L("A .csv file, for a spreadsheet. Your notes are in it."))
	var m *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { m.Close() })
	save := widgets.NewButton("", lang.L("Export"), widgets.StylePrimary, nil)
	check := func(string) {
		fault := ""
		if !filepath.IsAbs(path.Text) {
			fault = lang.L("Write the whole path: it begins with /.")
		}
		field.SetFault(fault)
		save.SetEnabled(fault == "", fault)
		m.Relayout()
	}
	save.OnTapped = func() {
		m.Close()
		w.exportTo(path.Text, false)
	}
	path.OnChanged = check
	path.OnSubmitted = func(string) { press(save) }
	choose := widgets.NewButton("folder", lang.L("Choose a folder…"), widgets.StylePlain, func() {
		query := widgets.FileQuery{
			Title: lang.L("Choose where the list goes"), Folder: filepath.Dir(path.Text), Suffixes: []string{".csv"}, Open: lang.L("Open"), TakeFolder: lang.L("Use this folder"),
		}
		widgets.ChooseFile(w.window, w.Dispatch, query, func(chosen string) {
			if filepath.Ext(chosen) != ".csv" {
				chosen = filepath.Join(chosen, filepath.Base(path.Text))
			}
			path.SetText(chosen)
			w.window.Canvas().Focus(path)
		})
	})
	m = widgets.NewModal(w.window, "copy", fynetheme.ColorNamePrimary, lang.L("Export the list"), container.NewVBox(field, container.NewHBox(choose)), 520, cancel, save)
	m.FocusOn(path)
	check("")
	m.Show()
}

// exportTo writes the whole list, in the order of the table. A file that is there is replaced only after a question.
func (w *Submissions) exportTo(path string, replace bool) {
	var list []labs.Received
	marks := map[string]labs.Mark{}
	for _, e := range sorted(w.all, "", w.by, w.down) {
		list = append(list, e.Received)
		marks[e.MarkKey()] = e.mark
	}
	dispatch.Run(w.Dispatch, func(context.Context) error {
		if _, err := os.Lstat(path); err == nil && !replace {
			return fs.ErrExist
		}
		if _, err := os.Stat(filepath.Dir(path)); err != nil { // no folder is made because of a slip
			return err
		}
		var text bytes.Buffer
		if err := labs.WriteSubmissions(&text, list, marks); err != nil {
			return err
		}
		return atomicfile.Write(path, text.Bytes())
	}, func(err error) {
		switch {
		case w.closing:
		case errors.Is(err, fs.ErrExist):
			widgets.Confirm(w.window, lang.L("Replace the file?"), lang.L("There is a file of this name already:"), []string{vmconfig.Inert(path, 300)}, lang.L("Replace"), true, func() { w.exportTo(path, true) })
		case err != nil:
			w.showError(lang.L("The list could not be written"), err)
		default:
			var m *widgets.Modal
			shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { m.Close() })
			m = widgets.NewModal(w.window, "success", fynetheme.ColorNameSuccess, lang.L("The list is written"), placeBox(path), 520, shut)
			m.Show()
		}
	})
}
