package checkpoints

import (
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/vmconfig"
)

// TestGuestContinues saves checkpoints of a guest that counts in memory and on disk, lets it run on and change its disk, goes
// back, and looks at what the guest itself says then.
//
// Where libvirt can go on with external snapshots, the same is done with a machine that another program has begun one of.
func TestGuestContinues(t *testing.T) {
	for _, c := range []struct {
		name     string
		firmware vmconfig.Firmware
		external bool
	}{
		{"bios", vmconfig.FirmwareBIOS, false},
		{"uefi", vmconfig.FirmwareUEFI, false},
		{"external", vmconfig.FirmwareBIOS, true},
		{"external uefi", vmconfig.FirmwareUEFI, true},
	} {
		firmware := c.firmware
		t.Run(c.name, func(t *testing.T) {
			f := open(t)
			if c.external {
				f.needsExternal(t)
			}
			id := f.create(t, "guest", firmware, true)
			if c.external {
				f.host.Virsh(t, "snapshot-create-as", "guest", "theirs", "--disk-only")
			}
			guest := guesttest.Open(t, f.host, "guest")
			guest.WaitReady()

			// Running.
			guest.Ask("write 5 one", `^wrote 5 one`)
			n := guest.Hold()
			done(t, f.Save(id, SaveOptions{Name: "running", Description: "It runs.\nReally."}))
			f.state(t, id, hypervisor.StateRunning)
			guest.Continue()
			guest.Go()
			if mem, _ := guest.NextCounters(); mem != n+1 {
				t.Errorf("after saving at %d the guest went on with %d", n, mem)
			}
			guest.Ask("write 5 two", `^wrote 5 two`)
			_, diskLater := guest.Counters()

			// Paused.
			m := guest.Hold()
			f.do(t, machines.ActionPause, id)
			done(t, f.Save(id, SaveOptions{}))
			f.state(t, id, hypervisor.StatePaused)
			f.do(t, machines.ActionResume, id)
			guest.Continue()
			guest.Go()
			guest.NextCounters()

			running, paused := f.only(t, id, "running"), f.only(t, id, "Checkpoint 1")
			if running.Description != "It runs.\nReally." || running.State != hypervisor.StateRunning || running.SizeBytes == 0 {
				t.Errorf("the first checkpoint is %+v", running)
			}
			if paused.Parent != running.ID || paused.State != hypervisor.StatePaused || !paused.Current || running.Current {
				t.Errorf("the checkpoints are %+v and %+v", running, paused)
			}

			// Back to the running one, twice.
			for range 2 {
				done(t, f.Restore(id, running.ID, RestoreOptions{}))
				f.state(t, id, hypervisor.StateRunning)
				guest.Continue()
				guest.Ask("read 5", `^read 5 one`)
				guest.Go()
				mem, disk := guest.NextCounters()
				if mem != n+1 || disk >= diskLater {
					t.Errorf("restored at %d the guest went on with mem=%d disk=%d; the disk was at %d when it was left", n, mem, disk, diskLater)
				}
			}
			if c := f.only(t, id, "running"); !c.Current {
				t.Errorf("the restored checkpoint is not the current one")
			}

			// Back to the paused one.
			done(t, f.Restore(id, paused.ID, RestoreOptions{}))
			f.state(t, id, hypervisor.StatePaused)
			f.do(t, machines.ActionResume, id)
			guest.Continue()
			guest.Ask("read 5", `^read 5 two`)
			guest.Go()
			if mem, _ := guest.NextCounters(); mem != m+1 {
				t.Errorf("restored at %d the guest went on with %d", m, mem)
			}

			// Off, with the present state saved first.
			guest.Ask("write 5 three", `^wrote 5 three`)
			f.do(t, machines.ActionPowerOff, id)
			lose := func(want bool) {
				t.Helper()
				if got, err := f.wouldLose(t, id); err != nil || got != want {
					t.Errorf("a restore would lose something: %v, %v", got, err)
				}
			}
			lose(true)
			done(t, f.Save(id, SaveOptions{Name: "off"}))
			f.state(t, id, hypervisor.StateOff)
			lose(false)
			f.do(t, machines.ActionStart, id)
			guest.Reopen() // first: a line of the time before must not count as ready
			guest.WaitReady()
			guest.Ask("write 5 four", `^wrote 5 four`)
			lose(true)
			done(t, f.Restore(id, f.only(t, id, "off").ID, RestoreOptions{SaveFirst: true, SaveName: "before"}))
			f.state(t, id, hypervisor.StateOff)
			lose(false)
			f.do(t, machines.ActionStart, id)
			guest.Reopen()
			guest.WaitReady()
			guest.Ask("read 5", `^read 5 three`)
			done(t, f.Restore(id, f.only(t, id, "before").ID, RestoreOptions{}))
			guest.Continue()
			guest.Ask("read 5", `^read 5 four`)

			// Delete them all while it runs; it does not notice.
			names := []string{"running", "Checkpoint 1", "off", "before"}
			if c.external {
				names = append(names, "theirs")
			}
			for _, name := range names {
				done(t, f.Delete(id, f.only(t, id, name).ID))
			}
			guest.Ask("read 5", `^read 5 four`)
			if list, err := f.List(within(t), id); err != nil || len(list) != 0 {
				t.Errorf("after deleting all: %+v, %v", list, err)
			}
			if left := f.host.Virsh(t, "snapshot-list", "guest", "--name"); left != "" {
				t.Errorf("virsh lists %q", left)
			}
			f.do(t, machines.ActionPowerOff, id)
			if _, err := f.Recover(within(t)); err != nil {
				t.Error(err)
			}
			target, err := f.look(within(t), id)
			if err != nil {
				t.Fatal(err)
			}
			if c.external {
				f.noOverlays(t, target)
			}
			inside, err := diskimage.ReadSnapshots(target.disks()[0].Path)
			if err != nil || len(inside) != 0 || len(target.records) != 0 {
				t.Errorf("left on the disk: %+v, records %+v, %v", inside, target.records, err)
			}
			if check, err := f.images.Check(within(t), target.disks()[0].Path); err != nil || check.Errors != 0 {
				t.Errorf("the disk: %+v, %v", check, err)
			}
		})
	}
}
