package libvirtd

import (
	"context"
	"encoding/xml"
	"errors"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// Snapshots implements hypervisor.Connection.
func (c *Conn) Snapshots(ctx context.Context, id uuid.UUID) ([]hypervisor.Snapshot, error) {
	return readWithin(ctx, c, "list snapshots", manyLimit, func(l *libvirt.Libvirt) ([]hypervisor.Snapshot, error) {
		found, _, err := l.DomainListAllSnapshots(handle(id), 1, 0)
		if err != nil {
			return nil, err
		}
		current := ""
		if len(found) > 0 {
			if current, err = currentSnapshot(l, handle(id)); err != nil {
				return nil, err
			}
		}
		list, err := describeSnapshots(l, found)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].Current = list[i].Name == current
		}
		return parentsFirst(list), nil
	})
}

// describers is how many descriptions are asked for at a time: libvirt's daemon takes as many requests of one client (max_client_requests), and others may
// come meanwhile.
const describers = 4

// describeSnapshots reads what libvirt says of each snapshot. One that was deleted meanwhile is left out.
func describeSnapshots(l *libvirt.Libvirt, found []libvirt.DomainSnapshot) ([]hypervisor.Snapshot, error) {
	list := make([]*hypervisor.Snapshot, len(found))
	errs := make([]error, describers)
	var next atomic.Int64
	var reading sync.WaitGroup
	for worker := range min(describers, len(found)) {
		reading.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(found); i = int(next.Add(1)) - 1 {
				text, err := l.DomainSnapshotGetXMLDesc(found[i], uint32(libvirt.DomainSnapshotXMLSecure))
				switch {
				case isCode(err, libvirt.ErrNoDomainSnapshot):
				case err != nil:
					errs[worker] = err
					return
				default:
					s := parseSnapshot(found[i].Name, text)
					list[i] = &s
				}
			}
		})
	}
	reading.Wait()
	there := make([]hypervisor.Snapshot, 0, len(list))
	for _, s := range list {
		if s != nil {
			there = append(there, *s)
		}
	}
	return there, errors.Join(errs...)
}

// currentSnapshot is empty when there is none.
func currentSnapshot(l *libvirt.Libvirt, d libvirt.Domain) (string, error) {
	s, err := l.DomainSnapshotCurrent(d, 0)
	if isCode(err, libvirt.ErrNoDomainSnapshot) {
		return "", nil
	}
	return s.Name, err
}

// isCode is hasCode for an error that comes straight from the library.
func isCode(err error, codes ...libvirt.ErrorNumber) bool {
	var e libvirt.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code&0xffff == uint32(c) {
			return true
		}
	}
	return false
}

// parseSnapshot reads libvirt's description of a snapshot (formatsnapshot.html).
func parseSnapshot(name, text string) hypervisor.Snapshot {
	var d struct {
		Description string `xml:"description"`
		State       string `xml:"state"`
		Created     int64  `xml:"creationTime"`
		Parent      string `xml:"parent>name"`
		Memory      struct {
			Kind string `xml:"snapshot,attr"`
			File string `xml:"file,attr"`
		} `xml:"memory"`
		Disks []struct {
			Target string `xml:"name,attr"`
			Kind   string `xml:"snapshot,attr"`
			Source struct {
				File string `xml:"file,attr"`
			} `xml:"source"`
		} `xml:"disks>disk"`
	}
	s := hypervisor.Snapshot{Name: name, XML: text, State: hypervisor.StateUnknown}
	if xml.Unmarshal([]byte(text), &d) != nil {
		return s
	}
	s.Description, s.Parent, s.Created = d.Description, d.Parent, time.Unix(d.Created, 0)
	switch d.State {
	case "shutoff", "crashed":
		s.State = hypervisor.StateOff
	case "disk-snapshot":
		s.State, s.DiskOnly = hypervisor.StateOff, true
	case "running", "blocked":
		s.State = hypervisor.StateRunning
	case "paused", "pmsuspended":
		s.State = hypervisor.StatePaused
	}
	const outside = "external"
	if d.Memory.Kind == outside {
		s.External, s.MemoryFile = true, d.Memory.File
	}
	for _, disk := range d.Disks {
		if disk.Kind != outside {
			continue
		}
		s.External = true
		if s.Overlays == nil {
			s.Overlays = map[string]string{}
		}
		s.Overlays[disk.Target] = disk.Source.File
	}
	return s
}

