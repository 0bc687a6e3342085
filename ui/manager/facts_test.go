package manager

import (
	"testing"

	"guesthouse/vmconfig"
)

// An adapter's line says what it is connected to; no text of a description is shown as it is.
func TestNetworkFacts(t *testing.T) {
	s := network(&vmconfig.Machine{NICs: []vmconfig.NIC{
		{Kind: "user", Isolated: true},
		{Kind: "bridge", Source: "br0\u202e"},
		{Kind: vmconfig.NICPrivate, Source: "239.77.12.5:23456"},
	}})
	for i, want := range []string{"Cut off from all networks", "Bridge “" + vmconfig.Inert("br0\u202e", 40) + "”", "Private network of its lab “239.77.12.5:23456”"} {
		if got := s.facts[i].value; got != want {
			t.Errorf("adapter %d is shown as %q, want %q", i+1, got, want)
		}
	}
}
