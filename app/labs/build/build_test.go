package build

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
	"guesthouse/vmconfig/guestos"
	"guesthouse/vmconfig/lab"
)

// buildVariable asks for the tests that make whole labs: minutes of emulation each.
const buildVariable = "GUESTHOUSE_BUILD_LAB"

// patience bounds every wait of these tests; it is for hangs, not for speed.
const patience = 30 * time.Minute

// workshop is a teacher's computer: the program without windows on a libvirt of the test's own.
type workshop struct {
	*Builder
	labs *labs.Service
	conn *libvirtd.Conn
	data string
}

func openWorkshop(t *testing.T) *workshop {
	t.Helper()
	host := hosttest.Start(t)
	t.Setenv("XDG_CONFIG_HOME", host.ConfigDir)
	t.Setenv(machines.AccelVariable, "tcg")
	w := &workshop{data: filepath.Join(host.DataDir, "guesthouse")}
	var err error
	if w.conn, err = libvirtd.Open(within(t), host.URI, libvirtd.Options{}); err != nil {
		t.Fatal(err)
	}
	images, err := diskimage.New()
	if err != nil {
		t.Fatal(err)
	}
	runner := jobs.NewRunner()
	list := machines.New(machines.Params{Conn: w.conn, Jobs: runner, Images: images, DataDir: w.data, Guests: func() *guestos.Catalogue { return nil }})
	points := checkpoints.New(checkpoints.Params{Conn: w.conn, Machines: list, Jobs: runner, Images: images, DataDir: w.data})
	library := labs.New(labs.Params{Dir: filepath.Join(w.data, "labs"), Keys: filepath.Join(w.data, "keys")})
	w.labs = labs.NewService(labs.ServiceParams{
		Library: library, Conn: w.conn, Machines: list, Checkpoints: points, Jobs: runner, Images: images, DataDir: w.data,
	})
	w.Builder = New(Params{Library: library, Conn: w.conn, Machines: list, Jobs: runner, Images: images})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		list.Run(ctx)
	}()
	t.Cleanup(func() {
		runner.Shutdown(within(t))
		cancel()
		<-ended
		w.conn.Close()
	})
	if err := list.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return w
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// recipe writes a recipe with files beside it.
func recipe(t *testing.T, text string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["lab.yaml"] = text
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "lab.yaml")
}

// make builds a lab and fails the test when that fails.
func (w *workshop) make(t *testing.T, file string) lab.Digest {
	t.Helper()
	var id lab.Digest
	start := time.Now()
	job := w.Build(Options{Recipe: file, Done: func(d lab.Digest) { id = d }})
	stages := follow(job)
	if err := job.Wait(within(t)); err != nil {
		t.Fatalf("%v\nafter %v", err, time.Since(start))
	}
	t.Logf("it took %v:\n%s", time.Since(start).Round(time.Second), strings.Join(<-stages, "\n"))
	w.clean(t)
	return id
}

