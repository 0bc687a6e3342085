package domxml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"guesthouse/vmconfig"
)

// ownUserNet reports whether the first network adapter needs QEMU's own arguments: libvirt 9.0 offers neither restrict nor port forwarding for the user-mode network
// (QEMU, "-netdev user").
func ownUserNet(m vmconfig.Machine) bool {
	return len(m.NICs) > 0 && (m.NICs[0].Isolated || len(m.Forwards) > 0)
}

// userNetBack is the network behind the first adapter.
func userNetBack(m vmconfig.Machine) string {
	back := "user,id=" + userNet.name()
	if m.NICs[0].Isolated {
		back += ",restrict=on"
	}
	for _, f := range m.Forwards {
		back += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", f.Host, f.Guest)
	}
	return back
}

// withoutForwards leaves out the options that lead ports to the guest.
func withoutForwards(words []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "hostfwd=") })
}

// readUserNet reads the options that userNetBack wrote.
func readUserNet(options []string, m *vmconfig.Machine) *vmconfig.NIC {
	nic := &vmconfig.NIC{Kind: "user"}
	for _, o := range options {
		nic.Isolated = nic.Isolated || o == "restrict=on"
		ports, ok := strings.CutPrefix(o, "hostfwd=tcp:127.0.0.1:")
		host, guest, found := strings.Cut(ports, "-:")
		if !ok || !found {
			continue
		}
		h, errHost := strconv.Atoi(host)
		g, errGuest := strconv.Atoi(guest)
		if errHost == nil && errGuest == nil {
			m.Forwards = append(m.Forwards, vmconfig.Forward{Host: h, Guest: g})
		}
	}
	return nic
}
