package libvirtd

import (
	"context"
	"errors"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// noWait makes bulk statistics skip what a busy machine would make them wait for (VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT).
const noWait = 1 << 29

// handle addresses a machine. The drivers look machines up by UUID; the name, which calls need to be set, shows in error
// texts only.
func handle(id uuid.UUID) libvirt.Domain {
	return libvirt.Domain{Name: id.String(), UUID: libvirt.UUID(id), ID: -1}
}

// Domains implements hypervisor.Connection with three calls, however many machines there are.
func (c *Conn) Domains(ctx context.Context) ([]hypervisor.Domain, error) {
	list, err := readWithin(ctx, c, "list machines", manyLimit, listDomains)
	for i := range list {
		c.full.refine(&list[i])
	}
	return list, err
}

func listDomains(l *libvirt.Libvirt) ([]hypervisor.Domain, error) {
	records, err := l.ConnectGetAllDomainStats(nil, uint32(libvirt.DomainStatsState), noWait)
	if unsupported(err) {
		return listOneByOne(l)
	}
	if err != nil {
		return nil, err
	}
	transient, err := filtered(l, libvirt.ConnectListDomainsTransient)
	if err != nil {
		return nil, err
	}
	saved, err := filtered(l, libvirt.ConnectListDomainsManagedsave)
	if err != nil {
		return nil, err
	}
	list := make([]hypervisor.Domain, 0, len(records))
	for _, r := range records {
		var state, reason int32
		for _, p := range r.Params {
			switch p.Field {
			case "state.state":
				state, _ = p.Value.I.(int32)
			case "state.reason":
				reason, _ = p.Value.I.(int32)
			}
		}
		d := domain(r.Dom, state, reason, saved[r.Dom.UUID])
		d.Persistent = !transient[r.Dom.UUID]
		list = append(list, d)
	}
	return list, nil
}

// listOneByOne serves drivers without bulk statistics.
func listOneByOne(l *libvirt.Libvirt) ([]hypervisor.Domain, error) {
	all, _, err := l.ConnectListAllDomains(1, 0)
	if err != nil {
		return nil, err
	}
	var list []hypervisor.Domain
	for _, d := range all {
		one, err := readDomain(l, d)
		var answer libvirt.Error
		if errors.As(err, &answer) { // gone meanwhile, or unreadable: shown as unknown, never a failed list
			one = hypervisor.Domain{UUID: uuid.UUID(d.UUID), Name: d.Name, State: hypervisor.StateUnknown, Persistent: true}
		} else if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func filtered(l *libvirt.Libvirt, flags libvirt.ConnectListAllDomainsFlags) (map[libvirt.UUID]bool, error) {
	list, _, err := l.ConnectListAllDomains(1, flags)
	if unsupported(err) {
		return nil, nil
	}
	set := make(map[libvirt.UUID]bool, len(list))
	for _, d := range list {
		set[d.UUID] = true
	}
	return set, err
}

// unsupported tells whether the driver does not know a call or its flags.
func unsupported(err error) bool {
	var e libvirt.Error
	if errors.Is(err, libvirt.ErrUnsupported) {
		return true
	}
	if !errors.As(err, &e) {
		return false
	}
	switch libvirt.ErrorNumber(e.Code & 0xffff) {
	case libvirt.ErrNoSupport, libvirt.ErrInvalidArg, libvirt.ErrArgumentUnsupported, libvirt.ErrOperationUnsupported:
		return true
	}
	return false
}

// Domain implements hypervisor.Connection.
func (c *Conn) Domain(ctx context.Context, id uuid.UUID) (hypervisor.Domain, error) {
	d, err := read(ctx, c, "read the machine", func(l *libvirt.Libvirt) (hypervisor.Domain, error) {
		found, err := l.DomainLookupByUUID(libvirt.UUID(id))
		if err != nil {
			return hypervisor.Domain{}, err
		}
		return readDomain(l, found)
	})
	c.full.refine(&d)
	return d, err
}

func readDomain(l *libvirt.Libvirt, found libvirt.Domain) (hypervisor.Domain, error) {
	state, reason, err := l.DomainGetState(found, 0)
	if err != nil {
		return hypervisor.Domain{}, err
	}
	var saved int32
	if libvirt.DomainState(state) == libvirt.DomainShutoff {
		if saved, err = l.DomainHasManagedSaveImage(found, 0); err != nil && !unsupported(err) {
			return hypervisor.Domain{}, err
		}
	}
	d := domain(found, state, reason, saved == 1)
	persistent, err := l.DomainIsPersistent(found)
	d.Persistent = persistent == 1
	return d, err
}

// domain makes our record of a machine from virDomainState and the reason that belongs to it.
func domain(found libvirt.Domain, state, reason int32, saved bool) hypervisor.Domain {
	d := hypervisor.Domain{UUID: uuid.UUID(found.UUID), Name: found.Name}
	switch libvirt.DomainState(state) {
	case libvirt.DomainRunning, libvirt.DomainBlocked, libvirt.DomainShutdown:
		d.State = hypervisor.StateRunning
	case libvirt.DomainPaused:
		d.State, d.Pause = hypervisor.StatePaused, pauseReason(reason)
	case libvirt.DomainPmsuspended:
		d.State, d.Pause = hypervisor.StatePaused, hypervisor.PauseOther
	case libvirt.DomainShutoff:
		d.State = hypervisor.StateOff
		if saved {
			d.State = hypervisor.StateSaved
			break
		}
		switch libvirt.DomainShutoffReason(reason) {
		case libvirt.DomainShutoffCrashed, libvirt.DomainShutoffFailed:
			d.StoppedBadly = true
		}
	case libvirt.DomainCrashed:
		d.State = hypervisor.StateCrashed
	default:
		d.State = hypervisor.StateUnknown
	}
	return d
}

func pauseReason(reason int32) hypervisor.PauseReason {
	switch libvirt.DomainPausedReason(reason) {
	case libvirt.DomainPausedUser:
		return hypervisor.PauseUser
	case libvirt.DomainPausedStartingUp:
		return hypervisor.PauseStarting
	case libvirt.DomainPausedSave:
		return hypervisor.PauseSaving
	case libvirt.DomainPausedIoerror:
		return hypervisor.PauseIOError
	case libvirt.DomainPausedSnapshot:
		return hypervisor.PauseSnapshot
	}
	return hypervisor.PauseOther
}

// DomainXML implements hypervisor.Connection.
func (c *Conn) DomainXML(ctx context.Context, id uuid.UUID, live bool) (string, error) {
	flags := libvirt.DomainXMLSecure
	if !live {
		flags |= libvirt.DomainXMLInactive
	}
	return read(ctx, c, "read the description", func(l *libvirt.Libvirt) (string, error) {
		return l.DomainGetXMLDesc(handle(id), flags)
	})
}
