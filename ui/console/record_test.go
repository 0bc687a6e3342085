package console

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
)

// TestWindowRecords: the film is made by the real ffmpeg, shown while it runs, and ends by a click, with the machine, and with the window.
func TestWindowRecords(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	films := func() []string {
		list, err := filepath.Glob(filepath.Join(w.p.Pictures, "web *.webm"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	start := func() {
		t.Helper()
		item := w.pictureMenu().Items[3]
		if item.Label != "Record" || item.Disabled {
			t.Fatalf("the menu offers %q", item.Label)
		}
		item.Action()
		f.until("recording", func() bool { return w.status.record.Visible() && strings.HasPrefix(w.status.record.text, "0:0") })
		if got := w.pictureMenu().Items[3].Label; got != "Stop recording" {
			t.Errorf("while it records the menu offers %q", got)
		}
	}
	start()
	test.Tap(w.status.record)
	f.until("saved", func() bool { return strings.HasPrefix(w.status.notice.text, "Recording saved: ") })
	if w.status.record.Visible() || len(films()) != 1 {
		t.Errorf("recording goes on, or %v", films())
	}
	start()
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("the end with the machine", func() bool { return len(films()) == 2 && w.recorder.film == nil })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	f.live(w, 1)
	start()
	w.shut()
	f.until("the end with the window", func() bool { return w.recorder.film == nil })
	for _, path := range films() {
		out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", path).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "320,200" {
			t.Errorf("%s: %v %s", path, err, out)
		}
	}
	if n := len(films()); n != 3 {
		t.Errorf("%d films", n)
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0:00", 59 * time.Second: "0:59", 61 * time.Second: "1:01", 3661 * time.Second: "1:01:01"} {
		if got := clock(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func TestVideosFolder(t *testing.T) {
	home := t.TempDir()
	getenv := func(key string) string { return map[string]string{"HOME": home}[key] }
	expect(t, videosFolder(getenv), filepath.Join(home, "Videos"))
	if err := os.MkdirAll(filepath.Join(home, ".config"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "XDG_PICTURES_DIR=\"$HOME/Bilder\"\nXDG_VIDEOS_DIR=\"$HOME/Filme\"\n"
	if err := os.WriteFile(filepath.Join(home, ".config", "user-dirs.dirs"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, videosFolder(getenv), filepath.Join(home, "Filme"))
	expect(t, picturesFolder(getenv), filepath.Join(home, "Bilder"))
}
