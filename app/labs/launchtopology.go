package labs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// MachinesOf returns the machines that were launched with a lab of several, by their names in it. It only reads memory.
func (s *Service) MachinesOf(topology string) map[string]*machines.Machine {
	found := map[string]*machines.Machine{}
	for _, m := range s.Machines() {
		l := m.Config.Lab
		if l.Topology == topology && found[l.Role] == nil && !IsSubmission(m.Config) {
			found[l.Role] = m
		}
	}
	return found
}

// LaunchTopology makes what is missing of the machines of a lab of several, and starts those that are off, in the order that it says, in a job. When a machine cannot be made none is;
// when one cannot be started, those that were made stay, and calling it again goes on. Errors: ErrNoTopology, those of Launch and of starting.
func (s *Service) LaunchTopology(name string, start bool) *jobs.Job {
	return s.p.Jobs.Start("Launching "+s.topologyTitle(name), "", func(ctx context.Context, report func(jobs.Progress)) error {
		t, err := s.p.Library.Topology(name)
		if err != nil {
			return err
		}
		if !s.p.Conn.Host().Local {
			return &Reason{Text: "The hypervisor runs on another computer. Labs can only be launched on this one.", Err: ErrElsewhere}
		}
		report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking the labs"})
		if err := s.makeMissing(ctx, &t, report); err != nil || !start {
			return err
		}
		return s.startAll(ctx, &t, report)
	})
}

// topologyTitle is what a lab of several machines is called in titles.
func (s *Service) topologyTitle(name string) string {
	if t, err := s.p.Library.Topology(name); err == nil {
		return vmconfig.Inert(t.Title, 60)
	}
	return vmconfig.Inert(name, 60)
}

