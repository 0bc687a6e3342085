package manager

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/ask"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// copyCheckpoint asks for the name of the machine that is to be made out of a checkpoint.
func (m *Manager) copyCheckpoint(id uuid.UUID, c checkpoints.Checkpoint) {
	from := m.byID[id]
	if from == nil {
		return
	}
	var taken []string
	for _, machine := range m.byID {
		taken = append(taken, machine.Name)
	}
	free := from.Name + " " + c.Name
	for n := 2; vmconfig.CheckName(free, taken) != nil && n < 100; n++ {
		if free = fmt.Sprintf("%s %d", from.Name, n); len(free) > vmconfig.MaxNameBytes {
			free = fmt.Sprintf("%d", n)
		}
	}
	hint := lang.L("The new machine gets copies of the disks and is off.")
	if c.State.Active() {
		hint = lang.L("The new machine gets copies of the disks and is off: what the guest had not written to them is missing, as after a power cut.")
	}
	linked := widget.NewCheck(lang.L("Linked copy"), nil)
	ask.Name(m.window, m.p.Dispatch, ask.NameQuestion{
		Icon: "new", Title: lang.F("New machine from “%s”", shown(c.Name)), Button: lang.L("Create"), Hint: hint, Name: free, Taken: taken,
		Below: widgets.NewFormField(lang.L("Disks"), linked, lang.L("It shares the disks with other linked copies of this checkpoint and keeps only what changes. The first one takes as much room as a whole copy. None needs the original.")),
		Do: func(name string) func(context.Context) error {
			share := linked.Checked
			return func(context.Context) error {
				m.p.Checkpoints.Copy(id, c.ID, name, share)
				return nil
			}
		},
	})
}
