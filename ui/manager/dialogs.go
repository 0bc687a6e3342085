package manager

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// rename asks for another name of the single selected machine.
func (m *Manager) rename() {
	one := m.single()
	if one == nil {
		return
	}
	if ok, _ := one.Can(machines.ActionRename); !ok {
		return
	}
	var taken []string
	for _, other := range m.snap.Machines {
		if other.UUID != one.UUID {
			taken = append(taken, other.Name)
		}
	}
	entry := widgets.NewEntry()
	entry.SetText(one.Name)
	field := widgets.NewFormField("Name", entry, "")
	var modal *widgets.Modal
	cancel := widgets.NewButton("", "Cancel", widgets.StylePlain, func() { modal.Close() })
	ok := widgets.NewButton("", "Rename", widgets.StylePrimary, nil)
	check := func() bool {
		fault := ""
		if err := vmconfig.CheckName(entry.Text, taken); err != nil {
			fault = err.Error()
		}
		field.SetFault(fault)
		ok.SetEnabled(fault == "", fault)
		modal.Relayout()
		return fault == ""
	}
	ok.OnTapped = func() {
		if entry.Text == one.Name {
			modal.Close()
			return
		}
		if !check() {
			return
		}
		name := entry.Text
		ok.Disable("The machine is being renamed.")
		dispatch.Run(m.p.Dispatch, func(ctx context.Context) error { return m.p.Machines.Rename(ctx, one.UUID, name) }, func(err error) {
			if err == nil {
				modal.Close()
				return
			}
			ok.Enable()
			field.SetFault(joined(explain.Explain(err).Summary, explain.Explain(err).Remedy))
			modal.Relayout()
		})
	}
	entry.OnChanged = func(string) { check() }
	entry.OnSubmitted = func(string) { ok.Tapped(nil) }
	modal = widgets.NewModal(m.window, "rename", fynetheme.ColorNamePrimary, "Rename “"+shown(one.Name)+"”", field, 400, cancel, ok)
	modal.FocusOn(entry).Show()
	entry.TypedShortcut(selectAllText)
}

// remove asks what should happen to the files of the selected machines, and deletes the machines.
func (m *Manager) remove() {
	list := m.able(machines.ActionDelete)
	if len(list) == 0 {
		return
	}
	dispatch.Background(m.p.Dispatch, func(ctx context.Context) ([]machines.DeletePlan, error) {
		plans := make([]machines.DeletePlan, len(list))
		for i, machine := range list {
			plan, err := m.p.Machines.DeletePlan(ctx, machine.UUID)
			if err != nil {
				return plans, err
			}
			plans[i] = plan
		}
		return plans, nil
	}, func(plans []machines.DeletePlan, err error) { m.askRemove(list, plans, err) })
}

func (m *Manager) askRemove(list []*machines.Machine, plans []machines.DeletePlan, err error) {
	var modal *widgets.Modal
	remove := func(keepDisks bool) func() {
		return func() {
			modal.Close()
			for _, machine := range list {
				m.p.Machines.Delete(machine.UUID, keepDisks)
			}
		}
	}
	cancel := widgets.NewButton("", "Cancel", widgets.StylePlain, func() { modal.Close() })
	only := widgets.NewButton("", "Remove, keep the disks", widgets.StylePlain, remove(true))
	all := widgets.NewButton("trash", "Delete all files", widgets.StyleDanger, remove(false))

	content := container.NewVBox()
	switch {
	case err != nil:
		all.Disable("Which files belong to the machine cannot be read.")
		content.Add(widgets.Paragraphs("Which files belong to the machine cannot be read, so none is deleted. It can be taken out of the list.", explain.Explain(err).Summary))
	default:
		content.Add(widgets.Paragraphs(deleteSummary(plans)))
	}
	if len(list) > 1 {
		content.Add(widgets.NameList(names(list)))
	}
	if files := fileList(plans); files != nil {
		content.Add(files)
	}
	modal = widgets.NewModal(m.window, "trash", fynetheme.ColorNameError, "Delete "+title(list)+"?", content, 520, cancel, only, all)
	modal.FocusOn(cancel).Show()
}

// deleteSummary says in a sentence or two what would be lost.
func deleteSummary(plans []machines.DeletePlan) string {
	var bytes int64
	trash, stay, cps, saved := 0, 0, 0, false
	for _, p := range plans {
		for _, f := range p.Files {
			if f.Trash {
				trash++
				bytes += f.Bytes
			} else {
				stay++
			}
		}
		cps += p.Checkpoints
		saved = saved || p.SavedState
	}
	text := ""
	switch trash {
	case 0:
		text = "No files are deleted."
	case 1:
		text = fmt.Sprintf("One file (%s) goes to the trash and is kept there for seven days.", roughSize(bytes))
	default:
		text = fmt.Sprintf("%d files (%s) go to the trash and are kept there for seven days.", trash, roughSize(bytes))
	}
	switch {
	case cps == 1:
		text += " One checkpoint is lost."
	case cps > 1:
		text += fmt.Sprintf(" %d checkpoints are lost.", cps)
	}
	if saved {
		text += " The saved state is lost."
	}
	if stay > 0 {
		text += " Files that are used elsewhere stay."
	}
	return text
}

// fileList shows what happens to each file; nil when there is none.
func fileList(plans []machines.DeletePlan) fyne.CanvasObject {
	box := container.NewVBox()
	for _, p := range plans {
		for _, f := range p.Files {
			icon, color, fate := "trash", fynetheme.ColorNameError, "goes to the trash"
			if !f.Trash {
				icon, color, fate = "lock", theme.ColorMuted, "stays"
				if f.Reason != "" {
					fate = "stays: " + f.Reason
				}
			}
			name := widgets.NewText(vmconfig.Inert(baseName(f.Path), 100), theme.TextNormal, false, fynetheme.ColorNameForeground).Elided()
			note := widgets.NewText(joined(f.Kind+",", roughSize(f.Bytes)+",", fate), theme.TextSmall, false, theme.ColorMuted).Elided()
			box.Add(container.NewBorder(nil, nil, container.NewCenter(widgets.NewIcon(icon, 18, color)), nil,
				widgets.NewHint(container.NewVBox(name, note), f.Path)))
		}
	}
	if len(box.Objects) == 0 {
		return nil
	}
	var inner fyne.CanvasObject = box
	if len(box.Objects) > 4 {
		scroll := container.NewVScroll(box)
		scroll.SetMinSize(fyne.NewSize(0, 190))
		inner = scroll
	}
	return widgets.Card(inner)
}
