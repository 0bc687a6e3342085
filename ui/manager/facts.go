package manager

import (
	"fmt"
	"path/filepath"
	"strings"

	"guesthouse/app/machines"
	"guesthouse/ui/lang"
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
	general := section{key: "general", icon: "info", title: lang.L("General")}
	general.facts = append(general.facts, fact{key: lang.L("Name"), value: shown(m.Name)})
	if m.Config == nil {
		return []section{general}
	}
	c := m.Config
	if osName == "" {
		osName = lang.L("Not known")
		if c.OSID != "" {
			osName = shown(c.OSID)
		}
	}
	general.facts = append(general.facts, fact{key: lang.L("Operating system"), value: osName})
	if l := c.Lab; l.Name != "" {
		general.facts = append(general.facts, fact{key: lang.L("Lab"), value: lang.F("%s, version %d", shown(l.Name), l.Version), tip: shown(l.ID)})
	}
	if c.Group != "" {
		general.facts = append(general.facts, fact{key: lang.L("Group"), value: shown(c.Group)})
	}
	if c.Title != "" && c.Title != c.Name {
		general.facts = append(general.facts, fact{key: lang.L("Title"), value: shown(c.Title)})
	}
	if !m.Persistent {
		general.facts = append(general.facts, fact{key: lang.L("Lifetime"), value: lang.L("Until it stops (temporary machine)")})
	}
	list := []section{general, system(c), display(c), storage(c), network(c)}
	notes := section{key: "notes", icon: "notes", title: lang.L("Notes"), text: vmconfig.InertLines(c.Notes, 4000)}
	if strings.TrimSpace(c.Notes) == "" {
		notes.text = ""
		notes.facts = []fact{{key: "", value: lang.L("None. Settings has room for them.")}}
	}
	return append(list, notes)
}

func system(c *vmconfig.Machine) section {
	s := section{key: "system", icon: "cpu", title: lang.L("System")}
	firmware := "BIOS"
	if c.Firmware == vmconfig.FirmwareUEFI {
		firmware = "UEFI"
		if c.SecureBoot {
			firmware = lang.L("UEFI with Secure Boot")
		}
	}
	accel := lang.L("KVM (hardware)")
	if c.Accel == vmconfig.AccelTCG {
		accel = lang.L("None: emulated, slow")
	}
	s.facts = []fact{
		{key: lang.L("Memory"), value: vmconfig.FormatSize(c.MemoryBytes)},
		{key: lang.L("Processors"), value: fmt.Sprint(c.CPUs)},
		{key: lang.L("Firmware"), value: firmware},
		{key: lang.L("Acceleration"), value: accel},
	}
	if c.Chipset != "" {
		s.facts = append(s.facts, fact{key: lang.L("Chipset"), value: shown(joined(c.Chipset, brackets(c.Arch)))})
	}
	if c.TPM {
		s.facts = append(s.facts, fact{key: lang.L("Security chip"), value: "TPM"})
	}
	return s
}

func display(c *vmconfig.Machine) section {
	s := section{key: "display", icon: "display", title: lang.L("Display")}
	video := lang.L("None")
	if c.Video != "" {
		video = shown(c.Video)
	}
	s.facts = append(s.facts, fact{key: lang.L("Graphics card"), value: video})
	var ways []string
	for _, d := range c.Displays {
		switch {
		case d.Kind == "dbus":
			continue // the program's own fast path; nothing to know about
		case d.Listen == "none":
			ways = append(ways, lang.F("%s, only for this computer", strings.ToUpper(d.Kind)))
		default:
			ways = append(ways, strings.ToUpper(d.Kind)+brackets(d.Listen))
		}
	}
	if len(ways) == 0 {
		ways = []string{lang.L("No way to see the screen")}
	}
	s.facts = append(s.facts, fact{key: lang.L("Screen"), value: shown(strings.Join(ways, "; "))})
	pointer := lang.L("Mouse (relative)")
	if c.Tablet {
		pointer = lang.L("Tablet (absolute)")
	}
	return section{s.key, s.icon, s.title, append(s.facts, fact{key: lang.L("Pointer"), value: pointer}), ""}
}

func storage(c *vmconfig.Machine) section {
	s := section{key: "storage", icon: "disk", title: lang.L("Storage")}
	kinds := map[vmconfig.DiskDevice]string{vmconfig.DeviceDisk: lang.L("Disk"), vmconfig.DeviceCDROM: "CD/DVD", vmconfig.DeviceFloppy: lang.L("Floppy")}
	for _, d := range c.Disks {
		kind := kinds[d.Device]
		if kind == "" {
			kind = lang.L("Drive")
		}
		value, tip := lang.L("Empty"), ""
		switch {
		case d.Path != "":
			value, tip = baseName(d.Path), shown(d.Path)
		case d.Source != "":
			value, tip = d.Source, shown(d.Source)
		}
		if d.Format != "" && (d.Path != "" || d.Source != "") && d.Device == vmconfig.DeviceDisk {
			value += " (" + d.Format + ")"
		}
		s.facts = append(s.facts, fact{key: shown(joined(kind, d.Target)), value: shown(value), tip: tip})
	}
	if len(s.facts) == 0 {
		s.facts = []fact{{key: lang.L("Drives"), value: lang.L("None")}}
	}
	return s
}

func network(c *vmconfig.Machine) section {
	s := section{key: "network", icon: "network", title: lang.L("Network")}
	names := strings.Fields(c.Lab.Networks)
	for i, n := range c.NICs {
		kind := map[string]string{
			"user": lang.L("Shared with this computer"), "network": lang.L("Virtual network"), "bridge": lang.L("Bridge"), "direct": lang.L("Direct"),
			vmconfig.NICPrivate: lang.L("Private network of its lab"),
		}[n.Kind]
		if kind == "" {
			kind = n.Kind
		}
		value := kind
		if n.Isolated {
			value = lang.L("Cut off from all networks")
		}
		source := n.Source
		if n.Kind == vmconfig.NICPrivate && len(names) > 0 { // what the lab calls it says more than its address
			source, names = names[0], names[1:]
		}
		if source != "" {
			value += " “" + source + "”"
		}
		s.facts = append(s.facts, fact{
			key: lang.F("Adapter %d", i+1), value: shown(value),
			tip: shown(joined(value, brackets(n.Model), n.MAC)),
		})
	}
	for _, f := range c.Forwards {
		s.facts = append(s.facts, fact{key: lang.L("Port"), value: lang.F("localhost:%d leads to the guest's %d", f.Host, f.Guest)})
	}
	if len(s.facts) == 0 {
		s.facts = []fact{{key: lang.L("Adapters"), value: lang.L("None")}}
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
