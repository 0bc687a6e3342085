package domxml

import (
	"strings"

	"guesthouse/vmconfig"
)

// privateNetAddress keeps the frames of private networks on the loopback interface. libvirt's own <interface type='mcast'> has no such address, and QEMU would send them to the
// network that this computer is in (QEMU, "-netdev socket"). A machine also receives what it has sent itself, and whoever uses this computer can take part.
const privateNetAddress = "localaddr=127.0.0.1"

// privateNetBack is the private network behind an adapter.
func privateNetBack(n ownNet, network string) string {
	return "socket,id=" + n.name() + ",mcast=" + network + "," + privateNetAddress
}

// readPrivateNet reads what privateNetBack wrote; anything else, such as a network that is not private, is none of ours and gives nil.
func readPrivateNet(words []string) *vmconfig.NIC {
	if len(words) != 4 || words[0] != "socket" || words[3] != privateNetAddress {
		return nil
	}
	network, ok := strings.CutPrefix(words[2], "mcast=")
	if !ok || vmconfig.CheckPrivateNetwork(network) != nil {
		return nil
	}
	return &vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: network}
}
