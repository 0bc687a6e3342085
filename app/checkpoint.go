package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/vmconfig"
)

func newCheckpoint(o *options) *cobra.Command {
	return group("checkpoint", "Save machines as they are and go back",
		newCheckpointSave(o), newCheckpointList(o), newCheckpointRestore(o), newCheckpointRename(o), newCheckpointCompare(o),
		newCheckpointCopy(o), newCheckpointDelete(o), newCheckpointPutBack(o), newCheckpointSpace(o), newCheckpointAutomatic(o))
}

func newCheckpointSave(o *options) *cobra.Command {
	var options checkpoints.SaveOptions
	c := &cobra.Command{
		Use: "save NAME", Short: "Save a checkpoint of a machine", Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				if err := waitJob(ctx, o, s.checkpoints.Save(m.UUID, options)); err != nil {
					return err
				}
				list, err := s.checkpoints.List(ctx, m.UUID)
				if err != nil {
					return err
				}
				for _, c := range list {
					if c.Current {
						printCheckpoint(o, c)
					}
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&options.Name, "name", "", "`TEXT` to call it (default “Checkpoint N”)")
	c.Flags().StringVar(&options.Description, "description", "", "longer `TEXT` for yourself")
	return c
}

// printCheckpoint prints one checkpoint: its name, or all of it.
func printCheckpoint(o *options, c checkpoints.Checkpoint) {
	if o.json {
		writeJSON(o.out, describeCheckpoint(c))
		return
	}
	fmt.Fprintf(o.out, "%s (%s)\n", vmconfig.Inert(c.Name, 64), vmconfig.Inert(c.ID, 64))
}

// printCheckpointIDs prints, with --json only, what was done to which checkpoints.
func printCheckpointIDs(o *options, done string, ids ...string) {
	if o.json {
		writeJSON(o.out, map[string][]string{done: ids})
	}
}

func newCheckpointList(o *options) *cobra.Command {
	var trash bool
	c := &cobra.Command{
		Use: "list NAME", Short: "List the checkpoints of a machine", Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				all, err := s.checkpoints.Overview(ctx, m.UUID)
				if err != nil {
					return err
				}
				if err := s.checkpoints.Measure(ctx, m.UUID, &all); err != nil {
					return err
				}
				list, none := all.List, "The machine has no checkpoint."
				if trash {
					list, none = all.Trash, "The trash is empty."
				}
				if o.json {
					documents := []checkpointDocument{}
					for _, c := range list {
						documents = append(documents, describeCheckpoint(c))
					}
					writeJSON(o.out, documents)
					return nil
				}
				return printCheckpoints(o, list, none)
			})
		},
	}
	c.Flags().BoolVar(&trash, "trash", false, "list what was deleted in the last seven days")
	return c
}

func printCheckpoints(o *options, list []checkpoints.Checkpoint, none string) error {
	if len(list) == 0 {
		fmt.Fprintln(o.out, none)
		return nil
	}
	depth := map[string]int{}
	t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "CHECKPOINT\tSAVED\tSTATE\tROOM\tID\tDESCRIPTION")
	for _, c := range list {
		if above, listed := depth[c.Parent]; listed {
			depth[c.ID] = above + 1 // parents come first
		} else {
			depth[c.ID] = 0
		}
		name := strings.Repeat("  ", depth[c.ID]) + vmconfig.Inert(c.Name, 64)
		if c.Current {
			name += " *"
		}
		room := "?"
		if c.FreesBytes != checkpoints.Unknown {
			room = vmconfig.RoughSize(max(c.FreesBytes, c.SizeBytes))
		}
		description := vmconfig.Inert(c.Description, 60)
		for _, doubt := range []string{c.Problem, c.Caution} {
			if doubt != "" {
				description = vmconfig.Inert(doubt, 200)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", name, c.Created.Local().Format(time.DateTime), c.State, room, vmconfig.Inert(c.ID, 64), description)
	}
	return t.Flush()
}

// withCheckpoint resolves the machine and the checkpoint that two arguments name.
func withCheckpoint(cmd *cobra.Command, o *options, args []string, f func(context.Context, *services, *machines.Machine, checkpoints.Checkpoint) error) error {
	return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
		list, err := s.checkpoints.List(ctx, m.UUID)
		if err != nil {
			return err
		}
		c, err := s.checkpoints.Resolve(list, args[1])
		if err != nil {
			return err
		}
		return f(ctx, s, m, c)
	})
}

