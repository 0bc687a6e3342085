package labs

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/vmconfig/lab"
)

func TestMarks(t *testing.T) {
	dir := t.TempDir()
	l := New(Params{Dir: dir, Keys: filepath.Join(dir, "keys")})
	one, bad := Received{File: "a.submission.lab", Receipt: lab.Sum([]byte("a"))}, Received{File: "b.submission.lab"}
	if one.MarkKey() != one.Receipt.String() || bad.MarkKey() != "file:b.submission.lab" {
		t.Fatalf("%q %q", one.MarkKey(), bad.MarkKey())
	}
	opened := Mark{Note: "=good", Opened: time.Unix(1.7e9, 0).UTC(), Machine: uuid.UUID{1}}
	if got, err := l.Mark(t.Context(), one.MarkKey(), func(m *Mark) { *m = opened }); err != nil || got != opened {
		t.Fatal(got, err)
	}
	if _, err := l.Mark(t.Context(), bad.MarkKey(), func(m *Mark) { m.Note = "ask again" }); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Mark(t.Context(), bad.MarkKey(), func(m *Mark) { m.Note = strings.Repeat("x", MaxNoteBytes+1) }); err == nil {
		t.Error("a note without an end is kept")
	}
	again := New(Params{Dir: dir, Keys: filepath.Join(dir, "keys")})
	marks, err := again.Marks()
	if err != nil || len(marks) != 2 || !marks[one.MarkKey()].Opened.Equal(opened.Opened) || marks[bad.MarkKey()].Note != "ask again" {
		t.Fatal(marks, err)
	}

	var out bytes.Buffer
	if err := WriteSubmissions(&out, []Received{one, bad}, marks); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][13] != "'=good" || rows[1][12] != "2023-11-14T22:13:20Z" || rows[2][13] != "ask again" || rows[2][12] != "" {
		t.Errorf("%v %v", rows, err)
	}

	if _, err := l.Mark(t.Context(), one.MarkKey(), func(m *Mark) { *m = Mark{} }); err != nil {
		t.Fatal(err)
	}
	if marks, err := l.Marks(); err != nil || len(marks) != 1 {
		t.Error("an empty mark is kept", marks, err)
	}
	if err := os.WriteFile(filepath.Join(dir, marksFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Mark(t.Context(), "x", func(m *Mark) { m.Note = "y" }); err == nil {
		t.Error("a damaged file of notes is overwritten")
	}
}
