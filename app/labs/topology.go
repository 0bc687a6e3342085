package labs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// ErrNoTopology says that the library has no lab of several machines of that name.
var ErrNoTopology = errors.New("there is no such lab of several machines in the library")

// Topology is a lab of several machines in the library.
type Topology struct {
	*lab.Topology
	// Labs are the labs of its machines, in their order, as they were when the topology was added.
	Labs []lab.Digest
	// Brought are those of them that came to the library with the topology and go with it.
	Brought []lab.Digest
	From    string    // the place that it came from, inert
	Added   time.Time // when it came
	// secret tells the private networks of this library's machines from those of everybody else on this computer.
	secret []byte
}

// topologiesFile has a topologyRecord for each topology, by its name.
const topologiesFile = "topologies.json"

type topologyRecord struct {
	Text    string       `json:"text"` // YAML
	Labs    []lab.Digest `json:"labs"`
	Brought []lab.Digest `json:"brought,omitempty"`
	From    string       `json:"from"`
	Added   time.Time    `json:"added"`
	Secret  []byte       `json:"secret"`
}

// topology reads the record.
func (r *topologyRecord) topology() (Topology, error) {
	parsed, err := lab.ParseTopology([]byte(r.Text))
	if err == nil && len(parsed.Machines) != len(r.Labs) {
		err = lab.ErrTopology
	}
	return Topology{Topology: parsed, Labs: r.Labs, Brought: r.Brought, From: r.From, Added: r.Added, secret: r.Secret}, err
}