func newCheckpointRestore(o *options) *cobra.Command {
	var options checkpoints.RestoreOptions
	var anyway bool
	c := &cobra.Command{
		Use: "restore NAME CHECKPOINT", Short: "Take a machine back to a checkpoint",
		Long: `Take a machine back to a checkpoint, given by name or id. What the machine is now is lost,
unless --save-first keeps it as a checkpoint of its own.`,
		Args: exactArgs("the name of a machine", "a checkpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCheckpoint(cmd, o, args, func(ctx context.Context, s *services, m *machines.Machine, c checkpoints.Checkpoint) error {
				if c.Caution != "" && !anyway && !options.DisksOnly {
					ways := "--anyway to try it."
					if c.DisksUsable {
						ways = "--anyway to try it, or --disks-only to leave the memory out."
					}
					return &checkpoints.Reason{Text: c.Caution + " Nothing was changed. Say " + ways}
				}
				if err := waitJob(ctx, o, s.checkpoints.Restore(m.UUID, c.ID, options)); err != nil {
					return err
				}
				return printMachines(o, s, []*machines.Machine{m})
			})
		},
	}
	c.Flags().BoolVar(&anyway, "anyway", false, "also when its memory may not run on this computer")
	c.Flags().BoolVar(&options.DisksOnly, "disks-only", false, "leave the memory out: the machine is off then")
	c.Flags().BoolVar(&options.SaveFirst, "save-first", false, "save the present state as a checkpoint first")
	return c
}

func newCheckpointDelete(o *options) *cobra.Command {
	var branch, now bool
	c := &cobra.Command{
		Use: "delete NAME CHECKPOINT", Short: "Delete a checkpoint; the machine and later checkpoints stay",
		Long: `Put a checkpoint into the machine's trash, where it keeps its room for seven days and from where
“checkpoint put-back” takes it. With --now it is deleted for good, also one that is in the trash.`,
		Args: exactArgs("the name of a machine", "a checkpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				all, err := s.checkpoints.Overview(ctx, m.UUID)
				if err != nil {
					return err
				}
				list := all.List
				if now && !branch {
					list = append(list, all.Trash...)
				}
				c, err := s.checkpoints.Resolve(list, args[1])
				if err != nil {
					return err
				}
				gone := []checkpoints.Checkpoint{c}
				if branch {
					gone = checkpoints.Branch(list, c.ID)
				}
				var ids []string
				for _, c := range gone {
					ids = append(ids, c.ID)
				}
				job, done := s.checkpoints.Trash, "trashed"
				if now {
					job, done = func(id uuid.UUID, _ []checkpoints.Checkpoint) *jobs.Job { return s.checkpoints.Delete(id, ids...) }, "deleted"
				}
				if err := waitJob(ctx, o, job(m.UUID, gone)); err != nil {
					return err
				}
				printCheckpointIDs(o, done, ids...)
				return nil
			})
		},
	}
	c.Flags().BoolVar(&branch, "branch", false, "delete those that were saved after it on the way from it as well")
	c.Flags().BoolVar(&now, "now", false, "delete for good and free the room at once")
	return c
}

func newCheckpointCopy(o *options) *cobra.Command {
	var linked bool
	c := &cobra.Command{
		Use: "copy NAME CHECKPOINT NEW-NAME", Short: "Make another machine out of a checkpoint",
		Long: `Make another machine out of a checkpoint, with copies of its disks. It is off: what a guest that
was running had not written to its disk is missing, as after a power cut.

With --linked its disks hold only what changes, and share the rest with the other linked copies of
the checkpoint. The first one takes as much room as a whole copy. None needs the original.`,
		Args: exactArgs("the name of a machine", "a checkpoint", "a name for the new machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCheckpoint(cmd, o, args[:2], func(ctx context.Context, s *services, m *machines.Machine, c checkpoints.Checkpoint) error {
				job, id := s.checkpoints.Copy(m.UUID, c.ID, args[2], linked)
				if err := waitJob(ctx, o, job); err != nil {
					return err
				}
				return printMachines(o, s, []*machines.Machine{{UUID: id}})
			})
		},
	}
	c.Flags().BoolVar(&linked, "linked", false, "share the disks with other linked copies of the checkpoint")
	return c
}

