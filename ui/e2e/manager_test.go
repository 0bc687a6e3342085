package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

const smallMachine = `<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>`

func define(t *testing.T, h *hosttest.Host, name string) {
	t.Helper()
	file := filepath.Join(h.Dir, name+".xml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(smallMachine, name)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
}

// TestChangesOfOthersShow lets virsh do things behind the open window.
func TestChangesOfOthersShow(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreen(t, h)
	p := startProgram(t, h, s)
	p.waitWindow(manager)
	p.waitText(manager, `^Welcome to Guesthouse$`)

	define(t, h, "visitor")
	p.waitText(manager, `^visitor$`)
	p.waitText(manager, `^Off$`)
	h.Virsh(t, "start", "visitor")
	p.waitText(manager, `^Running$`)
	h.Virsh(t, "suspend", "visitor")
	p.waitText(manager, `^Paused`)
	h.Virsh(t, "destroy", "visitor")
	p.waitText(manager, `^Off$`)
	h.Virsh(t, "domrename", "visitor", "resident")
	p.waitText(manager, `^resident$`)
	p.waitNoText(manager, `^visitor$`)

	// A lost connection is said and mended without help; what happened meanwhile shows afterwards.
	h.KillDaemon(t)
	p.eventually("another daemon", func() error {
		_, err := h.TryVirsh("list")
		return err
	})
	h.Virsh(t, "start", "resident")
	p.waitText(manager, `^Running$`)
	h.Virsh(t, "destroy", "resident")
	h.Virsh(t, "undefine", "resident")
	p.waitText(manager, `^Welcome to Guesthouse$`)
}

// TestKeyboardOnly makes, starts, stops and deletes a machine without touching the mouse.
func TestKeyboardOnly(t *testing.T) {
	h := hosttest.New(t)
	s := startScreen(t, h)
	p := startProgram(t, h, s)
	p.waitWindow(manager)
	p.waitText(manager, `^Welcome to Guesthouse$`)

	p.keys("ctrl+n")
	p.waitWindow(wizard)
	p.waitText(wizard, `^None: choose an ISO file$`)
	p.keys("Tab", "Tab") // over the button that chooses a file, to the name
	p.write("Keys only")
	p.waitText(wizard, `^Keys only$`)
	p.keys("Return")
	p.waitText(wizard, `^Choose a system`) // and the focus is where one is chosen
	p.write("alpine")
	p.keys("Down")
	p.keys("Return")
	p.waitText(wizard, `^What the machine gets from this computer`)
	p.keys("alt+Left")
	p.waitText(wizard, `^Keys only$`) // values survive Back
	p.keys("Return")
	p.waitText(wizard, `^What the machine gets from this computer`)
	p.keys("Return")
	p.waitText(wizard, `^Where does the machine keep`)
	p.keys("Return")
	p.waitText(wizard, `^Nothing is made before you choose Create`)
	p.keys("Return")
	p.waitNoWindow(wizard)
	if got := h.Virsh(t, "list", "--all", "--name"); got != "Keys only" {
		t.Fatalf("virsh lists %q", got)
	}

	p.waitWindow(manager)
	p.waitText(manager, `^Keys only$`)
	p.keys("Return")
	h.WaitState(t, "Keys only", "running")
	console := `^Keys only.* – `
	p.waitWindow(console)
	p.waitText(console, `^Running$`)
	h.Virsh(t, "destroy", "Keys only")
	p.waitWindow(`^Keys only.* – off`)
	p.keys("alt+F4")
	p.waitNoWindow(console)
}

// TestSecondStartRaisesTheFirst starts the program again beside its open window.
func TestSecondStartRaisesTheFirst(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreen(t, h)
	p := startProgram(t, h, s)
	p.waitWindow(manager)
	second := exec.Command(programPath(t))
	second.Env = append(s.env, "LIBGL_ALWAYS_SOFTWARE=1")
	out, err := second.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("the second start: %v, %q", err, out)
	}
	windows, err := p.windows()
	if err != nil || len(windows) != 1 {
		t.Errorf("there are %d windows (%v)", len(windows), err)
	}
}

// TestNoDisplay wants one clear line and its exit code where no window can open.
func TestNoDisplay(t *testing.T) {
	h := hosttest.New(t)
	for name, display := range map[string]string{"none": "", "dead": ":65000"} {
		cmd := exec.Command(programPath(t))
		cmd.Env = append(h.Env(), "DISPLAY="+display)
		var out, problems bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problems
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%s: %v, want exit code 2", name, err)
		}
		if lines := strings.Count(strings.TrimSpace(problems.String()), "\n") + 1; lines != 1 || problems.Len() == 0 || out.Len() > 0 {
			t.Errorf("%s: it said %q and %q", name, out.String(), problems.String())
		}
	}
}
