package domxml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// qemuNamespace is that of QEMU's own arguments in a description (libvirt, drvqemu.html, "Pass-through of arbitrary qemu commands").
const qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"

// ownNet is a network adapter that is described by QEMU's own arguments. Its number gives it a name, a slot and an address, so that the guest finds the same adapter at every start:
// 0 is the one that shares this computer's network, those of private networks follow.
type ownNet int

const (
	userNet ownNet = 0
	ownNets ownNet = 1 + vmconfig.MaxPrivateNICs
)

// name is what QEMU calls the network behind the adapter.
func (n ownNet) name() string { return "guesthouse" + strconv.Itoa(int(n)) }

// mac is the address of an adapter that was given none; libvirt makes one for its own adapters only.
func (n ownNet) mac(id uuid.UUID) string {
	return fmt.Sprintf("52:54:%02x:%02x:%02x:%02x", int(n), id[13], id[14], id[15])
}

// slot is one that libvirt does not reach when it hands them out from the first, and that neither chipset has a device of its own in. QEMU would take the first free one
// before it knows of libvirt's later devices.
func (n ownNet) slot() string {
	if n == userNet {
		return "0x1c"
	}
	return fmt.Sprintf("%#x", 0x14+int(n)) // rising, so that the guest counts them in the same order
}

// buildCommandLine describes by QEMU's own arguments the network adapters that libvirt 9.0 cannot describe.
func buildCommandLine(d node, m vmconfig.Machine) {
	var arguments []string
	add := func(n ownNet, back string, nic vmconfig.NIC) {
		mac := strings.ToLower(nic.MAC)
		if mac == "" {
			mac = n.mac(m.UUID)
		}
		device := nicDevice(nic.Model) + ",netdev=" + n.name() + ",mac=" + mac + ",bus=" + rootBus(m.Chipset) + ",addr=" + n.slot()
		arguments = append(arguments, "-netdev", back, "-device", device)
	}
	if ownUserNet(m) {
		add(userNet, userNetBack(m), m.NICs[0])
	}
	private := userNet
	for _, nic := range m.NICs {
		if nic.Kind == vmconfig.NICPrivate {
			private++
			add(private, privateNetBack(private, nic.Source), nic)
		}
	}
	if len(arguments) == 0 {
		return
	}
	d.CreateAttr("xmlns:qemu", qemuNamespace)
	line := d.child("qemu:commandline")
	for _, a := range arguments {
		line.child("qemu:arg", "value", a)
	}
}

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

// readCommandLine reads what buildCommandLine wrote: it puts the adapter that shares this computer's network first, and those of private networks last. Arguments of others are passed over.
func readCommandLine(arguments *element, m *vmconfig.Machine) {
	var nics [ownNets]*vmconfig.NIC
	var private []vmconfig.NIC
	for _, a := range arguments.all() {
		words := strings.Split(a.attr("value"), ",")
		for n := range ownNets {
			switch {
			case len(words) < 2:
			case words[1] == "id="+n.name() && n == userNet:
				if words[0] == "user" {
					nics[n] = readUserNet(words[2:], m)
				}
			case words[1] == "id="+n.name():
				nics[n] = readPrivateNet(words)
			case words[1] == "netdev="+n.name() && nics[n] != nil:
				readNICDevice(words, nics[n])
			}
		}
	}
	for n, nic := range nics {
		switch {
		case nic == nil:
		case ownNet(n) == userNet:
			m.NICs = append([]vmconfig.NIC{*nic}, m.NICs...)
		case nic.Model != "": // without a device the guest sees nothing of the network
			private = append(private, *nic)
		}
	}
	m.NICs = append(m.NICs, private...)
}

// readNICDevice reads an argument to -device.
func readNICDevice(words []string, nic *vmconfig.NIC) {
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

// clonedArgument changes one of the arguments for another machine: with an address of its own, and without the ports that lead to the original. It stays in the same private networks.
func clonedArgument(value string, id uuid.UUID) string {
	words := strings.Split(value, ",")
	if len(words) < 2 {
		return value
	}
	if words[0] == "user" && words[1] == "id="+userNet.name() {
		words = withoutForwards(words)
	}
	for n := range ownNets {
		if words[1] == "id="+n.name() && n != userNet {
			words = unplugged(n, words, id)
		}
		if words[1] == "netdev="+n.name() {
			for i, w := range words {
				if strings.HasPrefix(w, "mac=") {
					words[i] = "mac=" + n.mac(id)
				}
			}
		}
	}
	return strings.Join(words, ",")
}
