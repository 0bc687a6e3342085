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
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// MachinesOf returns the machines of a lab of several, in its order; nil where one was not launched. It only reads memory.
func MachinesOf(snap *machines.Snapshot, t *lab.Topology) []*machines.Machine {
	list := make([]*machines.Machine, len(t.Machines))
	for _, m := range snap.Machines {
		if m.Config == nil || m.Config.Lab.Topology != t.Name || IsSubmission(m.Config) {
			continue
		}
		i := slices.IndexFunc(t.Machines, func(role lab.TopologyMachine) bool { return role.Name == m.Config.Lab.Role })
		if i >= 0 && list[i] == nil {
			list[i] = m
		}
	}
	return list
}

// Launched returns those machines of a lab of several that are there, in its order. It only reads memory.
func (s *Service) Launched(t *Topology) []*machines.Machine {
	return slices.DeleteFunc(MachinesOf(s.p.Machines.Snapshot(), t.Topology), func(m *machines.Machine) bool { return m == nil })
}

// LaunchTopology makes what is missing of the machines of a lab of several, and starts those that are off, in the order that it says, in a job. When a machine cannot be made none is;
// when one cannot be started, those that were made stay, and calling it again goes on. Errors: those of Launch and of starting.
func (s *Service) LaunchTopology(t *Topology, start bool) *jobs.Job {
	return s.p.Jobs.Start("Launching "+vmconfig.Inert(t.Title, 60), "", func(ctx context.Context, report func(jobs.Progress)) error {
		if !s.p.Conn.Host().Local {
			return &Reason{Text: "The hypervisor runs on another computer. Labs can only be launched on this one.", Err: ErrElsewhere}
		}
		report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking the labs"})
		if err := s.makeMissing(ctx, t, report); err != nil || !start {
			return err
		}
		return s.startAll(ctx, t, report)
	})
}

// makeMissing makes those machines that are not there.
func (s *Service) makeMissing(ctx context.Context, t *Topology, report func(jobs.Progress)) error {
	// Two launches at once would each make all of them. It comes before all other locks.
	lock, err := lockFile(ctx, filepath.Join(s.p.Library.p.Dir, "locks", "topology-"+strings.ReplaceAll(t.Name, "/", "+")), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	var missing []int
	var changed string
	for i, m := range MachinesOf(s.p.Machines.Snapshot(), t.Topology) {
		switch {
		case m == nil:
			missing = append(missing, i)
		case !t.joined(t.Machines[i], m.Config):
			changed = m.Name
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if changed != "" { // the new ones could not reach it
		return &Reason{Text: fmt.Sprintf("The networks of the lab have changed since %s was made. Delete that machine, then launch again: it is made anew.", vmconfig.Inert(changed, vmconfig.MaxNameBytes))}
	}
	return s.blueprints(ctx, t, missing, nil, func(all []machines.Blueprint) error {
		return s.p.Machines.Make(ctx, report, all...)
	})
}

// catchUp has the inventory know of machines that another process has just made.
func (s *Service) catchUp(ctx context.Context) error {
	domains, err := s.p.Conn.Domains(ctx)
	if err != nil {
		return err
	}
	for _, d := range domains {
		if s.p.Machines.Snapshot().Get(d.UUID) == nil {
			s.p.Machines.Refresh(ctx, d.UUID)
		}
	}
	return nil
}

// joined reports whether a machine is in the networks that its topology says.
func (t *Topology) joined(role lab.TopologyMachine, m *vmconfig.Machine) bool {
	var has, wants []string
	for _, n := range m.NICs {
		if n.Kind == vmconfig.NICPrivate {
			has = append(has, n.Source)
		}
	}
	for _, network := range role.Networks {
		wants = append(wants, t.source(role.Name, network))
	}
	return slices.Equal(has, wants)
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
		b.Machine.Lab.Networks = strings.Join(m.Networks, " ")
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
	there := MachinesOf(s.p.Machines.Snapshot(), t.Topology)
	order := t.StartOrder()
	for n, i := range order {
		role, m := t.Machines[i].Name, there[i]
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

// ResetTopology resets all machines of a lab of several, one after the other, in a job; see Reset. Without o.PowerOff none is when one of them is not off.
func (s *Service) ResetTopology(t *Topology, o ResetOptions) *jobs.Job {
	return s.eachOf(t, "Resetting “%s”", o.blocked, func(id uuid.UUID) *jobs.Job { return s.Reset(id, o) })
}

// UndoResetTopology takes back the last reset of each machine of a lab of several that has one, in a job; see UndoReset. The error is ErrNoResets where none has.
func (s *Service) UndoResetTopology(t *Topology, o ResetOptions) *jobs.Job {
	return s.eachOf(t, "Taking back the reset of “%s”", o.blocked, func(id uuid.UUID) *jobs.Job {
		if _, ok := s.Undoable(id); !ok {
			return nil
		}
		return s.UndoReset(id, o)
	})
}

// DeleteTopology deletes all machines of a lab of several, in a job; none is when one of them is not off. Their files stay in the trash for seven days.
func (s *Service) DeleteTopology(t *Topology) *jobs.Job {
	running := func(m *machines.Machine) bool { return m.State.Active() }
	return s.eachOf(t, "Deleting the machines of “%s”", running, func(id uuid.UUID) *jobs.Job { return s.p.Machines.Delete(id, false) })
}

// blocked reports whether a machine would have to be switched off first.
func (o ResetOptions) blocked(m *machines.Machine) bool {
	return !o.PowerOff && (m.State.Active() || m.State == hypervisor.StateSaved)
}

// eachOf does something to one machine after the other; a nil job is none. It does not begin when one of them is blocked.
func (s *Service) eachOf(t *Topology, title string, blocked func(*machines.Machine) bool, do func(uuid.UUID) *jobs.Job) *jobs.Job {
	return s.p.Jobs.Start(fmt.Sprintf(title, vmconfig.Inert(t.Title, 60)), "", func(ctx context.Context, report func(jobs.Progress)) error {
		ms := s.Launched(t)
		for _, m := range ms {
			if blocked(m) {
				return &Reason{Text: fmt.Sprintf("The machine %s is not off. Nothing was done; shut it down first.", vmconfig.Inert(m.Name, vmconfig.MaxNameBytes)), Err: ErrRunning}
			}
		}
		done := 0
		for i, m := range ms {
			report(jobs.Progress{Fraction: float64(i) / float64(len(ms)), Text: fmt.Sprintf("%d of %d", i+1, len(ms))})
			job := do(m.UUID)
			if job == nil {
				continue
			}
			if err := s.inner(ctx, job); err != nil {
				return err
			}
			done++
		}
		if done == 0 && len(ms) > 0 {
			return &Reason{Text: "There is no reset to take back.", Err: ErrNoResets}
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
