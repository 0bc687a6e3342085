package manager

import (
	"context"
	"fmt"
	"strings"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// copyCheckpoint asks for the name of the machine that is to be made out of a checkpoint.
func (m *Manager) copyCheckpoint(c checkpoints.Checkpoint) {
	id := m.checkpoints.id
	from := m.byID[id]
	if from == nil {
		return
	}
	var taken []string
	for _, machine := range m.byID {
		taken = append(taken, machine.Name)
	}
	base := from.Name + " " + c.Name
	free := base
	for n := 2; vmconfig.CheckName(free, taken) != nil && n < 100; n++ {
		free = fmt.Sprintf("%s %d", base, n)
	}
	hint := lang.L("The new machine gets copies of the disks and is off.")
	if c.State.Active() {
		hint = lang.L("The new machine gets copies of the disks and is off: what the guest had not written to them is missing, as after a power cut.")
	}
	m.askName(nameQuestion{
		icon: "new", title: lang.F("New machine from “%s”", shown(c.Name)), button: lang.L("Create"), hint: hint, name: free, taken: taken,
		do: func(name string) func(context.Context) error {
			return func(context.Context) error {
				m.p.Checkpoints.Copy(id, c.ID, name)
				return nil
			}
		},
	})
}

// wordsQuestion asks for a checkpoint's name and description.
type wordsQuestion struct {
	icon, title, button, hint string
	words                     checkpoints.SaveOptions // what stands there at first
	except                    string                  // ID of the checkpoint that has them already; empty: none
	fixed                     bool                    // the name cannot be changed
	do                        func(context.Context, checkpoints.SaveOptions) error
}

// askWords asks it. The dialog stays open with the reason when do fails.
func (m *Manager) askWords(q wordsQuestion) {
	var taken []string
	for _, c := range m.checkpoints.List {
		if c.ID != q.except {
			taken = append(taken, c.Name)
		}
	}
	description := widgets.NewMultiLineEntry(3)
	description.SetText(q.words.Description)
	fixed := ""
	if q.fixed {
		fixed = lang.L("Another program made this checkpoint; its name cannot be changed.")
	}
	m.askName(nameQuestion{
		icon: q.icon, title: q.title, button: q.button, hint: q.hint, busy: lang.L("One moment…"), name: q.words.Name, taken: taken, fixed: fixed,
		below: widgets.NewFormField(lang.L("Description"), description, ""), belowFocus: description,
		do: func(name string) func(context.Context) error {
			words := checkpoints.SaveOptions{Name: name, Description: strings.TrimSpace(description.Text)}
			return func(ctx context.Context) error { return q.do(ctx, words) }
		},
	})
}