// makeMissing makes those machines that are not there.
func (s *Service) makeMissing(ctx context.Context, t *Topology, report func(jobs.Progress)) error {
	// Two launches at once would each make all of them.
	lock, err := lockFile(ctx, filepath.Join(s.p.Library.p.Dir, "locks", "topology-"+strings.ReplaceAll(t.Name, "/", "+")), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	there := s.MachinesOf(t.Name)
	var missing []int
	for i, m := range t.Machines {
		if there[m.Name] == nil {
			missing = append(missing, i)
		}
	}
	return s.blueprints(ctx, t, missing, nil, func(all []machines.Blueprint) error {
		return s.p.Machines.Make(ctx, report, all...)
	})
}

// blueprints plans the machines of that number, and calls use with them while the bases of all of them are held.
func (s *Service) blueprints(ctx context.Context, t *Topology, numbers []int, planned []machines.Blueprint, use func([]machines.Blueprint) error) error {
	if len(numbers) == 0 {
		return use(planned)
	}
	i, m := numbers[0], t.Machines[numbers[0]]
	return s.p.Library.Using(ctx, t.Labs[i], func(c *lab.Config, bases []Base) error {
		name := s.p.Machines.FreeName(t.Name[strings.LastIndex(t.Name, "/")+1:] + "-" + m.Name)
		b := s.blueprint(t.Labs[i], c, bases, uuid.New(), LaunchOptions{Name: name})
		b.Machine.Lab.Topology, b.Machine.Lab.Role, b.Machine.Group = t.Name, m.Name, t.group()
		for _, network := range m.Networks {
			b.Machine.NICs = append(b.Machine.NICs, t.adapter(m.Name, network))
		}
		if err := s.pickPorts(b.Machine.Forwards); err != nil {
			return err
		}
		return s.blueprints(ctx, t, numbers[1:], append(planned, b), use)
	})
}

// group is the group of machines that the topology's are listed in.
func (t *Topology) group() string {
	group := strings.Join(strings.Fields(strings.ReplaceAll(t.Title, "/", " ")), " ")
	if m := (vmconfig.Machine{Group: group}); IsSubmission(&m) || m.Validate(vmconfig.Limits{}).For(vmconfig.FieldGroup) != "" {
		return strings.ReplaceAll(t.Name, "/", " ")
	}
	return group
}

// startAll starts the machines that are off, one after the other.
func (s *Service) startAll(ctx context.Context, t *Topology, report func(jobs.Progress)) error {
	there := s.MachinesOf(t.Name)
	order := t.StartOrder()
	for n, i := range order {
		role := t.Machines[i].Name
		m := there[role]
		if m == nil {
			return &Reason{Text: fmt.Sprintf("The machine %s was deleted meanwhile. Launch the lab again.", role)}
		}
		report(jobs.Progress{Fraction: float64(n) / float64(len(order)), Text: fmt.Sprintf("Starting %s (%d of %d)", role, n+1, len(order))})
		if err := s.inner(ctx, s.p.Machines.Do(machines.ActionStart, m.UUID)); err != nil {
			return err
		}
	}
	report(jobs.Progress{Fraction: 1, Outcome: fmt.Sprintf("“%s” runs", vmconfig.Inert(t.Title, 60))})
	return nil
}

// Roles returns the machines of a topology that are there, in its order; those whose role it no longer has come last, by their names. It only reads memory.
func (s *Service) Roles(t *Topology) []*machines.Machine {
	there := s.MachinesOf(t.Name)
	var list, others []*machines.Machine
	for _, m := range t.Machines {
		if there[m.Name] != nil {
			list = append(list, there[m.Name])
			delete(there, m.Name)
		}
	}
	for _, m := range there {
		others = append(others, m)
	}
	slices.SortFunc(others, func(a, b *machines.Machine) int { return strings.Compare(a.Name, b.Name) })
	return append(list, others...)
}

// ResetTopology resets all machines of a lab of several, one after the other, in a job; see Reset.
func (s *Service) ResetTopology(t *Topology, o ResetOptions) *jobs.Job {
	return s.eachOf(t, "Resetting “%s”", func(id uuid.UUID) *jobs.Job { return s.Reset(id, o) })
}

// UndoResetTopology takes back the last reset of each machine of a lab of several that has one, in a job; see UndoReset.
func (s *Service) UndoResetTopology(t *Topology, o ResetOptions) *jobs.Job {
	return s.eachOf(t, "Taking back the reset of “%s”", func(id uuid.UUID) *jobs.Job {
		if _, ok := s.Undoable(id); !ok {
			return nil
		}
		return s.UndoReset(id, o)
	})
}

// DeleteTopology deletes all machines of a lab of several, which must be off, in a job. Their files stay in the trash for seven days.
func (s *Service) DeleteTopology(t *Topology) *jobs.Job {
	return s.eachOf(t, "Deleting the machines of “%s”", func(id uuid.UUID) *jobs.Job { return s.p.Machines.Delete(id, false) })
}

// eachOf does something to one machine after the other; a nil job is none.
func (s *Service) eachOf(t *Topology, title string, do func(uuid.UUID) *jobs.Job) *jobs.Job {
	return s.p.Jobs.Start(fmt.Sprintf(title, vmconfig.Inert(t.Title, 60)), "", func(ctx context.Context, report func(jobs.Progress)) error {
		ms := s.Roles(t)
		for i, m := range ms {
			report(jobs.Progress{Fraction: float64(i) / float64(len(ms)), Text: fmt.Sprintf("%d of %d", i+1, len(ms))})
			if job := do(m.UUID); job != nil {
				if err := s.inner(ctx, job); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// inner waits for a job that is a part of another one, which tells about its failure and is cancelled with it.
func (s *Service) inner(ctx context.Context, j *jobs.Job) error {
	err := j.Wait(ctx)
	if err == nil {
		return nil
	}
	j.Cancel()
	if errors.Is(err, ctx.Err()) {
		<-j.Done()
	}
	s.p.Jobs.Dismiss(j.Status().ID)
	return err
}
