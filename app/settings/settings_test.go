package settings

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "settings.json")
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Get()
	id := uuid.New()
	if err := s.Update(func(v *Settings) {
		v.Appearance = "dark"
		v.CloseChoice[id] = "save"
		v.Windows["manager"] = WindowSize{800, 600}
	}); err != nil {
		t.Fatal(err)
	}
	if before.CloseChoice[id] != "" {
		t.Error("a value that Get returned changed later")
	}
	again, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if v := again.Get(); v.Appearance != "dark" || v.CloseChoice[id] != "save" || v.Windows["manager"].Width != 800 {
		t.Errorf("read back %+v", v)
	}
}

func TestUnusableFilesAreKeptAside(t *testing.T) {
	for name, text := range map[string]string{
		"garbage": "\x00\xff{", "empty": "", "cut": `{"version": 1, "appear`, "future": `{"version": 999}`, "list": "[]",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "settings.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Load(path)
			if !errors.Is(err, ErrSetAside) {
				t.Errorf("error %v", err)
			}
			if s.Get().Appearance != "auto" {
				t.Errorf("not the defaults: %+v", s.Get())
			}
			var told *atomicfile.DamagedError
			if got, readErr := os.ReadFile(path + ".damaged"); readErr != nil || string(got) != text || !errors.As(err, &told) || told.Kept != path+".damaged" {
				t.Errorf("kept %q (%v), told %v", got, readErr, told)
			}
			if _, err := Load(path); err != nil {
				t.Errorf("told a second time: %v", err)
			}
		})
	}
}

func TestNonsenseValuesBecomeDefaults(t *testing.T) {
	v, err := parse([]byte(`{"version": 1, "appearance": "pink", "preview_seconds": -3, "windows": null}`))
	if err != nil || v.Appearance != "auto" || v.PreviewSeconds != 1 || v.Windows == nil {
		t.Errorf("%+v %v", v, err)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	s, err := Load(filepath.Join(dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(v *Settings) { v.Appearance = "light" }); err == nil {
		t.Error("no error from a folder that cannot be written")
	}
	if s.Get().Appearance != "light" {
		t.Error("the change does not apply")
	}
}

func TestUpdatesFromSeveralGoroutines(t *testing.T) {
	s, err := Load(filepath.Join(t.TempDir(), "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := s.Update(func(v *Settings) { v.CloseChoice[uuid.New()] = "save" }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(s.Get().CloseChoice); n != 20 {
		t.Errorf("%d of 20 changes are left", n)
	}
}

// TestTwoProcesses: what one has changed is not undone by the other, which sees it when it looks.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	first, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	if err := first.Update(func(s *Settings) { s.Automatic[id] = Automatic{Minutes: 5, Keep: 2} }); err != nil {
		t.Fatal(err)
	}
	if err := second.Update(func(s *Settings) { s.Appearance = "dark" }); err != nil {
		t.Fatal(err)
	}
	if got := second.Get(); got.Automatic[id].Minutes != 5 {
		t.Errorf("the second has %+v", got)
	}
	first.Reload()
	if got := first.Get(); got.Appearance != "dark" || got.Automatic[id].Minutes != 5 {
		t.Errorf("the first has %+v", got)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	first.Reload()
	if got := first.Get(); got.Appearance != "dark" {
		t.Errorf("after nonsense the first has %+v", got)
	}
}
