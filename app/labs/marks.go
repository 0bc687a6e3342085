package labs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// Limits of what a teacher can note.
const (
	MaxNoteBytes = 16 << 10 // of one submission
	maxMarks     = 100000
)

// Mark is what a teacher has noted of a submission. It is kept in the library, never in the student's file.
type Mark struct {
	Note    string    `json:"note,omitempty"`   // at most MaxNoteBytes
	Opened  time.Time `json:"opened,omitzero"`  // when a machine was made of it last; zero: never
	Machine uuid.UUID `json:"machine,omitzero"` // that machine, which may be gone
}

// marksFile has a Mark for each submission, by Received.MarkKey.
const marksFile = "notes.json"

// MarkKey names the submission among the marks: by its receipt, so that a copy of the file has the same; a file that cannot be read by its name.
func (f *Received) MarkKey() string {
	if f.Receipt.IsZero() {
		return "file:" + f.File
	}
	return f.Receipt.String()
}

// Marks returns what was noted of submissions, by Received.MarkKey.
func (l *Library) Marks() (map[string]Mark, error) {
	all := map[string]Mark{}
	return all, l.readState(marksFile, &all)
}

// Mark changes what is noted of a submission, and returns it. A mark in which nothing stands is none.
func (l *Library) Mark(ctx context.Context, key string, change func(*Mark)) (m Mark, err error) {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return m, err
	}
	defer unlock()
	all, err := l.Marks()
	if err != nil {
		return m, err
	}
	m, known := all[key]
	change(&m)
	switch {
	case len(m.Note) > MaxNoteBytes:
		return m, &Reason{Text: fmt.Sprintf("A note has at most %s.", vmconfig.FormatSize(MaxNoteBytes))}
	case m == Mark{}:
		delete(all, key)
	case !known && len(all) >= maxMarks:
		return m, &Reason{Text: fmt.Sprintf("More than %d notes are not kept.", maxMarks)}
	default:
		all[key] = m
	}
	return m, l.writeState(marksFile, all)
}
