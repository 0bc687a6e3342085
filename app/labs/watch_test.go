package labs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestListen: what somebody else does to the library is told as soon as it can be seen, and read then.
func TestListen(t *testing.T) {
	dir := t.TempDir()
	l, other := libraryAt(dir), libraryAt(dir)
	told := make(chan struct{}, 100)
	defer l.Subscribe(func() { told <- struct{}{} })()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Listen(ctx) }()
	// sees waits until the library is as it should be. It looks only when it is told to.
	sees := func(what string, is func([]Image) bool) {
		t.Helper()
		for deadline := time.After(patience); ; {
			select {
			case <-told:
			case <-deadline:
				t.Fatalf("nobody is told that %s", what)
			}
			if list, err := l.Images(); err == nil && is(list) {
				return
			}
		}
	}
	for there := false; !there; time.Sleep(time.Millisecond) { // it makes the folders just before it watches them
		there, _ = exists(l.bases())
	}
	for heard := false; !heard; {
		if err := other.writeState("names.json", names{}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-told:
			heard = true
		case <-time.After(20 * time.Millisecond):
		}
	}

	id := publish(t, other, testSpec("one"), map[string][]byte{"disk0": testDisk(1)})
	sees("a lab is there", func(list []Image) bool { return len(list) == 1 && list[0].Ready && len(list[0].Names) > 0 })
	place := newMemory()
	push(t, other, id, place)
	if err := os.Remove(pathOf(t, other, id, "disk0")); err != nil {
		t.Fatal(err)
	}
	sees("a disk is gone", func(list []Image) bool { return len(list) == 1 && !list[0].Ready })
	if err := other.Repair(t.Context(), id, place.source(), nil); err != nil {
		t.Fatal(err)
	}
	sees("a disk is back", func(list []Image) bool { return len(list) == 1 && list[0].Ready })
	if err := other.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	sees("a lab is gone", func(list []Image) bool { return len(list) == 0 })

	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
	for path, want := range map[string]bool{
		"names.json": true, ".names.json.part1": false, "lock": false, "staging": false, "images/ab": true, "images/.ab.part": false,
		"bases/ab": true, "bases/ab/base.raw": true, "bases/ab/base.raw.part": false, "bases/ab/base.json": false,
	} {
		if got := l.shows(filepath.Join(l.p.Dir, path)); got != want {
			t.Errorf("a change of %s is told: %v", path, got)
		}
	}
}
