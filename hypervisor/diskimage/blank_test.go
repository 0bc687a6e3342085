package diskimage

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBlank(t *testing.T) {
	tool, err := New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, format := range []string{FormatQcow2, FormatRaw} {
		path := filepath.Join(dir, "disk."+format)
		if err := tool.Create(t.Context(), path, format, 100<<30); err != nil {
			t.Fatal(err)
		}
		if blank, err := tool.Blank(t.Context(), path, format); err != nil || !blank {
			t.Errorf("a new %s: %v, %v", format, blank, err)
		}
		overlay := filepath.Join(dir, "overlay-of-"+format)
		if err := tool.CreateOverlay(t.Context(), overlay, path, format); err != nil {
			t.Fatal(err)
		}
		if blank, err := tool.Blank(t.Context(), overlay, FormatQcow2); err != nil || blank {
			t.Errorf("an overlay: %v, %v", blank, err)
		}
	}
	raw := filepath.Join(dir, "written.raw")
	if err := os.WriteFile(raw, append(make([]byte, 1<<20), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	written := filepath.Join(dir, "written.qcow2")
	qemuImg(t, "convert", "-q", "-f", "raw", "-O", "qcow2", raw, written)
	for path, format := range map[string]string{raw: FormatRaw, written: FormatQcow2} {
		if blank, err := tool.Blank(t.Context(), path, format); err != nil || blank {
			t.Errorf("%s: %v, %v", path, blank, err)
		}
	}
	if _, err := tool.Blank(t.Context(), filepath.Join(dir, "none"), FormatRaw); err == nil {
		t.Error("a missing image is blank")
	}
}
