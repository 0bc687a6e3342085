package labs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"guesthouse/app/checkpoints"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

const firewallTopology = `name: networks/firewall
title: A firewall / and its client
machines:
  - {name: client, lab: client.lab, networks: [inside], after: [router]}
  - {name: router, lab: router.lab, networks: [inside, outside]}
  - {name: server, lab: 'networks/server', networks: [outside]}
`

// publishTopology makes the three labs, two of them as files in a folder with the topology.
func (r *room) publishTopology(t testing.TB, text string, content []byte, change func(*Spec)) (file string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"client", "router", "server"} {
		id := r.publish(t, content, func(s *Spec) {
			s.Config.Name, s.Config.Title = "networks/"+name, name
			if change != nil {
				change(s)
			}
		})
		if name != "server" {
			done(t, r.Send(id, filepath.Join(dir, name+".lab"), SendOptions{}))
		}
	}
	file = filepath.Join(dir, "firewall.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// role returns the machine of that name in the topology firewall, nil if there is none.
func (r *room) role(t testing.TB, role string) *machines.Machine {
	t.Helper()
	for _, m := range r.Machines() {
		if m.Config.Lab.Topology == "networks/firewall" && m.Config.Lab.Role == role {
			return m
		}
	}
	return nil
}

func TestTopology(t *testing.T) {
	r := openRoom(t)
	file := r.publishTopology(t, firewallTopology, numbered(2), nil)
	web := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(file))))
	defer web.Close()
	var name string
	for _, place := range []string{file, web.URL + "/firewall.yaml"} {
		done(t, r.FetchTopology(place, FetchOptions{}, func(n string) { name = n }))
	}
	top, err := r.Library().Topology("firewall")
	if err != nil || name != "networks/firewall" || top.Name != name || !strings.HasPrefix(top.From, web.URL) {
		t.Fatalf("%q: %+v, %v", name, top, err)
	}

	done(t, r.LaunchTopology(&top, true))
	first := r.Launched(&top)
	var names []string
	macs := map[string]bool{}
	for _, m := range first {
		names = append(names, m.Name)
		if m.State != hypervisor.StateRunning || m.Config.Group != "A firewall and its client" {
			t.Errorf("%s is %s, in %q", m.Name, m.State, m.Config.Group)
		}
		for _, n := range m.Config.NICs {
			if n.Kind == vmconfig.NICPrivate && macs[n.MAC] {
				t.Errorf("two adapters have the address %s", n.MAC)
			}
			macs[n.MAC] = true
		}
	}
	if want := []string{"firewall-client", "firewall-router", "firewall-server"}; !slices.Equal(names, want) {
		t.Fatalf("launched %q", names)
	}
	swapped := func(n vmconfig.NIC) string {
		ours, theirs, _ := strings.Cut(n.Source, "-")
		return theirs + "-" + ours
	}
	inside, outside := swapped(first[0].Config.NICs[1]), swapped(first[2].Config.NICs[1])
	if router := first[1].Config.NICs; inside == outside || len(router) != 3 || router[1].Source != inside || router[2].Source != outside {
		t.Errorf("the networks: %q, %q, router %+v", inside, outside, router)
	}

	// Launching again makes what is missing as it was, and starts what is off.
	done(t, r.machines.Do(machines.ActionPowerOff, first[0].UUID, first[1].UUID))
	done(t, r.machines.Delete(first[0].UUID, false))
	done(t, r.LaunchTopology(&top, true))
	again := r.Launched(&top)
	if len(again) != 3 || again[0].UUID == first[0].UUID || again[1].UUID != first[1].UUID || again[2].UUID != first[2].UUID {
		t.Fatalf("launched again: %+v", again)
	}
	if got := again[0].Config.NICs[1]; got != first[0].Config.NICs[1] {
		t.Errorf("its adapter is %+v now and was %+v", got, first[0].Config.NICs[1])
	}
	for _, m := range again {
		if m.State != hypervisor.StateRunning {
			t.Errorf("%s is %s", m.Name, m.State)
		}
	}

	// A reset keeps the machine in its place.
	done(t, r.Reset(again[0].UUID, ResetOptions{PowerOff: true}))
	if m := r.role(t, "client"); m == nil || m.UUID != again[0].UUID || m.Config.NICs[1] != again[0].Config.NICs[1] {
		t.Errorf("after a reset: %+v", m)
	}
	done(t, r.RemoveTopology(name))
	if _, err := r.Library().Topology(name); !errors.Is(err, ErrNoTopology) {
		t.Errorf("after it was removed: %v", err)
	}
}

