package manager

import (
	"fmt"
	"path/filepath"
	"strings"

	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

// fact is one line of details. tip has the whole value where it is shortened.
type fact struct{ key, value, tip string }

// section is a group of facts under a heading. text stands in for facts where it is set.
type section struct {
	key, icon, title string
	facts            []fact
	text             string
}

// describe turns a machine into what the details show. osName is empty when it is not known.
func describe(m *machines.Machine, osName string) []section {
	general := section{key: "general", icon: "info", title: "General"}
	general.facts = append(general.facts, fact{key: "Name", value: shown(m.Name)})
	if m.Config == nil {
		return []section{general}
	}
	c := m.Config
	if osName == "" {
		osName = "Not known"
		if c.OSID != "" {
			osName = shown(c.OSID)
		}
	}
	general.facts = append(general.facts, fact{key: "Operating system", value: osName})
	if c.Group != "" {
		general.facts = append(general.facts, fact{key: "Group", value: shown(c.Group)})
	}
	if c.Title != "" && c.Title != c.Name {
		general.facts = append(general.facts, fact{key: "Title", value: shown(c.Title)})
	}
	if !m.Persistent {
		general.facts = append(general.facts, fact{key: "Lifetime", value: "Until it stops (temporary machine)"})
	}
	list := []section{general, system(c), display(c), storage(c), network(c)}
	notes := section{key: "notes", icon: "notes", title: "Notes", text: vmconfig.InertLines(c.Notes, 4000)}
	if strings.TrimSpace(c.Notes) == "" {
		notes.text = ""
		notes.facts = []fact{{key: "", value: "None. Settings has room for them."}}
	}
	return append(list, notes)
}

func system(c *vmconfig.Machine) section {
	s := section{key: "system", icon: "cpu", title: "System"}
	firmware := "BIOS"
	if c.Firmware == vmconfig.FirmwareUEFI {
		firmware = "UEFI"
		if c.SecureBoot {
			firmware = "UEFI with Secure Boot"
		}
	}
	accel := "KVM (hardware)"
	if c.Accel == vmconfig.AccelTCG {
		accel = "None: emulated, slow"
	}
	s.facts = []fact{
		{key: "Memory", value: vmconfig.FormatSize(c.MemoryBytes)},
		{key: "Processors", value: fmt.Sprint(c.CPUs)},
		{key: "Firmware", value: firmware},
		{key: "Acceleration", value: accel},
	}
	if c.Chipset != "" {
		s.facts = append(s.facts, fact{key: "Chipset", value: shown(joined(c.Chipset, brackets(c.Arch)))})
	}
	if c.TPM {
		s.facts = append(s.facts, fact{key: "Security chip", value: "TPM"})
	}
	return s
}

func display(c *vmconfig.Machine) section {
	s := section{key: "display", icon: "display", title: "Display"}
	video := "None"
	if c.Video != "" {
		video = shown(c.Video)
	}
	s.facts = append(s.facts, fact{key: "Graphics card", value: video})
	var ways []string
	for _, d := range c.Displays {
		switch {
		case d.Kind == "dbus":
			continue // the program's own fast path; nothing to know about
		case d.Listen == "none":
			ways = append(ways, strings.ToUpper(d.Kind)+", only for this computer")
		default:
			ways = append(ways, strings.ToUpper(d.Kind)+brackets(d.Listen))
		}
	}
	if len(ways) == 0 {
		ways = []string{"No way to see the screen"}
	}
	s.facts = append(s.facts, fact{key: "Screen", value: shown(strings.Join(ways, "; "))})
	pointer := "Mouse (relative)"
	if c.Tablet {
		pointer = "Tablet (absolute)"
	}
	return section{s.key, s.icon, s.title, append(s.facts, fact{key: "Pointer", value: pointer}), ""}
}

func storage(c *vmconfig.Machine) section {
	s := section{key: "storage", icon: "disk", title: "Storage"}
	kinds := map[vmconfig.DiskDevice]string{vmconfig.DeviceDisk: "Disk", vmconfig.DeviceCDROM: "CD/DVD", vmconfig.DeviceFloppy: "Floppy"}
	for _, d := range c.Disks {
		kind := kinds[d.Device]
		if kind == "" {
			kind = "Drive"
		}
		value, tip := "Empty", ""
		switch {
		case d.Path != "":
			value, tip = baseName(d.Path), shown(d.Path)
		case d.Source != "":
			value, tip = d.Source, shown(d.Source)
		}
		if d.Format != "" && value != "Empty" && d.Device == vmconfig.DeviceDisk {
			value += " (" + d.Format + ")"
		}
		s.facts = append(s.facts, fact{key: shown(joined(kind, d.Target)), value: shown(value), tip: tip})
	}
	if len(s.facts) == 0 {
		s.facts = []fact{{key: "Drives", value: "None"}}
	}
	return s
}

func network(c *vmconfig.Machine) section {
	s := section{key: "network", icon: "network", title: "Network"}
	for i, n := range c.NICs {
		kind := map[string]string{
			"user": "Shared with this computer", "network": "Virtual network", "bridge": "Bridge", "direct": "Direct",
		}[n.Kind]
		if kind == "" {
			kind = n.Kind
		}
		value := kind
		if n.Source != "" {
			value += " “" + n.Source + "”"
		}
		s.facts = append(s.facts, fact{
			key: fmt.Sprintf("Adapter %d", i+1), value: shown(value),
			tip: shown(joined(value, brackets(n.Model), n.MAC)),
		})
	}
	if len(s.facts) == 0 {
		s.facts = []fact{{key: "Adapters", value: "None"}}
	}
	return s
}

func brackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func baseName(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}
