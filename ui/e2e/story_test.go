package e2e

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

const (
	manager = "^Guesthouse"
	wizard  = "^New machine$"
)

// TestStory is the program's main job from the first start to the last close: a user makes a machine in the
// wizard, sees its screen, types, saves a checkpoint, wrecks something, restores it, stops and deletes the machine.
func TestStory(t *testing.T) {
	for _, firmware := range []string{"BIOS", "UEFI"} {
		t.Run(firmware, func(t *testing.T) { story(t, firmware) })
	}
}

func story(t *testing.T, firmware string) {
	name := "Story " + firmware
	iso := guesttest.ISOLabelled(t, "Debian 11.6.0 amd64 n")
	h := hosttest.New(t) // without a daemon: starting it is the program's task
	s := startScreen(t, h)
	p := startProgram(t, h, s)

	// First start: a friendly page, and the way to the wizard.
	p.waitWindow(manager)
	p.click(manager, "New machine")
	p.createInWizard(name, iso, firmware)

	// The machine's own window opens with its picture.
	console := "^" + name + ".* – "
	p.waitWindow(console)
	guest := guesttest.Open(t, h, name)
	guest.WaitReady()
	h.WaitState(t, name, "running")
	picture := p.waitPicture(console, guesttest.Picture.Block)

	// Mouse and keys reach the guest where they are aimed at.
	p.pointInGuest(guest, picture)
	p.clickAt(picture.Min.Add(image.Pt(30, 30)), 1)
	guest.Skip()
	p.keys("a")
	guest.WaitLine(`^key 30 down$`)
	guest.WaitLine(`^key 30 up$`)
	p.waitPicture(console, guesttest.Picture.BlockKey)

	// Checkpoint, wreck, restore.
	guest.Ask("write 5 precious", `^wrote 5 precious$`)
	memBefore, diskBefore := guest.Counters()
	counted := guest.Hold()
	p.click(console, "Checkpoint")
	p.waitText(console, `^“Checkpoint 1” saved\.$`)
	p.waitWindow(`^` + name + ` \[Checkpoint 1\]`)

	guest.Go()
	guest.Ask("write 5 wrecked", `^wrote 5 wrecked$`)
	guest.Skip()
	p.clickAt(picture.Min.Add(image.Pt(30, 30)), 1)
	p.keys("b")
	guest.WaitLine(`^key 48 down$`)
	p.waitPicture(console, guesttest.Picture.Block)
	for range 10 {
		guest.NextCounters()
	}

	p.click(console, "Restore")
	p.waitText(console, `^Go back to “Checkpoint 1”\?$`)
	p.click(console, "Restore without saving") // the wreck is not worth keeping
	p.waitText(console, `^Back at “Checkpoint 1”\.$`)
	guest.Continue()
	guest.Go()
	mem, disk := guest.NextCounters()
	if mem != counted+1 {
		t.Errorf("the memory counts %d after a checkpoint at %d", mem, counted)
	}
	if disk-mem != diskBefore-memBefore {
		t.Errorf("memory and disk count %d and %d, before the checkpoint %d and %d: the disk is another", mem, disk, memBefore, diskBefore)
	}
	guest.Ask("read 5", `^read 5 precious$`)
	p.waitPicture(console, guesttest.Picture.BlockKey)
	guest.Skip()
	p.clickAt(picture.Min.Add(image.Pt(30, 30)), 1)
	p.keys("c")
	guest.WaitLine(`^key 46 down$`)

	// Stop and delete.
	p.click(console, "Stop")
	p.click(console, "Shut down")
	guest.WaitLine(`^POWER BUTTON$`)
	h.WaitState(t, name, "shut off")
	p.keys("alt+F4")
	p.waitNoWindow(console)

	disks := machineDisks(t, h, name)
	p.click(manager, name)
	p.click(manager, "More")
	p.click(manager, "Delete…")
	p.click(manager, "Delete all files")
	p.eventually("the machine is gone", func() error {
		if left := h.Virsh(t, "list", "--all", "--name"); left != "" {
			return fmt.Errorf("virsh has %q", left)
		}
		return nil
	})
	for _, disk := range disks {
		p.eventually("the disk is gone", func() error {
			if _, err := os.Stat(disk); !os.IsNotExist(err) {
				return fmt.Errorf("%s is still there", disk)
			}
			return nil
		})
	}
	p.waitText(manager, `^Welcome to Guesthouse$`)

	// The last window closes the program.
	p.waitWindow(manager)
	p.keys("alt+F4")
	p.waitExit()
}

// createInWizard fills the wizard's pages by keys and mouse and creates a machine that starts at once.
func (p *program) createInWizard(name, iso, firmware string) {
	p.t.Helper()
	p.waitWindow(wizard)
	p.enter(wizard, "Disc", iso)
	p.waitText(wizard, `Debian.* 11`)
	p.enter(wizard, "Name", name)
	p.keys("Return")

	p.waitText(wizard, `^What the machine gets from this computer`)
	p.click(wizard, firmware)
	p.enter(wizard, "Memory", "512 MiB")
	p.click(wizard, "Next")

	p.waitText(wizard, `^Where does the machine keep`)
	p.click(wizard, "Next")

	p.waitText(wizard, `^Nothing is made before you choose Create`)
	p.waitText(wizard, `^512 MiB$`)
	w, err := p.window(wizard)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := find(w, name); err != nil {
		p.t.Error(err)
	}
	p.click(wizard, "Start the machine when it is ready")
	p.click(wizard, "Create")
	p.waitNoWindow(wizard)
}

// pointInGuest moves the mouse to the middle of the picture and compares what the guest says. It moves again
// until the guest says anything: the guest finds its tablet a moment after it has booted.
func (p *program) pointInGuest(guest *guesttest.Console, picture image.Rectangle) {
	p.t.Helper()
	guest.Skip()
	size := image.Pt(800, 600) // what the guest's boot loader sets
	p.eventually("the pointer in the guest", func() error {
		p.pointAt(picture.Min.Add(picture.Size().Div(4)))
		p.pointAt(picture.Min.Add(picture.Size().Div(2)))
		at := guest.Last(`^pointer (\d+) (\d+) buttons 0$`)
		if at == nil {
			return errors.New("the guest reports no pointer")
		}
		x, _ := strconv.Atoi(at[1])
		y, _ := strconv.Atoi(at[2])
		const near = 3
		if abs(x-size.X/2) > near || abs(y-size.Y/2) > near {
			return fmt.Errorf("the guest's pointer is at %d, %d of %v", x, y, size)
		}
		return nil
	})
}

// machineDisks lists the machine's writable disk files.
func machineDisks(t *testing.T, h *hosttest.Host, name string) []string {
	t.Helper()
	var disks []string
	for line := range strings.Lines(h.Virsh(t, "domblklist", name)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && filepath.Ext(fields[1]) == ".qcow2" {
			disks = append(disks, fields[1])
		}
	}
	if len(disks) == 0 {
		t.Fatalf("machine %q has no disk", name)
	}
	return disks
}
