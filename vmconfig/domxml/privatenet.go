package domxml

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// privateNetAddress keeps the frames of private networks on the loopback interface. libvirt's own <interface type='mcast'> has no such address, and QEMU would send them to the
// network that this computer is in (QEMU, "-netdev socket"). A machine also receives what it has sent itself, and whoever uses this computer can take part.
const privateNetAddress = "localaddr=127.0.0.1"

// privateNetBack is the private network behind an adapter: a group of machines, or a cable between two. QEMU offers both only by its own arguments together with a loopback address or
// a fixed slot.
func privateNetBack(n ownNet, network string) string {
	if ours, theirs, cable := strings.Cut(network, "-"); cable {
		return "socket,id=" + n.name() + ",udp=" + theirs + ",localaddr=" + ours
	}
	return "socket,id=" + n.name() + ",mcast=" + network + "," + privateNetAddress
}

// readPrivateNet reads what privateNetBack wrote; anything else, such as a network that is not private, is none of ours and gives nil.
func readPrivateNet(words []string) *vmconfig.NIC {
	if len(words) != 4 || words[0] != "socket" {
		return nil
	}
	source, group := strings.CutPrefix(words[2], "mcast=")
	if theirs, cable := strings.CutPrefix(words[2], "udp="); cable {
		source = strings.TrimPrefix(words[3], "localaddr=") + "-" + theirs
	} else if !group || words[3] != privateNetAddress {
		return nil
	}
	if vmconfig.CheckPrivateNetwork(source) != nil {
		return nil
	}
	return &vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: source}
}

// unplugged is the back end of a machine that was copied from one with a cable: both of its ends can only be at one machine each, so that the copy's cable leads nowhere.
func unplugged(n ownNet, words []string, id uuid.UUID) []string {
	nic := readPrivateNet(words)
	if nic == nil || !strings.Contains(nic.Source, "-") {
		return words
	}
	end := func(side int) string { // two of each adapter
		return fmt.Sprintf("127.%d.%d.%d:%d", id[11], id[12], id[13], 1024+(int(id[14])<<8|int(id[15]))%60000+2*int(n)+side)
	}
	return strings.Split(privateNetBack(n, end(0)+"-"+end(1)), ",")
}
