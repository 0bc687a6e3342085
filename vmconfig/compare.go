package vmconfig

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Difference is a setting in which two machines differ. The values are for people, but come from descriptions: show them inert. An absent one is empty.
type Difference struct {
	Text     string // what the setting is called
	From, To string
}

// Compare returns in what the hardware and the media of a machine changed. Names, notes and group are left out: they are the user's, not the machine's.
func Compare(from, to Machine) []Difference {
	var list []Difference
	add := func(d Difference) {
		if d.From != d.To {
			list = append(list, d)
		}
	}
	add(Difference{Text: "Memory", From: FormatSize(from.MemoryBytes), To: FormatSize(to.MemoryBytes)})
	add(Difference{Text: "Processors", From: fmt.Sprint(from.CPUs), To: fmt.Sprint(to.CPUs)})
	add(Difference{Text: "Firmware", From: from.firmware(), To: to.firmware()})
	add(Difference{Text: "Security chip", From: ifTrue(from.TPM, "TPM"), To: ifTrue(to.TPM, "TPM")})
	add(Difference{Text: "Acceleration", From: strings.ToUpper(string(from.Accel)), To: strings.ToUpper(string(to.Accel))})
	add(Difference{Text: "Chipset", From: from.Chipset, To: to.Chipset})
	add(Difference{Text: "Graphics card", From: from.Video, To: to.Video})
	add(Difference{Text: "Screen", From: from.screens(), To: to.screens()})
	add(Difference{Text: "Pointer", From: ifTrue(from.Tablet, "USB tablet"), To: ifTrue(to.Tablet, "USB tablet")})
	add(Difference{Text: "Sound", From: from.Sound, To: to.Sound})
	for i := range max(len(from.NICs), len(to.NICs)) {
		d := Difference{Text: "Network adapter", From: nth(from.NICs, i, NIC.summary), To: nth(to.NICs, i, NIC.summary)}
		if d.From == d.To && from.NICs[i] != to.NICs[i] {
			d.From, d.To = d.From+" "+from.NICs[i].MAC, d.To+" "+to.NICs[i].MAC
		}
		add(d)
	}
	at := func(m Machine, target string) *Disk {
		i := slices.IndexFunc(m.Disks, func(d Disk) bool { return d.Target == target })
		if i < 0 {
			return nil
		}
		return &m.Disks[i]
	}
	for _, was := range from.Disks {
		now := at(to, was.Target)
		if now == nil {
			add(Difference{Text: "Drive", From: was.summary()})
			continue
		}
		d := Difference{Text: "Drive", From: was.summary(), To: now.summary()}
		if d.From == d.To && was != *now {
			d.From, d.To = was.details(), now.details()
		}
		add(d)
	}
	for _, now := range to.Disks {
		if at(from, now.Target) == nil {
			add(Difference{Text: "Drive", To: now.summary()})
		}
	}
	return list
}

func ifTrue(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func nth[T any](list []T, i int, text func(T) string) string {
	if i < len(list) {
		return text(list[i])
	}
	return ""
}

func (m Machine) firmware() string {
	text := strings.ToUpper(string(m.Firmware))
	if m.SecureBoot {
		text += ", Secure Boot"
	}
	return text
}

func (m Machine) screens() string {
	var kinds []string
	for _, d := range m.Displays {
		kinds = append(kinds, strings.ToUpper(d.Kind))
	}
	return strings.Join(kinds, ", ")
}

func (n NIC) summary() string {
	return strings.Join(strings.Fields(n.Kind+" "+n.Source+" "+n.Model), " ")
}

func (d Disk) summary() string {
	medium := d.Source
	if d.Path != "" {
		medium = filepath.Base(d.Path)
	}
	return strings.TrimSpace(string(d.Device) + " " + d.Target + " " + medium)
}

// details is the summary with what that leaves out.
func (d Disk) details() string {
	text := d.Target + " " + d.Bus + " " + d.Format + " " + d.Path
	if d.ReadOnly {
		text += " read-only"
	}
	return text
}
