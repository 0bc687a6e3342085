package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

const library = "^Labs – "

// TestLabFromAFile opens the file that a teacher handed out: a student adds it, compares the words of the course, launches the lab, reads the task beside the screen,
// and resets the machine.
func TestLabFromAFile(t *testing.T) {
	h := hosttest.New(t)
	s := startScreen(t, h)
	command := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), programPath(t), args...)
		cmd.Env = append(slices.Clone(s.env), "GUESTHOUSE_ACCEL=tcg")
		cmd.Dir = h.Home
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("guesthouse %v: %v\n%s", args, err, out)
		}
	}
	task, file := filepath.Join(h.Dir, "task.md"), filepath.Join(h.Dir, "firewalls.lab")
	if err := os.WriteFile(task, []byte("# Close the ports\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command("vm", "create", "master", "--iso", guesttest.ISO(t), "--disk", "64MiB", "--memory", "64MiB")
	command("lab", "publish", "master", "-t", "networks/firewalls", "--course", "Networks 101", "--title", "Firewalls", "--text", task)
	command("lab", "export", "networks/firewalls", file)
	command("lab", "rmi", "networks/firewalls")
	command("lab", "forget", "Networks 101")

	p := startProgram(t, h, s, file)
	p.waitWindow(library)
	p.waitText(library, `^Add this lab\?$`)
	p.keys("Return")
	p.waitText(library, `^Is this your teacher’s lab\?$`)
	p.click(library, "Yes, the words are the same")
	p.waitText(library, `^Ready$`)
	p.click(library, "Launch")
	console := "^Firewalls .*running"
	p.waitWindow(console)
	h.WaitState(t, "Firewalls", "running")
	p.waitText(console, `^Task$`)

	p.click(library, "Reset…")
	p.click(library, "Switch off and reset")
	p.waitText(library, `^Firewalls · reset: `)
	h.WaitState(t, "Firewalls", "shut off")
	p.click(library, "Start")
	h.WaitState(t, "Firewalls", "running")
	p.waitWindow(console)
	p.waitText(console, `^Task$`)
}
