package labs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/opencontainers/go-digest"

	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang/langtest"
	"guesthouse/vmconfig/lab"
)

// firewall is a topology of two machines whose labs came with it, and machines of it with these states.
func firewall(t *testing.T, states ...hypervisor.State) (labs.Topology, []labs.Image, []*machines.Machine) {
	t.Helper()
	parsed, err := lab.ParseTopology([]byte(`name: networks/firewall
title: A firewall and its client
text: Let nothing through but port 80.
machines:
  - {name: router, lab: router.lab, networks: [inside, outside]}
  - {name: client, lab: client.lab, networks: [inside]}
`))
	if err != nil {
		t.Fatal(err)
	}
	images := []labs.Image{labOf("r/router", 1), labOf("c/client", 1)}
	top := labs.Topology{Topology: parsed, From: "/media/stick/firewall.yaml", Added: time.Now()}
	for _, i := range images {
		top.Labs = append(top.Labs, i.ID)
	}
	top.Brought = slices.Clone(top.Labs)
	var list []*machines.Machine
	for n, state := range states {
		role := parsed.Machines[n].Name
		m := machineOf(images[n], "firewall-"+role, state)
		m.Config.Lab.Topology, m.Config.Lab.Role = parsed.Name, role
		list = append(list, m)
	}
	return top, images, list
}

func newSeveralRig(t *testing.T, states ...hypervisor.State) *rig {
	t.Helper()
	top, images, list := firewall(t, states...)
	r := newRigFor(t, list...)
	r.topologies = []labs.Topology{top}
	r.images = images
	r.open()
	return r
}

// TestSeveralLaunch: one card stands for all of it, and launches it.
func TestSeveralLaunch(t *testing.T) {
	r := newSeveralRig(t)
	if len(r.w.grid.cards) != 1 {
		t.Fatalf("%d cards:\n%s", len(r.w.grid.cards), r.texts())
	}
	for _, text := range []string{"A firewall and its client", "2 machines", "router · client", "2 private networks", "Ready", "Launch all"} {
		r.shows(text)
	}
	r.took()
	r.press("Launch all")
	r.settle()
	r.wants("launch several", "networks/firewall")
}

// TestSeveralRuns: the screens are opened after launching, and the card tells how many machines run.
func TestSeveralRuns(t *testing.T) {
	r := newSeveralRig(t, hypervisor.StateOff, hypervisor.StateOff)
	r.shows("Start all")
	r.press("Start all")
	r.until("both screens are shown", func() bool { return len(r.opened) == 2 })

	r = newSeveralRig(t, hypervisor.StateRunning, hypervisor.StateOff)
	r.shows("1 of 2 run")
	r = newSeveralRig(t, hypervisor.StateRunning)
	r.shows("Launch all") // what is missing is made

	r = newSeveralRig(t, hypervisor.StateRunning, hypervisor.StateRunning)
	r.shows("Running")
	r.press("Show…")
	if items := r.w.showItems(r.w.several[0]); len(items) != 2 || items[0].Label != "router · Running" {
		t.Errorf("the menu has %+v", items)
	}
}

// TestSeveralReset asks before it switches machines off.
func TestSeveralReset(t *testing.T) {
	r := newSeveralRig(t, hypervisor.StateRunning, hypervisor.StateOff)
	r.took()
	r.press("Reset…")
	r.shows("firewall-client")
	r.press("Switch off and reset")
	r.settle()
	r.wants("reset several", labs.ResetOptions{PowerOff: true})

	r = newSeveralRig(t, hypervisor.StateOff, hypervisor.StateOff)
	r.undo[r.snap.Machines[1].UUID] = time.Now()
	r.w.load()
	r.until("the reset can be taken back", func() bool { return r.w.grid.cards[0].undo.Visible() })
	r.took()
	r.w.grid.cards[0].undo.Tapped(nil)
	r.press("Take back")
	r.settle()
	r.wants("undo several", labs.ResetOptions{})
}

func TestSeveralMenu(t *testing.T) {
	r := newSeveralRig(t, hypervisor.StateRunning, hypervisor.StateRunning)
	var names []string
	byName := map[string]*fyne.MenuItem{}
	for _, i := range r.w.severalMenu(r.w.several[0]).Items {
		names = append(names, i.Label)
		byName[i.Label] = i
	}
	if want := []string{"About this lab…", "Its machines", "Hand in", "Shut all down", "", "Delete the machines…  –  Shut the machines down first.", "Remove…"}; !slices.Equal(names, want) {
		t.Fatalf("the menu has %q", names)
	}
	r.took()
	byName["Shut all down"].Action()
	r.settle()
	if calls := r.took(); len(calls) != 2 || calls[0].what != string(machines.ActionShutdown) {
		t.Errorf("asked for %+v", calls)
	}
	byName["Its machines"].ChildMenu.Items[1].Action()
	if len(r.opened) != 1 || r.opened[0] != r.snap.Machines[1].UUID {
		t.Errorf("opened %v", r.opened)
	}
	byName["Remove…"].Action()
	r.press("Remove")
	r.settle()
	r.wants("remove several", "networks/firewall")
	byName["About this lab…"].Action()
	r.shows("Let nothing through but port 80.")
	r.shows("/media/stick/firewall.yaml")
}

func TestSeveralDelete(t *testing.T) {
	r := newSeveralRig(t, hypervisor.StateOff, hypervisor.StateSaved)
	r.took()
	for _, i := range r.w.severalMenu(r.w.several[0]).Items {
		if i.Label == "Delete the machines…" {
			i.Action()
		}
	}
	r.shows("firewall-client")
	r.press("Delete")
	r.settle()
	r.wants("delete several", "networks/firewall")
}

