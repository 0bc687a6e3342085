package libvirtd

import (
	"context"
	"math"
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

// sample adds up one machine's counters (virConnectGetAllDomainStats).
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
			switch {
			case strings.HasPrefix(p.Field, "block.") && strings.HasSuffix(p.Field, ".rd.bytes"):
				s.DiskReadBytes += n
			case strings.HasPrefix(p.Field, "block.") && strings.HasSuffix(p.Field, ".wr.bytes"):
				s.DiskWriteBytes += n
			case strings.HasPrefix(p.Field, "net.") && strings.HasSuffix(p.Field, ".rx.bytes"):
				s.NetReceiveBytes += n
			case strings.HasPrefix(p.Field, "net.") && strings.HasSuffix(p.Field, ".tx.bytes"):
				s.NetTransmitBytes += n
			}
		}
	}
	return s
}

func kib(n int64) int64 { return min(n, math.MaxInt64>>10) << 10 }
