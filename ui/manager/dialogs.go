package manager

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/ui/ask"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
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
	ask.Name(m.window, m.p.Dispatch, ask.NameQuestion{
		Icon: "rename", Title: lang.F("Rename “%s”", shown(one.Name)), Button: lang.L("Rename"), Busy: lang.L("The machine is being renamed."),
		Name: one.Name, Taken: taken,
		Do: func(name string) func(context.Context) error {
			return func(ctx context.Context) error {
				if name == one.Name {
					return nil
				}
				return m.p.Machines.Rename(ctx, one.UUID, name)
			}
		},
	})
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
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	only := widgets.NewButton("", lang.L("Remove, keep the disks"), widgets.StylePlain, remove(true))
	all := widgets.NewButton("trash", lang.L("Delete all files"), widgets.StyleDanger, remove(false))

	content := container.NewVBox()
	switch {
	case err != nil:
		all.Disable(lang.L("Which files belong to the machine cannot be read."))
		content.Add(widgets.Paragraphs(lang.L("Which files belong to the machine cannot be read, so none is deleted. It can be taken out of the list."), lang.L(explain.Explain(err).Summary)))
	default:
		content.Add(widgets.Paragraphs(deleteSummary(plans)))
	}
	if len(list) > 1 {
		content.Add(widgets.NameList(names(list)))
	}
	if files := fileList(plans); files != nil {
		content.Add(files)
	}
	modal = widgets.NewModal(m.window, "trash", fynetheme.ColorNameError, lang.F("Delete %s?", title(list)), content, 520, cancel, only, all)
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
	text := lang.L("No files are deleted.")
	if trash > 0 {
		text = lang.N("One file (%[2]s) goes to the trash and is kept there for seven days.",
			"%d files (%s) go to the trash and are kept there for seven days.", trash, trash, vmconfig.RoughSize(bytes))
	}
	if cps > 0 {
		text += " " + lang.N("One checkpoint is lost.", "%d checkpoints are lost.", cps, cps)
	}
	if saved {
		text += " " + lang.L("The saved state is lost.")
	}
	if stay > 0 {
		text += " " + lang.L("Files that are used elsewhere stay.")
	}
	return text
}

// fileList shows what happens to each file; nil when there is none.
func fileList(plans []machines.DeletePlan) fyne.CanvasObject {
	box := container.NewVBox()
	for _, p := range plans {
		for _, f := range p.Files {
			icon, color, fate := "trash", fynetheme.ColorNameError, lang.L("goes to the trash")
			if !f.Trash {
				icon, color, fate = "lock", theme.ColorMuted, lang.L("stays")
				if f.Reason != "" {
					fate = lang.F("stays: %s", lang.L(f.Reason))
				}
			}
			name := widgets.NewText(vmconfig.Inert(baseName(f.Path), 100), theme.TextNormal, false, fynetheme.ColorNameForeground).Elided()
			note := widgets.NewText(joined(kindWord(f.Kind)+",", vmconfig.RoughSize(f.Bytes)+",", fate), theme.TextSmall, false, theme.ColorMuted).Elided()
			box.Add(container.NewBorder(nil, nil, container.NewCenter(widgets.NewIcon(icon, 18, color)), nil,
				widgets.NewHint(container.NewVBox(name, note), f.Path)))
		}
	}
	if len(box.Objects) == 0 {
		return nil
	}
	var inner fyne.CanvasObject = box
	if len(box.Objects) > 4 {
		scroll := widgets.NewScroll(box)
		scroll.SetMinSize(fyne.NewSize(0, 190))
		inner = scroll
	}
	return widgets.Card(inner)
}

// kindWord names a kind of files.
func kindWord(kind string) string {
	switch kind {
	case machines.KindDisk:
		return lang.L("disk")
	case machines.KindVariables:
		return lang.L("firmware variables")
	case machines.KindCheckpoints:
		return lang.L("checkpoints")
	}
	return kind
}
