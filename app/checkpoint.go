package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

func newCheckpoint(o *options) *cobra.Command {
	return group("checkpoint", "Save machines as they are and go back",
		newCheckpointSave(o), newCheckpointList(o), newCheckpointRestore(o), newCheckpointRename(o), newCheckpointDelete(o))
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
				if !o.json {
					return nil
				}
				list, err := s.checkpoints.List(ctx, m.UUID)
				if err != nil {
					return err
				}
				for _, c := range list {
					if c.Current {
						writeJSON(o.out, describeCheckpoint(c))
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

func newCheckpointList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list NAME", Short: "List the checkpoints of a machine", Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				list, err := s.checkpoints.List(ctx, m.UUID)
				if err != nil {
					return err
				}
				if o.json {
					documents := []checkpointDocument{}
					for _, c := range list {
						documents = append(documents, describeCheckpoint(c))
					}
					writeJSON(o.out, documents)
					return nil
				}
				return printCheckpoints(o, list)
			})
		},
	}
}

func printCheckpoints(o *options, list []checkpoints.Checkpoint) error {
	depth := map[string]int{}
	t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "CHECKPOINT\tSAVED\tSTATE\tSIZE\tID")
	for _, c := range list {
		if c.Parent != "" {
			depth[c.ID] = depth[c.Parent] + 1 // parents come first
		}
		name := strings.Repeat("  ", depth[c.ID]) + vmconfig.Inert(c.Name, 64)
		if c.Current {
			name += " *"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name, c.Created.Local().Format(time.DateTime), c.State,
			vmconfig.FormatSize(c.SizeBytes), vmconfig.Inert(c.ID, 64))
	}
	return t.Flush()
}

// withCheckpoint resolves the machine and the checkpoint that two arguments name; f gets all of the machine's as well.
func withCheckpoint(cmd *cobra.Command, o *options, args []string, f func(context.Context, *services, *machines.Machine, checkpoints.Checkpoint, []checkpoints.Checkpoint) error) error {
	return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
		list, err := s.checkpoints.List(ctx, m.UUID)
		if err != nil {
			return err
		}
		c, err := s.checkpoints.Resolve(list, args[1])
		if err != nil {
			return err
		}
		return f(ctx, s, m, c, list)
	})
}

func newCheckpointRestore(o *options) *cobra.Command {
	var options checkpoints.RestoreOptions
	c := &cobra.Command{
		Use: "restore NAME CHECKPOINT", Short: "Take a machine back to a checkpoint",
		Long: `Take a machine back to a checkpoint, given by name or id. What the machine is now is lost,
unless --save-first keeps it as a checkpoint of its own.`,
		Args: exactArgs("the name of a machine", "a checkpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCheckpoint(cmd, o, args, func(ctx context.Context, s *services, m *machines.Machine, c checkpoints.Checkpoint, _ []checkpoints.Checkpoint) error {
				if err := waitJob(ctx, o, s.checkpoints.Restore(m.UUID, c.ID, options)); err != nil {
					return err
				}
				return printMachines(o, s, []*machines.Machine{m})
			})
		},
	}
	c.Flags().BoolVar(&options.SaveFirst, "save-first", false, "save the present state as a checkpoint first")
	return c
}

func newCheckpointDelete(o *options) *cobra.Command {
	var branch bool
	c := &cobra.Command{
		Use: "delete NAME CHECKPOINT", Short: "Delete a checkpoint; the machine and later checkpoints stay",
		Args: exactArgs("the name of a machine", "a checkpoint"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCheckpoint(cmd, o, args, func(ctx context.Context, s *services, m *machines.Machine, c checkpoints.Checkpoint, list []checkpoints.Checkpoint) error {
				if branch {
					return waitJob(ctx, o, s.checkpoints.DeleteBranch(m.UUID, checkpoints.Branch(list, c.ID)))
				}
				return waitJob(ctx, o, s.checkpoints.Delete(m.UUID, c.ID))
			})
		},
	}
	c.Flags().BoolVar(&branch, "branch", false, "delete those that were saved after it on the way from it as well")
	return c
}

func newCheckpointRename(o *options) *cobra.Command {
	var description string
	c := &cobra.Command{
		Use: "rename NAME CHECKPOINT NEW-NAME", Short: "Give a checkpoint another name or description",
		Args: exactArgs("the name of a machine", "a checkpoint", "its new name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withCheckpoint(cmd, o, args[:2], func(ctx context.Context, s *services, m *machines.Machine, c checkpoints.Checkpoint, _ []checkpoints.Checkpoint) error {
				if !cmd.Flags().Changed("description") {
					description = c.Description
				}
				return s.checkpoints.Describe(ctx, m.UUID, c.ID, checkpoints.SaveOptions{Name: args[2], Description: description})
			})
		},
	}
	c.Flags().StringVar(&description, "description", "", "longer `TEXT` for yourself (default: as it is)")
	return c
}
