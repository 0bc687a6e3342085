package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// diskPage asks where the disk comes from.
type diskPage struct {
	create, existing, none *choice

	size    *widgets.ZoneSlider
	sizeMsg *message
	sizeBox fyne.CanvasObject

	path    *widgets.Entry
	choose  *widgets.Button
	pathMsg *message
	pathBox fyne.CanvasObject

	noneMsg *message
	without *widgets.Button
	noneBox fyne.CanvasObject

	box fyne.CanvasObject
}

func newDiskPage(w *wizard) *diskPage {
	p := &diskPage{sizeMsg: newMessage(), pathMsg: newMessage(), noneMsg: newMessage()}
	mode := func(m machines.DiskMode) func() {
		return func() { w.model.SetDiskMode(m); w.show() }
	}
	p.create = newChoice(w.keys, lang.L("Create a new disk"), lang.L("For a system that is still to be installed."), mode(machines.DiskCreate))
	p.existing = newChoice(w.keys, lang.L("Use an existing disk file"), lang.L("A disk that already holds a system, qcow2 or raw."), mode(machines.DiskExisting))
	p.none = newChoice(w.keys, lang.L("No disk"), lang.L("For systems that run from a disc or over the network."), mode(machines.DiskNone))
	groupChoices(p.create, p.existing, p.none)

	p.size = newSlider(w, vmconfig.GiB, vmconfig.ParseDiskSize, vmconfig.FormatSize, w.model.SetDiskText)
	p.sizeBox = indented(p.size, p.sizeMsg.box)

	p.path = newEntry(w.keys, lang.L("Path of the file"), w.input(w.setDiskPath))
	p.choose = newButton(w.keys, "", lang.L("Choose…"), widgets.StylePlain, w.chooseDisk)
	p.pathBox = indented(container.NewBorder(nil, nil, nil, p.choose, p.path), p.pathMsg.box)

	p.without = newButton(w.keys, "", lang.L("Continue without a disk"), widgets.StylePlain, func() { w.model.ConfirmNoDisk(); w.next() })
	p.noneBox = indented(container.NewBorder(nil, nil, nil, p.without, p.noneMsg.box))

	p.box = widgets.NewScroll(container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2),
		newHeading(PageDisk.Title(), lang.L("Where does the machine keep its system and files?")),
		p.create, p.sizeBox, p.existing, p.pathBox, p.none, p.noneBox))
	return p
}

// indented puts what belongs to a choice below it.
func indented(objects ...fyne.CanvasObject) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, theme.Gap1, 36, theme.Gap1),
		container.New(layout.NewCustomPaddedVBoxLayout(0), objects...))
}

func (p *diskPage) object() fyne.CanvasObject { return p.box }

func (p *diskPage) show(m *Model) {
	mode := m.Draft().DiskMode
	p.create.SetChosen(mode == machines.DiskCreate)
	p.existing.SetChosen(mode == machines.DiskExisting)
	p.none.SetChosen(mode == machines.DiskNone)

	setVisible(p.sizeBox, mode == machines.DiskCreate)
	fault := m.Shown(vmconfig.FieldDiskSize)
	note, tone := m.DiskSizeNote()
	showSlider(p.size, vmconfig.DiskZones(m.Host().Limits), m.draft.DiskBytes, m.Text(vmconfig.FieldDiskSize), fault)
	p.sizeMsg.show("", unless(fault, note), tone)

	setVisible(p.pathBox, mode == machines.DiskExisting)
	fault = m.Shown(vmconfig.FieldDiskPath)
	note, tone = m.DiskFileNote()
	showEntry(p.path, m.Text(vmconfig.FieldDiskPath), fault)
	p.pathMsg.show(fault, note, tone)

	question := m.Shown(fieldDiskMode)
	setVisible(p.noneBox, mode == machines.DiskNone && question != "")
	p.noneMsg.show("", question, ToneWarning)
}

func (p *diskPage) focus(f vmconfig.Field) fyne.Focusable {
	switch f {
	case vmconfig.FieldDiskSize:
		return p.size.Entry()
	case vmconfig.FieldDiskPath:
		return p.path
	case fieldDiskMode:
		if p.noneBox.Visible() {
			return p.without
		}
	}
	for _, c := range p.create.group {
		if c.chosen {
			return c
		}
	}
	return p.create
}

func setVisible(o fyne.CanvasObject, on bool) {
	if on == o.Visible() {
		return
	}
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}
