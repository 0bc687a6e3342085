package machines

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// ErrChangedBehind says that the machine's description was changed by someone else since it was loaded.
var ErrChangedBehind = errors.New("the machine was changed by another program meanwhile")

// Edit loads the machine's description for editing. Change a copy of Edit.Machine and hand both to Apply.
func (s *Service) Edit(ctx context.Context, id uuid.UUID) (Edit, error) {
	xml, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return Edit{}, s.named(id, err)
	}
	m, err := domxml.Parse(xml)
	if err != nil {
		return Edit{}, s.named(id, err)
	}
	return Edit{Machine: m, base: xml}, nil
}

// Apply writes the difference between e and changed into the machine's description. Everything else stays byte for byte. A running
// machine takes the change at its next start. The error is ErrChangedBehind when the description is no longer what was loaded,
// vmconfig.Faults when values are wrong, and wraps hypervisor.ErrInvalidState when the state forbids it.
func (s *Service) Apply(ctx context.Context, id uuid.UUID, e Edit, changed vmconfig.Machine) error {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := s.check(ctx, id, ActionEdit)
	if err != nil {
		return err
	}
	limits, err := s.Limits(ctx)
	if err != nil {
		return err
	}
	faults := changed.ValidateChange(e.Machine, limits)
	if changed.Name != e.Machine.Name {
		if ok, reason := allowed(ActionRename, d); !ok {
			return Refused(d.Name, reason)
		}
		faults = append(faults, s.nameFaults(changed.Name, id)...)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	now, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return s.named(id, err)
	}
	if now != e.base {
		return s.named(id, ErrChangedBehind)
	}
	ctx = context.WithoutCancel(ctx) // from here on it is done wholly
	defer s.inv.refresh(ctx, id, true, false)
	if changed.Name != e.Machine.Name {
		// libvirt takes a definition with a new name for another machine of the same UUID; renaming has its own call.
		if err := s.p.Conn.Rename(ctx, id, changed.Name); err != nil {
			return s.named(id, err)
		}
		if now, err = s.p.Conn.DomainXML(ctx, id, false); err != nil {
			return s.named(id, err)
		}
	}
	from := e.Machine
	from.Name = changed.Name
	xml, err := domxml.Edit(now, from, changed)
	if err != nil {
		return s.named(id, err)
	}
	if xml == now {
		return nil
	}
	if _, err := s.p.Conn.Define(ctx, xml); err != nil {
		return s.named(id, err)
	}
	return s.named(id, s.verify(ctx, changed))
}

// Rename gives the machine another name. It must be off.
func (s *Service) Rename(ctx context.Context, id uuid.UUID, name string) error {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := s.check(ctx, id, ActionRename)
	if err != nil {
		return err
	}
	if d.Name == name {
		return nil
	}
	if err := s.nameFaults(name, id).Err(); err != nil {
		return err
	}
	defer s.inv.refresh(context.WithoutCancel(ctx), id, true, false)
	return s.named(id, s.p.Conn.Rename(ctx, id, name))
}

// check reads the machine's state now and refuses the action when it does not fit.
func (s *Service) check(ctx context.Context, id uuid.UUID, a Action) (hypervisor.Domain, error) {
	d, err := s.p.Conn.Domain(ctx, id)
	if err != nil {
		return d, s.named(id, err)
	}
	if ok, reason := allowed(a, d); !ok {
		return d, Refused(d.Name, reason)
	}
	return d, nil
}

// nameFaults checks a name against the one rule and the names of the other machines.
func (s *Service) nameFaults(name string, self uuid.UUID) vmconfig.Faults {
	var taken []string
	for _, m := range s.Snapshot().Machines {
		if m.UUID != self {
			taken = append(taken, m.Name)
		}
	}
	var fault vmconfig.Fault
	if err := vmconfig.CheckName(name, taken); errors.As(err, &fault) {
		return vmconfig.Faults{fault}
	}
	return nil
}

// verify reads the machine back and compares what the user can see: "done" is said only then (promise I6).
func (s *Service) verify(ctx context.Context, want vmconfig.Machine) error {
	xml, err := s.p.Conn.DomainXML(ctx, want.UUID, false)
	if err != nil {
		return err
	}
	got, err := domxml.Parse(xml)
	if err != nil {
		return err
	}
	differs := func(what string, want, got any) error {
		return fmt.Errorf("%w: %s is %v instead of %v", errReadBack, what, got, want)
	}
	switch {
	case got.Name != want.Name:
		return differs("the name", want.Name, got.Name)
	case got.MemoryBytes != want.MemoryBytes:
		return differs("the memory", want.MemoryBytes, got.MemoryBytes)
	case got.CPUs != want.CPUs:
		return differs("the number of CPUs", want.CPUs, got.CPUs)
	case got.Firmware != want.Firmware:
		return differs("the firmware", want.Firmware, got.Firmware)
	case len(got.Disks) != len(want.Disks):
		return differs("the number of drives", len(want.Disks), len(got.Disks))
	}
	for i := range want.Disks {
		if got.Disks[i].Path != want.Disks[i].Path {
			return differs("a drive", want.Disks[i].Path, got.Disks[i].Path)
		}
	}
	return nil
}

var errReadBack = errors.New("the hypervisor did not keep what it was given")
