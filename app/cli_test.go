package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// terminal runs command lines of the program against a host of the test's own.
type terminal struct {
	t    *testing.T
	host *hosttest.Host
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	host := hosttest.Start(t)
	for _, v := range host.Env() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	t.Setenv("GUESTHOUSE_ACCEL", "tcg")
	return &terminal{t, host}
}

// try runs one command line and returns exit code, standard output and standard error.
func (c *terminal) try(args ...string) (code int, out, errOut string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var o, e bytes.Buffer
	code = run(ctx, append([]string{"--connect", c.host.URI}, args...), &o, &e)
	return code, o.String(), e.String()
}

// ok runs a command line that must succeed and returns its output.
func (c *terminal) ok(args ...string) string {
	c.t.Helper()
	code, out, errOut := c.try(args...)
	if code != 0 {
		c.t.Fatalf("guesthouse %s: exit code %d\n%s", strings.Join(args, " "), code, errOut)
	}
	return out
}

// fails runs a command line that must end with this exit code and returns what it said.
func (c *terminal) fails(want int, args ...string) string {
	c.t.Helper()
	code, out, errOut := c.try(args...)
	if code != want {
		c.t.Fatalf("guesthouse %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errOut)
	}
	if strings.TrimSpace(errOut) == "" {
		c.t.Fatalf("guesthouse %s failed without a word", strings.Join(args, " "))
	}
	return errOut
}

// document runs a command line with --json and decodes its one document.
func (c *terminal) document(into any, args ...string) {
	c.t.Helper()
	out := c.ok(append([]string{"--json"}, args...)...)
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		c.t.Fatalf("guesthouse --json %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if d.More() {
		c.t.Fatalf("guesthouse --json %s printed more than one document:\n%s", strings.Join(args, " "), out)
	}
}

func (c *terminal) state(name string) string {
	c.t.Helper()
	var m machineDocument
	c.document(&m, "vm", "show", name)
	return m.State
}

// wantState checks a machine's state with the program and with virsh.
func (c *terminal) wantState(name, state, virsh string) {
	c.t.Helper()
	if got := c.state(name); got != state {
		c.t.Errorf("state of %s: %s, want %s", name, got, state)
	}
	if got := strings.TrimSpace(c.host.Virsh(c.t, "domstate", name)); got != virsh {
		c.t.Errorf("virsh domstate %s: %s, want %s", name, got, virsh)
	}
}

// TestMainJob is the command line's half of the main job, once for each firmware: every verb on a real
// machine, judged by virsh and by the guest's own counters.
func TestMainJob(t *testing.T) {
	for _, firmware := range []string{"bios", "uefi"} {
		t.Run(firmware, func(t *testing.T) { testMainJob(t, firmware) })
	}
}

func testMainJob(t *testing.T, firmware string) {
	c := newTerminal(t)
	iso := guesttest.ISO(t)

	memory := int64(guesttest.MinMemoryMiB)
	if firmware == "uefi" {
		memory = guesttest.MinMemoryUEFIMiB
	}

	var created machineDocument
	c.document(&created, "vm", "create", "Lab 1", "--iso", iso, "--memory", fmt.Sprintf("%dMiB", memory), "--cpus", "1",
		"--disk", "64MiB", "--firmware", firmware, "--start")
	if created.Name != "Lab 1" || created.CPUs != 1 || created.MemoryBytes != memory<<20 || created.Firmware != firmware {
		t.Errorf("created %+v", created)
	}
	if got := strings.TrimSpace(c.host.Virsh(t, "domuuid", "Lab 1")); got != created.UUID {
		t.Errorf("virsh domuuid: %s, want %s", got, created.UUID)
	}
	c.wantState("Lab 1", "running", "running")
	guest := guesttest.Open(t, c.host, "Lab 1")
	guest.WaitReady()

	picture := filepath.Join(t.TempDir(), "screen.png")
	c.ok("vm", "screenshot", "Lab 1", picture)
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if config, err := png.DecodeConfig(f); err != nil || config.Width < 320 {
		t.Errorf("screenshot: %v %+v", err, config)
	}

	c.ok("vm", "pause", "Lab 1")
	c.wantState("Lab 1", "paused", "paused")
	c.ok("vm", "resume", "Lab 1")
	c.wantState("Lab 1", "running", "running")

	t.Log("a checkpoint of the running machine brings back memory and disk")
	mem := guest.Hold()
	var saved checkpointDocument
	c.document(&saved, "checkpoint", "save", "Lab 1", "--description", "before the accident")
	if saved.Name != "Checkpoint 1" || saved.State != "running" || saved.Description != "before the accident" || !saved.Current {
		t.Errorf("saved %+v", saved)
	}
	if _, err := time.Parse(time.RFC3339, saved.Created); err != nil {
		t.Error(err)
	}
	guest.Continue() // the serial line may be a new one now
	guest.Go()
	guest.Ask("write 7 wrecked", "^wrote 7 wrecked$")
	guest.NextCounters()
	guest.NextCounters()
	c.ok("checkpoint", "restore", "Lab 1", "Checkpoint 1")
	c.wantState("Lab 1", "running", "running")
	guest.Continue()
	if text := guest.Ask("read 7", "^read 7(.*)$")[1]; strings.Contains(text, "wrecked") {
		t.Errorf("the disk still holds what was written after the checkpoint: %q", text)
	}
	guest.Go()
	if m, d := guest.NextCounters(); m != mem+1 || d < 0 {
		t.Errorf("after the restore the guest counts mem=%d disk=%d, want mem=%d", m, d, mem+1)
	}

	t.Log("saved state")
	mem = guest.Hold()
	c.ok("vm", "save", "Lab 1")
	c.wantState("Lab 1", "saved", "shut off")
	c.ok("vm", "start", "Lab 1")
	c.wantState("Lab 1", "running", "running")
	guest.Continue()
	guest.Go()
	if m, _ := guest.NextCounters(); m != mem+1 {
		t.Errorf("the saved machine did not go on: counter %d, want %d", m, mem+1)
	}
	c.ok("vm", "save", "Lab 1")
	c.ok("vm", "discard-saved", "Lab 1")
	c.wantState("Lab 1", "off", "shut off")

	t.Log("a checkpoint of the stopped machine brings back the disk")
	c.ok("checkpoint", "save", "Lab 1", "--name", "Stopped")
	c.ok("vm", "start", "Lab 1")
	guest.Reopen()
	guest.WaitReady()
	guest.Ask("write 8 wrecked", "^wrote 8 wrecked$")
	guest.Skip()
	c.ok("vm", "reset", "Lab 1")
	guest.WaitLine("^GUEST READY$")
	if text := guest.Ask("read 8", "^read 8(.*)$")[1]; !strings.Contains(text, "wrecked") {
		t.Errorf("the disk lost what was written: %q", text)
	}
	c.ok("vm", "shutdown", "Lab 1")
	c.host.WaitState(t, "Lab 1", "shut off")
	c.ok("checkpoint", "restore", "Lab 1", "Stopped", "--save-first")
	c.wantState("Lab 1", "off", "shut off")
	c.ok("vm", "start", "Lab 1")
	guest.Reopen()
	guest.WaitReady()
	if text := guest.Ask("read 8", "^read 8(.*)$")[1]; strings.Contains(text, "wrecked") {
		t.Errorf("the disk still holds what was written after the checkpoint: %q", text)
	}

	t.Log("list and delete checkpoints")
	var list []checkpointDocument
	c.document(&list, "checkpoint", "list", "Lab 1")
	names := map[string]string{}
	for _, k := range list {
		names[k.Name] = k.ID
	}
	if len(list) != 3 || names["Checkpoint 1"] == "" || names["Stopped"] == "" {
		t.Fatalf("checkpoints: %+v", list)
	}
	c.ok("checkpoint", "delete", "Lab 1", names["Checkpoint 1"])
	c.document(&list, "checkpoint", "list", "Lab 1")
	if len(list) != 2 {
		t.Errorf("after deleting one: %+v", list)
	}
	c.fails(3, "checkpoint", "restore", "Lab 1", "Checkpoint 1")
	c.document(&list, "checkpoint", "list", "Lab 1", "--trash")
	if len(list) != 1 || list[0].Name != "Checkpoint 1" || list[0].FreesBytes == nil || *list[0].FreesBytes == 0 {
		t.Errorf("in the trash: %+v", list)
	}
	c.ok("checkpoint", "put-back", "Lab 1", "Checkpoint 1")
	c.ok("vm", "poweroff", "Lab 1")
	c.ok("checkpoint", "delete", "Lab 1", "Checkpoint 1", "--now")
	c.document(&list, "checkpoint", "list", "Lab 1", "--trash")
	if len(list) != 0 {
		t.Errorf("after deleting for good the trash has %+v", list)
	}
	c.ok("checkpoint", "copy", "Lab 1", "Stopped", "Lab copy")
	c.wantState("Lab copy", "off", "shut off")
	c.ok("vm", "delete", "Lab copy")
	var differences []differenceDocument
	if c.document(&differences, "checkpoint", "compare", "Lab 1", "Stopped"); len(differences) != 0 {
		t.Errorf("the settings changed: %+v", differences)
	}
	c.wantState("Lab 1", "off", "shut off")
	c.ok("checkpoint", "rename", "Lab 1", "Stopped", "Halted", "--description", "for the night")
	c.ok("checkpoint", "rename", "Lab 1", "Halted", "Stopped again")
	c.document(&list, "checkpoint", "list", "Lab 1")
	if i := slices.IndexFunc(list, func(k checkpointDocument) bool { return k.Name == "Stopped again" }); i < 0 || list[i].Description != "for the night" {
		t.Errorf("after renaming one: %+v", list)
	}
	c.ok("checkpoint", "restore", "Lab 1", "Stopped again")

	t.Log("rename and delete")
	c.ok("vm", "rename", "Lab 1", "Lab 2")
	c.fails(3, "vm", "show", "Lab 1")
	var shown machineDocument
	c.document(&shown, "vm", "show", "Lab 2")
	if shown.UUID != created.UUID {
		t.Errorf("renamed machine has UUID %s, had %s", shown.UUID, created.UUID)
	}
	path := shown.Disks[0].Path
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	c.ok("vm", "delete", "Lab 2")
	if out := c.host.Virsh(t, "list", "--all", "--name"); strings.TrimSpace(out) != "" {
		t.Errorf("virsh still lists %q", out)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the disk of the deleted machine: %v", err)
	}
}

// TestRefusals tries what must not work and checks the exit code, one sentence, and that nothing is left behind.
func TestRefusals(t *testing.T) {
	c := newTerminal(t)
	c.ok("vm", "create", "one", "--memory", "64MiB", "--cpus", "1", "--no-disk")
	notISO := filepath.Join(t.TempDir(), "page.iso")
	if err := os.WriteFile(notISO, []byte("<html>please log in</html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		code int
		args []string
	}{
		{"unknown command", 2, []string{"fly"}},
		{"unknown verb", 2, []string{"vm", "fly"}},
		{"unknown flag", 2, []string{"vm", "list", "--fly"}},
		{"no number", 2, []string{"vm", "create", "x", "--cpus", "many", "--no-disk"}},
		{"no name", 2, []string{"vm", "show"}},
		{"no names", 2, []string{"vm", "start"}},
		{"bare number as size", 2, []string{"vm", "create", "x", "--memory", "2048", "--no-disk"}},
		{"negative size", 2, []string{"vm", "create", "x", "--memory", "-5MiB", "--no-disk"}},
		{"two disk options", 2, []string{"vm", "create", "x", "--disk", "1GiB", "--no-disk"}},
		{"unknown system", 2, []string{"vm", "create", "x", "--os", "no-such-system", "--no-disk"}},
		{"no such machine", 3, []string{"vm", "show", "two"}},
		{"no such machine to start", 3, []string{"vm", "start", "one", "two"}},
		{"no such checkpoint", 3, []string{"checkpoint", "restore", "one", "never"}},
		{"pause of an off machine", 4, []string{"vm", "pause", "one"}},
		{"reset of an off machine", 4, []string{"vm", "reset", "one"}},
		{"picture of an off machine", 4, []string{"vm", "screenshot", "one", filepath.Join(t.TempDir(), "x.png")}},
		{"name taken", 2, []string{"vm", "create", "one", "--no-disk"}},
		{"name with a slash", 2, []string{"vm", "create", "a/b", "--no-disk"}},
		{"name with a newline", 2, []string{"vm", "create", "a\nb", "--no-disk"}},
		{"empty name", 2, []string{"vm", "create", "", "--no-disk"}},
		{"no processors", 2, []string{"vm", "create", "x", "--cpus", "0", "--no-disk"}},
		{"negative processors", 2, []string{"vm", "create", "x", "--cpus", "-1", "--no-disk"}},
		{"too many processors", 2, []string{"vm", "create", "x", "--cpus", "100000", "--no-disk"}},
		{"memory beyond the host", 2, []string{"vm", "create", "x", "--memory", "900TiB", "--no-disk"}},
		{"not an ISO", 2, []string{"vm", "create", "x", "--iso", notISO, "--no-disk"}},
		{"no ISO", 2, []string{"vm", "create", "x", "--iso", "/nowhere/x.iso", "--no-disk"}},
		{"no disk image", 2, []string{"vm", "create", "x", "--existing-disk", "/nowhere/x.qcow2"}},
		{"no recipe", 1, []string{"lab", "build", "/nowhere/lab.yaml"}},
		{"a recipe that is none", 2, []string{"lab", "build", notISO}},
		{"rename to a bad name", 2, []string{"vm", "rename", "one", "a/b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &terminal{t, c.host}
			said := c.fails(test.code, test.args...)
			if lines := strings.Count(strings.TrimSpace(said), "\n"); lines > 0 {
				t.Errorf("said more than one line:\n%s", said)
			}
			_, _, errOut := c.try(append([]string{"--json"}, test.args...)...)
			var e struct {
				Error struct {
					Code            int
					Message, Detail string
				}
			}
			if err := json.Unmarshal([]byte(errOut), &e); err != nil || e.Error.Code != test.code || e.Error.Message == "" {
				t.Errorf("--json: %v, %+v\n%s", err, e, errOut)
			}
		})
	}
	if out := strings.Fields(c.host.Virsh(t, "list", "--all", "--name")); len(out) != 1 || out[0] != "one" {
		t.Errorf("machines afterwards: %q", out)
	}
	left, err := filepath.Glob(filepath.Join(dataDir(), "images", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("files left behind: %q %v", left, err)
	}
}

// TestMachinesOfOthers reads what libvirt's own test driver offers.
func TestMachinesOfOthers(t *testing.T) {
	c := newTerminal(t)
	var list []machineDocument
	c.document(&list, "--connect", c.host.TestURI(), "vm", "list")
	if len(list) != 1 || list[0].Name != "test" || list[0].State != "running" {
		t.Errorf("test:///default lists %+v", list)
	}
}

// TestHostLacksSomething asks for a connection that cannot be had.
func TestHostLacksSomething(t *testing.T) {
	c := newTerminal(t)
	c.fails(5, "--connect", "qemu:///session?socket=/nowhere/libvirt-sock", "vm", "list")
	c.fails(2, "--connect", "qemu+ssh://-oProxyCommand=x/system", "vm", "list")
}

// TestDoctor checks that every need named by the design is looked at.
func TestDoctor(t *testing.T) {
	c := newTerminal(t)
	_, out, _ := c.try("--json", "doctor")
	var needs []needDocument
	if err := json.Unmarshal([]byte(out), &needs); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, n := range needs {
		if n.State == "fail" && n.Fix == "" {
			t.Errorf("%s fails without a fix", n.Name)
		}
	}
	if len(needs) < 7 {
		t.Errorf("only %d needs are checked: %+v", len(needs), needs)
	}
}

// TestManualAndCompletion checks what the command-line library makes for free.
func TestManualAndCompletion(t *testing.T) {
	var out, errOut bytes.Buffer
	dir := t.TempDir()
	if code := run(context.Background(), []string{"man", dir}, &out, &errOut); code != 0 {
		t.Fatal(errOut.String())
	}
	page, err := os.ReadFile(filepath.Join(dir, "guesthouse-vm-create.1"))
	if err != nil || !bytes.Contains(page, []byte("existing")) {
		t.Errorf("manual page of vm create: %v", err)
	}
	if code := run(context.Background(), []string{"completion", "bash"}, &out, &errOut); code != 0 || !strings.Contains(out.String(), "guesthouse") {
		t.Errorf("completion: exit code %d", code)
	}
	out.Reset()
	if code := run(context.Background(), []string{"--version"}, &out, &errOut); code != 0 || !strings.Contains(out.String(), version) {
		t.Errorf("version: %d %q", code, out.String())
	}
}

// TestNoDisplay opens the manager where there is no screen.
func TestNoDisplay(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	var out, errOut bytes.Buffer
	if code := run(context.Background(), nil, &out, &errOut); code != exitNoDisplay {
		t.Errorf("exit code %d, want %d", code, exitNoDisplay)
	}
	if lines := strings.Count(errOut.String(), "\n"); lines != 1 {
		t.Errorf("said %d lines:\n%s", lines, errOut.String())
	}
}
