package build

import (
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kdomanski/iso9660"

	"guesthouse/vmconfig/lab"
)

const seedRecipe = `name: tests/seed
course: Tests
title: Seeds
base: {image: disk.qcow2}
files:
  - {from: files/a, to: "/srv/a file", mode: 0755}
commands: ["echo one", "echo two"]
checks: ["true"]
user: {name: student, password-hash: $6$saltsalt$abcdefghijklmnop}
`

// readSeed returns a seed's label and files.
func readSeed(t *testing.T, path string) (string, map[string]string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	image, err := iso9660.OpenImage(file)
	if err != nil {
		t.Fatal(err)
	}
	label, err := image.Label()
	if err != nil {
		t.Fatal(err)
	}
	root, err := image.RootDir()
	if err != nil {
		t.Fatal(err)
	}
	children, err := root.GetChildren()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, c := range children {
		data, err := io.ReadAll(c.Reader())
		if err != nil {
			t.Fatal(err)
		}
		files[c.Name()] = string(data)
	}
	return label, files
}

// TestSeed: the guest finds there what the recipe says, and cloud-init its files when the base is an image.
func TestSeed(t *testing.T) {
	o := Options{Recipe: recipe(t, seedRecipe, map[string]string{"files/a": "content\n"})}
	r, folder, _, err := ReadRecipe(o)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for _, cloud := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "seed.iso")
		steps, err := writeSeed(path, r, folder, cloud)
		if err != nil {
			t.Fatal(err)
		}
		label, files := readSeed(t, path)
		encode := base64.StdEncoding.EncodeToString
		plan := "network - - -\nuser user - " + encode([]byte("student")) + "\nfile f0 0755 " + encode([]byte("/srv/a file")) + "\nrun c0 - -\nrun c1 - -\nrun k0 - -\nclean - - -\n"
		if len(steps) != 7 || files["plan"] != plan || files["f0"] != "content\n" || files["c1"] != "echo two\n" || files["k0"] != "true\n" ||
			files["user"] != r.User.PasswordHash || files["run.sh"] != string(guestScript) {
			t.Errorf("%v %v", steps, files)
		}
		if cloud != strings.HasPrefix(files["user-data"], "#cloud-config\n") || cloud != strings.Contains(files["meta-data"], "local-hostname: seed\n") ||
			cloud != (label == cloudLabel) || !cloud != (label == unitLabel) {
			t.Errorf("%v: %q %v", cloud, label, files)
		}
	}
}

// TestFilesOutside: no link and no special file gets anything of this computer into a lab.
func TestFilesOutside(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"link out":      func(path string) error { return os.Symlink(secret, path) },
		"relative link": func(path string) error { return os.Symlink("../../../../../../../../etc/passwd", path) },
		"device":        func(path string) error { return os.Symlink("/dev/zero", path) },
		"missing":       func(string) error { return nil },
		"folder":        func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"too long": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, lab.MaxFileBytes+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := recipe(t, seedRecipe, map[string]string{"files/b": ""})
			if err := make(filepath.Join(filepath.Dir(file), "files", "a")); err != nil {
				t.Fatal(err)
			}
			r, folder, _, err := ReadRecipe(Options{Recipe: file})
			if err != nil {
				t.Fatal(err)
			}
			defer folder.Close()
			_, err = writeSeed(filepath.Join(t.TempDir(), "seed.iso"), r, folder, false)
			if !errors.Is(err, ErrFiles) || !strings.Contains(err.Error(), "The recipe's file “files/a”") {
				t.Error(err)
			}
		})
	}
}

