package domxml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// qemuNamespace is that of QEMU's own arguments in a description (libvirt, drvqemu.html, "Pass-through of arbitrary qemu commands").
const qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"

// userNet names the network back end that is described by QEMU's own arguments: libvirt 9.0 offers neither restrict nor port forwarding for the user-mode network
// (QEMU, "-netdev user").
const userNet = "guesthouse0"

// ownUserNet reports whether the first network adapter needs QEMU's own arguments.
func ownUserNet(m vmconfig.Machine) bool {
	return len(m.NICs) > 0 && (m.NICs[0].Isolated || len(m.Forwards) > 0)
}

// buildUserNet describes the first network adapter by QEMU's own arguments if it needs them.
func buildUserNet(d node, m vmconfig.Machine) {
	if !ownUserNet(m) {
		return
	}
	nic := m.NICs[0]
	back := "user,id=" + userNet
	if nic.Isolated {
		back += ",restrict=on"
	}
	for _, f := range m.Forwards {
		back += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", f.Host, f.Guest)
	}
	device := nicDevice(nic.Model) + ",netdev=" + userNet
	if nic.MAC == "" {
		nic.MAC = userNetMAC(m.UUID)
	}
	device += ",mac=" + strings.ToLower(nic.MAC) + ",bus=" + rootBus(m.Chipset) + ",addr=" + userNetSlot
	d.CreateAttr("xmlns:qemu", qemuNamespace)
	arguments := d.child("qemu:commandline")
	for _, a := range []string{"-netdev", back, "-device", device} {
		arguments.child("qemu:arg", "value", a)
	}
}

// userNetMAC is the address of the adapter; libvirt makes one for its own adapters only.
func userNetMAC(id uuid.UUID) string {
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", id[13], id[14], id[15])
}

// clonedUserNet changes one of the arguments for another machine: with an address of its own, and without the ports that lead to the original.
func clonedUserNet(value string, id uuid.UUID) string {
	words := strings.Split(value, ",")
	switch {
	case len(words) > 1 && words[0] == "user" && words[1] == "id="+userNet:
		words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "hostfwd=") })
	case len(words) > 1 && words[1] == "netdev="+userNet:
		for i, w := range words {
			if strings.HasPrefix(w, "mac=") {
				words[i] = "mac=" + userNetMAC(id)
			}
		}
	default:
		return value
	}
	return strings.Join(words, ",")
}

// userNetSlot is a slot that libvirt does not reach when it hands them out from the first, and that neither chipset has a device of its own in. QEMU would take the first free one
// before it knows of libvirt's later devices.
const userNetSlot = "0x1c"

// rootBus is QEMU's name of the first PCI bus.
func rootBus(chipset string) string {
	if chipset == "" || strings.Contains(chipset, "q35") {
		return "pcie.0"
	}
	return "pci.0"
}

// nicDevices are QEMU's names of adapters whose names libvirt has shortened.
var nicDevices = map[string]string{"": "virtio-net-pci", "virtio": "virtio-net-pci"}

func nicDevice(model string) string {
	if device, ok := nicDevices[model]; ok {
		return device
	}
	return model
}

// readUserNet reads what buildUserNet wrote, and puts the adapter first. Arguments of others are passed over.
func readUserNet(arguments *element, m *vmconfig.Machine) {
	var nic *vmconfig.NIC
	for _, a := range arguments.all() {
		words := strings.Split(a.attr("value"), ",")
		switch {
		case len(words) > 1 && words[0] == "user" && words[1] == "id="+userNet:
			nic = &vmconfig.NIC{Kind: "user"}
			for _, w := range words[2:] {
				readUserNetOption(w, nic, m)
			}
		case len(words) > 1 && words[1] == "netdev="+userNet && nic != nil:
			nic.Model = words[0]
			for name, device := range nicDevices {
				if device == words[0] && name != "" {
					nic.Model = name
				}
			}
			for _, w := range words[2:] {
				if mac, ok := strings.CutPrefix(w, "mac="); ok {
					nic.MAC = mac
				}
			}
		}
	}
	if nic != nil {
		m.NICs = append([]vmconfig.NIC{*nic}, m.NICs...)
	}
}

func readUserNetOption(word string, nic *vmconfig.NIC, m *vmconfig.Machine) {
	nic.Isolated = nic.Isolated || word == "restrict=on"
	ports, ok := strings.CutPrefix(word, "hostfwd=tcp:127.0.0.1:")
	host, guest, found := strings.Cut(ports, "-:")
	if !ok || !found {
		return
	}
	h, errHost := strconv.Atoi(host)
	g, errGuest := strconv.Atoi(guest)
	if errHost == nil && errGuest == nil {
		m.Forwards = append(m.Forwards, vmconfig.Forward{Host: h, Guest: g})
	}
}
