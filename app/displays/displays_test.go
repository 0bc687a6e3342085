package displays

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
)

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guesthouse", "displays.json")
	a, b := uuid.New(), uuid.New()
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(a, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file without anything in it: %v", err)
	}
	for _, step := range []error{
		s.SetPassword(a, "one"), s.SetPassword(b, "two"), s.SetPassword(a, ""), s.SetCertificate("host", "ab12"),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: others may read the passwords", info.Mode())
	}
	again, err := Load(path)
	if err != nil || again.Password(a) != "" || again.Password(b) != "two" || again.Certificate("host") != "ab12" || again.Certificate("other") != "" {
		t.Errorf("read back %+v, %v", again.now, err)
	}
}

// TestForget lists what is remembered and forgets it, one after the other.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	machine := uuid.New()
	for _, err := range []error{s.SetPassword(machine, "secret"), s.SetCertificate("b", "22"), s.SetCertificate("a", "11")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []Kept{{Machine: machine}, {Host: "a", Fingerprint: "11"}, {Host: "b", Fingerprint: "22"}}
	if got := s.Kept(); !slices.Equal(got, want) {
		t.Fatalf("it lists %+v", got)
	}
	for i, k := range want {
		if err := s.Forget(k); err != nil || !slices.Equal(s.Kept(), want[i+1:]) {
			t.Errorf("after %+v: %+v, %v", k, s.Kept(), err)
		}
	}
	if again, err := Load(path); err != nil || len(again.Kept()) > 0 {
		t.Errorf("the file still has %+v, %v", again.Kept(), err)
	}
}

// TestTwoPrograms forgets in one program what another one knows: the other's next change does not bring it back.
func TestTwoPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	machine, other := uuid.New(), uuid.New()
	a, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SetPassword(machine, "secret"); err != nil {
		t.Fatal(err)
	}
	b, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{a.Forget(Kept{Machine: machine}), b.SetPassword(other, "two")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if c, err := Load(path); err != nil || c.Password(machine) != "" || c.Password(other) != "two" {
		t.Errorf("the file has %+v, %v", c.Kept(), err)
	}
}

// TestUnwritableFile keeps a change that cannot be written until the program ends.
func TestUnwritableFile(t *testing.T) {
	dir := t.TempDir()
	s, err := Load(filepath.Join(dir, "displays.json"))
	if err != nil {
		t.Fatal(err)
	}
	machine := uuid.New()
	if err := s.SetPassword(machine, "one"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if err := s.Forget(Kept{Machine: machine}); err == nil {
		t.Error("no error from a folder that cannot be written")
	}
	if err := s.SetCertificate("host", "ab12"); err == nil || s.Password(machine) != "" || s.Certificate("host") != "ab12" {
		t.Errorf("the changes do not apply: %+v, %v", s.Kept(), err)
	}
}

// TestDamagedFilesAreKept starts with files that cannot be used: each is kept as it is, under a name of its own, and told about once.
func TestDamagedFilesAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	machine := uuid.New()
	for i, damaged := range []string{"", "{", `{"version": 2}`, "[]", "\x00\xff"} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		var told *atomicfile.DamagedError
		if !errors.Is(err, ErrSetAside) || !errors.As(err, &told) || s.Password(machine) != "" {
			t.Fatalf("%q: %v", damaged, err)
		}
		name := path + ".damaged"
		if i > 0 {
			name = fmt.Sprintf("%s-%d", name, i+1)
		}
		if err := s.SetPassword(machine, "three"); err != nil || s.Password(machine) != "three" {
			t.Errorf("after %q: %v", damaged, err)
		}
		if kept, err := os.ReadFile(name); err != nil || string(kept) != damaged || told.Kept != name {
			t.Errorf("%q was kept as %q in %q (%v)", damaged, kept, told.Kept, err)
		}
		if again, err := Load(path); err != nil || again.Password(machine) != "three" {
			t.Errorf("the new file after %q: %v", damaged, err)
		}
	}
}

// TestDamagedMeanwhile keeps a file that was damaged while the program ran, and what is in memory.
func TestDamagedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := uuid.New(), uuid.New()
	if err := s.SetPassword(a, "one"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(a, "one"); err != nil { // no change, but the file is missing now
		t.Fatal(err)
	}
	if again, err := Load(path); err != nil || again.Password(a) != "one" {
		t.Errorf("%+v, %v", again.now, err)
	}
	if err := s.SetPassword(b, "two"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path + ".damaged"); err != nil || string(text) != "{half" {
		t.Errorf("kept %q, %v", text, err)
	}
	if again, err := Load(path); err != nil || again.Password(a) != "one" || again.Password(b) != "two" {
		t.Errorf("%+v, %v", again.now, err)
	}
}
