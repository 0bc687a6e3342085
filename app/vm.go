package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

func newVM(o *options) *cobra.Command {
	vm := group("vm", "Work with machines",
		newVMList(o), newVMShow(o), newVMCreate(o), newVMRename(o), newVMDelete(o), newVMScreenshot(o), newVMSerial(o))
	for _, v := range lifecycleVerbs {
		vm.AddCommand(newLifecycle(o, v))
	}
	return vm
}

type lifecycleVerb struct {
	use, short string
	action     machines.Action
}

var lifecycleVerbs = []lifecycleVerb{
	{"start", "Start machines, or resume saved ones where they were", machines.ActionStart},
	{"pause", "Freeze running machines", machines.ActionPause},
	{"resume", "Let paused machines run on", machines.ActionResume},
	{"reset", "Press the reset button of running machines", machines.ActionReset},
	{"shutdown", "Press the power button; the guests decide", machines.ActionShutdown},
	{"poweroff", "Cut the power of machines at once", machines.ActionPowerOff},
	{"save", "Save the memory of machines and stop them", machines.ActionSave},
	{"discard-saved", "Forget the saved memory of machines", machines.ActionDiscardSaved},
}

// newLifecycle makes one verb that acts on any number of machines; one refusal does not stop the others.
func newLifecycle(o *options, v lifecycleVerb) *cobra.Command {
	return &cobra.Command{
		Use: v.use + " NAME...", Short: v.short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name at least one machine")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				found, err := findAll(s, args)
				if err != nil {
					return err
				}
				var failures []error
				for _, m := range found {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					if err := waitJob(ctx, o, s.machines.Do(v.action, m.UUID)); err != nil {
						failures = append(failures, err)
					}
				}
				if err := reportAll(o, failures); err != nil {
					return err
				}
				return printMachines(o, s, found)
			})
		},
	}
}

// reportAll reports several failures one by one; the first decides the exit code.
func reportAll(o *options, failures []error) error {
	if len(failures) < 2 {
		return errors.Join(failures...)
	}
	code := 0
	for _, err := range failures {
		if c := report(o, err); code == 0 {
			code = c
		}
	}
	return reportedError{code}
}

// findAll looks all names up before anything is done, so that a typing mistake changes nothing.
func findAll(s *services, names []string) ([]*machines.Machine, error) {
	snapshot := s.machines.Snapshot()
	var found []*machines.Machine
	for _, name := range names {
		m, err := snapshot.Find(name)
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

// printMachines prints, with --json only, the machines as they are now.
func printMachines(o *options, s *services, ms []*machines.Machine) error {
	if !o.json {
		return nil
	}
	now := s.machines.Snapshot()
	documents := []machineDocument{}
	for _, m := range ms {
		if m := now.Get(m.UUID); m != nil {
			documents = append(documents, describeMachine(m))
		}
	}
	writeJSON(o.out, documents)
	return nil
}

// withServices runs f with a connection and closes it again.
func withServices(cmd *cobra.Command, o *options, f func(context.Context, *services) error) error {
	s, err := openServices(cmd.Context(), o)
	if err != nil {
		return err
	}
	defer s.close()
	return f(cmd.Context(), s)
}

// withMachine is withServices for the machine that the first argument names.
func withMachine(cmd *cobra.Command, o *options, name string, f func(context.Context, *services, *machines.Machine) error) error {
	return withServices(cmd, o, func(ctx context.Context, s *services) error {
		m, err := s.machines.Snapshot().Find(name)
		if err != nil {
			return err
		}
		return f(ctx, s, m)
	})
}

func newVMList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all machines", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withServices(cmd, o, func(_ context.Context, s *services) error {
				all := s.machines.Snapshot().Machines
				if o.json {
					documents := []machineDocument{}
					for _, m := range all {
						documents = append(documents, describeMachine(m))
					}
					writeJSON(o.out, documents)
					return nil
				}
				if len(all) == 0 {
					fmt.Fprintln(o.out, "There is no machine yet. Make one with “guesthouse vm create NAME”.")
					return nil
				}
				t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
				fmt.Fprintln(t, "NAME\tSTATE\tCPUS\tMEMORY\tCHECKPOINT")
				for _, m := range all {
					d := describeMachine(m)
					fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", vmconfig.Inert(d.Name, 64), d.State, d.CPUs,
						vmconfig.FormatSize(d.MemoryBytes), vmconfig.Inert(d.Checkpoint, 64))
				}
				return t.Flush()
			})
		},
	}
}

func newVMShow(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show what a machine is made of", Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(_ context.Context, _ *services, m *machines.Machine) error {
				return showMachine(o, m)
			})
		},
	}
}

func showMachine(o *options, m *machines.Machine) error {
	d := describeMachine(m)
	if o.json {
		writeJSON(o.out, d)
		return nil
	}
	t := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	row := func(label, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s:\t%s\n", label, vmconfig.Inert(value, 1024))
		}
	}
	row("Name", d.Name)
	row("State", d.State)
	row("Problem", d.Problem)
	row("UUID", d.UUID)
	row("System", d.OS)
	row("Firmware", d.Firmware)
	if d.CPUs > 0 {
		row("CPUs", fmt.Sprint(d.CPUs))
		row("Memory", vmconfig.FormatSize(d.MemoryBytes))
	}
	for _, disk := range d.Disks {
		path := disk.Path
		if path == "" {
			path = "(empty)"
		}
		row(disk.Device+" "+disk.Target, path)
	}
	row("Checkpoint", d.Checkpoint)
	row("Group", d.Group)
	row("Notes", d.Notes)
	return t.Flush()
}

