package vmconfig

// Limits are what a host can give to a machine. A zero field means: not known, not checked.
type Limits struct {
	MaxCPUs     int   // most virtual CPUs that the hypervisor gives one machine
	HostCPUs    int   // online CPUs of the host
	HostMemory  int64 // bytes of memory of the host
	OtherMemory int64 // bytes that other running machines have taken
	FreeDisk    int64 // bytes free where the disk is to be made
}

// Zones divide a slider: good from Min to Green, risky from there to Amber, bad from there to Max.
// Min <= Green <= Amber <= Max.
type Zones struct{ Min, Green, Amber, Max int64 }

// Bounds of the sliders.
const (
	MinMemory   = 4 * MiB
	MaxMemory   = 2 * TiB
	MinDisk     = 4 * MiB
	MaxDisk     = 2 * TiB
	DefaultCPUs = 255 // most virtual CPUs when the hypervisor does not say: q35 without an interrupt-remapping device
)

// memoryShares is the part of the host's memory, in percent, that one machine may take before the slider turns
// amber and red: the larger the host, the smaller the part that it needs for itself.
var memoryShares = []struct {
	below        int64
	green, amber int64
}{
	{3 * GiB, 50, 75},
	{4 * GiB, 50, 80},
	{6 * GiB, 60, 84},
	{8 * GiB, 65, 88},
	{16 * GiB, 70, 90},
	{32 * GiB, 75, 93},
	{64 * GiB, 80, 94},
	{128 * GiB, 85, 95},
	{1 << 62, 90, 96},
}

// MemoryZones returns the zones of a machine's memory in bytes. What other running machines take is taken
// off both ends: it is not there for this one.
func MemoryZones(l Limits) Zones {
	if l.HostMemory <= 0 {
		return Zones{MinMemory, MaxMemory, MaxMemory, MaxMemory}
	}
	host := min(l.HostMemory, 1<<50) // keeps the products below from overflowing
	z := Zones{Min: MinMemory, Max: min(max(l.HostMemory/MiB*MiB, MinMemory), MaxMemory)}
	for _, s := range memoryShares {
		if l.HostMemory < s.below {
			z.Green = (host*s.green/100 - l.OtherMemory) / MiB * MiB
			z.Amber = (host*s.amber/100 - l.OtherMemory) / MiB * MiB
			break
		}
	}
	return z.ordered()
}

// CPUZones returns the zones of the number of virtual CPUs: good up to the host's, at most twice as many.
func CPUZones(l Limits) Zones {
	most := int64(l.MaxCPUs)
	if most <= 0 {
		most = DefaultCPUs
	}
	if l.HostCPUs <= 0 {
		return Zones{1, most, most, most}
	}
	host := int64(l.HostCPUs)
	z := Zones{Min: 1, Green: host, Max: min(2*host, most)}
	z.Amber = z.Max
	return z.ordered()
}

// DiskZones returns the zones of a new disk's size in bytes. Disks grow as they fill, so a size above the free space is allowed but
// red; the last fifth of the free space is amber.
func DiskZones(l Limits) Zones {
	if l.FreeDisk <= 0 {
		return Zones{MinDisk, MaxDisk, MaxDisk, MaxDisk}
	}
	return Zones{Min: MinDisk, Green: l.FreeDisk / 5 * 4 / MiB * MiB, Amber: l.FreeDisk / MiB * MiB, Max: MaxDisk}.ordered()
}

func (z Zones) ordered() Zones {
	z.Max = max(z.Max, z.Min)
	z.Amber = min(max(z.Amber, z.Min), z.Max)
	z.Green = min(max(z.Green, z.Min), z.Amber)
	return z
}
