package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// TestAgentChannel gives machines a channel to spice-vdagent, as another program would. On a QEMU that cannot save them while they run a
// checkpoint is refused before anything is tried; once off they can be saved.
func TestAgentChannel(t *testing.T) {
	f := open(t)
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		id := f.create(t, "agent "+string(firmware), firmware, false)
		xml := f.host.Virsh(t, "dumpxml", "--inactive", id.String())
		if strings.Contains(xml, "qemu-vdagent") {
			t.Skip("this QEMU saves machines with the channel")
		}
		xml = strings.Replace(xml, "</devices>", "<channel type='qemu-vdagent'><source><clipboard copypaste='yes'/></source>"+
			"<target type='virtio' name='com.redhat.spice.0'/></channel></devices>", 1)
		file := filepath.Join(f.host.Dir, "agent.xml")
		if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
			t.Fatal(err)
		}
		f.host.Virsh(t, "define", file)
		f.do(t, machines.ActionStart, id)
		var refused *machines.RefusedError
		if ok, reason := f.canSave(t, id); ok || !strings.Contains(reason, "clipboard channel") {
			t.Errorf("%s: it can be saved: %v, %q", firmware, ok, reason)
		}
		if err := f.Save(id, SaveOptions{}).Wait(within(t)); !errors.As(err, &refused) {
			t.Errorf("%s: saving it: %v", firmware, err)
		}
		f.state(t, id, hypervisor.StateRunning)
		f.do(t, machines.ActionPowerOff, id)
		done(t, f.Save(id, SaveOptions{}))
		// Taken out of the description while the machine runs with it, it is in the way all the same.
		f.do(t, machines.ActionStart, id)
		without := f.host.Virsh(t, "dumpxml", "--inactive", id.String())
		start := strings.Index(without, "<channel type='qemu-vdagent'>")
		end := start + strings.Index(without[start:], "</channel>") + len("</channel>")
		if err := os.WriteFile(file, []byte(without[:start]+without[end:]), 0o600); err != nil {
			t.Fatal(err)
		}
		f.host.Virsh(t, "define", file)
		if ok, reason := f.canSave(t, id); ok {
			t.Errorf("%s: it can be saved while it runs with the channel: %q", firmware, reason)
		}
		f.do(t, machines.ActionPowerOff, id)
		f.do(t, machines.ActionStart, id)
		if ok, reason := f.canSave(t, id); !ok {
			t.Errorf("%s: without the channel: %q", firmware, reason)
		}
		f.do(t, machines.ActionPowerOff, id)
	}
}
