package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"guesthouse/vmconfig"
)

// ErrTopology says that the description of a topology cannot be used; the fault that wraps it says why.
var ErrTopology = errors.New("the topology is not valid")

// Limits of a topology.
const (
	MaxTopologyBytes    = maxYAMLBytes
	MaxTopologyMachines = 16
	MaxMachineNetworks  = vmconfig.MaxPrivateNICs
	maxMachineName      = vmconfig.MaxNameBytes - len(" 1000") // room for a number
)

// DefaultNetwork joins the machines of a topology whose networks are left out.
const DefaultNetwork = "lan"

// Topology is a lab of several machines: which labs they are launched from, which private networks join them, and in which order they start. It is written in YAML:
//
//	name: networks/firewall
//	title: A firewall between two machines
//	text: Let nothing through but port 80.
//	machines:
//	  - name: router
//	    lab: router.lab
//	    networks: [inside, outside]
//	  - name: client
//	    lab: client.lab
//	    networks: [inside]
//	    after: [router]
//
// Each lab is signed by its own course; the topology itself is not, and cannot ask for anything that its labs do not have, but for the private networks: those reach nothing but
// the machines of one launch.
type Topology struct {
	Name     string            `yaml:"name"`     // as Config.Name
	Title    string            `yaml:"title"`    // one line, 1 to MaxTitleBytes
	Language string            `yaml:"language"` // BCP 47; en where it is left out
	Text     string            `yaml:"text"`     // the task of the whole, Markdown, at most MaxTextBytes
	Machines []TopologyMachine `yaml:"machines"` // 2 to MaxTopologyMachines
}

// TopologyMachine is one machine of a topology.
type TopologyMachine struct {
	Name string `yaml:"name"` // lower-case letters, digits and hyphens, at most 32; unique
	// Lab is where its lab is fetched from: a file or folder beside the topology's file, an address, a registry, or a lab of the library.
	Lab string `yaml:"lab"`
	// Networks are the private networks that it is in, one adapter each, in this order after the lab's own; left out: DefaultNetwork. An empty list is none.
	Networks []string `yaml:"networks"`
	// After are the machines that are started before it. Without it the order is that of the list.
	After []string `yaml:"after"`
}

// ParseTopology reads a topology that may be hostile, checks all of it and fills in what was left out. The error is vmconfig.Faults with all that is wrong, each with its line, or
// a vmconfig.Fault; they wrap ErrTopology.
func ParseTopology(data []byte) (*Topology, error) {
	check := &yamlCheck{what: "topology", err: ErrTopology}
	var t Topology
	if err := parseYAML(data, &t, check); err != nil {
		return nil, err
	}
	if t.Language == "" {
		t.Language = "en"
	}
	for i := range t.Machines {
		if t.Machines[i].Networks == nil {
			t.Machines[i].Networks = []string{DefaultNetwork}
		}
	}
	t.validate(check)
	if err := check.faults.Err(); err != nil {
		return nil, err
	}
	return &t, nil
}

func (t *Topology) validate(c *yamlCheck) {
	if err := CheckName(t.Name); err != nil {
		c.add("name", "“name” %s.", err)
	}
	c.line("title", t.Title, MaxTitleBytes)
	c.language("language", t.Language)
	c.text("text", t.Text, MaxTextBytes)
	if n := len(t.Machines); n < 2 || n > MaxTopologyMachines {
		c.add("machines", "“machines” must have 2 to %d entries; a single machine is a lab by itself.", MaxTopologyMachines)
		return
	}
	var names []string
	for i, m := range t.Machines {
		at := fmt.Sprintf("machines[%d]", i)
		c.slug(at+".name", m.Name)
		if last := t.Name[strings.LastIndex(t.Name, "/")+1:]; len(last)+len("-")+len(m.Name) > maxMachineName {
			c.add(at+".name", "“%s-%s” is too long for the name of a machine: at most %d.", vmconfig.Inert(last, shownValue), vmconfig.Inert(m.Name, shownValue), maxMachineName)
		}
		if slices.Contains(names, m.Name) {
			c.add(at+".name", "“%s” is the name of two machines.", vmconfig.Inert(m.Name, shownValue))
		}
		names = append(names, m.Name)
		if strings.TrimSpace(m.Lab) == "" {
			c.add(at, "“%s” names no lab.", at)
		}
		c.text(at+".lab", m.Lab, maxPathBytes)
		if len(m.Networks) > MaxMachineNetworks {
			c.add(at+".networks", "“%s.networks” can have at most %d entries.", at, MaxMachineNetworks)
		}
		for n, network := range m.Networks {
			c.slug(fmt.Sprintf("%s.networks[%d]", at, n), network)
			if slices.Contains(m.Networks[:n], network) {
				c.add(fmt.Sprintf("%s.networks[%d]", at, n), "“%s” is there twice.", vmconfig.Inert(network, shownValue))
			}
		}
	}
	for i, m := range t.Machines {
		for n, before := range m.After {
			if !slices.Contains(names, before) {
				c.add(fmt.Sprintf("machines[%d].after[%d]", i, n), "“%s” is no machine of this topology.", vmconfig.Inert(before, shownValue))
			}
		}
	}
	if len(c.faults) == 0 && len(t.StartOrder()) < len(t.Machines) {
		c.add("machines", "the machines wait for each other: look at “after”.")
	}
}

// StartOrder returns the machines' numbers in the list in the order in which they start: as they are listed, but each after those that it waits for. Machines that wait for each other are
// left out; ParseTopology refuses them.
func (t *Topology) StartOrder() []int {
	var order []int
	started := map[string]bool{}
	for {
		next := slices.IndexFunc(t.Machines, func(m TopologyMachine) bool {
			return !started[m.Name] && !slices.ContainsFunc(m.After, func(before string) bool { return !started[before] })
		})
		if next < 0 {
			return order
		}
		started[t.Machines[next].Name] = true
		order = append(order, next)
	}
}

// slug checks the short name of something.
func (c *yamlCheck) slug(at, value string) {
	if len(value) > maxSlug || !slug.MatchString(value) {
		c.add(at, "“%s” must be lower-case letters, digits and single hyphens inside, 1 to %d, not “%s”.", at, maxSlug, vmconfig.Inert(value, shownValue))
	}
}
