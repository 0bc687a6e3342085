package e2e

import (
	"fmt"
	"image"
	"image/color"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// command runs the program's command line against the same host.
func command(t *testing.T, h *hosttest.Host, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programPath(t), args...)
	cmd.Env = append(h.Env(), "GUESTHOUSE_ACCEL=tcg")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("guesthouse %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestConsole does with one guest's window what users do to it: other windows, restarts, a daemon that dies,
// restores with and without saving, closing.
func TestConsole(t *testing.T) {
	const name = "Lodger"
	h := hosttest.Start(t)
	s := startScreen(t, h)
	guest := runGuest(t, h, name, "bios")
	p := startProgram(t, h, s)
	p.waitText(manager, "^"+name+"$")
	p.click(manager, name)
	p.click(manager, "Show")
	console := "^" + name + ".* – "
	p.waitWindow(console)
	guest.WaitReady()
	picture := p.waitPicture(console, guesttest.Picture.Block)
	inside := picture.Min.Add(image.Pt(30, 30))

	t.Log("nothing is stuck after the focus is lost")
	p.clickAt(inside, 1)
	guest.Skip()
	p.xdotool("keydown", "shift")
	guest.WaitLine(`^key 42 down$`)
	p.waitWindow(manager)
	guest.WaitLine(`^key 42 up$`)
	p.xdotool("keyup", "shift")
	p.waitWindow(console)

	t.Log("modifiers and keypad arrive as the keys that they are")
	p.clickAt(inside, 1)
	for _, key := range []struct {
		press []string // for xdotool
		lines []string
	}{
		{[]string{"keydown", "ctrl", "key", "c", "keyup", "ctrl"}, []string{`^key 29 down$`, `^key 46 down$`, `^key 46 up$`, `^key 29 up$`}},
		{[]string{"key", "Tab"}, []string{`^key 15 down$`, `^key 15 up$`}},
		{[]string{"key", "KP_7"}, []string{`^key 71 down$`, `^key 71 up$`}},
		{[]string{"key", "F10"}, []string{`^key 68 down$`, `^key 68 up$`}},
	} {
		guest.Skip()
		p.xdotool(key.press...)
		for _, line := range key.lines {
			guest.WaitLine(line)
		}
	}

	t.Log("the picture comes back after a reset")
	h.Virsh(t, "reset", name)
	guest.Skip()
	guest.WaitReady()
	p.waitPicture(console, guesttest.Picture.Block)

	t.Log("machine and picture outlive the daemon")
	guest.Counters()
	h.KillDaemon(t)
	p.waitText(manager, `^Running$`)
	h.RestartDaemon(t)
	guest.Counters()
	p.waitWindow(console)
	p.clickAt(inside, 1)
	guest.Skip()
	p.keys("d")
	guest.WaitLine(`^key 32 down$`)
	p.waitPicture(console, guesttest.Picture.BlockKey)

	t.Log("restore that saves the present state first, from the manager")
	p.waitWindow(manager)
	p.click(manager, "Checkpoint")
	p.waitText(manager, `Checkpoint 1`)
	p.waitWindow(`^` + name + ` \[Checkpoint 1\]`)
	p.eventuallySnapshots(name, 1)
	p.waitWindow(console)
	p.clickAt(inside, 1)
	p.keys("e")
	p.waitPicture(console, guesttest.Picture.Block)
	p.waitWindow(manager)
	p.click(manager, "Restore")
	p.click(manager, "Save, then restore")
	p.eventuallySnapshots(name, 2)
	p.waitWindow(console)
	p.waitPicture(console, guesttest.Picture.BlockKey)
	guest.Continue()
	guest.Counters()

	t.Log("closing can save the machine, and it goes on from there")
	last, _ := guest.Counters()
	p.waitWindow(console)
	p.hostKey("q")
	p.waitText(console, `^What should happen to “`+name+`”\?$`)
	p.click(console, "Save its state and go on from there next time")
	p.click(console, "Save its state")
	p.waitNoWindow(console)
	h.WaitState(t, name, "shut off")
	p.waitText(manager, `^Saved$`)
	p.click(manager, "Start")
	p.waitWindow(console)
	guest.Continue()
	if mem, _ := guest.Counters(); mem < last {
		t.Errorf("the guest counts %d after %d: it started anew", mem, last)
	}
	p.waitPicture(console, blockNow(t, guest))

	t.Log("closing can leave it running, also when all windows close")
	p.waitWindow(console)
	p.hostKey("q")
	p.waitText(console, `^What should happen to “`+name+`”\?$`)
	p.keepRunning(console)
	h.WaitState(t, name, "running")
	p.waitWindow(manager)
	p.keys("alt+F4")
	p.waitExit()
	guest.Counters()
	h.WaitState(t, name, "running")
}

// xRightCtrl is X's number of the host key. By the key's name xdotool has been seen to press the left Control key with it.
const xRightCtrl = "105"

// hostKey presses a key while the host key is held: the desktop does not get what is typed while a guest has the keyboard.
func (p *program) hostKey(key string) {
	p.t.Helper()
	p.xdotool("keydown", xRightCtrl, "key", key, "keyup", xRightCtrl)
}

// blockNow is the colour that the block in the guest's picture must have after the keys that the guest has counted.
func blockNow(t *testing.T, guest *guesttest.Console) color.RGBA {
	t.Helper()
	guest.Skip()
	keys, err := strconv.Atoi(guest.WaitLine(` keys=(\d+)$`)[1])
	if err != nil {
		t.Fatal(err)
	}
	if keys%2 == 1 {
		return guesttest.Picture.BlockKey
	}
	return guesttest.Picture.Block
}

// eventuallySnapshots waits until virsh lists so many snapshots of the machine, whose names have no blanks.
func (p *program) eventuallySnapshots(name string, want int) {
	p.t.Helper()
	p.eventually("checkpoints", func() error {
		list, err := p.host.TryVirsh("snapshot-list", name, "--name")
		if err != nil {
			return err
		}
		if got := len(strings.Fields(list)); got != want {
			return fmt.Errorf("virsh lists %d: %q", got, list)
		}
		return nil
	})
}