// parentsFirst orders by depth in the tree, then by time. A parent that is missing makes its child a root; a loop, which
// libvirt refuses but a broken peer might send, is cut.
func parentsFirst(list []hypervisor.Snapshot) []hypervisor.Snapshot {
	parents := make(map[string]string, len(list))
	for _, s := range list {
		parents[s.Name] = s.Parent
	}
	depth := make(map[string]int, len(list))
	for _, s := range list {
		n := 0
		for name := s.Parent; name != "" && n <= len(list); name = parents[name] {
			n++
		}
		depth[s.Name] = n
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if depth[a.Name] != depth[b.Name] {
			return depth[a.Name] < depth[b.Name]
		}
		return a.Created.Before(b.Created)
	})
	return list
}

// CurrentSnapshots implements hypervisor.Connection.
func (c *Conn) CurrentSnapshots(ctx context.Context) (map[uuid.UUID]string, error) {
	return readWithin(ctx, c, "list snapshots", manyLimit, func(l *libvirt.Libvirt) (map[uuid.UUID]string, error) {
		list, _, err := l.ConnectListAllDomains(1, libvirt.ConnectListDomainsHasSnapshot)
		if unsupported(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		names := make(map[uuid.UUID]string, len(list))
		for _, d := range list {
			name, err := currentSnapshot(l, d)
			if isCode(err, libvirt.ErrNoDomain) {
				continue // removed meanwhile
			}
			if err != nil {
				return nil, err
			}
			if name != "" {
				names[uuid.UUID(d.UUID)] = name
			}
		}
		return names, nil
	})
}

// CreateSnapshot implements hypervisor.Connection.
func (c *Conn) CreateSnapshot(ctx context.Context, id uuid.UUID, description string, flags hypervisor.SnapshotFlags) error {
	var bits libvirt.DomainSnapshotCreateFlags
	for _, f := range []struct {
		on  bool
		bit libvirt.DomainSnapshotCreateFlags
	}{
		{flags.DiskOnly, libvirt.DomainSnapshotCreateDiskOnly},
		{flags.NoMetadata, libvirt.DomainSnapshotCreateNoMetadata},
		{flags.Redefine, libvirt.DomainSnapshotCreateRedefine},
		{flags.Current, libvirt.DomainSnapshotCreateCurrent},
		{flags.Atomic, libvirt.DomainSnapshotCreateAtomic},
	} {
		if f.on {
			bits |= f.bit
		}
	}
	return c.abortable(ctx, "save a checkpoint", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		_, err := l.DomainSnapshotCreateXML(d, description, uint32(bits))
		return err
	})
}

// RevertSnapshot implements hypervisor.Connection. It cannot be aborted half-way: ctx only ends the waiting.
func (c *Conn) RevertSnapshot(ctx context.Context, id uuid.UUID, name string, flags hypervisor.RevertFlags) error {
	var bits libvirt.DomainSnapshotRevertFlags
	if flags.Running {
		bits |= libvirt.DomainSnapshotRevertRunning
	}
	if flags.Paused {
		bits |= libvirt.DomainSnapshotRevertPaused
	}
	if flags.Force {
		bits |= libvirt.DomainSnapshotRevertForce
	}
	return c.onSnapshot(ctx, "restore a checkpoint", id, name, func(l *libvirt.Libvirt, s libvirt.DomainSnapshot) error {
		return l.DomainRevertToSnapshot(s, uint32(bits))
	})
}

// DeleteSnapshot implements hypervisor.Connection. It cannot be aborted half-way: ctx only ends the waiting.
func (c *Conn) DeleteSnapshot(ctx context.Context, id uuid.UUID, name string, metadataOnly bool) error {
	var bits libvirt.DomainSnapshotDeleteFlags
	if metadataOnly {
		bits |= libvirt.DomainSnapshotDeleteMetadataOnly
	}
	return c.onSnapshot(ctx, "delete a checkpoint", id, name, func(l *libvirt.Libvirt, s libvirt.DomainSnapshot) error {
		return l.DomainSnapshotDelete(s, bits)
	})
}

func (c *Conn) onSnapshot(ctx context.Context, op string, id uuid.UUID, name string, call func(*libvirt.Libvirt, libvirt.DomainSnapshot) error) error {
	return change(ctx, c, op, longLimit, func(l *libvirt.Libvirt) error {
		d, err := l.DomainLookupByUUID(libvirt.UUID(id))
		if err != nil {
			return err
		}
		return call(l, libvirt.DomainSnapshot{Name: name, Dom: d})
	})
}
