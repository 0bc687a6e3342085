package machines

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// TestUnlockedBesideAChild: a machine is free again although a child process that is being started still has the lock's file open.
func TestUnlockedBesideAChild(t *testing.T) {
	l, id := &locks{dir: t.TempDir()}, uuid.New()
	unlock, err := l.lock(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	const open = "/proc/self/fd"
	entries, err := os.ReadDir(open)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range entries {
		path := filepath.Join(open, e.Name())
		if name, err := os.Readlink(path); err != nil || filepath.Base(name) != id.String()+".lock" {
			continue
		}
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		inherited, err := unix.Dup(n) // as a child gets it
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(inherited)
		found = true
		break
	}
	if !found {
		t.Fatal("the lock's file is not open")
	}
	if _, ok := l.try(id); ok {
		t.Error("it is not locked")
	}
	unlock()
	unlock, ok := l.try(id)
	if !ok {
		t.Fatal("it is still locked")
	}
	unlock()
}
