package displays

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
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
	for _, damaged := range []string{"", "{", `{"version": 2}`, "[]"} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		if err == nil || s.Password(b) != "" {
			t.Errorf("%q was read", damaged)
		}
		if err := s.SetPassword(b, "three"); err != nil || s.Password(b) != "three" {
			t.Errorf("after %q: %v", damaged, err)
		}
	}
}