// TestTopologyAllOrNothing: when one of the machines cannot be made, none is.
func TestTopologyAllOrNothing(t *testing.T) {
	r := openRoom(t)
	file := r.publishTopology(t, firewallTopology, numbered(2), func(s *Spec) {
		if s.Config.Name == "networks/server" {
			s.Config.Machine.CPUs = 64 // more than this computer has
		}
	})
	done(t, r.FetchTopology(file, FetchOptions{}, nil))
	top, err := r.Library().Topology("firewall")
	if err != nil {
		t.Fatal(err)
	}
	err = r.LaunchTopology(&top, true).Wait(within(t))
	if err == nil {
		t.Fatal("it was launched")
	}
	t.Logf("the job says: %v", err)
	if list := r.Machines(); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
	if left, _ := filepath.Glob(filepath.Join(r.host.DataDir, "guesthouse", "images", "*")); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	if all := r.host.Virsh(t, "list", "--all", "--name"); all != "" {
		t.Errorf("virsh lists %q", all)
	}
}

// TestTopologyRefused: what cannot be had is not in the library, and the sentence names the machine.
func TestTopologyRefused(t *testing.T) {
	r := openRoom(t)
	file := r.publishTopology(t, firewallTopology, numbered(1), nil)
	try := func(from, to, want string, kind error) {
		t.Helper()
		text := strings.Replace(firewallTopology, from, to, 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := r.FetchTopology(file, FetchOptions{}, nil).Wait(within(t))
		if err == nil || kind != nil && !errors.Is(err, kind) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
	try("client.lab", "missing.lab", "the machine client", source.ErrNotFound)
	try("client.lab", "../client.lab", "the machine client", nil)
	try("client.lab", "../client.lab", "or below it", nil)
	try("client.lab", "/etc/client.lab", "or below it", nil)
	try("'networks/server'", "networks/none", "the machine server", ErrNoLab)
	try("name: networks/firewall", "name: ../x", "“name”", lab.ErrTopology)
	for place, want := range map[string]error{file + ".yaml": source.ErrNotFound, filepath.Dir(file): nil} {
		if err := r.FetchTopology(place, FetchOptions{}, nil).Wait(within(t)); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", place, err)
		}
	}
	if list, err := r.Library().Topologies(); err != nil || len(list) != 0 {
		t.Errorf("in the library: %+v, %v", list, err)
	}
}

// TestTopologyAddresses: networks of different libraries and of different names are different ones, their addresses stay on this computer, and a cable has two ends.
func TestTopologyAddresses(t *testing.T) {
	seen := map[string]bool{}
	for i := range 200 {
		top := Topology{secret: []byte(fmt.Sprint(i)), Topology: &lab.Topology{Name: "a", Machines: []lab.TopologyMachine{
			{Name: "a", Networks: []string{"lan", "ab"}}, {Name: "b", Networks: []string{"lan", "ab"}}, {Name: "c", Networks: []string{"lan", "alone"}},
		}}}
		for _, source := range []string{top.source("a", "lan"), top.source("c", "alone"), top.source("a", "ab"), top.source("b", "ab")} {
			if seen[source] {
				t.Errorf("%s comes twice", source)
			}
			seen[source] = true
			if err := vmconfig.CheckPrivateNetwork(source); err != nil {
				t.Errorf("%s: %v", source, err)
			}
		}
		ours, theirs, _ := strings.Cut(top.source("a", "ab"), "-")
		if top.source("b", "ab") != theirs+"-"+ours || top.source("a", "lan") != top.source("b", "lan") {
			t.Errorf("the ends do not meet: %s, %s", top.source("a", "ab"), top.source("b", "ab"))
		}
	}
}

// TestTopologyOfGuests has real guests talk to each other: the router to both sides, and nobody past it.
func TestTopologyOfGuests(t *testing.T) {
	if testing.Short() {
		t.Skip("three guests are booted")
	}
	r := openRoom(t)
	system, err := os.ReadFile(guesttest.ISO(t)) // boots from a disk as well
	if err != nil {
		t.Fatal(err)
	}
	system = append(system, make([]byte, (1<<20-len(system)%(1<<20))%(1<<20))...)
	file := r.publishTopology(t, firewallTopology, system, func(s *Spec) {
		s.Config.Machine.MemoryMiB, s.Config.Disks[0].Bus = guesttest.MinMemoryMiB, "sata"
		s.Config.Network.Mode, s.Config.Network.Ports = lab.NetworkNone, nil
	})
	done(t, r.FetchTopology(file, FetchOptions{}, nil))
	top, err := r.Library().Topology("firewall")
	if err != nil {
		t.Fatal(err)
	}
	done(t, r.LaunchTopology(&top, true))
	guests := map[string]*guesttest.Console{}
	for _, role := range []string{"client", "router", "server"} {
		guests[role] = guesttest.Open(t, r.host, "firewall-"+role)
	}
	client, router, server := guests["client"], guests["router"], guests["server"]
	for role, g := range guests {
		g.WaitReady()
		for i, network := range r.role(t, role).Config.NICs {
			if mac := g.Ask(fmt.Sprintf("net %d", i), fmt.Sprintf(`^net %d (\S+)$`, i))[1]; mac != network.MAC {
				t.Errorf("%s finds the adapter %s in its place %d, want %s", role, mac, i, network.MAC)
			}
		}
	}
	client.Ask("send 0 hello", `^sent 0 hello$`)
	router.WaitLine(`^heard 0 hello$`) // inside is its first network
	router.Ask("send 1 passed on", `^sent 1 passed on$`)
	client.Ask("send 0 again", `^sent 0 again$`)
	if heard := router.WaitLine(`^heard (.*)$`)[1]; heard != "0 again" { // not what it has sent itself
		t.Errorf("the router hears %q", heard)
	}
	if heard := server.WaitLine(`^heard 0 (.*)$`)[1]; heard != "passed on" {
		t.Errorf("the server hears %q from the client's network", heard)
	}

	// After a reset the machine is in its networks again.
	done(t, r.Reset(r.role(t, "client").UUID, ResetOptions{PowerOff: true}))
	done(t, r.LaunchTopology(&top, true))
	client.Reopen()
	client.WaitReady()
	client.Ask("net 0", `^net 0 `)
	client.Ask("send 0 back", `^sent 0 back$`)
	router.WaitLine(`^heard 0 back$`)
}

// TestTopologyPassword: what is typed for the topology's server goes to no other one that its file names.
func TestTopologyPassword(t *testing.T) {
	r := openRoom(t)
	file := r.publishTopology(t, firewallTopology, numbered(1), nil)
	files := http.FileServer(http.Dir(filepath.Dir(file)))
	guarded := func(heard *atomic.Int32, wants bool) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, password, _ := q.BasicAuth()
			if password == "secret" {
				heard.Add(1)
			} else if wants {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			files.ServeHTTP(w, q)
		}))
		t.Cleanup(server.Close)
		return server
	}
	var school, other, locked atomic.Int32
	schoolURL, otherURL, lockedURL := guarded(&school, true).URL, guarded(&other, false).URL, guarded(&locked, true).URL
	o := FetchOptions{Options: source.Options{User: "ada", Password: "secret"}}
	fetch := func(client string) error {
		t.Helper()
		text := strings.Replace(firewallTopology, "client.lab", "'"+client+"'", 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return r.FetchTopology(schoolURL+"/firewall.yaml", o, nil).Wait(within(t))
	}
	if err := fetch(otherURL + "/client.lab"); err != nil {
		t.Error(err)
	}
	err := fetch(lockedURL + "/client.lab")
	if err == nil || errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), "Add that lab by itself") {
		t.Errorf("a lab behind another password: %v", err)
	}
	if school.Load() == 0 || other.Load() != 0 || locked.Load() != 0 {
		t.Errorf("the password was sent %d times to its own server and %d, %d times to others", school.Load(), other.Load(), locked.Load())
	}
}

