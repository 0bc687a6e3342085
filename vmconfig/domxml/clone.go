package domxml

import (
	"fmt"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// Identity is what a copy of a machine must not share with the original.
type Identity struct {
	Name    string
	UUID    uuid.UUID
	Sources map[string]Source // images, by the target of their drive (vda, sda)
	NVRAM   string            // file with the firmware's variables; empty: the original has none
}

// Clone returns the description xml as that of another machine: with its identity, without the addresses of the network adapters, the ports that lead to it and the generation ID, of which the hypervisor
// makes new ones, and its lab, and with everything else byte for byte as it was. The error wraps ErrNotEditable when a drive does not exist or is not one of files.
func Clone(xml string, to Identity) (string, error) {
	t, err := parseTree(xml)
	if err != nil {
		return "", err
	}
	e := editor{t}
	e.setElement("name", to.Name)
	e.setElement("uuid", to.UUID.String())
	if genid := e.root.child("genid"); genid != nil {
		e.setText(genid, "") // the hypervisor fills it in
	}
	if nvram := e.root.child("os").child("nvram"); nvram != nil {
		if to.NVRAM == "" { // the copy would write to the original's
			return "", fmt.Errorf("%w: the firmware's variables are not in a file", ErrNotEditable)
		}
		e.setText(nvram, to.NVRAM)
	}
	for _, device := range e.root.child("devices").all() {
		if mac := device.child("mac"); device.name == "interface" && mac != nil {
			e.remove(mac)
		}
	}
	for _, argument := range e.root.childNS(qemuNamespace, "commandline").all() {
		if value := argument.attr("value"); value != "" {
			e.setAttr(argument, "value", clonedArgument(value, to.UUID))
		}
	}
	if lab := e.root.child("metadata").childNS(vmconfig.MetadataNamespace, "machine").childNS(vmconfig.MetadataNamespace, "lab"); lab != nil {
		e.remove(lab) // the copy has disks of its own, so that it can be neither reset nor handed in
	}
	for target, source := range to.Sources {
		if err := e.setSource(target, source); err != nil {
			return "", err
		}
	}
	return e.finish()
}
