package libvirtd_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// Machines in one private network reach each other and nobody else, also after one of them was saved and restored.
func TestPrivateNetwork(t *testing.T) {
	h := hosttest.Start(t)
	c, _ := open(t, h.URI)
	// Tests of other packages run on the same computer, and thus on the same loopback interface.
	first := fmt.Sprintf("239.77.%d.%d:%d", rand.IntN(256), rand.IntN(256), 1024+rand.IntN(60000))
	second := fmt.Sprintf("239.78.%d.%d:%d", rand.IntN(256), rand.IntN(256), 1024+rand.IntN(60000))
	guests := map[string]*guesttest.Console{}
	for name, network := range map[string]string{"anna": first, "bert": first, "carl": second} {
		xml, err := domxml.Build(vmconfig.Machine{
			UUID: uuid.New(), Name: name, Accel: vmconfig.AccelTCG, CPUs: 1, MemoryBytes: guesttest.MinMemoryMiB * vmconfig.MiB,
			Disks: []vmconfig.Disk{{Device: vmconfig.DeviceCDROM, Path: guesttest.ISO(t), Format: "raw"}},
			NICs:  []vmconfig.NIC{{Kind: vmconfig.NICPrivate, Source: network}},
		}, domxml.BuildOptions{})
		must(t, err)
		id, err := c.Define(t.Context(), xml)
		must(t, err)
		must(t, c.Start(t.Context(), id))
		guests[name] = guesttest.Open(t, h, name)
	}
	anna, bert, carl := guests["anna"], guests["bert"], guests["carl"]
	addresses := map[string]bool{}
	for name, guest := range guests {
		guest.WaitReady()
		address := guest.Ask("net 0", `^net 0 (52:54:[0-9a-f:]+)$`)[1]
		if addresses[address] {
			t.Errorf("%s has the address of another machine, %s", name, address)
		}
		addresses[address] = true
	}
	// A machine also receives what it has sent itself: then the frame is out.
	carl.Ask("send 0 carl", `^heard 0 carl$`)
	anna.Ask("send 0 anna", `^sent 0 anna$`)
	if heard := bert.WaitLine(`^heard 0 (.*)$`)[1]; heard != "anna" {
		t.Errorf("bert hears %s", heard)
	}
	bert.Ask("send 0 bert", `^sent 0 bert$`)
	anna.WaitLine(`^heard 0 bert$`)

	file := filepath.Join(h.Dir, "anna.save")
	h.Virsh(t, "save", "anna", file)
	h.Virsh(t, "restore", file)
	anna.Continue()
	bert.Ask("send 0 again", `^sent 0 again$`)
	anna.WaitLine(`^heard 0 again$`)
	anna.Ask("send 0 restored", `^sent 0 restored$`)
	bert.WaitLine(`^heard 0 restored$`)

	carl.Send("ping end")
	if heard := carl.WaitLine(`^(heard 0 .*|pong end)$`)[1]; heard != "pong end" {
		t.Errorf("carl hears %s", heard)
	}
}
