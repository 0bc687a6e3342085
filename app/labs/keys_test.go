package labs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/vmconfig/lab"
)

func TestKeyFiles(t *testing.T) {
	l := newLibrary(t)
	seen := map[string]string{}
	for _, name := range []string{"a", "A b/ö", ".", "..", "../x", ".hidden", "a%2Fb", "a/b", strings.Repeat("ö", 64), strings.Repeat("ö", 63) + "x"} {
		path := l.keyPath(name)
		if filepath.Dir(path) != filepath.Clean(l.p.Keys) || strings.HasPrefix(filepath.Base(path), ".") || len(filepath.Base(path)) > 255 || seen[path] != "" {
			t.Errorf("%q and %q: %s", name, seen[path], path)
		}
		seen[path] = name
	}
	if _, err := l.CourseKey("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	key, err := l.privateKey(t.Context(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(l.keyPath("a")); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	public, err := l.CourseKey("a")
	if err != nil || !public.Equal(key.Public()) {
		t.Error(err)
	}
	again, err := l.privateKey(t.Context(), "a", nil)
	if err != nil || !again.Equal(key) {
		t.Error("another key")
	}
	if err := os.WriteFile(l.keyPath("b"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.privateKey(t.Context(), "b", nil); !errors.Is(err, ErrPassword) {
		t.Error(err)
	}
}

// TestLostKey must not end in a new key that all students refuse.
func TestLostKey(t *testing.T) {
	l := newLibrary(t)
	publish(t, l, testSpec("a"), map[string][]byte{"disk0": noise(1, mib)})
	if err := os.RemoveAll(l.p.Keys); err != nil {
		t.Fatal(err)
	}
	staging, _ := l.Staging()
	s := testSpec("b")
	s.Files["disk0"] = writeSparse(t, filepath.Join(staging, "x"), noise(2, mib))
	if _, err := l.Publish(t.Context(), s, nil); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if there, _ := exists(s.Files["disk0"]); !there {
		t.Error("the disk is gone")
	}
}

// TestEncryptedKey is slow: the password is made hard to guess with a gigabyte of memory.
func TestEncryptedKey(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a gigabyte of memory")
	}
	l := newLibrary(t)
	ask := func(password string, wantFirst bool) Password {
		return func(_ context.Context, first bool) (string, error) {
			if first != wantFirst {
				t.Errorf("first: %v", first)
			}
			return password, nil
		}
	}
	key, err := l.privateKey(t.Context(), "a", ask("secret", true))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := l.privateKey(t.Context(), "a", ask("secret", false)); err != nil || !again.Equal(key) {
		t.Error(err)
	}
	if _, err := l.privateKey(t.Context(), "a", ask("wrong", false)); !errors.Is(err, ErrPassword) {
		t.Error(err)
	}
	if _, err := l.privateKey(t.Context(), "a", nil); !errors.Is(err, ErrPassword) {
		t.Error(err)
	}
}

// TestMinisignReadsOurs signs with minisign and the key that was made here, and checks a published lab with it.
func TestMinisignReadsOurs(t *testing.T) {
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Fatal("minisign is not installed: run packaging/setup test")
	}
	l := newLibrary(t)
	id := publish(t, l, testSpec("a"), map[string][]byte{"disk0": noise(1, mib)})
	private := l.keyPath("Networks 2026")
	run := func(arguments ...string) {
		t.Helper()
		if out, err := exec.Command(program, arguments...).CombinedOutput(); err != nil {
			t.Errorf("minisign %v: %v, %s", arguments, err, out)
		}
	}
	config := filepath.Join(l.imageDir(id), configFile)
	run("-VHm", config, "-x", config+".minisig", "-p", publicPath(private))
	public, err := l.CourseKey("Networks 2026")
	if err != nil {
		t.Fatal(err)
	}
	run("-VHm", config, "-x", config+".minisig", "-P", public.String())
	signature := filepath.Join(t.TempDir(), "sig")
	run("-S", "-H", "-s", private, "-m", config, "-x", signature)
	text, err := os.ReadFile(signature)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := os.ReadFile(config)
	if err := lab.Verify(public, raw, text); err != nil {
		t.Error(err)
	}
}
