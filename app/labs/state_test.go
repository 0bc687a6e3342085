package labs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"guesthouse/app/atomicfile"
)

// TestDamagedState damages what the library knows: it must stop rather than begin to trust anybody.
func TestDamagedState(t *testing.T) {
	place, _ := published()
	for _, name := range []string{"courses.json", "names.json"} {
		for _, text := range []string{"", "{", `[]`, `{"x": 5}`, "\x00\x00\x00"} {
			l := newLibrary(t)
			path := filepath.Join(l.p.Dir, name)
			if err := errors.Join(os.MkdirAll(l.p.Dir, 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			var damaged *atomicfile.DamagedError
			if _, err := l.Add(t.Context(), place.clone().source(), AddOptions{Trust: yes}, nil); !errors.As(err, &damaged) || damaged.Path != path {
				t.Errorf("%s with %q: %v", name, text, err)
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != text {
				t.Errorf("%s with %q was written over", name, text)
			}
			noBase(t, l)
		}
	}
	// An edited pin is another key.
	l := newLibrary(t)
	id := add(t, l, place.clone().source())
	known, err := l.readCourses()
	if err != nil {
		t.Fatal(err)
	}
	known["Networks 2026"].Key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
	if err := l.writeState("courses.json", known); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add(t.Context(), place.clone().source(), AddOptions{Trust: yes}, nil); !errors.Is(err, ErrKeyChanged) {
		t.Error(err)
	}
	known["Networks 2026"] = nil // "null" in the file
	if err := l.writeState("courses.json", known); err != nil {
		t.Fatal(err)
	}
	if add(t, l, place.clone().source()) != id {
		t.Error("another lab")
	}
}

func TestEmptyLibrary(t *testing.T) {
	l := newLibrary(t)
	if list, err := l.Images(); len(list) > 0 || err != nil {
		t.Error(list, err)
	}
	if list, err := l.Names(); len(list) > 0 || err != nil {
		t.Error(list, err)
	}
	if _, err := l.Resolve("a"); !errors.Is(err, ErrNoLab) {
		t.Error(err)
	}
	if there, _ := exists(l.p.Dir); there {
		t.Error("looking made a folder")
	}
	if freed, err := l.GC(t.Context(), func() ([]string, error) { return nil, nil }); freed != 0 || err != nil {
		t.Error(freed, err)
	}
}
