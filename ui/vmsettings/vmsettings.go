// Package vmsettings is the dialog in which a machine's name, memory, processors and notes are changed.
package vmsettings

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// Machines is what the dialog needs from machines.Service. Whatever takes a context is called in the background.
type Machines interface {
	Snapshot() *machines.Snapshot
	Limits(ctx context.Context) (vmconfig.Limits, error)
	Edit(ctx context.Context, id uuid.UUID) (machines.Edit, error)
	Apply(ctx context.Context, id uuid.UUID, e machines.Edit, changed vmconfig.Machine) error
}

// Params is what the dialog is made from.
type Params struct {
	Dispatch dispatch.Dispatcher
	Machines Machines
	ID       uuid.UUID
	// Before, if set, is called in the background before changed settings are applied, to save a checkpoint. When it fails, the user is told, and can apply them all the same.
	Before func(ctx context.Context) error
}

// loaded is what is read before the dialog opens.
type loaded struct {
	edit   machines.Edit
	limits vmconfig.Limits
}

// page is the open dialog.
type page struct {
	p        Params
	parent   fyne.Window
	edit     machines.Edit
	limits   vmconfig.Limits
	machine  *machines.Machine
	modal    *widgets.Modal
	name     *widgets.Entry
	notes    *widgets.Entry
	memory   *widgets.ZoneSlider
	cpus     *widgets.ZoneSlider
	fields   map[vmconfig.Field]*widgets.FormField
	problem  *widget.RichText
	apply    *widgets.Button
	applying bool
	before   func(ctx context.Context) error // Params.Before until it was tried
}

// Show reads the machine's description in the background and opens the dialog over parent. UI goroutine only.
func Show(parent fyne.Window, p Params) {
	dispatch.Background(p.Dispatch, func(ctx context.Context) (loaded, error) {
		edit, err := p.Machines.Edit(ctx, p.ID)
		if err != nil {
			return loaded{}, err
		}
		limits, err := p.Machines.Limits(ctx)
		if err != nil {
			limits = vmconfig.Limits{} // the sliders then have no coloured zones; everything else works
		}
		return loaded{edit, limits}, nil
	}, func(l loaded, err error) {
		if err != nil {
			if e := explain.Explain(err); !e.Cancelled {
				widgets.ShowError(parent, widgets.ErrorText{Title: lang.L("The settings cannot be opened"), Summary: e.Summary, Remedy: e.Remedy, Detail: e.Detail})
			}
			return
		}
		open(parent, p, l)
	})
}

func open(parent fyne.Window, p Params, l loaded) {
	g := &page{p: p, parent: parent, before: p.Before, edit: l.edit, limits: l.limits, fields: map[vmconfig.Field]*widgets.FormField{}}
	for _, m := range p.Machines.Snapshot().Machines {
		if m.UUID == p.ID {
			g.machine = m
		}
	}
	m := l.edit.Machine

	g.name = widgets.NewEntry()
	g.name.SetText(m.Name)
	nameOK, reason := true, ""
	if g.machine != nil {
		nameOK, reason = g.machine.Can(machines.ActionRename)
	}
	if !nameOK {
		g.name.Disable()
	}
	g.memory = widgets.NewZoneSlider(vmconfig.MemoryZones(l.limits), 128*vmconfig.MiB, vmconfig.ParseMemory, vmconfig.FormatSize)
	g.memory.SetValue(m.MemoryBytes)
	g.cpus = widgets.NewZoneSlider(vmconfig.CPUZones(l.limits), 1, parseCount, func(n int64) string { return strconv.FormatInt(n, 10) })
	g.cpus.SetValue(int64(m.CPUs))
	g.notes = widgets.NewMultiLineEntry(4)
	g.notes.SetText(m.Notes)
	g.problem = widget.NewRichText()
	g.problem.Wrapping = fyne.TextWrapWord
	g.problem.Hide()

	form := container.NewVBox(
		g.field(vmconfig.FieldName, lang.L("Name"), g.name, reason),
		g.field(vmconfig.FieldMemory, lang.L("Memory"), g.memory, ""),
		g.field(vmconfig.FieldCPUs, lang.L("Processors"), g.cpus, ""),
		g.field(vmconfig.FieldNotes, lang.L("Notes"), g.notes, ""),
	)
	if g.machine != nil && g.machine.State.Active() {
		form.Add(widgets.Notice("info", fynetheme.ColorNamePrimary, lang.L("The machine is running: changes take effect when it has been shut down and is started again.")))
	}
	form.Add(g.problem)

	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { g.modal.Close() })
	g.apply = widgets.NewButton("", lang.L("Apply"), widgets.StylePrimary, g.save)
	g.modal = widgets.NewModal(parent, "settings", fynetheme.ColorNamePrimary, lang.F("Settings of “%s”", vmconfig.Inert(m.Name, 60)), form, 520, cancel, g.apply)
	g.name.OnChanged = func(string) { g.check() }
	g.notes.OnChanged = func(string) { g.check() }
	for _, s := range []*widgets.ZoneSlider{g.memory, g.cpus} {
		s.OnChanged = func(int64) { g.check() }
		s.OnInvalid = func(error) { g.check() }
	}
	if nameOK {
		g.modal.FocusOn(g.name)
	} else {
		g.modal.FocusOn(g.memory.Entry())
	}
	g.check()
	g.modal.Show()
}

