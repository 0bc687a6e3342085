package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestOneManagerPerConnection(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	first, mine, err := claimInstance("test:///default", "")
	if err != nil || !mine {
		t.Fatalf("first claim: %v %v", mine, err)
	}
	for _, lab := range []string{"", "/labs/firewalls.lab"} {
		if _, mine, err := claimInstance("test:///default", lab); err != nil || mine {
			t.Errorf("second claim: %v %v", mine, err)
		}
		if got, open := <-first.raise; !open || got != lab {
			t.Errorf("the first was not asked to come to the front with %q: %q", lab, got)
		}
	}
	other, mine, err := claimInstance("qemu:///session", "")
	if err != nil || !mine {
		t.Fatalf("claim for another connection: %v %v", mine, err)
	}
	other.Close()
	first.Close()
	again, mine, err := claimInstance("test:///default", "")
	if err != nil || !mine {
		t.Fatalf("claim after the first was given up: %v %v", mine, err)
	}
	again.Close()
}

func TestRuntimeFolderOfOthersIsRefused(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	dir := filepath.Join(base, "guesthouse")
	if err := os.Mkdir(dir, 0o755); err != nil { // others may look into it
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, _, err := claimInstance("test:///default", ""); err == nil {
		t.Error("a folder that is open to all was used")
	}
}
