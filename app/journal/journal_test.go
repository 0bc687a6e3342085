package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
)

func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, id := New(dir), uuid.New()
	if records, err := j.Records("save", "here"); err != nil || len(records) != 0 {
		t.Fatalf("before the first: %v, %v", records, err)
	}
	type data struct{ Step int }
	r, err := j.Begin("save", "here", id, data{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Begin("save", "elsewhere", id, data{9}); err != nil {
		t.Fatal(err)
	}
	if err := r.Update(data{2}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "save-torn.json"), []byte(`{"kind":`), 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := New(dir).Records("save", "here")
	if err != nil || len(records) != 1 {
		t.Fatalf("found %v, %v", records, err)
	}
	var d data
	if err := records[0].Decode(&d); err != nil || d.Step != 2 || records[0].Machine != id || !records[0].Exists() {
		t.Errorf("read back %+v, %v", records[0], err)
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	if records[0].Exists() {
		t.Error("it exists after its end")
	}
	if err := r.End(); err != nil {
		t.Errorf("ending twice: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "save-torn.json.bad")); err != nil {
		t.Errorf("the torn record was not set aside: %v", err)
	}
}