func newCheckpointPutBack(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "put-back NAME CHECKPOINT", Short: "Take a deleted checkpoint out of the trash",
		Args: exactArgs("the name of a machine", "a deleted checkpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				all, err := s.checkpoints.Overview(ctx, m.UUID)
				if err != nil {
					return err
				}
				c, err := s.checkpoints.Resolve(all.Trash, args[1])
				if errors.Is(err, checkpoints.ErrNoCheckpoint) {
					return fmt.Errorf("%w: %s is not in the trash of “%s”", checkpoints.ErrNoCheckpoint, vmconfig.Inert(args[1], 64), vmconfig.Inert(m.Name, 64))
				}
				if err != nil {
					return err
				}
				if err := waitJob(ctx, o, s.checkpoints.PutBack(m.UUID, []checkpoints.Checkpoint{c})); err != nil {
					return err
				}
				printCheckpointIDs(o, "put_back", c.ID)
				return nil
			})
		},
	}
}

func newCheckpointCompare(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "compare NAME CHECKPOINT [CHECKPOINT]", Short: "Show how a machine's settings differ from those in a checkpoint",
		Long: `Show how the settings of a machine differ between a checkpoint and now, or between two checkpoints.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > 3 {
				return usagef("this command needs the name of a machine and one or two checkpoints")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				all, err := s.checkpoints.Overview(ctx, m.UUID)
				if err != nil {
					return err
				}
				settings := []*vmconfig.Machine{}
				for _, name := range args[1:] {
					c, err := s.checkpoints.Resolve(all.List, name)
					if err != nil {
						return err
					}
					settings = append(settings, c.Settings)
				}
				settings = append(settings, all.Settings)
				if settings[0] == nil || settings[1] == nil {
					return &checkpoints.Reason{Text: "The settings of this checkpoint cannot be read."}
				}
				return printDifferences(o, vmconfig.Compare(*settings[0], *settings[1]))
			})
		},
	}
}

type automaticDocument struct {
	Minutes int `json:"minutes"` // 0: none are saved by themselves
	Keep    int `json:"keep"`
}

func newCheckpointAutomatic(o *options) *cobra.Command {
	var every time.Duration
	keep, off := checkpoints.UsualKeep, false
	c := &cobra.Command{
		Use: "automatic NAME", Short: "Show or change how checkpoints of a machine are saved by themselves",
		Long: `Show how checkpoints of a machine are saved by themselves, or change it. They are saved while the
machine runs and the manager window is open.`,
		Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(_ context.Context, _ *services, m *machines.Machine) error {
				store, err := settings.Load(filepath.Join(configDir(), "settings.json"))
				if err != nil {
					return err
				}
				if off || every > 0 {
					a := settings.Automatic{Minutes: int(every.Minutes()), Keep: keep}
					if !off && (a.Minutes < 1 || keep < 1) {
						return usagef("give at least one minute, and keep at least one")
					}
					if off {
						a = settings.Automatic{}
					}
					if err := store.Update(func(s *settings.Settings) { s.Automatic[m.UUID] = a }); err != nil { // one without minutes is none
						return err
					}
				}
				a := store.Get().Automatic[m.UUID]
				switch {
				case o.json:
					writeJSON(o.out, automaticDocument(a))
				case a.Minutes == 0:
					fmt.Fprintln(o.out, "No checkpoints are saved by themselves.")
				default:
					fmt.Fprintf(o.out, "One every %d minutes while it runs; the last %d are kept.\n", a.Minutes, a.Keep)
				}
				return nil
			})
		},
	}
	c.Flags().DurationVar(&every, "every", 0, "save one this often, such as `30m` or 2h")
	c.Flags().IntVar(&keep, "keep", keep, "how `MANY` of them are kept")
	c.Flags().BoolVar(&off, "off", false, "save none by themselves any more")
	c.MarkFlagsMutuallyExclusive("every", "off")
	return c
}

type spaceDocument struct {
	Machine     string `json:"machine"`
	Name        string `json:"name"`
	Checkpoints int    `json:"checkpoints"`
	Deleted     int    `json:"deleted"`
	Bytes       int64  `json:"bytes"` // -1: not known
	Frees       int64  `json:"frees_bytes"`
}

func newCheckpointSpace(o *options) *cobra.Command {
	var reclaim bool
	c := &cobra.Command{
		Use: "space", Short: "Show what the checkpoints of all machines take",
		Long: `Show what the checkpoints of all machines take, and what deleting for good those in the trash
would free. With --reclaim that is done.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				list, err := s.checkpoints.Spaces(ctx)
				if err != nil && len(list) == 0 {
					return err
				}
				if reclaim {
					for _, space := range list {
						var ids []string
						for _, c := range space.Trash {
							ids = append(ids, c.ID)
						}
						if len(ids) > 0 {
							err = errors.Join(err, waitJob(ctx, o, s.checkpoints.EmptyTrash(space.Machine, ids...)))
						}
					}
					return err
				}
				return errors.Join(err, printSpaces(o, list))
			})
		},
	}
	c.Flags().BoolVar(&reclaim, "reclaim", false, "delete for good what is in the trash of each machine")
	return c
}