// Topologies returns the labs of several machines, by their names.
func (l *Library) Topologies() ([]Topology, error) {
	records, err := l.readTopologies()
	if err != nil {
		return nil, err
	}
	var list []Topology
	for _, r := range records {
		t, err := r.topology()
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Topology) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Topology returns the lab of several machines that a name means: its own, or the last part of it where only one has that. The error wraps ErrNoTopology.
func (l *Library) Topology(name string) (Topology, error) {
	list, err := l.Topologies()
	if err != nil {
		return Topology{}, err
	}
	var found []Topology
	for _, t := range list {
		if t.Name == name {
			return t, nil
		}
		if strings.HasSuffix(t.Name, "/"+name) {
			found = append(found, t)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Topology{}, fmt.Errorf("%w: %s", ErrNoTopology, vmconfig.Inert(name, 128))
}

// RemoveTopology removes a lab of several machines, and of its labs those that came with it, unless another one has them too. Machines that were launched stay.
// The error wraps ErrNoTopology.
func (l *Library) RemoveTopology(ctx context.Context, name string) error {
	var gone []lab.Digest
	if err := l.changeTopologies(ctx, func(all map[string]*topologyRecord) error {
		r := all[name]
		if r == nil {
			return fmt.Errorf("%w: %s", ErrNoTopology, vmconfig.Inert(name, 128))
		}
		delete(all, name)
		gone = slices.DeleteFunc(r.Brought, func(id lab.Digest) bool {
			for _, other := range all {
				if slices.Contains(other.Labs, id) {
					return true
				}
			}
			return false
		})
		return nil
	}); err != nil {
		return err
	}
	for _, id := range gone {
		if err := l.Remove(ctx, id); err != nil && !errors.Is(err, ErrNoLab) {
			return err
		}
	}
	return nil
}

func (l *Library) readTopologies() (map[string]*topologyRecord, error) {
	all := map[string]*topologyRecord{}
	err := l.readState(topologiesFile, &all)
	for name, r := range all {
		if r == nil {
			delete(all, name)
		}
	}
	return all, err
}

func (l *Library) changeTopologies(ctx context.Context, change func(map[string]*topologyRecord) error) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := l.readTopologies()
	if err == nil {
		err = change(all)
	}
	if err != nil {
		return err
	}
	return l.writeState(topologiesFile, all)
}

// keepTopology adds a topology, or another version of one: its networks stay the same ones, because machines may be in them.
func (l *Library) keepTopology(ctx context.Context, name string, r *topologyRecord) error {
	return l.changeTopologies(ctx, func(all map[string]*topologyRecord) error {
		r.Added = l.now().UTC()
		if before := all[name]; before != nil {
			r.Secret = before.Secret
			for _, id := range before.Brought {
				if !slices.Contains(r.Brought, id) {
					r.Brought = append(r.Brought, id)
				}
			}
		} else {
			r.Secret = make([]byte, 16)
			if _, err := rand.Read(r.Secret); err != nil {
				return err
			}
		}
		all[name] = r
		return nil
	})
}

// ParseTopologyRef reports whether a reference is that of a topology: the path or web address of a file that ends in .yaml or .yml.
func ParseTopologyRef(text string) (source.Ref, bool) {
	lower := strings.ToLower(text)
	if !strings.HasSuffix(lower, ".yaml") && !strings.HasSuffix(lower, ".yml") {
		return source.Ref{}, false
	}
	if !strings.Contains(lower, "://") && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, ".") {
		text = "./" + text
	}
	ref, err := source.Parse(text)
	return ref, err == nil && (ref.Kind == source.KindFolder || ref.Kind == source.KindWeb)
}

// FetchTopology brings the topology that a reference names (ParseTopologyRef) and the labs of its machines into the library, in a job. Labs that came stay when it is cancelled or fails;
// the topology is there when all of them are. Errors are those of Fetch, and faults that wrap lab.ErrTopology. o.Done is not called; done is, with the topology's name.
func (s *Service) FetchTopology(text string, o FetchOptions, done func(name string)) *jobs.Job {
	return s.p.Jobs.Start("Fetching "+vmconfig.Inert(text, 80), "", func(ctx context.Context, report func(jobs.Progress)) error {
		report(jobs.Progress{Fraction: jobs.Unknown, Text: "Looking"})
		ref, ok := ParseTopologyRef(text)
		if !ok {
			return &Reason{Text: "A lab of several machines is described in a file that ends in .yaml."}
		}
		data, err := source.ReadDocument(ctx, ref, lab.MaxTopologyBytes, o.Options)
		if err != nil {
			return err
		}
		t, err := lab.ParseTopology(data)
		if err != nil {
			return err
		}
		before, err := s.p.Library.Images()
		if err != nil {
			return err
		}
		r := &topologyRecord{Text: string(data), From: vmconfig.Inert(ref.String(), 300)}
		for i, m := range t.Machines {
			id, err := s.labFor(ctx, ref, m, o, partOf(report, i, len(t.Machines), m.Name))
			if err != nil {
				return &Reason{Text: fmt.Sprintf("The lab of the machine %s cannot be had.", m.Name), Err: err}
			}
			r.Labs = append(r.Labs, id)
			if !slices.ContainsFunc(before, func(i Image) bool { return i.ID == id }) && !slices.Contains(r.Brought, id) {
				r.Brought = append(r.Brought, id)
			}
		}
		if err := s.p.Library.keepTopology(ctx, t.Name, r); err != nil {
			return err
		}
		report(jobs.Progress{Fraction: 1, Outcome: fmt.Sprintf("“%s” is in the library", vmconfig.Inert(t.Title, 60))})
		if done != nil {
			done(t.Name)
		}
		return nil
	})
}

// labFor returns the lab of a machine of the topology at ref, which is fetched unless it is a name of the library.
func (s *Service) labFor(ctx context.Context, ref source.Ref, m lab.TopologyMachine, o FetchOptions, report Report) (lab.Digest, error) {
	named, err := source.Parse(m.Lab)
	if err == nil {
		named, err = ref.Beside(named)
	}
	if err != nil {
		return lab.Digest{}, &Reason{Text: err.Error() + "."}
	}
	if named.Kind == source.KindName {
		image, err := s.p.Library.Resolve(named.String())
		return image.ID, err
	}
	place, err := source.OpenSource(ctx, named, o.Options)
	if err != nil {
		return lab.Digest{}, err
	}
	defer place.Close()
	return s.p.Library.Add(ctx, place, o.AddOptions, report)
}

// partOf is a report of one of several parts that are about equal.
func partOf(report Report, i, n int, name string) Report {
	return func(p jobs.Progress) {
		p.Text = fmt.Sprintf("%s (%d of %d): %s", name, i+1, n, p.Text)
		if p.Fraction >= 0 {
			p.Fraction = (float64(i) + p.Fraction) / float64(n)
		}
		p.Rest = 0 // of this part only
		report(p)
	}
}

// derive makes bytes that nobody else has from the topology's secret and what they are for.
func (t *Topology) derive(what string) [sha256.Size]byte {
	return sha256.Sum256(append(slices.Clone(t.secret), what...))
}

// address is where the machines of a private network find each other: a group of the addresses that stay inside an organisation (RFC 2365), and a port below those
// that the kernel hands out. vmconfig.NICPrivate keeps it on this computer.
func (t *Topology) address(network string) string {
	b := t.derive("network " + network)
	port := firstPort + (int(b[3])<<8|int(b[4]))%(lastPort-firstPort)
	return fmt.Sprintf("239.%d.%d.%d:%d", b[0], b[1], b[2], port)
}

// adapter is a machine's adapter in a private network. Its address is the same on every computer and after every reset, so that a guest's configuration can name it; the networks
// of two computers never meet.
func (t *Topology) adapter(machine, network string) vmconfig.NIC {
	b := sha256.Sum256([]byte(strings.Join([]string{t.Name, machine, network}, "\x00")))
	return vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: t.address(network), MAC: fmt.Sprintf("52:54:00:%02x:%02x:%02x", b[0], b[1], b[2])}
}
