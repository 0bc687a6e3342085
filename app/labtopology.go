package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

// topologyDocument is a lab of several machines as --json prints it.
type topologyDocument struct {
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	From     string            `json:"from"`
	Added    string            `json:"added"`
	Machines []topologyMachine `json:"machines"`
	Problem  string            `json:"problem,omitempty"`
}

type topologyMachine struct {
	Name     string   `json:"name"`
	LabID    string   `json:"lab_id"`
	Networks []string `json:"networks"`
	// Machine is the UUID of the machine that was launched, and State its state; both are left out where there is none, or it was not asked for.
	Machine string `json:"machine,omitempty"`
	State   string `json:"state,omitempty"`
}

func describeTopology(t *labs.Topology, there []*machines.Machine) topologyDocument {
	d := topologyDocument{Name: t.Name, Title: t.Title, From: t.From, Added: t.Added.Format(time.RFC3339)}
	if t.Err != nil {
		d.Problem = t.Err.Error()
	}
	for i, m := range t.Machines {
		one := topologyMachine{Name: m.Name, LabID: t.Labs[i].String(), Networks: m.Networks}
		if i < len(there) && there[i] != nil {
			launched := there[i]
			one.Machine, one.State = launched.UUID.String(), string(launched.State)
		}
		d.Machines = append(d.Machines, one)
	}
	return d
}

func newLabTopologies(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "topologies", Short: "List the labs of several machines in the library", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := openLibrary(o).Topologies()
			if err != nil {
				return err
			}
			documents := []topologyDocument{}
			t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
			fmt.Fprintln(t, "NAME\tMACHINES\tADDED\tTITLE")
			for _, one := range list {
				documents = append(documents, describeTopology(&one, nil))
				var names []string
				for _, m := range one.Machines {
					names = append(names, m.Name)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", one.Name, strings.Join(names, ", "), one.Added.Local().Format(time.DateOnly), cmp.Or(vmconfig.Inert(documents[len(documents)-1].Problem, 80), vmconfig.Inert(one.Title, 50)))
			}
			if o.json {
				writeJSON(o.out, documents)
				return nil
			}
			return t.Flush()
		},
	}
}

// removeTopology removes a lab of several machines, which may be one that cannot be read, and says which machines are left.
func removeTopology(ctx context.Context, o *options, s *services, t *labs.Topology) error {
	var left []string
	for _, m := range s.labs.Launched(t) {
		left = append(left, vmconfig.Inert(m.Name, vmconfig.MaxNameBytes))
	}
	if err := waitJob(ctx, o, s.labs.RemoveTopology(t.Name)); err != nil {
		return err
	}
	if len(left) > 0 && !o.json {
		fmt.Fprintf(o.err, "Its machines keep working, but cannot be reset any more: %s\n", strings.Join(left, ", "))
	}
	return nil
}

// isTopology reports whether a reference is that of a lab of several machines: a file, or a name in the library that no lab has.
func isTopology(s *services, ref string) bool {
	if _, ok := labs.ParseTopologyRef(ref); ok {
		return true
	}
	_, err := s.labs.Library().Resolve(ref)
	_, notOne := s.labs.Library().Topology(ref)
	return err != nil && notOne == nil
}

// fetchTopology returns the lab of several machines that a reference names, fetched unless it is a name.
func fetchTopology(ctx context.Context, o *options, s *services, ref string, f fetchFlags) (labs.Topology, error) {
	name := ref
	if _, ok := labs.ParseTopologyRef(ref); ok {
		if f.name != "" {
			return labs.Topology{}, &labs.Reason{Text: "A lab of several machines has the name that it says."}
		}
		if err := waitJob(ctx, o, s.labs.FetchTopology(ref, f.options(o, nil), func(n string) { name = n })); err != nil {
			return labs.Topology{}, err
		}
	}
	return s.labs.Library().Topology(name)
}

func pullTopology(ctx context.Context, o *options, s *services, ref string, f fetchFlags) error {
	t, err := fetchTopology(ctx, o, s, ref, f)
	if err != nil {
		return err
	}
	if o.json {
		writeJSON(o.out, describeTopology(&t, labs.MachinesOf(s.machines.Snapshot(), t.Topology)))
		return nil
	}
	fmt.Fprintln(o.out, t.Name)
	return nil
}

// runTopology launches all machines of a lab of several.
func runTopology(ctx context.Context, o *options, s *services, ref string, f fetchFlags, start bool) error {
	t, err := fetchTopology(ctx, o, s, ref, f)
	if err != nil {
		return err
	}
	if err := waitJob(ctx, o, s.labs.LaunchTopology(&t, start)); err != nil {
		return err
	}
	if o.json {
		writeJSON(o.out, describeTopology(&t, labs.MachinesOf(s.machines.Snapshot(), t.Topology)))
		return nil
	}
	for _, m := range s.labs.Launched(&t) {
		if err := printLaunched(o, s, m.UUID); err != nil {
			return err
		}
	}
	return nil
}

// withLabMachines is withServices for the machine that a name means, or for those of the lab of several that has it; t is nil for a single one.
func withLabMachines(cmd *cobra.Command, o *options, name string, f func(ctx context.Context, s *services, t *labs.Topology, ms []*machines.Machine) error) error {
	return withServices(cmd, o, func(ctx context.Context, s *services) error {
		m, err := s.machines.Snapshot().Find(name)
		if err == nil {
			return f(ctx, s, nil, []*machines.Machine{m})
		}
		t, notOne := s.labs.Library().Topology(name)
		if notOne != nil {
			return err
		}
		ms := s.labs.Launched(&t)
		if len(ms) == 0 {
			return &labs.Reason{Text: fmt.Sprintf("No machine of “%s” is there. “lab run %s” launches them.", vmconfig.Inert(t.Title, 60), t.Name), Err: labs.ErrNoTopology}
		}
		return f(ctx, s, &t, ms)
	})
}