func (g *page) field(name vmconfig.Field, label string, control fyne.CanvasObject, hint string) *widgets.FormField {
	f := widgets.NewFormField(label, control, hint)
	g.fields[name] = f
	return f
}

// parseCount reads a whole number.
func parseCount(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, errors.New(lang.L("Type a whole number."))
	}
	return n, nil
}

// changed is the machine as the fields say.
func (g *page) changed() vmconfig.Machine {
	m := g.edit.Machine
	m.Name = strings.TrimSpace(g.name.Text)
	m.Notes = g.notes.Text
	m.MemoryBytes = g.memory.Value()
	m.CPUs = int(g.cpus.Value())
	return m
}

// faults are all faults of the fields. What was there before and is not touched is not found fault with.
func (g *page) faults() vmconfig.Faults {
	before, now := g.edit.Machine, g.changed()
	var list vmconfig.Faults
	if now.Name != before.Name {
		var taken []string
		for _, m := range g.p.Machines.Snapshot().Machines {
			if m.UUID != g.p.ID {
				taken = append(taken, m.Name)
			}
		}
		if err := vmconfig.CheckName(now.Name, taken); err != nil {
			list = append(list, vmconfig.Fault{Field: vmconfig.FieldName, Message: err.Error(), Err: err})
		}
	}
	for _, f := range now.ValidateChange(before, g.limits) {
		if f.Field != vmconfig.FieldName {
			list = append(list, f)
		}
	}
	return list
}

// check shows every fault at its field and reports whether there is none.
func (g *page) check() bool {
	faults := g.faults()
	ok := len(faults) == 0
	for name, field := range g.fields {
		fault := faults.For(name)
		switch s := field.Control().(type) {
		case *widgets.ZoneSlider: // shows its own faults, also those of typing
			s.SetFault(fault)
			ok = ok && s.Err() == nil
		default:
			field.SetFault(fault)
		}
	}
	switch {
	case g.applying:
		g.apply.Disable(lang.L("The changes are being saved."))
	case !ok:
		g.apply.Disable(lang.L("Mend what is marked first."))
	default:
		g.apply.Enable()
	}
	g.modal.Relayout()
	return ok
}

// save writes the changes and closes the dialog, or says what went wrong and keeps what was typed.
func (g *page) save() {
	was, now := g.edit.Machine, g.changed()
	same := now.Name == was.Name && now.Notes == was.Notes && now.MemoryBytes == was.MemoryBytes && now.CPUs == was.CPUs
	if same {
		g.modal.Close()
		return
	}
	if g.applying || !g.check() {
		return
	}
	g.applying = true
	g.check()
	before := g.before
	unsaved := false // the checkpoint before them
	dispatch.Run(g.p.Dispatch, func(ctx context.Context) error {
		if before != nil {
			if err := before(ctx); err != nil {
				unsaved = true
				return err
			}
		}
		return g.p.Machines.Apply(ctx, g.p.ID, g.edit, now)
	}, func(err error) {
		g.applying = false
		if g.before = nil; unsaved {
			g.apply.SetText(lang.L("Apply without a checkpoint"))
		}
		if err == nil {
			g.modal.Close()
			return
		}
		g.fail(err)
	})
}

func (g *page) fail(err error) {
	var faults vmconfig.Faults
	if errors.As(err, &faults) { // what only the service could find
		g.check()
		for name, field := range g.fields {
			if fault := faults.For(name); fault != "" {
				field.SetFault(fault)
			}
		}
		g.modal.Relayout()
		return
	}
	e := explain.Explain(err)
	text := strings.TrimSpace(lang.L(e.Summary) + " " + lang.L(e.Remedy))
	g.problem.Segments = []widget.RichTextSegment{&widget.TextSegment{Text: text, Style: widget.RichTextStyle{ColorName: fynetheme.ColorNameError}}}
	g.problem.Show()
	g.problem.Refresh()
	g.check()
}
