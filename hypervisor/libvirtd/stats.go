package libvirtd

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// number is the value of an integer parameter, never negative; zero for other types.
func number(p libvirt.TypedParam) int64 {
	switch v := p.Value.I.(type) {
	case int32:
		return max(int64(v), 0)
	case uint32:
		return int64(v)
	case int64:
		return max(v, 0)
	case uint64:
		return int64(min(v, math.MaxInt64))
	}
	return 0
}

// AllStats implements hypervisor.Connection.
func (c *Conn) AllStats(ctx context.Context) ([]hypervisor.Stats, error) {
	const groups = libvirt.DomainStatsCPUTotal | libvirt.DomainStatsBalloon | libvirt.DomainStatsInterface | libvirt.DomainStatsBlock
	const flags = uint32(libvirt.ConnectGetAllDomainsStatsActive) | noWait
	records, err := read(ctx, c, "read the counters", func(l *libvirt.Libvirt) ([]libvirt.DomainStatsRecord, error) {
		return l.ConnectGetAllDomainStats(nil, uint32(groups), flags)
	})
	if err != nil {
		return nil, err
	}
	list := make([]hypervisor.Stats, 0, len(records))
	for _, r := range records {
		list = append(list, sample(r))
	}
	return list, nil
}

// sample reads one machine's counters (virConnectGetAllDomainStats), one by one and added up.
func sample(r libvirt.DomainStatsRecord) hypervisor.Stats {
	s := hypervisor.Stats{UUID: uuid.UUID(r.Dom.UUID)}
	for _, p := range r.Params {
		n := number(p)
		switch p.Field {
		case "cpu.time":
			s.CPUTime = time.Duration(n)
		case "balloon.current":
			s.MemoryBytes = kib(n)
		case "balloon.rss":
			s.ResidentBytes = kib(n)
		default:
			device, index, counter := deviceField(p.Field)
			switch device {
			case "block":
				s.Disks = grow(s.Disks, index)
				if index < len(s.Disks) {
					diskCounter(&s, &s.Disks[index], counter, p, n)
				}
			case "net":
				s.NICs = grow(s.NICs, index)
				if index < len(s.NICs) {
					nicCounter(&s, &s.NICs[index], counter, p, n)
				}
			}
		}
	}
	return s
}

// deviceField takes "block.1.rd.bytes" apart: the kind of device, its number, the counter. Other fields have no kind.
func deviceField(field string) (device string, index int, counter string) {
	device, rest, _ := strings.Cut(field, ".")
	number, counter, ok := strings.Cut(rest, ".")
	index, err := strconv.Atoi(number)
	if !ok || err != nil || index < 0 {
		return "", 0, ""
	}
	return device, index, counter
}

// mostDevices bounds what a number in a reply can make us allocate; a machine has far fewer drives.
const mostDevices = 1024

func grow[T any](list []T, index int) []T {
	if index < len(list) || index >= mostDevices {
		return list
	}
	return append(list, make([]T, index+1-len(list))...)
}

func diskCounter(s *hypervisor.Stats, d *hypervisor.DiskStats, counter string, p libvirt.TypedParam, n int64) {
	switch counter {
	case "name":
		d.Target, _ = p.Value.I.(string)
	case "rd.bytes":
		d.ReadBytes = n
		s.DiskReadBytes += n
	case "wr.bytes":
		d.WriteBytes = n
		s.DiskWriteBytes += n
	}
}

func nicCounter(s *hypervisor.Stats, c *hypervisor.NICStats, counter string, p libvirt.TypedParam, n int64) {
	switch counter {
	case "name":
		c.Name, _ = p.Value.I.(string)
	case "rx.bytes":
		c.ReceiveBytes = n
		s.NetReceiveBytes += n
	case "tx.bytes":
		c.TransmitBytes = n
		s.NetTransmitBytes += n
	}
}

func kib(n int64) int64 { return min(n, math.MaxInt64>>10) << 10 }
