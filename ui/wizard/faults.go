package wizard

import (
	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// Faults returns everything that is wrong on a page, from top to bottom.
func (m *Model) Faults(p Page) vmconfig.Faults {
	var all vmconfig.Faults
	for _, f := range p.fields() {
		if text := m.fault(f); text != "" {
			all = append(all, vmconfig.Fault{Field: f, Value: m.Text(f), Message: text})
		}
	}
	return all
}

// Shown returns the message to show at a field now: nothing before the user has been in the field or tried to
// leave its page.
func (m *Model) Shown(f vmconfig.Field) string {
	if !m.edited[f] && !m.tried[pageOf(f)] {
		return ""
	}
	return m.fault(f)
}

// Refuse keeps the faults that the check before Create found and goes to the first one's page. Faults of
// fields that no page shows are returned as text, one a line.
func (m *Model) Refuse(faults vmconfig.Faults) (first vmconfig.Field, rest []string) {
	for _, f := range faults {
		if pageOf(f.Field) == PageSummary {
			rest = append(rest, f.Message)
			continue
		}
		m.refused[f.Field] = f.Message
	}
	first, _ = m.Locate()
	return first, rest
}

// fault returns what is wrong with one field.
func (m *Model) fault(f vmconfig.Field) string {
	if text := m.ownFault(f); text != "" {
		return text
	}
	return m.refused[f]
}

func (m *Model) ownFault(f vmconfig.Field) string {
	creates := m.draft.DiskMode == machines.DiskCreate
	switch f {
	case vmconfig.FieldName:
		if err := vmconfig.CheckName(m.draft.Name, m.taken); err != nil {
			return err.Error()
		}
	case vmconfig.FieldOS:
		if m.osSource == osNone {
			return lang.L("Choose a system. “Other system” is at the top of the list.")
		}
	case vmconfig.FieldISO:
		return m.disc.fault()
	case vmconfig.FieldMemory:
		return m.numberFault(f, m.memory)
	case vmconfig.FieldCPUs:
		return m.numberFault(f, m.cpus)
	case vmconfig.FieldFirmware:
		if m.draft.Firmware == vmconfig.FirmwareUEFI {
			return m.host.NoUEFI
		}
	case vmconfig.FieldDiskSize:
		if creates {
			return m.numberFault(f, m.size)
		}
	case vmconfig.FieldDiskPath:
		if m.draft.DiskMode == machines.DiskExisting {
			return m.file.fault()
		}
	case fieldDiskMode:
		if m.draft.DiskMode == machines.DiskNone && !m.noDisk {
			return lang.L("A machine without a disk can only run from a disc or over the network, and keeps nothing when it stops.")
		}
	}
	return ""
}

// numberFault explains a text that is no number, else a number that the host cannot give.
func (m *Model) numberFault(f vmconfig.Field, q quantity) string {
	if q.err != nil {
		return q.err.Error()
	}
	faults := vmconfig.Machine{MemoryBytes: m.draft.MemoryBytes, CPUs: m.draft.CPUs}.Validate(m.host.Limits)
	if f == vmconfig.FieldDiskSize {
		if err := vmconfig.CheckDiskSize(m.draft.DiskBytes); err != nil {
			return err.Error()
		}
	}
	return faults.For(f)
}
