package labs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

	done(t, r.LaunchTopology(name, true))
	first := r.Roles(&top)
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
	inside, outside := first[0].Config.NICs[1].Source, first[2].Config.NICs[1].Source
	if router := first[1].Config.NICs; inside == outside || len(router) != 3 || router[1].Source != inside || router[2].Source != outside {
		t.Errorf("the networks: %q, %q, router %+v", inside, outside, router)
	}

	// Launching again makes what is missing as it was, and starts what is off.
	done(t, r.machines.Do(machines.ActionPowerOff, first[0].UUID, first[1].UUID))
	done(t, r.machines.Delete(first[0].UUID, false))
	done(t, r.LaunchTopology(name, true))
	again := r.Roles(&top)
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
	if m := r.MachinesOf(name)["client"]; m == nil || m.UUID != again[0].UUID || m.Config.NICs[1] != again[0].Config.NICs[1] {
		t.Errorf("after a reset: %+v", m)
	}
	if err := r.Library().RemoveTopology(within(t), name); err != nil {
		t.Fatal(err)
	}
	if err := r.LaunchTopology(name, true).Wait(within(t)); !errors.Is(err, ErrNoTopology) {
		t.Errorf("launched one that was removed: %v", err)
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
	err := r.LaunchTopology("networks/firewall", true).Wait(within(t))
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

// TestTopologyAddresses: networks of different libraries and of different names are different ones, and the address is one that stays inside.
func TestTopologyAddresses(t *testing.T) {
	seen := map[string]bool{}
	for i := range 200 {
		top := Topology{Topology: &lab.Topology{Name: "a"}, secret: []byte(fmt.Sprint(i))}
		for _, network := range []string{"lan", "wan"} {
			address := top.address(network)
			if seen[address] {
				t.Errorf("%s comes twice", address)
			}
			seen[address] = true
			if err := vmconfig.CheckPrivateNetwork(address); err != nil {
				t.Errorf("%s: %v", address, err)
			}
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
	done(t, r.LaunchTopology("networks/firewall", true))
	guests := map[string]*guesttest.Console{}
	for _, role := range []string{"client", "router", "server"} {
		guests[role] = guesttest.Open(t, r.host, "firewall-"+role)
	}
	client, router, server := guests["client"], guests["router"], guests["server"]
	top, err := r.Library().Topology("firewall")
	if err != nil {
		t.Fatal(err)
	}
	for role, g := range guests {
		g.WaitReady()
		for i, network := range r.MachinesOf(top.Name)[role].Config.NICs {
			if mac := g.Ask(fmt.Sprintf("net %d", i), fmt.Sprintf(`^net %d (\S+)$`, i))[1]; mac != network.MAC {
				t.Errorf("%s finds the adapter %s in its place %d, want %s", role, mac, i, network.MAC)
			}
		}
	}
	client.Ask("send 0 hello", `^sent 0 hello$`)
	router.WaitLine(`^heard 0 hello$`) // inside is its first network
	router.Ask("send 1 passed on", `^sent 1 passed on$`)
	if heard := server.WaitLine(`^heard 0 (.*)$`)[1]; heard != "passed on" {
		t.Errorf("the server hears %q from the client's network", heard)
	}

	// After a reset the machine is in its networks again.
	done(t, r.Reset(r.MachinesOf(top.Name)["client"].UUID, ResetOptions{PowerOff: true}))
	done(t, r.LaunchTopology(top.Name, true))
	client.Reopen()
	client.WaitReady()
	client.Ask("net 0", `^net 0 `)
	client.Ask("send 0 back", `^sent 0 back$`)
	router.WaitLine(`^heard 0 back$`)
}