// follow notes when each stage of a job began.
func follow(job *jobs.Job) <-chan []string {
	out := make(chan []string, 1)
	go func() {
		var stages []string
		last, start := "", time.Now()
		for {
			if text := job.Status().Progress.Text; text != last {
				stages = append(stages, time.Since(start).Round(100*time.Millisecond).String()+" "+text)
				last = text
			}
			select {
			case <-job.Done():
				out <- stages
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return out
}

// clean fails the test when a build has left anything but labs.
func (w *workshop) clean(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{filepath.Join(w.data, "labs/staging/*"), filepath.Join(w.data, "images/*"), "/var/tmp/guesthouse-build-*"} {
		left, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range left {
			if info, err := os.Lstat(path); err == nil && owned(info) {
				t.Errorf("%s is left", path)
			}
		}
	}
	domains, err := w.conn.Domains(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range domains {
		if strings.HasPrefix(d.Name, "Making ") {
			t.Errorf("the machine %s is left", d.Name)
		}
	}
}

// mirror is where this computer gets its packages of Debian from.
func mirror(t *testing.T) (address, suite string) {
	t.Helper()
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*.sources")
	lists, _ := filepath.Glob("/etc/apt/sources.list.d/*.list")
	line := regexp.MustCompile(`(?m)^deb (?:\[[^\]]*\] )?(https?://\S+/debian)/? (\S+) .*main`)
	stanza := regexp.MustCompile(`(?m)^URIs: (https?://\S+/debian)/?$\nSuites: (\S+)`)
	for _, file := range append(append(files, lists...), "/etc/apt/sources.list") {
		data, _ := os.ReadFile(file)
		for _, pattern := range []*regexp.Regexp{line, stanza} {
			if m := pattern.FindSubmatch(data); m != nil {
				return string(m[1]), string(m[2])
			}
		}
	}
	t.Skip("this computer has no mirror of Debian among its package sources")
	return "", ""
}

const labRecipe = `name: tests/small
course: Tests
title: A small lab
text-file: task.md
base:
  debian:
    suite: SUITE
    mirror: MIRROR
disk: 1 GiB
machine: {cpus: 2, memory: 512 MiB}
network:
  ports: [{name: web, guest: 80}]
files:
  - {from: files/say, to: /usr/local/bin/say-it, mode: 0755}
  - {from: files/unit, to: /etc/systemd/system/say.service}
commands:
  - systemctl enable say.service
  - |
    echo "made of $(cat /etc/debian_version)" >/etc/made
    test "$(id -u)" = 0
checks:
  - say-it | grep -q "The lab says"
  - test -s /etc/made
user: {name: student}
`

func labFiles() map[string]string {
	return map[string]string{
		"task.md":    "# Say it\n",
		"files/say":  "#!/bin/sh\necho \"The lab says: $(cat /etc/made), $(hostname), $(stat -c %u:%a /usr/local/bin/say-it), units left: $(ls /etc/systemd/system | grep -c guesthouse)\"\n",
		"files/unit": "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/usr/local/bin/say-it\nStandardOutput=file:/dev/ttyS0\n[Install]\nWantedBy=graphical.target\n",
	}
}

// TestBuildDebian: out of Debian's packages comes a lab that starts, in which the recipe's file and command are; and another lab comes out of that one.
func TestBuildDebian(t *testing.T) {
	if os.Getenv(buildVariable) == "" {
		t.Skip("set " + buildVariable + "=1 to make a whole lab")
	}
	address, suite := mirror(t)
	w := openWorkshop(t)
	id := w.make(t, recipe(t, strings.NewReplacer("SUITE", suite, "MIRROR", address).Replace(labRecipe), labFiles()))
	list, err := w.p.Library.Images()
	if err != nil || len(list) != 1 || list[0].Config.Text != "# Say it\n" {
		t.Fatalf("%+v, %v", list, err)
	}
	t.Logf("it takes %d MiB", list[0].Disk>>20)
	w.says(t, id, `The lab says: made of \d+\S*, small, 0:755, units left: 0`)

	text := "name: tests/second\ncourse: Tests\ntitle: The second\nbase: {lab: 'tests/small:latest'}\nmachine: {memory: 512 MiB, firmware: uefi}\ncommands: ['echo \"the first one\" >/etc/made']\n"
	second := w.make(t, recipe(t, text, map[string]string{}))
	w.says(t, second, `The lab says: the first one, small, 0:755, units left: 0`)

	for name, test := range map[string]struct{ more, want string }{
		"command": {"commands: ['echo out; echo err >&2; exit 7']\n", "exit status 7: Command 1 of 1: echo out; echo err >&2; exit 7.\nThe end of its output:\nout\nerr"},
		"check":   {"checks: [\"true\", \"test -e /nowhere\"]\n", "Check 2 of 2: test -e /nowhere.\nIt printed nothing."},
	} {
		err := w.Build(Options{Recipe: recipe(t, strings.Split(text, "commands:")[0]+test.more, map[string]string{})}).Wait(within(t))
		if !errors.Is(err, ErrStep) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
		w.clean(t)
	}
}

// says launches a lab and waits for a line on its serial console.
func (w *workshop) says(t *testing.T, id lab.Digest, pattern string) {
	t.Helper()
	start := time.Now()
	job, machine := w.labs.Launch(id, labs.LaunchOptions{Start: true})
	if err := job.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.discard(within(t), guest{id: machine}); err != nil {
			t.Error(err)
		}
	}()
	heard := w.hear(t, machine, regexp.MustCompile(pattern))
	t.Logf("after %v: %s", time.Since(start).Round(time.Second), heard)
}

// hear waits for a line of a machine's first serial port.
func (w *workshop) hear(t *testing.T, machine uuid.UUID, pattern *regexp.Regexp) string {
	t.Helper()
	port, err := w.conn.OpenConsole(within(t), machine, "", false)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	stop := context.AfterFunc(within(t), func() { port.Close() })
	defer stop()
	var all []string
	for scanner := bufio.NewScanner(io.TeeReader(port, io.Discard)); scanner.Scan(); {
		all = append(all, strings.TrimRight(scanner.Text(), "\r"))
		if found := pattern.FindString(scanner.Text()); found != "" {
			return found
		}
	}
	t.Fatalf("it never said %s; the last was\n%s", pattern, strings.Join(all[max(0, len(all)-30):], "\n"))
	return ""
}