func printSpaces(o *options, list []checkpoints.Space) error {
	documents := []spaceDocument{}
	t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "MACHINE\tCHECKPOINTS\tDELETED\tROOM\tDELETED FREES")
	size := func(bytes int64) string {
		if bytes == checkpoints.Unknown {
			return "?"
		}
		return vmconfig.FormatSize(bytes)
	}
	for _, s := range list {
		documents = append(documents, spaceDocument{s.Machine.String(), s.Name, s.Count, len(s.Trash), s.Bytes, s.Frees})
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\n", vmconfig.Inert(s.Name, 64), s.Count, len(s.Trash), size(s.Bytes), size(s.Frees))
	}
	if o.json {
		writeJSON(o.out, documents)
		return nil
	}
	return t.Flush()
}

type differenceDocument struct {
	Setting string `json:"setting"`
	From    string `json:"from"`
	To      string `json:"to"`
}

func printDifferences(o *options, list []vmconfig.Difference) error {
	if o.json {
		documents := []differenceDocument{}
		for _, d := range list {
			documents = append(documents, differenceDocument{d.Text, d.From, d.To})
		}
		writeJSON(o.out, documents)
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(o.out, "The settings are the same.")
		return nil
	}
	t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "SETTING\tTHEN\tNOW")
	for _, d := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\n", d.Text, cmp.Or(vmconfig.Inert(d.From, 80), "-"), cmp.Or(vmconfig.Inert(d.To, 80), "-"))
	}
	return t.Flush()
}

func newCheckpointRename(o *options) *cobra.Command {
	var description string
	c := &cobra.Command{
		Use: "rename NAME CHECKPOINT [NEW-NAME]", Short: "Give a checkpoint another name or description",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 || len(args) == 2 && cmd.Flags().Changed("description") {
				return nil
			}
			return usagef("this command needs the name of a machine, a checkpoint, and its new name or --description")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCheckpoint(cmd, o, args[:2], func(ctx context.Context, s *services, m *machines.Machine, c checkpoints.Checkpoint) error {
				if !cmd.Flags().Changed("description") {
					description = c.Description
				}
				c.Name, c.Description = cmp.Or(strings.Join(args[2:], ""), c.Name), description
				if err := s.checkpoints.Describe(ctx, m.UUID, c.ID, checkpoints.SaveOptions{Name: c.Name, Description: c.Description}); err != nil {
					return err
				}
				if o.json {
					printCheckpoint(o, c)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&description, "description", "", "longer `TEXT` for yourself (default: as it is)")
	return c
}
