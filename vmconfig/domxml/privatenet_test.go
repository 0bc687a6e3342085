package domxml

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// privateNICs are as many adapters of private networks as a machine can have.
func privateNICs() []vmconfig.NIC {
	var nics []vmconfig.NIC
	for i := range vmconfig.MaxPrivateNICs {
		nics = append(nics, vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: fmt.Sprintf("239.77.12.%d:23456", i)})
	}
	nics[1].Model, nics[1].MAC = "e1000e", "52:54:00:AB:cd:01"
	nics[2].Source = "127.9.8.7:23456-127.6.5.4:34567"
	return nics
}

// Adapters of private networks are read as they were built, behind the others, and an edit leaves them alone.
func TestPrivateNetworks(t *testing.T) {
	user, network := vmconfig.NIC{Kind: "user"}, vmconfig.NIC{Kind: "network", Source: "default"}
	for name, before := range map[string][]vmconfig.NIC{
		"alone": nil, "beside one of libvirt's": {user}, "beside two of libvirt's": {network, user}, "beside an isolated one": {{Kind: "user", Isolated: true}, network},
	} {
		m := machine()
		m.NICs = append(slices.Clone(before), privateNICs()...)
		xml, err := Build(m, BuildOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := Parse(xml)
		if err != nil || len(got.NICs) != len(m.NICs) {
			t.Errorf("%s: %v, read back %+v", name, err, got.NICs)
			continue
		}
		addresses := map[string]bool{}
		for i, n := range got.NICs {
			want := m.NICs[i]
			if n.Kind != want.Kind || n.Source != want.Source || n.Isolated != want.Isolated || want.MAC != "" && n.MAC != strings.ToLower(want.MAC) {
				t.Errorf("%s: adapter %d is %+v, want %+v", name, i, n, want)
			}
			if addresses[n.MAC] && n.MAC != "" || n.Kind == vmconfig.NICPrivate && vmconfig.CheckMAC(n.MAC) != nil {
				t.Errorf("%s: adapter %d has the address %q", name, i, n.MAC)
			}
			addresses[n.MAC] = true
		}
		to := got
		to.Notes, to.CPUs, to.MemoryBytes = "new", 1, vmconfig.GiB
		edited, err := Edit(xml, got, to)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if after, err := Parse(edited); err != nil || !slices.Equal(after.NICs, got.NICs) {
			t.Errorf("%s: %v, after an edit %+v", name, err, after.NICs)
		}
	}
}

// A slot and a name belong to the adapter's place, whatever else a machine has: the guest names its interfaces by them.
func TestPrivateNetworkStaysInItsSlot(t *testing.T) {
	m := machine()
	m.NICs = append(m.NICs, privateNICs()...)
	full, err := Build(m, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.NICs = m.NICs[1:]
	m.Disks = nil
	less, err := Build(m, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, full, _ = strings.Cut(full, "<qemu:commandline>")
	_, less, _ = strings.Cut(less, "<qemu:commandline>")
	if full != less || strings.Count(full, "addr=0x18") != 1 || strings.Count(full, "addr=0x15") != 1 {
		t.Errorf("%s\nbecame\n%s", full, less)
	}
}

// A copy has addresses of its own and is in the same networks.
func TestClonePrivateNetworks(t *testing.T) {
	m := machine()
	m.NICs[0].Isolated, m.Forwards = true, []vmconfig.Forward{{Host: 40022, Guest: 22}}
	m.NICs = append(m.NICs, privateNICs()...)
	xml, err := Build(m, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := Clone(xml, Identity{Name: "copy", UUID: uuid.MustParse("33333333-3333-3333-3333-333333333333")})
	if err != nil {
		t.Fatal(err)
	}
	from, _ := Parse(xml)
	got, err := Parse(copied)
	if err != nil || len(got.NICs) != len(from.NICs) || len(got.Forwards) != 0 {
		t.Fatalf("%v %+v", err, got)
	}
	addresses := map[string]bool{}
	for i, n := range got.NICs {
		was := from.NICs[i]
		if n.MAC == was.MAC || addresses[n.MAC] || vmconfig.CheckMAC(n.MAC) != nil {
			t.Errorf("adapter %d of the copy has the address %q, the original's has %q", i, n.MAC, was.MAC)
		}
		addresses[n.MAC] = true
		if strings.Contains(was.Source, "-") { // a cable has two ends, and both are taken
			if n.Source == was.Source || vmconfig.CheckPrivateNetwork(n.Source) != nil || strings.Contains(n.Source, "127.6.5.4") {
				t.Errorf("the cable of the copy is %q, the original's %q", n.Source, was.Source)
			}
			was.Source = n.Source
		}
		if n.MAC = was.MAC; n != was {
			t.Errorf("adapter %d of the copy is %+v, the original's %+v", i, n, was)
		}
	}
}

// What others gave QEMU, or have spoilt, is no adapter of ours.
func TestParsePassesOverOtherNetworks(t *testing.T) {
	const device = "virtio-net-pci,netdev=guesthouse1,mac=52:54:00:00:00:01"
	for name, arguments := range map[string][]string{
		"no device":             {"socket,id=guesthouse1,mcast=239.1.2.3:2000,localaddr=127.0.0.1"},
		"no network":            {device},
		"device first":          {device, "socket,id=guesthouse1,mcast=239.1.2.3:2000,localaddr=127.0.0.1"},
		"device without name":   {"socket,id=guesthouse1,mcast=239.1.2.3:2000,localaddr=127.0.0.1", ",netdev=guesthouse1"},
		"leaves the computer":   {"socket,id=guesthouse1,mcast=239.1.2.3:2000", device},
		"another address":       {"socket,id=guesthouse1,mcast=239.1.2.3:2000,localaddr=0.0.0.0", device},
		"not private":           {"socket,id=guesthouse1,mcast=224.0.0.251:5353,localaddr=127.0.0.1", device},
		"nonsense":              {"socket,id=guesthouse1,mcast=\u202e,localaddr=127.0.0.1", device},
		"no address":            {"socket,id=guesthouse1,mcast=,localaddr=127.0.0.1", device},
		"another kind":          {"user,id=guesthouse1,mcast=239.1.2.3:2000,localaddr=127.0.0.1", device},
		"name with more":        {"socket,id=guesthouse10,mcast=239.1.2.3:2000,localaddr=127.0.0.1", "virtio-net-pci,netdev=guesthouse10"},
		"private in user's net": {"socket,id=guesthouse0,mcast=239.1.2.3:2000,localaddr=127.0.0.1", "virtio-net-pci,netdev=guesthouse0"},
		"beyond the last":       {"socket,id=guesthouse5,mcast=239.1.2.3:2000,localaddr=127.0.0.1", "virtio-net-pci,netdev=guesthouse5"},
		"commas":                {",", ",,", "", ",id=guesthouse1", ",netdev=guesthouse1,mac="},
	} {
		xml := "<domain xmlns:q='" + qemuNamespace + "'><q:commandline>"
		for _, a := range arguments {
			xml += "<q:arg value='" + a + "'/>"
		}
		m, err := Parse(xml + "</q:commandline></domain>")
		if err != nil || len(m.NICs) != 0 {
			t.Errorf("%s: %v %+v", name, err, m.NICs)
		}
	}
}
