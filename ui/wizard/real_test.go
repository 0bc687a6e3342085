package wizard

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kdomanski/iso9660"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// writeDisc makes a disc image with a volume label (ECMA-119, 8.4: the descriptor is sector 16, the label its bytes 40 to 71).
func writeDisc(t *testing.T, path, label string) {
	t.Helper()
	w, err := iso9660.NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Cleanup()
	if err := w.AddFile(strings.NewReader(strings.Repeat("x", 100<<10)), "data"); err != nil {
		t.Fatal(err)
	}
	var image bytes.Buffer
	if err := w.WriteTo(&image, "X"); err != nil {
		t.Fatal(err)
	}
	data := image.Bytes()
	copy(data[16*2048+40:16*2048+72], label+strings.Repeat(" ", 32))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRealFiles gives the wizard the real database, real discs and real disk images.
func TestRealFiles(t *testing.T) {
	catalogue, err := guestos.Load()
	if err != nil {
		t.Fatal(err)
	}
	tool, err := diskimage.New()
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, noDisc)
	f.wizard.catalogue = func() Catalogue { return catalogue }
	f.wizard.p.Images = tool
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	writeDisc(t, file("debian.iso"), "Debian 11.5.0 amd64 n")
	writeDisc(t, file("private.iso"), "PRIVATE BACKUP")
	whole, err := os.ReadFile(file("debian.iso"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"cut.iso": whole[:60<<10], "page.iso": []byte("<!DOCTYPE html><html>log in first</html>")} {
		if err := os.WriteFile(file(name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"debian.iso":  "Debian 11 was recognised on this disc",
		"private.iso": "was not recognised",
		"cut.iso":     "ends early",
		"page.iso":    "not a disc image",
		"none.iso":    "no file at this path",
	} {
		f.system().iso.SetText(file(name))
		f.settle()
		if got := f.system().isoNote.label.Text; !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}

	if out, err := exec.Command(tool.Path(), "create", "-q", "-f", "qcow2", file("old.qcow2"), "3G").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(file("torn.qcow2"), []byte("QFI\xfb\x00\x00\x00\x03"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.model.SetDiskMode(machines.DiskExisting)
	for name, want := range map[string]string{"old.qcow2": "A qcow2 disk of 3 GiB", "torn.qcow2": "incomplete", "none.qcow2": "no"} {
		f.disk().path.SetText(file(name))
		f.settle()
		fault := f.model.Shown(vmconfig.FieldDiskPath)
		note, _ := f.model.DiskFileNote()
		if got := fault + note; !strings.Contains(got, want) || (name == "old.qcow2") != (fault == "") {
			t.Errorf("%s: fault %q, note %q", name, fault, note)
		}
	}
}