func newVMCreate(o *options) *cobra.Command {
	var f struct {
		os, memory, disk, existing, iso, firmware string
		cpus                                      int
		noDisk, start                             bool
	}
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a machine", Args: exactArgs("a name for the machine"),
		Long: `Create a machine. What is not given is chosen for the operating system: --os names it
(see osinfo-db, for example debian11 or win11), otherwise it is recognised from the ISO.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				osID, err := chooseOS(ctx, s, f.os, f.iso)
				if err != nil {
					return err
				}
				d := s.machines.NewDraft(osID)
				d.Name, d.Start = args[0], f.start
				if f.iso != "" {
					if d.ISO, err = filepath.Abs(f.iso); err != nil {
						return err
					}
				}
				flags := cmd.Flags()
				if flags.Changed("memory") {
					if d.MemoryBytes, err = size("--memory", f.memory, vmconfig.ParseMemory); err != nil {
						return err
					}
				}
				if flags.Changed("cpus") {
					if d.CPUs = f.cpus; f.cpus < 1 {
						return usagef("--cpus: a machine needs at least one")
					}
				}
				if flags.Changed("firmware") {
					d.Firmware = vmconfig.Firmware(f.firmware)
				}
				switch {
				case f.noDisk:
					d.DiskMode = machines.DiskNone
				case flags.Changed("existing-disk"):
					d.DiskMode = machines.DiskExisting
					if d.DiskPath, err = filepath.Abs(f.existing); err != nil {
						return err
					}
				case flags.Changed("disk"):
					d.DiskMode = machines.DiskCreate
					if d.DiskBytes, err = size("--disk", f.disk, vmconfig.ParseDiskSize); err != nil {
						return err
					}
				}
				return create(ctx, o, s, d)
			})
		},
	}
	c.Flags().StringVar(&f.os, "os", "", "operating system, an osinfo-db `ID` such as debian11")
	c.Flags().StringVar(&f.memory, "memory", "", "memory `SIZE` with a unit, such as 2GiB")
	c.Flags().IntVar(&f.cpus, "cpus", 0, "number `N` of virtual CPUs")
	c.Flags().StringVar(&f.disk, "disk", "", "`SIZE` of a new disk with a unit, such as 20GiB")
	c.Flags().StringVar(&f.existing, "existing-disk", "", "use the disk image `FILE` as it is")
	c.Flags().BoolVar(&f.noDisk, "no-disk", false, "make no disk")
	c.Flags().StringVar(&f.iso, "iso", "", "insert the ISO image `FILE`")
	c.Flags().StringVar(&f.firmware, "firmware", "", "`KIND`: bios or uefi")
	c.Flags().BoolVar(&f.start, "start", false, "start the machine when it is ready")
	c.MarkFlagsMutuallyExclusive("disk", "existing-disk", "no-disk")
	_ = c.RegisterFlagCompletionFunc("firmware", cobra.FixedCompletions([]string{"bios", "uefi"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// size parses a size option; a mistake in it is wrong usage.
func size(option, text string, parse func(string) (int64, error)) (int64, error) {
	n, err := parse(text)
	if err != nil {
		return 0, usagef("%s: %w", option, err)
	}
	return n, nil
}

// chooseOS resolves --os, or recognises the system on the ISO. An ISO that nobody knows is no fault.
func chooseOS(ctx context.Context, s *services, id, iso string) (string, error) {
	if id != "" {
		os, ok := s.guests().Find(id)
		if !ok {
			return "", usagef("--os: “%s” is not in the catalogue of operating systems", vmconfig.Inert(id, 64))
		}
		return os.ID, nil
	}
	if iso == "" {
		return "", nil
	}
	path, err := filepath.Abs(iso)
	if err != nil {
		return "", err
	}
	media, err := s.guests().DetectISO(ctx, path)
	if err == nil && media.OS != nil {
		return media.OS.ID, nil
	}
	return "", nil // what is wrong with the file, CheckDraft says together with all other faults
}

func create(ctx context.Context, o *options, s *services, d machines.Draft) error {
	if faults := s.machines.CheckDraft(ctx, d); len(faults) > 0 {
		return faults
	}
	job, id := s.machines.Create(d)
	if err := waitJob(ctx, o, job); err != nil {
		return err
	}
	m := s.machines.Snapshot().Get(id)
	if m == nil {
		return nil // removed by another program in this moment
	}
	if o.json {
		writeJSON(o.out, describeMachine(m))
	}
	return nil
}

func newVMRename(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "rename NAME NEW", Short: "Give a machine another name", Args: exactArgs("the name of a machine", "its new name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				if err := s.machines.Rename(ctx, m.UUID, args[1]); err != nil {
					return err
				}
				return printMachines(o, s, []*machines.Machine{m})
			})
		},
	}
}

func newVMDelete(o *options) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use: "delete NAME", Short: "Delete a machine; its disks wait in the trash for seven days",
		Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				if err := waitJob(ctx, o, s.machines.Delete(m.UUID, keep)); err != nil {
					return err
				}
				if o.json {
					writeJSON(o.out, []uuid.UUID{m.UUID})
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&keep, "keep-disks", false, "leave the disk images where they are")
	return c
}

func newVMScreenshot(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "screenshot NAME FILE.png", Short: "Write a picture of a running machine's screen",
		Args: exactArgs("the name of a machine", "a file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				png, err := s.machines.Screenshot(ctx, m.UUID)
				if err != nil {
					return err
				}
				return writeFile(args[1], png)
			})
		},
	}
}

// writeFile replaces path in one step, so that a full disk never leaves half a picture.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".guesthouse-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