// TestSeveralDamaged: one that cannot be read has a card, and takes nothing with it.
func TestSeveralDamaged(t *testing.T) {
	r := newSeveralRig(t)
	r.topologies = append(r.topologies, labs.Topology{Topology: &lab.Topology{Name: "networks/broken", Title: "networks/broken"}, Err: lab.ErrTopology})
	r.w.load()
	r.shows("Damaged")
	r.shows("A firewall and its client")
	r.took()
	r.w.actOnSeveral(r.w.several[1])
	r.press("Remove")
	r.settle()
	r.wants("remove several", "networks/broken")
}

// TestFormerRole: a machine whose place in the lab is gone is on the card of its own lab.
func TestFormerRole(t *testing.T) {
	r := newSeveralRig(t, hypervisor.StateOff, hypervisor.StateOff)
	m := machineOf(r.images[0], "firewall-third", hypervisor.StateRunning)
	m.Config.Lab.Topology, m.Config.Lab.Role = "networks/firewall", "third"
	r.snap = &machines.Snapshot{Connected: true, Machines: append(slices.Clone(r.snap.Machines), m)}
	r.w.load()
	r.until("two cards", func() bool { return len(r.w.grid.cards) == 2 })
	r.shows("firewall-third")
}

// TestSeveralIsAdded by the path of its file.
func TestSeveralIsAdded(t *testing.T) {
	r := newSeveralRig(t)
	r.took()
	ref, _, note, fault := readPlace("/media/stick/firewall.yaml", false)
	if ref == "" || !strings.Contains(note, "several machines") || fault != "" {
		t.Errorf("%q, %q, %q", ref, note, fault)
	}
	r.w.fetch(ref, labs.AddOptions{})
	r.settle()
	r.wants("fetch several", ref)
	r.until("it has the keyboard", func() bool { return r.window.Canvas().Focused() == r.w.grid.cards[0].main })
}

// TestSeveralIncomplete: without its labs it cannot be launched, and says so.
func TestSeveralIncomplete(t *testing.T) {
	r := newSeveralRig(t)
	r.images = r.images[:1]
	r.w.load()
	r.shows("Incomplete")
	reason, off := r.w.grid.cards[0].main.Disabled()
	if !off || !strings.Contains(reason, "Add it again") {
		t.Errorf("%q", reason)
	}
}

// TestLabOfSeveralAlone: a lab that was launched by itself as well has a card of its own.
func TestLabOfSeveralAlone(t *testing.T) {
	r := newSeveralRig(t)
	r.snap = &machines.Snapshot{Connected: true, Machines: []*machines.Machine{machineOf(r.images[0], "mine", hypervisor.StateOff)}}
	r.w.load()
	r.until("two cards", func() bool { return len(r.w.grid.cards) == 2 })
}

func TestPlan(t *testing.T) {
	top, _, _ := firewall(t)
	for _, dark := range []bool{false, true} {
		if drawPlan(top.Topology, dark).Bounds().Dx() != pictureWidth {
			t.Error("the picture has another size")
		}
	}
	crowd := lab.Topology{Name: "a"}
	for range lab.MaxTopologyMachines {
		crowd.Machines = append(crowd.Machines, lab.TopologyMachine{Name: "m", Networks: []string{"a", "b", "c", "d"}})
	}
	drawPlan(&crowd, false) // does not fail
	for i := range 8 {
		if h := networkHue(i); h < 0 || h >= 1 {
			t.Errorf("hue %v", h)
		}
	}
}

// TestEveryTextOfSeveralIsTranslatable looks at the card and its dialogs in a made-up language.
func TestEveryTextOfSeveralIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	r := newSeveralRig(t, hypervisor.StateRunning, hypervisor.StateOff)
	allowed := []string{"router", "client", "firewall", "A", "and", "its", "inside", "outside", "networks", "media", "stick", "yaml", "Guesthouse", "Let", "nothing", "through", "but", "port"}
	look := func(what string) {
		t.Helper()
		for _, text := range langtest.Untranslated(r.window, allowed...) {
			t.Errorf("%s: %q", what, text)
		}
		if top := r.window.Canvas().Overlays().Top(); top != nil {
			r.window.Canvas().Overlays().Remove(top)
		}
	}
	look("card")
	s := r.w.several[0]
	for _, text := range langtest.UntranslatedMenu(r.w.severalMenu(s), allowed...) {
		t.Errorf("menu: %q", text)
	}
	for what, open := range map[string]func(several){
		"about": r.w.aboutSeveral, "delete": r.w.askDeleteSeveral, "reset": r.w.askResetSeveral, "undo": r.w.askUndoSeveral, "remove": r.w.askRemoveSeveral,
	} {
		open(s)
		look(what)
	}
}

// TestWhichOfSeveralLabs: a place with several labs is no dead end.
func TestWhichOfSeveralLabs(t *testing.T) {
	r := newRig(t, nil)
	first, second := digest.FromString("a"), digest.FromString("b")
	r.errs = []error{fmt.Errorf("%w: %w", source.ErrNotFound, &source.SeveralError{Choices: []source.Choice{
		{Digest: first, Title: "Exam", Version: "2"}, {Digest: second, Title: "First steps", Version: "1"},
	}})}
	r.got = labOf("a/one", 1).ID
	r.w.fetch("/media/stick", labs.AddOptions{})
	r.shows("Which lab?")
	r.took()
	r.press("First steps, version 1")
	r.press("Add")
	r.settle()
	if calls := r.took(); len(calls) != 1 || !strings.Contains(fmt.Sprint(calls[0].arg), "/media/stick#"+second.String()) {
		t.Errorf("asked for %+v", calls)
	}
}
