package wizard

import (
	"fmt"

	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// Row is one line of the summary.
type Row struct {
	Label string
	Value string
	// Page is where the value can be changed.
	Page Page
	// Field is the field of that page.
	Field vmconfig.Field
	// Warning marks a value that the user should think about.
	Warning bool
}

// Summary lists every choice.
func (m *Model) Summary() []Row {
	system := lang.L("Other system")
	if m.os != nil {
		system = m.os.Name
	}
	firmware := "BIOS"
	if m.draft.Firmware == vmconfig.FirmwareUEFI {
		firmware = "UEFI"
	}
	_, memoryTone := m.MemoryNote()
	_, cpuTone := m.CPUNote()
	return []Row{
		{Label: lang.L("Name"), Value: m.draft.Name, Page: PageSystem, Field: vmconfig.FieldName},
		{Label: lang.L("System"), Value: system, Page: PageSystem, Field: vmconfig.FieldOS},
		m.discRow(),
		{Label: lang.L("Memory"), Value: vmconfig.FormatSize(m.draft.MemoryBytes), Page: PageHardware, Field: vmconfig.FieldMemory, Warning: memoryTone == ToneWarning},
		{Label: lang.L("Processors"), Value: lang.N("%d processor", "%d processors", m.draft.CPUs, m.draft.CPUs), Page: PageHardware, Field: vmconfig.FieldCPUs, Warning: cpuTone == ToneWarning},
		{Label: lang.L("Firmware"), Value: firmware, Page: PageHardware, Field: vmconfig.FieldFirmware},
		m.diskRow(),
	}
}

func (m *Model) discRow() Row {
	r := Row{Label: lang.L("Disc"), Value: m.draft.ISO, Page: PageSystem, Field: vmconfig.FieldISO}
	if r.Value != "" {
		r.Value = vmconfig.Inert(r.Value, maxText)
		return r
	}
	r.Value = lang.L("None")
	if !m.canStart() {
		r.Value, r.Warning = lang.L("None: there is nothing to start from yet"), true
	}
	return r
}

func (m *Model) diskRow() Row {
	r := Row{Label: lang.L("Disk"), Page: PageDisk, Field: fieldDiskMode}
	switch m.draft.DiskMode {
	case machines.DiskCreate:
		r.Field = vmconfig.FieldDiskSize
		r.Value = lang.F("New, %s, grows as it is used", vmconfig.FormatSize(m.draft.DiskBytes))
		_, tone := m.DiskSizeNote()
		r.Warning = tone == ToneWarning
	case machines.DiskExisting:
		r.Field = vmconfig.FieldDiskPath
		r.Value = vmconfig.Inert(m.draft.DiskPath, maxText)
		if m.file.state == fileGood {
			r.Value += fmt.Sprintf(" (%s, %s)", m.file.info.Format, vmconfig.FormatSize(m.file.info.VirtualBytes))
		}
	default:
		r.Value, r.Warning = lang.L("None"), true
	}
	return r
}

// Text returns what stands in a field, as the user sees it there.
func (m *Model) Text(f vmconfig.Field) string {
	switch f {
	case vmconfig.FieldName:
		return m.draft.Name
	case vmconfig.FieldOS:
		return m.draft.OSID
	case vmconfig.FieldISO:
		return m.disc.text
	case vmconfig.FieldMemory:
		return m.memory.text
	case vmconfig.FieldCPUs:
		return m.cpus.text
	case vmconfig.FieldFirmware:
		return string(m.draft.Firmware)
	case vmconfig.FieldDiskSize:
		return m.size.text
	case vmconfig.FieldDiskPath:
		return m.file.text
	case fieldDiskMode:
		return string(m.draft.DiskMode)
	default:
		return ""
	}
}