// TestTopologyAgain: networks outlive the topology, a copy of a machine has no part in it, and machines of another shape are not joined.
func TestTopologyAgain(t *testing.T) {
	r := openRoom(t)
	file := r.publishTopology(t, firewallTopology, numbered(1), nil)
	fetch := func() Topology {
		t.Helper()
		done(t, r.FetchTopology(file, FetchOptions{}, nil))
		top, err := r.Library().Topology("firewall")
		if err != nil {
			t.Fatal(err)
		}
		return top
	}
	top := fetch()
	done(t, r.LaunchTopology(&top, false))
	before := r.role(t, "client").Config.NICs
	done(t, r.RemoveTopology(top.Name))
	top = fetch()
	done(t, r.machines.Delete(r.role(t, "client").UUID, false))
	done(t, r.LaunchTopology(&top, false))
	if now := r.role(t, "client").Config.NICs[1:]; !slices.Equal(now, before[1:]) {
		t.Errorf("the client is in the networks %+v now, and was in %+v", now, before)
	}

	done(t, r.checkpoints.Save(r.role(t, "router").UUID, checkpoints.SaveOptions{Name: "one"}))
	list, err := r.checkpoints.List(within(t), r.role(t, "router").UUID)
	if err != nil {
		t.Fatal(err)
	}
	job, copied := r.checkpoints.Copy(r.role(t, "router").UUID, list[0].ID, "a copy", false)
	done(t, job)
	if m := r.machines.Snapshot().Get(copied); m.Config.Lab != (vmconfig.Lab{}) || len(r.Launched(&top)) != 3 {
		t.Errorf("the copy has the part %+v", m.Config.Lab)
	}

	// The next version has a third machine in the clients' network. The old ones go on, but are not joined with new ones.
	text := strings.Replace(firewallTopology, "networks: [outside]", "networks: [outside, inside]", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	top = fetch()
	done(t, r.LaunchTopology(&top, false))
	done(t, r.machines.Delete(r.role(t, "server").UUID, false))
	if err := r.LaunchTopology(&top, false).Wait(within(t)); err == nil || !strings.Contains(err.Error(), "networks of the lab have changed") {
		t.Errorf("joined with machines of other networks: %v", err)
	}
}

// TestTopologyTwice: two programs launch it at once, and there is one machine of each.
func TestTopologyTwice(t *testing.T) {
	r := openRoom(t)
	done(t, r.FetchTopology(r.publishTopology(t, firewallTopology, numbered(1), nil), FetchOptions{}, nil))
	top, err := r.Library().Topology("firewall")
	if err != nil {
		t.Fatal(err)
	}
	second := attachRoom(t, r.host.URI, r.host.DataDir+"/guesthouse")
	jobs := []interface{ Wait(context.Context) error }{r.LaunchTopology(&top, false), second.LaunchTopology(&top, false)}
	for _, job := range jobs {
		if err := job.Wait(within(t)); err != nil {
			t.Error(err)
		}
	}
	if names := strings.Fields(r.host.Virsh(t, "list", "--all", "--name")); len(names) != 3 {
		t.Errorf("virsh lists %q", names)
	}
}

// TestTopologyOfAnotherCourse does not take the name of one that is there, and what was asked for by itself does not go with a topology.
func TestTopologyOfAnotherCourse(t *testing.T) {
	teacher, student := openRoom(t), openRoom(t)
	file := teacher.publishTopology(t, strings.Replace(firewallTopology, "'networks/server'", "client.lab", 1), numbered(1), nil)
	trust := FetchOptions{AddOptions: AddOptions{Trust: func(context.Context, Question) (bool, error) { return true, nil }}}
	done(t, student.FetchTopology(file, trust, nil))
	evil := openRoom(t)
	other := evil.publishTopology(t, strings.Replace(firewallTopology, "'networks/server'", "client.lab", 1), numbered(1), func(s *Spec) {
		s.Config.Course.Name, s.Config.Name = "Evil", "evil/"+s.Config.Title
	})
	if err := student.FetchTopology(other, trust, nil).Wait(within(t)); !errors.Is(err, ErrNameTaken) {
		t.Errorf("another course took the name: %v", err)
	}
	top, err := student.Library().Topology("firewall")
	if err != nil || len(top.Brought) != 2 {
		t.Fatalf("%+v, %v", top, err)
	}
	done(t, student.Fetch(filepath.Join(filepath.Dir(file), "client.lab"), trust))
	done(t, student.RemoveTopology("networks/firewall"))
	list, err := student.Library().Images()
	if err != nil || slices.ContainsFunc(list, func(i Image) bool { return i.Config.Name == "networks/router" }) ||
		!slices.ContainsFunc(list, func(i Image) bool { return i.Config.Name == "networks/client" }) {
		t.Errorf("in the library are %+v, %v", list, err)
	}
}

// TestTopologyResets: what cannot be done with all is not begun, and only what was reset is taken back.
func TestTopologyResets(t *testing.T) {
	r := openRoom(t)
	done(t, r.FetchTopology(r.publishTopology(t, firewallTopology, numbered(1), nil), FetchOptions{}, nil))
	top, err := r.Library().Topology("firewall")
	if err != nil {
		t.Fatal(err)
	}
	done(t, r.LaunchTopology(&top, true))
	if err := r.ResetTopology(&top, ResetOptions{}).Wait(within(t)); !errors.Is(err, ErrRunning) {
		t.Errorf("reset while it runs: %v", err)
	}
	if err := r.DeleteTopology(&top).Wait(within(t)); !errors.Is(err, ErrRunning) || len(r.Launched(&top)) != 3 {
		t.Errorf("deleted while it runs: %v", err)
	}
	if err := r.UndoResetTopology(&top, ResetOptions{PowerOff: true}).Wait(within(t)); !errors.Is(err, ErrNoResets) {
		t.Errorf("nothing was reset: %v", err)
	}
	done(t, r.Reset(r.role(t, "router").UUID, ResetOptions{PowerOff: true}))
	done(t, r.UndoResetTopology(&top, ResetOptions{PowerOff: true}))
	done(t, r.ResetTopology(&top, ResetOptions{PowerOff: true}))
	done(t, r.DeleteTopology(&top))
	if len(r.Launched(&top)) != 0 {
		t.Error("machines are left")
	}
}

// TestTopologySubmissions: two machines of one lab are two works of a student, each with its newest submission.
func TestTopologySubmissions(t *testing.T) {
	r := openRoom(t)
	file := r.publishTopology(t, strings.Replace(firewallTopology, "router.lab", "client.lab", 1), numbered(4), nil)
	done(t, r.FetchTopology(file, FetchOptions{}, nil))
	top, err := r.Library().Topology("firewall")
	if err != nil {
		t.Fatal(err)
	}
	done(t, r.LaunchTopology(&top, false))
	inbox := t.TempDir()
	for n, role := range []string{"client", "router", "client"} {
		id := r.role(t, role).UUID
		r.write(t, id, n, byte(100+n))
		done(t, r.Submit(id, SubmitOptions{Student: "Ada", To: inbox}))
	}
	list, err := r.Library().Submissions(within(t), inbox, nil)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]SubmissionState{}
	for _, one := range list {
		states[fmt.Sprint(one.Submission.Sequence, " ", one.Submission.Title())] = one.State
	}
	want := map[string]SubmissionState{
		"1 networks/client (networks/firewall:client)": SubmissionOlder,
		"2 networks/client (networks/firewall:router)": SubmissionNew,
		"3 networks/client (networks/firewall:client)": SubmissionNew,
	}
	if !maps.Equal(states, want) {
		t.Errorf("%v", states)
	}
}
