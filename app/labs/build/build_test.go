package build

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
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
	labs   *labs.Service
	params labs.ServiceParams // of labs
	conn   *libvirtd.Conn
	data   string
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
	w.params = labs.ServiceParams{
		Library: library, Conn: w.conn, Machines: list, Checkpoints: points, Jobs: runner, Images: images, DataDir: w.data,
	}
	w.labs = labs.NewService(w.params)
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
	var left []string
	for _, pattern := range []string{"labs/staging/*", "images/*"} {
		list, err := filepath.Glob(filepath.Join(w.data, pattern))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, list...)
	}
	shared, err := filepath.Glob(filepath.Join(tempDir, "guesthouse-build-*"))
	if err != nil {
		t.Fatal(err)
	}
	left = append(left, slices.DeleteFunc(shared, func(dir string) bool { return !abandoned(dir) })...) // another test may be at work there
	for _, path := range left {
		t.Errorf("%s is left", path)
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
  - ip -4 route | grep default
  - systemctl --failed --no-legend | tee /dev/stderr | wc -l | grep -qx 0
user: {name: student}
`

func labFiles() map[string]string {
	return map[string]string{
		"task.md":   "# Say it\n",
		"files/say": "#!/bin/sh\necho \"The lab says: $(cat /etc/made), $(hostname), $(stat -c %u:%a /usr/local/bin/say-it), units left: $(ls /etc/systemd/system | grep -c guesthouse)\"\n",
		// Again and again: a getty that begins hangs up whoever is writing to the line.
		"files/unit": "[Service]\nExecStart=/bin/sh -c 'while sleep 3; do /usr/local/bin/say-it >/dev/ttyS0; done'\n[Install]\nWantedBy=multi-user.target\n",
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
	job := w.labs.Send(id, filepath.Join(t.TempDir(), "small.lab"), labs.SendOptions{Done: func(p labs.Pushed) { t.Logf("and %d MiB as a package", p.NewBytes>>20) }})
	if err := job.Wait(within(t)); err != nil {
		t.Error(err)
	}
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

// TestCancel: a build that is cancelled while its guest runs leaves nothing, and neither does one whose guest stops.
func TestCancel(t *testing.T) {
	w := openWorkshop(t)
	file := recipe(t, "name: tests/blank\ncourse: Tests\ntitle: Blank\nbase: {image: blank.raw}\ndisk: 256 MiB\nmachine: {memory: 64 MiB}\n", map[string]string{"blank.raw": strings.Repeat("\x00", 1<<20)})
	running := func() (*jobs.Job, uuid.UUID) {
		job := w.Build(Options{Recipe: file})
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			domains, err := w.conn.Domains(within(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range domains {
				if d.State == hypervisor.StateRunning {
					return job, d.UUID
				}
			}
			if s := job.Status(); s.State != jobs.Running {
				t.Fatal(s.Err)
			}
		}
		t.Fatal("no machine was started")
		return nil, uuid.Nil
	}
	job, _ := running()
	job.Cancel()
	if err := job.Wait(within(t)); !errors.Is(err, context.Canceled) || job.Status().State != jobs.Cancelled {
		t.Errorf("%v, %v", job.Status().State, err)
	}
	w.clean(t)

	job, machine := running()
	for job.Status().Progress.Text != "Starting the guest" {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second) // whether its consoles are open by then or not, the error is one that says so
	if err := w.conn.PowerOff(within(t), machine); err != nil {
		t.Fatal(err)
	}
	if err := job.Wait(within(t)); err == nil || !errors.Is(err, ErrGuest) && !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Error(err)
	}
	w.clean(t)
	if list, err := w.p.Library.Images(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestLeftovers: what a killed build has left goes when the next one begins, and what another one uses stays.
func TestLeftovers(t *testing.T) {
	w := openWorkshop(t)
	staging, err := w.p.Library.Staging()
	if err != nil {
		t.Fatal(err)
	}
	begin := func() (dir string, lock *os.File, g guest) {
		dir, lock, err := makeFolder(staging)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"disk.raw", "seed.iso"} {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 1<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := lab.Recipe{Name: "tests/blank", Machine: lab.RecipeMachine{CPUs: 1, Memory: "64 MiB", Firmware: "bios"}}
		config := r.Config()
		if g, err = w.start(within(t), &config, filepath.Join(dir, "disk.raw"), filepath.Join(dir, "seed.iso"), ""); err != nil {
			t.Fatal(err)
		}
		return dir, lock, g
	}
	killed, lock, dead := begin()
	lock.Close()
	used, lock, alive := begin()
	defer lock.Close()
	known := func() bool {
		list := w.p.Machines.Snapshot()
		return list.Get(dead.id) != nil && list.Get(alive.id) != nil && list.Get(dead.id).Config != nil && list.Get(alive.id).Config != nil
	}
	for end := time.Now().Add(patience); !known() && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	w.sweep(within(t), staging)
	if _, err := os.Lstat(killed); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder is left")
	}
	if _, err := w.conn.Domain(within(t), dead.id); !errors.Is(err, hypervisor.ErrNotFound) {
		t.Errorf("the machine is left: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(used, "disk.raw")); err != nil {
		t.Error(err)
	}
	if d, err := w.conn.Domain(within(t), alive.id); err != nil || d.State != hypervisor.StateRunning {
		t.Errorf("%v, %v", d.State, err)
	}
	if err := w.discard(within(t), alive); err != nil {
		t.Error(err)
	}
}

// TestBasesRefused: what cannot be a base is refused in words, and nothing is left.
func TestBasesRefused(t *testing.T) {
	w := openWorkshop(t)
	dir := t.TempDir()
	below, overlay := filepath.Join(dir, "below.raw"), filepath.Join(dir, "overlay.qcow2")
	if err := os.WriteFile(below, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.p.Images.CreateOverlay(within(t), overlay, below, diskimage.FormatRaw); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(overlay)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		base, want string
		files      map[string]string
	}{
		"overlay":       {"image: disk.qcow2", "only a part of a disk", map[string]string{"disk.qcow2": string(data)}},
		"VMDK":          {"image: disk.vmdk", "cannot be a base", map[string]string{"disk.vmdk": "KDMV" + strings.Repeat("\x00", 4096)}},
		"missing image": {"image: disk.qcow2", "is not there", map[string]string{}},
		"too large":     {"image: disk.raw", "more than the recipe's “disk”", map[string]string{"disk.raw": strings.Repeat("\x00", 300<<20)}},
		"no lab":        {"lab: tests/none", "no such lab", map[string]string{}},
	} {
		text := "name: tests/x\ncourse: Tests\ntitle: X\ndisk: 256 MiB\nbase: {" + test.base + "}\n"
		if err := w.Build(Options{Recipe: recipe(t, text, test.files)}).Wait(within(t)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.clean(t)
}

// TestBuildImage: a cloud image becomes a lab, by its own cloud-init.
func TestBuildImage(t *testing.T) {
	if os.Getenv(buildVariable) == "" {
		t.Skip("set " + buildVariable + "=1 to make a whole lab")
	}
	address, suite := mirror(t)
	w := openWorkshop(t)
	file := recipe(t, strings.Replace(strings.Split(labRecipe, "base:")[0], "small", "image", 1)+"base: {image: cloud.qcow2}\ndisk: 2 GiB\nmachine: {memory: 768 MiB}\n"+
		"files:"+strings.SplitN(labRecipe, "files:", 2)[1], labFiles())
	// Such an image, made of packages.
	r, err := lab.ParseRecipe([]byte(strings.NewReplacer("SUITE", suite, "MIRROR", address).Replace(strings.Replace(labRecipe, "    suite:", "    packages: [cloud-init]\n    suite:", 1))))
	if err != nil {
		t.Fatal(err)
	}
	dir, mode := t.TempDir(), needRights(t)
	if err := makeDebian(within(t), mode, filepath.Join(dir, "cloud.raw"), dir, r, testEpoch, func(text string) { t.Log(text) }); err != nil {
		t.Fatal(err)
	}
	if err := w.p.Images.Copy(within(t), filepath.Join(filepath.Dir(file), "cloud.qcow2"), filepath.Join(dir, "cloud.raw"), diskimage.FormatRaw, "", func(float64) {}); err != nil {
		t.Fatal(err)
	}
	w.says(t, w.make(t, file), `The lab says: made of \d+\S*, image, 0:755, units left: 0`)
}
