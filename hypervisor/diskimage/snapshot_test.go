package diskimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"guesthouse/vmconfig"
)

func TestSnapshots(t *testing.T) {
	tool, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a,b=c:d e.qcow2") // a name that options must not split
	if err := tool.Create(ctx, path, FormatQcow2, 4*vmconfig.MiB); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		if err := tool.CreateSnapshot(ctx, path, name); err != nil {
			t.Fatal(err)
		}
	}
	list, err := ReadSnapshots(path)
	if err != nil || len(list) != 2 || list[0].Name != "one" || list[0].Created.IsZero() || list[0].MemoryBytes != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := tool.DeleteSnapshot(ctx, path, "one"); err != nil {
		t.Fatal(err)
	}
	if err := tool.DeleteSnapshot(ctx, path, "one"); !errors.Is(err, ErrTool) {
		t.Errorf("deleting what is not there: %v", err)
	}
	if list, err := ReadSnapshots(path); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	raw := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(raw, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSnapshots(raw); !errors.Is(err, ErrWrongFormat) {
		t.Errorf("a raw file: %v", err)
	}
	if err := tool.CreateSnapshot(ctx, "relative", "x"); !errors.Is(err, vmconfig.ErrPath) {
		t.Errorf("a relative path: %v", err)
	}
}

func TestBackingName(t *testing.T) {
	tool, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ctx, dir := context.Background(), t.TempDir()
	base, overlay := filepath.Join(dir, "base.qcow2"), filepath.Join(dir, "overlay.qcow2")
	if err := tool.Create(ctx, base, FormatQcow2, 4*vmconfig.MiB); err != nil {
		t.Fatal(err)
	}
	if err := tool.CreateOverlay(ctx, overlay, base, FormatQcow2); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{base: "", overlay: base} {
		if got, err := Backing(path); err != nil || got != want {
			t.Errorf("below %s lies %q, %v", path, got, err)
		}
	}
	if _, err := Backing(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
