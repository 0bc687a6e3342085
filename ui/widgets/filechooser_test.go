package widgets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"guesthouse/ui/dispatch"
)

// chooserIn opens a chooser for .iso files in a folder with a sub-folder.
func chooserIn(t *testing.T, folder string) (c *FileChooser, q *dispatch.Queue, chosen *[]string) {
	t.Helper()
	w := test.NewTempApp(t).NewWindow("test")
	w.Resize(fyne.NewSize(900, 560))
	q, chosen = &dispatch.Queue{}, &[]string{}
	c = ChooseFile(w, q, FileQuery{Title: "Choose", Folder: folder, Suffixes: []string{".iso"}}, func(p string) { *chosen = append(*chosen, p) })
	settleQueue(t, q)
	return c, q, chosen
}

func settleQueue(t *testing.T, q *dispatch.Queue) {
	t.Helper()
	if !q.Settle(20 * time.Second) {
		t.Fatal("the folder is never read")
	}
}

func exampleFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"b.iso", "A.ISO", "notes.txt", ".hidden.iso", "sub/inner.iso"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(c *FileChooser) string {
	var list []string
	for _, e := range c.Entries() {
		list = append(list, e.Name)
	}
	return strings.Join(list, " ")
}

func (c *FileChooser) press(name fyne.KeyName) { c.field.TypedKey(&fyne.KeyEvent{Name: name}) }

func TestFileChooserShowsFoldersAndFittingFiles(t *testing.T) {
	dir := exampleFolder(t)
	c, _, _ := chooserIn(t, dir)
	if got := names(c); got != "sub A.ISO b.iso" {
		t.Fatalf("shows %q", got)
	}
	c.every.SetChecked(true)
	if got := names(c); got != "sub A.ISO b.iso notes.txt" {
		t.Fatalf("all files: %q", got)
	}
	test.Type(c.field, ".h")
	if got := names(c); got != ".hidden.iso" {
		t.Fatalf("hidden files: %q", got)
	}
}

func TestFileChooserByKeyboard(t *testing.T) {
	dir := exampleFolder(t)
	c, q, chosen := chooserIn(t, dir)
	c.press(fyne.KeyReturn) // the first line is the folder
	settleQueue(t, q)
	if c.Folder() != filepath.Join(dir, "sub") || names(c) != "inner.iso" {
		t.Fatalf("in %q: %q", c.Folder(), names(c))
	}
	c.press(fyne.KeyBackspace)
	settleQueue(t, q)
	if c.Folder() != dir {
		t.Fatalf("Backspace led to %q", c.Folder())
	}
	test.Type(c.field, "b.")
	c.press(fyne.KeyEnter)
	if len(*chosen) != 1 || (*chosen)[0] != filepath.Join(dir, "b.iso") || !c.modal.Closed() {
		t.Fatalf("chosen %q", *chosen)
	}
}

func TestFileChooserTakesAPath(t *testing.T) {
	dir := exampleFolder(t)
	c, q, chosen := chooserIn(t, dir)
	c.field.SetText(filepath.Join(dir, "none.iso"))
	c.press(fyne.KeyReturn)
	settleQueue(t, q)
	if !strings.Contains(c.empty.Text(), "There is no") || len(*chosen) != 0 {
		t.Fatalf("says %q", c.empty.Text())
	}
	c.field.SetText(filepath.Join(dir, "sub"))
	c.press(fyne.KeyReturn)
	settleQueue(t, q)
	if c.Folder() != filepath.Join(dir, "sub") {
		t.Fatalf("in %q", c.Folder())
	}
	c.field.SetText(filepath.Join(dir, "notes.txt")) // a typed path needs no fitting suffix
	c.press(fyne.KeyReturn)
	settleQueue(t, q)
	if len(*chosen) != 1 || (*chosen)[0] != filepath.Join(dir, "notes.txt") {
		t.Fatalf("chosen %q", *chosen)
	}
}

func TestFileChooserBeginsAtHomeWhenTheFolderIsGone(t *testing.T) {
	home := exampleFolder(t)
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	c, q, _ := chooserIn(t, filepath.Join(home, "gone"))
	settleQueue(t, q)
	if c.Folder() != home || c.reason != nil {
		t.Fatalf("in %q: %v", c.Folder(), c.reason)
	}
}

// TestFileChooserBeginsInDownloads has no folder of an earlier choice, or one that is gone.
func TestFileChooserBeginsInDownloads(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	downloads := filepath.Join(home, "Geladenes")
	if err := os.Mkdir(downloads, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "user-dirs.dirs"), []byte("XDG_DOWNLOAD_DIR=\"$HOME/Geladenes\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"", filepath.Join(home, "gone")} {
		if c, _, _ := chooserIn(t, folder); c.Folder() != downloads || c.reason != nil {
			t.Errorf("after %q in %q: %v", folder, c.Folder(), c.reason)
		}
	}
	if err := os.Remove(downloads); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := chooserIn(t, ""); c.Folder() != home {
		t.Errorf("without downloads in %q", c.Folder())
	}
}

func TestFileChooserByMouse(t *testing.T) {
	dir := exampleFolder(t)
	c, _, chosen := chooserIn(t, dir)
	row := newFileRow(c)
	row.show(2)
	row.MouseDown(nil)
	if c.selected != 2 || len(*chosen) != 0 {
		t.Fatalf("selected %d", c.selected)
	}
	row.DoubleTapped(nil)
	if len(*chosen) != 1 || (*chosen)[0] != filepath.Join(dir, "b.iso") {
		t.Fatalf("chosen %q", *chosen)
	}
}
