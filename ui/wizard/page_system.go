package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// systemPage asks for the disc, the name and the system.
type systemPage struct {
	iso     *widgets.Entry
	choose  *widgets.Button
	isoNote *message
	use     *widgets.Button
	name    *widgets.Entry
	nameMsg *message
	picker  *osPicker
	osMsg   *message
	box     fyne.CanvasObject
}

func newSystemPage(w *wizard) *systemPage {
	p := &systemPage{isoNote: newMessage(), nameMsg: newMessage(), osMsg: newMessage()}
	p.iso = newEntry(w.keys, lang.L("None: choose an ISO file"), w.input(w.setISO))
	p.choose = newButton(w.keys, "", lang.L("Choose…"), widgets.StylePlain, w.chooseISO)
	p.use = newButton(w.keys, "", "", widgets.StylePlain, func() { w.model.UseDiscOS(); w.show() })
	p.use.Hide()
	p.name = newEntry(w.keys, lang.L("Name of the machine"), w.input(w.model.SetName))
	p.picker = newOSPicker(w.keys, func(os *guestos.OS) { w.model.PickOS(os); w.show() })

	top := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap1),
		newHeading(PageSystem.Title(), lang.L("What shall run on the new machine?")),
		newRow(lang.L("Disc"), container.NewBorder(nil, nil, nil, p.choose, p.iso), container.NewBorder(nil, nil, nil, container.New(layout.NewCustomPaddedLayout(theme.Gap1, 0, 0, 0), p.use), p.isoNote.box)),
		newRow(lang.L("Name"), p.name, p.nameMsg.box),
	)
	p.box = below(top, newTallRow(lang.L("System"), p.picker.box, p.osMsg.box))
	return p
}

func (p *systemPage) object() fyne.CanvasObject { return p.box }

func (p *systemPage) show(m *Model) {
	isoFault, nameFault := m.Shown(vmconfig.FieldISO), m.Shown(vmconfig.FieldName)
	showEntry(p.iso, m.Text(vmconfig.FieldISO), isoFault)
	note, tone, mismatch := m.DiscNote()
	p.isoNote.show(isoFault, note, tone)
	setVisible(p.use, mismatch)
	if mismatch {
		p.use.SetText(lang.F("Use %s", m.DiscOSName()))
	}
	showEntry(p.name, m.Text(vmconfig.FieldName), nameFault)
	nameNote, nameTone := m.NameNote()
	p.nameMsg.show(nameFault, nameNote, nameTone)
	p.picker.show(m.OS())
	osNote, osTone := m.OSNote()
	p.osMsg.show(m.Shown(vmconfig.FieldOS), osNote, osTone)
}

func (p *systemPage) focus(f vmconfig.Field) fyne.Focusable {
	switch f {
	case vmconfig.FieldName:
		return p.name
	case vmconfig.FieldOS:
		return p.picker.search
	default:
		return p.iso
	}
}
