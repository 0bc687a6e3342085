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
	// Brought are those that came to the library with it, also with an earlier version of it, and go with it.
	Brought []lab.Digest
	From    string    // the place that it came from, inert
	Added   time.Time // when it came
	Err     error     // why it cannot be used: only its name is known then

	secret []byte // Library.networkSecret
}

// topologiesFile has a topologyRecord for each topology, by its name.
const topologiesFile = "topologies.json"

type topologyRecord struct {
	Text    string       `json:"text"` // YAML
	Labs    []lab.Digest `json:"labs"`
	Brought []lab.Digest `json:"brought,omitempty"`
	From    string       `json:"from"`
	Added   time.Time    `json:"added"`
}

// Topologies returns the labs of several machines, by their names. One that cannot be read has an Err.
func (l *Library) Topologies() ([]Topology, error) {
	records, err := l.readTopologies()
	if err != nil {
		return nil, err
	}
	secret, err := l.networkSecret()
	if err != nil {
		return nil, err
	}
	var list []Topology
	for name, r := range records {
		t := Topology{Labs: r.Labs, Brought: r.Brought, From: r.From, Added: r.Added, secret: secret}
		if t.Topology, t.Err = lab.ParseTopology([]byte(r.Text)); t.Err == nil && (len(t.Machines) != len(r.Labs) || t.Name != name) {
			t.Err = lab.ErrTopology
		}
		if t.Err != nil {
			t.Topology, t.Labs = &lab.Topology{Name: name, Title: name}, nil
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Topology) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Topology returns the lab of several machines that a name means: its own, or the last part of it where only one has that. The error wraps ErrNoTopology, or says what is wrong with it.
func (l *Library) Topology(name string) (Topology, error) {
	list, err := l.Topologies()
	if err != nil {
		return Topology{}, err
	}
	var found []Topology
	for _, t := range list {
		if t.Name == name {
			return t, t.Err
		}
		if strings.HasSuffix(t.Name, "/"+name) {
			found = append(found, t)
		}
	}
	if len(found) == 1 {
		return found[0], found[0].Err
	}
	return Topology{}, noTopology(name)
}

func noTopology(name string) error {
	return fmt.Errorf("%w: %s", ErrNoTopology, vmconfig.Inert(name, 128))
}

// networksFile has what tells the private networks of this library's machines from those of everybody else on this computer. It stays when a topology goes, because machines may be
// in its networks.
const networksFile = "networks.json"

type networksRecord struct {
	Secret []byte `json:"secret"`
}

func (l *Library) networkSecret() ([]byte, error) {
	var r networksRecord
	err := l.readState(networksFile, &r)
	return r.Secret, err
}

// makeNetworkSecret makes it when there is none. The caller holds the library's lock.
func (l *Library) makeNetworkSecret() error {
	secret, err := l.networkSecret()
	if err != nil || len(secret) > 0 {
		return err
	}
	secret = make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	return l.writeState(networksFile, networksRecord{secret})
}

// RemoveTopology removes a lab of several machines, and of the labs that came with it those that no other one has and keep does not want. Machines that were launched stay.
// The error wraps ErrNoTopology.
func (l *Library) RemoveTopology(ctx context.Context, name string, keep func(lab.Digest) bool) error {
	var gone []lab.Digest
	if err := l.changeTopologies(ctx, func(all map[string]*topologyRecord) error {
		r := all[name]
		if r == nil {
			return noTopology(name)
		}
		delete(all, name)
		gone = slices.DeleteFunc(r.Brought, func(id lab.Digest) bool {
			for _, other := range all {
				if slices.Contains(other.Labs, id) {
					return true
				}
			}
			return keep(id)
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

// wanted notes that somebody has asked for a lab by itself, so that it no longer goes with a topology that brought it.
func (l *Library) wanted(ctx context.Context, id lab.Digest) error {
	all, err := l.readTopologies()
	if err != nil || !brings(all, id) {
		return err
	}
	return l.changeTopologies(ctx, func(all map[string]*topologyRecord) error {
		for _, r := range all {
			r.Brought = slices.DeleteFunc(r.Brought, func(brought lab.Digest) bool { return brought == id })
		}
		return nil
	})
}

func brings(all map[string]*topologyRecord, id lab.Digest) bool {
	for _, r := range all {
		if slices.Contains(r.Brought, id) {
			return true
		}
	}
	return false
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

// keepTopology adds a topology, or another version of one. What has the name of one whose labs are of other courses is refused with ErrNameTaken: nobody signs a topology.
func (l *Library) keepTopology(ctx context.Context, name string, r *topologyRecord) error {
	return l.changeTopologies(ctx, func(all map[string]*topologyRecord) error {
		r.Added = l.now().UTC()
		if before := all[name]; before != nil {
			known := l.coursesOf(append(slices.Clone(before.Labs), before.Brought...))
			for key := range l.coursesOf(r.Labs) {
				if !known[key] && len(known) > 0 {
					return fmt.Errorf("%w: “%s” came from %s, with labs of another course. Remove that one first, if you do not want it any more", ErrNameTaken, name, before.From)
				}
			}
			for _, id := range before.Brought {
				if !slices.Contains(r.Brought, id) {
					r.Brought = append(r.Brought, id)
				}
			}
		}
		all[name] = r
		return l.makeNetworkSecret()
	})
}

// coursesOf returns the keys of the courses of those labs that are here.
func (l *Library) coursesOf(ids []lab.Digest) map[string]bool {
	keys := map[string]bool{}
	for _, id := range ids {
		if _, c, err := l.readConfig(id); err == nil {
			keys[c.Course.Key] = true
		}
	}
	return keys
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
// the topology is there when all of them are. User and password are sent to the server of the topology only, as its file could name any other one. Errors are those of Fetch, and faults
// that wrap lab.ErrTopology. o.Name and o.Done mean nothing here; done is called with the topology's name.
func (s *Service) FetchTopology(text string, o FetchOptions, done func(name string)) *jobs.Job {
	return s.p.Jobs.Start("Fetching "+vmconfig.Inert(text, 80), "", func(ctx context.Context, report func(jobs.Progress)) error {
		report(jobs.Progress{Fraction: jobs.Unknown, Text: "Looking"})
		o.Name = ""
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
				return forMachine(m.Name, err)
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

// forMachine says for which machine of a topology an error came up.
func forMachine(name string, err error) error {
	text := fmt.Sprintf("The lab of the machine %s cannot be had. ", name)
	var r *Reason
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &r):
		return &Reason{Text: text + r.Text, Err: r.Err}
	}
	return fmt.Errorf("%s%w", text, err)
}

// labFor returns the lab of a machine of the topology at ref, which is fetched unless it is a name of the library.
func (s *Service) labFor(ctx context.Context, ref source.Ref, m lab.TopologyMachine, o FetchOptions, report Report) (lab.Digest, error) {
	written, err := source.Parse(m.Lab)
	named := written
	if err == nil {
		named, err = ref.Beside(written)
	}
	if err != nil {
		return lab.Digest{}, &Reason{Text: err.Error() + "."}
	}
	if named.Kind == source.KindName {
		image, err := s.p.Library.Resolve(named.String())
		return image.ID, err
	}
	elsewhere := written.Kind == source.KindWeb || written.Kind == source.KindRegistry
	if elsewhere {
		o.User, o.Password = "", ""
	}
	id, err := s.addFrom(ctx, named, o, report)
	if elsewhere && errors.Is(err, source.ErrAuth) { // nobody is asked for a password that would go to the topology's server first
		return id, &Reason{Text: fmt.Sprintf("%s wants a name and a password. Add that lab by itself first.", vmconfig.Inert(named.String(), 200))}
	}
	return id, err
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

// derive makes bytes that nobody else has from the library's secret and what they are for.
func (t *Topology) derive(what string) [sha256.Size]byte {
	return sha256.Sum256(append(slices.Clone(t.secret), t.Name+"\x00"+what...))
}

// source is where a machine finds the others in a private network: a cable where there are two of them, else a group. Ports are below those that the kernel hands out.
// vmconfig.NICPrivate keeps both on this computer.
func (t *Topology) source(machine, network string) string {
	var members []string
	for _, m := range t.Machines {
		if slices.Contains(m.Networks, network) {
			members = append(members, m.Name)
		}
	}
	if len(members) != 2 {
		return t.endpoint(239, "network "+network)
	}
	other := members[0]
	if other == machine {
		other = members[1]
	}
	return t.endpoint(127, "end "+machine+" "+network) + "-" + t.endpoint(127, "end "+other+" "+network)
}

// endpoint is an address that begins with this byte, and a port: of 239 a group that stays inside an organisation (RFC 2365), of 127 one of this computer for itself.
func (t *Topology) endpoint(first byte, what string) string {
	b := t.derive(what)
	port := firstPort + (int(b[3])<<8|int(b[4]))%(lastPort-firstPort)
	return fmt.Sprintf("%d.%d.%d.%d:%d", first, b[0], b[1], b[2], port)
}

// adapter is a machine's adapter in a private network. Its Ethernet address is the same on every computer and after every reset, so that a guest's configuration can name it; the networks
// of two computers never meet.
func (t *Topology) adapter(machine, network string) vmconfig.NIC {
	b := sha256.Sum256([]byte(strings.Join([]string{t.Name, machine, network}, "\x00")))
	return vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: t.source(machine, network), MAC: fmt.Sprintf("52:54:00:%02x:%02x:%02x", b[0], b[1], b[2])}
}
