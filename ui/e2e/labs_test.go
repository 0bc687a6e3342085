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
	command := func(args ...string) { runCommand(t, h, s, args...) }
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

// runCommand runs the program as a command.
func runCommand(t *testing.T, h *hosttest.Host, s *screen, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programPath(t), args...)
	cmd.Env = append(slices.Clone(s.env), "GUESTHOUSE_ACCEL=tcg")
	cmd.Dir = h.Home
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("guesthouse %v: %v\n%s", args, err, out)
	}
}

// TestLabOfSeveralMachines adds one by the path of its file, launches all of it with one click, and resets it.
func TestLabOfSeveralMachines(t *testing.T) {
	h := hosttest.New(t)
	s := startScreen(t, h)
	command := func(args ...string) { runCommand(t, h, s, args...) }
	command("vm", "create", "master", "--iso", guesttest.ISO(t), "--disk", "64MiB", "--memory", "64MiB")
	for _, name := range []string{"router", "client"} {
		command("lab", "publish", "master", "-t", "networks/"+name, "--course", "Networks 101", "--title", name)
		command("lab", "export", "networks/"+name, filepath.Join(h.Dir, name+".lab"))
		command("lab", "rmi", "networks/"+name)
	}
	file := filepath.Join(h.Dir, "firewall.yaml")
	text := "name: networks/firewall\ntitle: Firewall\ntext: Close the ports.\nmachines:\n  - {name: router, lab: router.lab}\n  - {name: client, lab: client.lab, after: [router]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	p := startProgram(t, h, s)
	p.waitWindow(manager)
	p.keys("ctrl+l")
	p.waitWindow(library)
	p.waitText(library, `^No labs yet$`)
	p.keys("ctrl+n")
	p.waitText(library, `^Add a lab$`)
	p.write(file) // the field has the keyboard
	p.keys("Return")
	p.waitText(library, `^2 machines$`)
	p.waitText(library, `^1 private network$`)
	p.click(library, "Launch all")
	for _, name := range []string{"firewall-router", "firewall-client"} {
		h.WaitState(t, name, "running")
		p.waitWindow("^" + name + " .*running")
		p.waitText("^"+name, `^Close the ports\.$`)
	}
	p.waitText(library, `^Running$`)
	p.click(library, "Reset…")
	p.click(library, "Switch off and reset")
	for _, name := range []string{"firewall-router", "firewall-client"} {
		h.WaitState(t, name, "shut off")
	}
	p.waitText(library, `^Off$`)
}
