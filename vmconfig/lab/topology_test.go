package lab

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const smallTopology = `name: networks/firewall
title: A firewall between two machines
machines:
  - name: client
    lab: client.lab
    networks: [inside]
    after: [router]
  - name: router
    lab: router.lab
    networks: [inside, outside]
  - name: server
    lab: host.example/labs/server:2
`

func TestParseTopology(t *testing.T) {
	top, err := ParseTopology([]byte(smallTopology))
	if err != nil {
		t.Fatal(err)
	}
	if top.Name != "networks/firewall" || top.Language != "en" || len(top.Machines) != 3 {
		t.Errorf("%+v", top)
	}
	if got := top.Machines[2].Networks; !slices.Equal(got, []string{DefaultNetwork}) {
		t.Errorf("the network that was left out is %q", got)
	}
	if got := top.StartOrder(); !slices.Equal(got, []int{1, 0, 2}) {
		t.Errorf("started in the order %v", got)
	}
	alone, err := ParseTopology([]byte(strings.Replace(smallTopology, "[inside, outside]", "[]", 1)))
	if err != nil || len(alone.Machines[1].Networks) != 0 {
		t.Errorf("an empty list is not none: %+v, %v", alone, err)
	}
}

// TestTopologyRefused: each is refused with a sentence that has this in it.
func TestTopologyRefused(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(smallTopology, from, to, 1) }
	for name, test := range map[string]struct{ text, want string }{
		"nothing":         {"", "it is empty"},
		"unknown key":     {smallTopology + "shell: true\n", "Line 13 of the topology: “shell” is not known"},
		"no name":         {change("name: networks/firewall\n", ""), "“name”"},
		"path as name":    {change("networks/firewall", "../../x"), "“name”"},
		"no title":        {change("title: A firewall between two machines\n", ""), "“title” must be"},
		"one machine":     {"name: a\ntitle: T\nmachines: [{name: a, lab: a.lab}]\n", "2 to 16 entries"},
		"no machines":     {"name: a\ntitle: T\n", "2 to 16 entries"},
		"many machines":   {"name: a\ntitle: T\nmachines: [" + strings.Repeat("{name: a, lab: b},", 17) + "]\n", "2 to 16 entries"},
		"same name":       {change("name: router", "name: client"), "the name of two machines"},
		"machine's name":  {change("name: router", "name: Router 1"), "lower-case letters"},
		"long names":      {change("networks/firewall", "networks/"+strings.Repeat("f", 60)), "too long for the name of a machine"},
		"no lab":          {change("    lab: router.lab\n", ""), "names no lab"},
		"network's name":  {change("[inside, outside]", "[inside, 'out,side']"), "lower-case letters"},
		"network twice":   {change("[inside, outside]", "[inside, inside]"), "there twice"},
		"five networks":   {change("[inside, outside]", "[a, b, c, d, e]"), "at most 4"},
		"unknown after":   {change("after: [router]", "after: [rooter]"), "no machine of this topology"},
		"wait for itself": {change("after: [router]", "after: [client]"), "wait for each other"},
		"circle":          {change("networks: [inside, outside]", "after: [client]"), "wait for each other"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseTopology([]byte(test.text)); !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// FuzzTopology: whatever is accepted can be started as a whole, and has no name that leads elsewhere.
func FuzzTopology(f *testing.F) {
	f.Add([]byte(smallTopology))
	f.Fuzz(func(t *testing.T, data []byte) {
		top, err := ParseTopology(data)
		if err != nil {
			if !errors.Is(err, ErrTopology) {
				t.Errorf("%v", err)
			}
			return
		}
		if CheckName(top.Name) != nil || len(top.StartOrder()) != len(top.Machines) {
			t.Errorf("%+v", top)
		}
	})
}
