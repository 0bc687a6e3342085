package checkpoints

import (
	"os"
	"strings"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
)

// TestDisksOnly goes back to the disks of a running machine's checkpoint, also when its memory is damaged. The machine is off then, keeps its name, and the checkpoint is as good as
// before.
func TestDisksOnly(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "first", firmware, false)
			look, err := f.look(within(t), id)
			if err != nil {
				t.Fatal(err)
			}
			disk := look.disks()[0].Path
			hosttest.Run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 1 1M 4M", disk)
			f.do(t, machines.ActionStart, id)
			done(t, f.Save(id, SaveOptions{Name: "one"}))
			f.do(t, machines.ActionPowerOff, id)
			hosttest.Run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 2 1M 4M", disk)
			if err := f.machines.Rename(within(t), id, "second"); err != nil {
				t.Fatal(err)
			}
			f.do(t, machines.ActionStart, id)
			c := f.only(t, id, "one")
			if firmware == vmconfig.FirmwareUEFI {
				memory := (&record{ID: c.ID}).memoryFile(look.dir)
				if err := os.Rename(memory, memory+".kept"); err != nil {
					t.Fatal(err)
				}
				list, err := f.List(within(t), id)
				if err != nil || list[0].Problem == "" || !list[0].DisksUsable {
					t.Errorf("without its memory it is %+v, %v", list, err)
				}
				defer func() {
					if err := os.Rename(memory+".kept", memory); err != nil {
						t.Error(err)
					}
					done(t, f.Restore(id, c.ID, RestoreOptions{}))
					f.state(t, id, hypervisor.StateRunning)
				}()
			}
			done(t, f.Restore(id, c.ID, RestoreOptions{DisksOnly: true}))
			f.state(t, id, hypervisor.StateOff)
			if out := hosttest.Run(t, "qemu-io", "-r", "-f", "qcow2", "-c", "read -P 1 1M 4M", disk); strings.Contains(out, "failed") {
				t.Errorf("the disk is another one: %s", out)
			}
			o, err := f.Overview(within(t), id)
			if err != nil || len(o.List) != 1 || !o.List[0].Current || o.List[0].State != hypervisor.StateRunning || o.Settings.Name != "second" {
				t.Errorf("afterwards: %+v, %v", o, err)
			}
			f.do(t, machines.ActionStart, id)
			f.state(t, id, hypervisor.StateRunning)
			f.do(t, machines.ActionPowerOff, id)
			f.intact(t, id)
			if firmware == vmconfig.FirmwareBIOS {
				done(t, f.Restore(id, c.ID, RestoreOptions{}))
				f.state(t, id, hypervisor.StateRunning)
			}
		})
	}
}
