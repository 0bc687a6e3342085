package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// hardwarePage asks for memory, processors and firmware.
type hardwarePage struct {
	memory    *widgets.ZoneSlider
	memoryMsg *message

	cpus   *widgets.ZoneSlider
	cpuMsg *message

	bios, uefi  *choice
	firmwareMsg *message
	emulation   *message
	host        *message
	box         fyne.CanvasObject
}

func newHardwarePage(w *wizard) *hardwarePage {
	p := &hardwarePage{
		memoryMsg: newMessage(), cpuMsg: newMessage(), firmwareMsg: newMessage(),
		emulation: newMessage(), host: newMessage(),
	}
	p.memory = newSlider(w, memoryStep, vmconfig.ParseMemory, vmconfig.FormatSize, w.model.SetMemoryText)
	p.cpus = newSlider(w, 1, parseCount, formatCount, w.model.SetCPUText)
	firmware := func(f vmconfig.Firmware) func() {
		return func() { w.model.SetFirmware(f); w.show() }
	}
	p.uefi = newChoice(w.keys, "UEFI", "", firmware(vmconfig.FirmwareUEFI))
	p.bios = newChoice(w.keys, "BIOS", "", firmware(vmconfig.FirmwareBIOS))
	groupChoices(p.uefi, p.bios)

	p.box = widgets.NewScroll(container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2),
		newHeading(PageHardware.Title(), lang.L("What the machine gets from this computer while it runs.")),
		p.host.box,
		newRow(lang.L("Memory"), p.memory, p.memoryMsg.box),
		newRow(lang.L("Processors"), p.cpus, p.cpuMsg.box),
		newRow(lang.L("Firmware"), container.NewGridWithColumns(2, p.uefi, p.bios), p.firmwareMsg.box),
		p.emulation.box))
	return p
}

// memoryStep is how far one step of the slider goes.
const memoryStep = 128 * vmconfig.MiB

func (p *hardwarePage) object() fyne.CanvasObject { return p.box }

func (p *hardwarePage) show(m *Model) {
	host := m.Host()
	problem := ""
	if host.Problem != "" {
		problem = lang.F("The limits of this computer are not known. %s", host.Problem)
	}
	p.host.show("", problem, ToneWarning)

	fault := m.Shown(vmconfig.FieldMemory)
	note, tone := m.MemoryNote()
	showSlider(p.memory, vmconfig.MemoryZones(host.Limits), m.draft.MemoryBytes, m.Text(vmconfig.FieldMemory), fault)
	p.memoryMsg.show("", unless(fault, note), tone)

	fault = m.Shown(vmconfig.FieldCPUs)
	note, tone = m.CPUNote()
	showSlider(p.cpus, vmconfig.CPUZones(host.Limits), int64(m.draft.CPUs), m.Text(vmconfig.FieldCPUs), fault)
	p.cpuMsg.show("", unless(fault, note), tone)

	p.uefi.SetChosen(m.draft.Firmware == vmconfig.FirmwareUEFI)
	p.bios.SetChosen(m.draft.Firmware != vmconfig.FirmwareUEFI)
	setEnabled(p.uefi, host.NoUEFI == "")
	p.firmwareMsg.show(m.Shown(vmconfig.FieldFirmware), m.FirmwareNote(), ToneQuiet)

	slow := ""
	if host.Emulated {
		slow = lang.L("This computer offers no hardware acceleration (KVM), so the machine is emulated and runs many times slower. " +
			"Virtualisation may have to be switched on in the computer's firmware settings; “guesthouse doctor” tells more.")
	}
	p.emulation.show("", slow, ToneWarning)
}

func (p *hardwarePage) focus(f vmconfig.Field) fyne.Focusable {
	switch f {
	case vmconfig.FieldCPUs:
		return p.cpus.Entry()
	case vmconfig.FieldFirmware:
		if p.uefi.chosen {
			return p.uefi
		}
		return p.bios
	default:
		return p.memory.Entry()
	}
}