// TestReadRecipe: name and time can come from outside, and a recipe that is none is refused before anything is done.
func TestReadRecipe(t *testing.T) {
	file := recipe(t, seedRecipe, map[string]string{})
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	r, folder, epoch, err := ReadRecipe(Options{Recipe: file, Name: "other/name"})
	if err != nil || r.Name != "other/name" || !epoch.Equal(testEpoch) {
		t.Fatalf("%v %v %v", r, epoch, err)
	}
	folder.Close()
	if _, _, _, err := ReadRecipe(Options{Recipe: file, Name: "../x"}); !errors.Is(err, lab.ErrRecipe) {
		t.Error(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, _, _, err := ReadRecipe(Options{Recipe: file}); !errors.Is(err, lab.ErrRecipe) {
		t.Error(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	large := filepath.Join(t.TempDir(), "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, 10<<30)); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := ReadRecipe(Options{Recipe: large}); !errors.Is(err, lab.ErrRecipe) {
		t.Error(err)
	}
	if _, _, _, err := ReadRecipe(Options{Recipe: "/dev/zero"}); err == nil {
		t.Error("a device was read")
	}
	text := recipe(t, seedRecipe+"text-file: task.md\n", map[string]string{"task.md": strings.Repeat("x", lab.MaxTextBytes+1)})
	if _, _, _, err := ReadRecipe(Options{Recipe: text}); !errors.Is(err, ErrFiles) {
		t.Error(err)
	}
}

// TestReport: what a guest says is understood, and a hostile one can do no more than fail.
func TestReport(t *testing.T) {
	steps := []step{{title: "One"}, {title: "Two", what: "a\nb"}}
	output := base64.StdEncoding.EncodeToString([]byte("some \x1b[31moutput\n"))
	for name, test := range map[string]struct {
		lines string
		over  bool
		want  string
	}{
		"success":            {"hello\nbegin 0\ndone 0 0 " + output + "\nbegin 1\ndone 1 0 \nend ok", true, ""},
		"noise":              {"\nx y z\nhello\nbegin\nbegin 9999999999999999999\ndone 1\ndone 0\ndone 0 0\ndone 1 0\nend ok", true, ""},
		"failure":            {"begin 0\ndone 0 0\ndone 1 7 " + output, false, "exit status 7: Two.\nAll of it:\na\nb\nThe end of its output:\nsome "},
		"no output":          {"done 0 1", false, "It printed nothing"},
		"broken output":      {"done 0 1 ****", false, "It printed nothing"},
		"too early":          {"hello\ndone 0 0\nend ok", false, "gave up at “Two”"},
		"out of order":       {"done 1 0\nend ok", false, "gave up at “One”"},
		"too many":           {"done 0 0\ndone 1 0\ndone 2 0\ndone -1 5\nend ok", true, ""},
		"an end of its own":  {"end", false, "gave up"},
		"a strange status":   {"done 0 \x1b[2Jxxxxxxxxxxxxxxxxxxxx", false, "exit status"},
		"failed for no step": {"end failed", false, "gave up at “One”"},
	} {
		r := reader{steps: steps, report: func(int, string) {}}
		var err error
		for _, line := range strings.Split(test.lines, "\n") {
			if err = r.read(line); err != nil {
				break
			}
		}
		if r.over != test.over || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: over %v, %v", name, r.over, err)
		}
		if err != nil && strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: the guest's control characters are in %q", name, err)
		}
	}
}

// FuzzReport: nothing that a guest says is taken for the success of a step that did not succeed.
func FuzzReport(f *testing.F) {
	f.Add("hello\nbegin 0\ndone 0 0\nend ok")
	f.Add("done 0 1 eHh4")
	f.Fuzz(func(t *testing.T, text string) {
		r := reader{steps: []step{{title: "One"}, {title: "Two"}}, report: func(int, string) {}}
		for _, line := range strings.Split(text, "\n") {
			if err := r.read(line); err != nil && !errors.Is(err, ErrStep) && !errors.Is(err, ErrGuest) {
				t.Fatal(err)
			}
		}
		if r.now > len(r.steps) || r.over && r.now != len(r.steps) {
			t.Errorf("%+v", r)
		}
	})
}
