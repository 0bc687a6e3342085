package console

import (
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// lamp is what a device did since the last sample. Writing outshines reading.
type lamp int

const (
	lampOff lamp = iota
	lampRead
	lampWrite
)

// reading is what the status line shows of a machine's devices: their lamps, and tables for the tooltips.
type reading struct {
	disks, discs, nics           lamp
	diskTip, discTip, networkTip string
}

// meter turns samples of one machine's counters into readings.
type meter struct {
	at   time.Time
	last hypervisor.Stats
	seen bool // at and last hold a sample
}

// forget begins anew, as for another run of the machine.
func (m *meter) forget() { *m = meter{} }

// read takes a sample in. A machine that is not in it (or a sample without machines) leaves lamps dark and rates out.
func (m *meter) read(c *vmconfig.Machine, id uuid.UUID, now machines.Sample) reading {
	stats, found := now.Machines[id]
	before, seconds := m.last, now.At.Sub(m.at).Seconds()
	rated := found && m.seen && seconds > 0
	m.at, m.last, m.seen = now.At, stats, found

	var r reading
	if c == nil {
		return r
	}
	flow := func(old, now int64) counter {
		n := counter{total: now, known: found}
		if rated && now >= old { // a restart begins at zero
			n.rated, n.perSecond = true, int64(float64(now-old)/seconds)
		}
		return n
	}
	disks, discs := newDiskTable(lang.L("Drive")), newDiskTable(lang.L("Drive"))
	for _, d := range c.Disks {
		then, is := diskOf(before, d.Target), diskOf(stats, d.Target)
		in, out := flow(then.ReadBytes, is.ReadBytes), flow(then.WriteBytes, is.WriteBytes)
		if d.Device == vmconfig.DeviceDisk {
			r.disks = max(r.disks, lampOf(in, out))
			disks.row(d.Target, medium(d), in, out)
		} else {
			r.discs = max(r.discs, lampOf(in, out))
			discs.row(d.Target, medium(d), in, out)
		}
	}
	r.diskTip, r.discTip = disks.String(), discs.String()

	nics := table{}
	nics.line(lang.L("Adapter"), lang.L("Network"), lang.L("Received"), lang.L("Sent"))
	counted := 0
	for _, n := range c.NICs {
		if n.Kind == "user" || n.Kind == vmconfig.NICPrivate { // QEMU carries the frames by itself, and libvirt cannot ask it
			nics.line(nicName(n), networkName(n), lang.L("not counted"), lang.L("not counted"))
			continue
		}
		var then, is hypervisor.NICStats
		if counted < len(stats.NICs) {
			is = stats.NICs[counted]
		}
		if counted < len(before.NICs) {
			then = before.NICs[counted]
		}
		counted++
		in, out := flow(then.ReceiveBytes, is.ReceiveBytes), flow(then.TransmitBytes, is.TransmitBytes)
		r.nics = max(r.nics, lampOf(in, out))
		nics.line(nicName(n), networkName(n), in.String(), out.String())
	}
	r.networkTip = nics.String()
	return r
}

func diskOf(s hypervisor.Stats, target string) hypervisor.DiskStats {
	for _, d := range s.Disks {
		if d.Target == target {
			return d
		}
	}
	return hypervisor.DiskStats{}
}

// counter is a number of bytes and how fast it grows.
type counter struct {
	total, perSecond int64
	known, rated     bool
}

// String is "12.3 MiB, 1 MiB/s".
func (c counter) String() string {
	switch {
	case !c.known:
		return "–"
	case !c.rated:
		return vmconfig.FormatSize(c.total)
	}
	return vmconfig.FormatSize(c.total) + ", " + lang.F("%s/s", vmconfig.FormatSize(c.perSecond))
}

func lampOf(in, out counter) lamp {
	switch {
	case out.perSecond > 0:
		return lampWrite
	case in.perSecond > 0:
		return lampRead
	}
	return lampOff
}

// table is text for a tooltip: cells with tabs between them.
type table struct{ text strings.Builder }

func (t *table) line(cells ...string) {
	if t.text.Len() > 0 {
		t.text.WriteByte('\n')
	}
	t.text.WriteString(strings.Join(cells, "\t"))
}

func (t *table) String() string { return t.text.String() }

type diskTable struct{ table }

func newDiskTable(kind string) *diskTable {
	t := &diskTable{}
	t.line(kind, lang.L("Medium"), lang.L("Read"), lang.L("Written"))
	return t
}

func (t *diskTable) row(target, medium string, in, out counter) {
	t.line(vmconfig.Inert(target, 12), medium, in.String(), out.String())
}

// medium says what a drive has in it.
func medium(d vmconfig.Disk) string {
	switch {
	case d.Path != "":
		return shortPath(d.Path)
	case d.Source != "":
		return vmconfig.Inert(d.Source, pathLength)
	}
	return lang.L("empty")
}

// pathLength is the most of a path that a table shows, runes.
const pathLength = 48

// shortPath writes a path for a narrow place: the home folder as ~, and of a long path the end.
func shortPath(path string) string {
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		if rest, inside := strings.CutPrefix(path, home+"/"); inside {
			path = "~/" + rest
		}
	}
	runes := []rune(vmconfig.Inert(path, 4096))
	if len(runes) > pathLength {
		runes = append([]rune("…"), runes[len(runes)-pathLength+1:]...)
	}
	return string(runes)
}

func nicName(n vmconfig.NIC) string { return vmconfig.Inert(orDefault(n.Model, "–"), 24) }

func networkName(n vmconfig.NIC) string {
	if n.Kind == "user" {
		return lang.L("behind this computer’s address (NAT)")
	}
	if n.Kind == vmconfig.NICPrivate {
		return lang.L("private network of its lab")
	}
	if n.Source == "" {
		return vmconfig.Inert(n.Kind, 40)
	}
	return vmconfig.Inert(n.Kind+" "+n.Source, 40)
}
