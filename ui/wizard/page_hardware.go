package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

// hardwarePage asks for memory, processors and firmware.
type hardwarePage struct {
	w *wizard

	memory     *slider
	memoryText *entry
	memoryMsg  *message

	cpus    *slider
	cpuText *entry
	cpuMsg  *message

	bios, uefi  *choice
	firmwareMsg *message
	emulation   *message
	host        *message
	box         fyne.CanvasObject
}

func newHardwarePage(w *wizard) *hardwarePage {
	p := &hardwarePage{
		w: w, memoryMsg: newMessage(), cpuMsg: newMessage(), firmwareMsg: newMessage(),
		emulation: newMessage(), host: newMessage(),
	}
	p.memory = newSlider(w, false, w.model.SetMemory)
	p.memoryText = newEntry(w.keys, "2 GiB", w.input(w.model.SetMemoryText))
	p.cpus = newSlider(w, false, func(v int64) { w.model.SetCPUs(int(v)) })
	p.cpuText = newEntry(w.keys, "2", w.input(w.model.SetCPUText))
	firmware := func(f vmconfig.Firmware) func() {
		return func() { w.model.SetFirmware(f); w.show() }
	}
	p.uefi = newChoice(w.keys, "UEFI", "", firmware(vmconfig.FirmwareUEFI))
	p.bios = newChoice(w.keys, "BIOS", "", firmware(vmconfig.FirmwareBIOS))
	groupChoices(p.uefi, p.bios)

	p.box = container.NewVScroll(container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2),
		newHeading(PageHardware.Title(), "What the machine gets from this computer while it runs."),
		p.host.box,
		newRow("Memory", container.NewBorder(nil, nil, nil, fieldWidth(p.memoryText), p.memory), p.memoryMsg.box),
		newRow("Processors", container.NewBorder(nil, nil, nil, fieldWidth(p.cpuText), p.cpus), p.cpuMsg.box),
		newRow("Firmware", container.NewGridWithColumns(2, p.uefi, p.bios), p.firmwareMsg.box),
		p.emulation.box))
	return p
}

// fieldWidth gives the field beside a slider its width.
func fieldWidth(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewGridWrap(fyne.NewSize(130, o.MinSize().Height), o)
}

func (p *hardwarePage) object() fyne.CanvasObject { return p.box }

func (p *hardwarePage) show(m *Model) {
	host := m.Host()
	problem := ""
	if host.Problem != "" {
		problem = "The limits of this computer are not known. " + host.Problem
	}
	p.host.show("", problem, ToneWarning)

	fault := m.Shown(vmconfig.FieldMemory)
	note, tone := m.MemoryNote()
	p.memory.show(vmconfig.MemoryZones(host.Limits), m.draft.MemoryBytes)
	p.memoryText.show(m.Text(vmconfig.FieldMemory), fault)
	p.memoryMsg.show(fault, note, tone)

	fault = m.Shown(vmconfig.FieldCPUs)
	note, tone = m.CPUNote()
	p.cpus.show(vmconfig.CPUZones(host.Limits), int64(m.draft.CPUs))
	p.cpuText.show(m.Text(vmconfig.FieldCPUs), fault)
	p.cpuMsg.show(fault, note, tone)

	p.uefi.SetChosen(m.draft.Firmware == vmconfig.FirmwareUEFI)
	p.bios.SetChosen(m.draft.Firmware != vmconfig.FirmwareUEFI)
	setEnabled(p.uefi, host.NoUEFI == "")
	p.firmwareMsg.show(m.Shown(vmconfig.FieldFirmware), m.FirmwareNote(), ToneQuiet)

	slow := ""
	if host.Emulated {
		slow = "This computer offers no hardware acceleration (KVM), so the machine is emulated and runs many times slower. " +
			"Virtualisation may have to be switched on in the computer's firmware settings; “guesthouse doctor” tells more."
	}
	p.emulation.show("", slow, ToneWarning)
}

func (p *hardwarePage) focus(f vmconfig.Field) fyne.Focusable {
	switch f {
	case vmconfig.FieldCPUs:
		return p.cpuText
	case vmconfig.FieldFirmware:
		if p.uefi.chosen {
			return p.uefi
		}
		return p.bios
	default:
		return p.memoryText
	}
}
