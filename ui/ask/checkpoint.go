package ask

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// CheckpointQuestion asks for a checkpoint's name and description.
type CheckpointQuestion struct {
	Icon, Title, Button, Hint string
	Words                     checkpoints.SaveOptions  // what stands there at first
	List                      []checkpoints.Checkpoint // of the machine
	ID                        string                   // the checkpoint that has the words already; empty: none
	Fixed                     bool                     // the name cannot be changed
	Do                        func(context.Context, checkpoints.SaveOptions) error
}

// Checkpoint asks it. The dialog stays open with the reason when Do fails. UI goroutine.
func Checkpoint(w fyne.Window, d dispatch.Dispatcher, q CheckpointQuestion) {
	var taken []string
	for _, c := range q.List {
		if c.ID != q.ID {
			taken = append(taken, c.Name)
		}
	}
	description := widgets.NewMultiLineEntry(3)
	description.SetText(q.Words.Description)
	fixed := ""
	if q.Fixed {
		fixed = lang.L("Another program made this checkpoint; its name cannot be changed.")
	}
	Name(w, d, NameQuestion{
		Icon: q.Icon, Title: q.Title, Button: q.Button, Hint: q.Hint, Busy: lang.L("One moment…"), Name: q.Words.Name, Taken: taken, Fixed: fixed,
		Below: widgets.NewFormField(lang.L("Description"), description, ""), BelowFocus: description,
		Do: func(name string) func(context.Context) error {
			words := checkpoints.SaveOptions{Name: name, Description: strings.TrimSpace(description.Text)}
			return func(ctx context.Context) error { return q.Do(ctx, words) }
		},
	})
}

// SaveCheckpoint asks for the words of a checkpoint that is to be saved, and says what it will take. active: the machine runs, or stands still.
func SaveCheckpoint(w fyne.Window, d dispatch.Dispatcher, o checkpoints.Overview, name string, active bool, save func(checkpoints.SaveOptions)) {
	hint := lang.L("The machine is off: that takes a moment, and room only for what its disks change later.")
	switch {
	case active && o.SaveBytes > 0:
		hint = lang.F("The machine stands still while its memory is written, up to %s in about %s, and then goes on.", vmconfig.RoughSize(o.SaveBytes), lang.Duration(o.SaveTime))
	case active && o.Settings != nil:
		hint = lang.F("The machine stands still while its memory is written, %s at most, and then goes on.", vmconfig.FormatSize(o.Settings.MemoryBytes))
	}
	Checkpoint(w, d, CheckpointQuestion{
		Icon: "checkpoint", Title: lang.L("Save a checkpoint"), Button: lang.L("Save"), Hint: hint, List: o.List, Words: checkpoints.SaveOptions{Name: name},
		Do: func(_ context.Context, words checkpoints.SaveOptions) error {
			save(words)
			return nil
		},
	})
}
