package lab

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"aead.dev/minisign"
)

func TestSignature(t *testing.T) {
	public, private := testKeys(t)
	other, otherPrivate := testKeys(t)
	text := []byte("the config")
	good := Sign(private, text, "lab networks/lab-3 version 2")
	if err := Verify(public, text, good); err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	for name, test := range map[string]struct {
		key             minisign.PublicKey
		text, signature []byte
	}{
		"other text":            {public, []byte("the confiG"), good},
		"other key":             {other, text, good},
		"signed by another":     {public, text, Sign(otherPrivate, text, "x")},
		"other trusted comment": {public, text, edit("version 2", "version 3")},
		"not prehashed":         {public, text, minisign.Sign(private, text)},
		"empty":                 {public, text, nil},
		"cut":                   {public, text, good[:len(good)-20]},
		"long":                  {public, text, append(bytes.Clone(good), bytes.Repeat([]byte("\n"), 5000)...)},
		"no UTF-8":              {public, text, edit("signature of", "\xff")},
	} {
		if err := Verify(test.key, test.text, test.signature); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if key, err := ParseKey(public.String()); err != nil || !key.Equal(public) {
		t.Error(err)
	}
	for _, bad := range []string{"", " " + public.String(), public.String() + "\r", "untrusted comment: x\n" + public.String(), strings.ToLower(public.String())} {
		if _, err := ParseKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestMinisignAgrees has the original program as a witness, in both directions.
func TestMinisignAgrees(t *testing.T) {
	program, err := exec.LookPath("minisign")
	if err != nil {
		t.Fatal("minisign is not installed: run packaging/setup test")
	}
	dir := t.TempDir()
	run := func(arguments ...string) error {
		cmd := exec.Command(program, arguments...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("minisign %v: %v, %s", arguments, err, out)
		}
		return err
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	public, private := testKeys(t)
	config, err := testConfig(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	write("config.json", config)
	write("config.json.minisig", Sign(private, config, "lab networks/lab-3 version 2"))
	if err := run("-VHm", "config.json", "-x", "config.json.minisig", "-P", public.String()); err != nil {
		t.Error(err)
	}
	write("config.json", append(config, ' '))
	if err := run("-Vm", "config.json", "-x", "config.json.minisig", "-P", public.String()); err == nil {
		t.Error("minisign accepts another text: the witness is blind")
	}
	write("config.json", config)
	if err := run("-GW", "-p", "its.pub", "-s", "its.key"); err != nil {
		t.Fatal(err)
	}
	if err := run("-SHm", "config.json", "-s", "its.key", "-x", "its.minisig"); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "its.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey(strings.Split(string(file), "\n")[1])
	if err != nil {
		t.Fatal(err)
	}
	signature, err := os.ReadFile(filepath.Join(dir, "its.minisig"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(key, config, signature); err != nil {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	key, err := ParseKey("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3")
	if err != nil {
		t.Fatal(err)
	}
	got := Fingerprint(key)
	if !regexp.MustCompile(`^[a-z]{5}(-[a-z]{5}){4}$`).MatchString(got) {
		t.Errorf("%q", got)
	}
	if want := "luvub-matin-boboz-lanuf-basap"; got != want { // what a course's paper says must stay what it is
		t.Errorf("%q, not %q", got, want)
	}
	other, _ := testKeys(t)
	if Fingerprint(other) == got {
		t.Error("two keys look the same")
	}
}
