package machines

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

func TestAgentSaves(t *testing.T) {
	for qemu, want := range map[string]bool{"7.2.22": false, "10.0.13": false, "10.1.0": true, "11.0.0": true, "": false, "new": false} {
		if agentSaves(qemu) != want {
			t.Errorf("QEMU %q: %v", qemu, !want)
		}
	}
}

func TestUnsavable(t *testing.T) {
	channel := vmconfig.Machine{AgentChannel: true}
	for _, c := range []struct {
		host   hypervisor.Host
		config vmconfig.Machine
		want   string
	}{
		{hypervisor.Host{Hypervisor: "QEMU", Version: "7.2.22"}, channel, reasonAgent},
		{hypervisor.Host{Hypervisor: "QEMU", Version: "7.2.22"}, vmconfig.Machine{}, ""},
		{hypervisor.Host{Hypervisor: "QEMU", Version: "10.1.0"}, channel, ""},
		{hypervisor.Host{Hypervisor: "TEST", Version: "2"}, channel, ""},
	} {
		if got := unsavable(c.host, c.config); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	m := Machine{State: hypervisor.StateRunning, Persistent: true, Unsavable: reasonAgent}
	for a, want := range map[Action]bool{ActionSave: false, ActionCheckpoint: false, ActionRestore: true, ActionPause: true} {
		if ok, reason := m.Can(a); ok != want || !ok && reason != reasonAgent {
			t.Errorf("%s of the running machine: %v %q", a, ok, reason)
		}
	}
	m.State = hypervisor.StateOff
	if ok, reason := m.Can(ActionCheckpoint); !ok {
		t.Errorf("a checkpoint of the stopped machine: %q", reason)
	}
}

// TestForeignMachineWithAgentChannel runs machines of another program with a channel to spice-vdagent, for the clipboard and for the mouse
// alone. Whether this QEMU saves their state decides what must be said before the click.
func TestForeignMachineWithAgentChannel(t *testing.T) {
	f := open(t, false)
	for name, clipboard := range map[string]string{"clipboard": "yes", "mouse": "no"} {
		file := filepath.Join(f.host.Dir, name+".xml")
		xml := `<domain type='qemu'><name>` + name + `</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
			<channel type='qemu-vdagent'><source><clipboard copypaste='` + clipboard + `'/><mouse mode='client'/></source>
			<target type='virtio' name='com.redhat.spice.0'/></channel></devices></domain>`
		if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
			t.Fatal(err)
		}
		f.host.Virsh(t, "define", file)
		f.host.Virsh(t, "start", name)
		var m *Machine
		f.eventually(t, name+" runs", func(s *Snapshot) bool {
			m, _ = s.Find(name)
			return m != nil && m.State == hypervisor.StateRunning && m.Config != nil
		})
		saves := agentSaves(f.conn.Host().Version)
		if ok, reason := m.Can(ActionSave); ok != saves || !ok && reason != reasonAgent {
			t.Errorf("%s: the button says %v %q", name, ok, reason)
		}
		var refused *RefusedError
		if err := f.Do(ActionSave, m.UUID).Wait(within(t)); saves && err != nil || !saves && !errors.As(err, &refused) {
			t.Errorf("%s: saving it: %v", name, err)
		}
		out, err := f.host.TryVirsh("managedsave", name)
		if refuses := err != nil && strings.Contains(out+err.Error(), "vdagent"); refuses == saves {
			t.Errorf("%s: libvirt says %q, %v; QEMU %s was expected to save it: %v", name, out, err, f.conn.Host().Version, saves)
		}
		if !saves {
			f.host.Virsh(t, "destroy", name)
			if ok, reason := f.Snapshot().Get(m.UUID).Can(ActionStart); !ok && reason == reasonAgent {
				t.Errorf("%s cannot start: %q", name, reason)
			}
		}
	}
}
