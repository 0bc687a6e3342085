package vmconfig

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestMemoryZones(t *testing.T) {
	for host, want := range map[int64]Zones{
		2 * GiB:   {MinMemory, GiB, 3 * GiB / 2, 2 * GiB},
		3 * GiB:   {MinMemory, 3 * GiB / 100 * 50, 3 * GiB / 100 * 80, 3 * GiB},
		4 * GiB:   {MinMemory, 4 * GiB / 100 * 60, 4 * GiB / 100 * 84, 4 * GiB},
		7 * GiB:   {MinMemory, 7 * GiB / 100 * 65, 7 * GiB / 100 * 88, 7 * GiB},
		8 * GiB:   {MinMemory, 8 * GiB / 100 * 70, 8 * GiB / 100 * 90, 8 * GiB},
		16 * GiB:  {MinMemory, 16 * GiB / 100 * 75, 16 * GiB / 100 * 93, 16 * GiB},
		32 * GiB:  {MinMemory, 32 * GiB / 100 * 80, 32 * GiB / 100 * 94, 32 * GiB},
		64 * GiB:  {MinMemory, 64 * GiB / 100 * 85, 64 * GiB / 100 * 95, 64 * GiB},
		128 * GiB: {MinMemory, 128 * GiB / 100 * 90, 128 * GiB / 100 * 96, 128 * GiB},
		4 * TiB:   {MinMemory, MaxMemory, MaxMemory, MaxMemory},
		0:         {MinMemory, MaxMemory, MaxMemory, MaxMemory},
	} {
		got := MemoryZones(Limits{HostMemory: host})
		near := func(a, b int64) bool { return a-b < MiB && b-a < MiB }
		if !near(got.Green, want.Green) || !near(got.Amber, want.Amber) || got.Max != want.Max || got.Min != want.Min {
			t.Errorf("%s: %+v, want %+v", FormatSize(host), got, want)
		}
		if got.Green%MiB != 0 || got.Amber%MiB != 0 {
			t.Errorf("%s: not whole MiB: %+v", FormatSize(host), got)
		}
	}
	// What others take is not there for this machine.
	alone, beside := MemoryZones(Limits{HostMemory: 16 * GiB}), MemoryZones(Limits{HostMemory: 16 * GiB, OtherMemory: 4 * GiB})
	if alone.Green-beside.Green != 4*GiB || alone.Amber-beside.Amber != 4*GiB || alone.Max != beside.Max {
		t.Errorf("%+v, %+v", alone, beside)
	}
	for _, l := range []Limits{
		{HostMemory: 16 * GiB, OtherMemory: 100 * GiB}, {HostMemory: 1}, {HostMemory: math.MaxInt64, OtherMemory: math.MaxInt64}, {HostMemory: -1, OtherMemory: -1},
	} {
		if z := MemoryZones(l); z.Min > z.Green || z.Green > z.Amber || z.Amber > z.Max {
			t.Errorf("%+v: %+v", l, z)
		}
	}
}

func TestCPUAndDiskZones(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		want   Zones
	}{
		{Limits{HostCPUs: 4, MaxCPUs: 255}, Zones{1, 4, 8, 8}},
		{Limits{HostCPUs: 4, MaxCPUs: 6}, Zones{1, 4, 6, 6}},
		{Limits{HostCPUs: 16, MaxCPUs: 8}, Zones{1, 8, 8, 8}},
		{Limits{}, Zones{1, 255, 255, 255}},
	} {
		if got := CPUZones(c.limits); got != c.want {
			t.Errorf("%+v: %+v", c.limits, got)
		}
	}
	if got := DiskZones(Limits{FreeDisk: 100 * GiB}); got != (Zones{MinDisk, 80 * GiB, 100 * GiB, MaxDisk}) {
		t.Errorf("%+v", got)
	}
	if got := DiskZones(Limits{FreeDisk: 1}); got != (Zones{MinDisk, MinDisk, MinDisk, MaxDisk}) {
		t.Errorf("%+v", got)
	}
}

// good returns a machine without fault.
func good() Machine {
	return Machine{
		Name: "a", CPUs: 2, MemoryBytes: 2 * GiB, Firmware: FirmwareUEFI, SecureBoot: true, OSID: "http://debian.org/debian/12", Group: "Course/Week 1",
		Notes: "line\n\ttwo", Disks: []Disk{{Device: DeviceDisk, Path: "/a, b:c %s/$(x).qcow2", Format: "qcow2", Bus: "virtio", CapacityBytes: 20 * GiB}, {Device: DeviceCDROM}},
		NICs: []NIC{{Kind: "user", Model: "virtio", MAC: "52:54:00:12:34:56"}}, Video: "virtio", Displays: []Display{{Kind: "vnc"}},
	}
}

// private adds adapters of private networks to a machine.
func private(networks ...string) func(*Machine) {
	return func(m *Machine) {
		for _, n := range networks {
			m.NICs = append(m.NICs, NIC{Kind: NICPrivate, Source: n})
		}
	}
}

func TestValidate(t *testing.T) {
	limits := Limits{MaxCPUs: 16, HostCPUs: 4, HostMemory: 8 * GiB, FreeDisk: 10 * GiB}
	joined := good()
	private("239.0.0.0:1024", "239.77.12.5:23456", "127.0.0.1:1024-127.255.255.255:65535", "239.255.255.255:65535")(&joined)
	alone := good()
	alone.NICs = joined.NICs[1:]
	for _, m := range []Machine{good(), joined, alone} {
		if err := m.Validate(limits).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		field Field
		spoil func(*Machine)
	}{
		"name":                  {FieldName, func(m *Machine) { m.Name = "a/b" }},
		"title of two lines":    {FieldTitle, func(m *Machine) { m.Title = "a\nb" }},
		"title too long":        {FieldTitle, func(m *Machine) { m.Title = strings.Repeat("x", 10<<20) }},
		"notes with NUL":        {FieldNotes, func(m *Machine) { m.Notes = "a\x00" }},
		"notes, no UTF-8":       {FieldNotes, func(m *Machine) { m.Notes = "\xff" }},
		"notes, U+FFFE":         {FieldNotes, func(m *Machine) { m.Notes = "\ufffe" }},
		"group empty part":      {FieldGroup, func(m *Machine) { m.Group = "a//b" }},
		"group ..":              {FieldGroup, func(m *Machine) { m.Group = "../a" }},
		"group deep":            {FieldGroup, func(m *Machine) { m.Group = strings.Repeat("a/", 20) + "a" }},
		"OS with blank":         {FieldOS, func(m *Machine) { m.OSID = "a b" }},
		"firmware":              {FieldFirmware, func(m *Machine) { m.Firmware = "coreboot" }},
		"Secure Boot of BIOS":   {FieldFirmware, func(m *Machine) { m.Firmware = FirmwareBIOS }},
		"variables file":        {FieldFirmware, func(m *Machine) { m.NVRAM = "../x" }},
		"no memory":             {FieldMemory, func(m *Machine) { m.MemoryBytes = 0 }},
		"negative memory":       {FieldMemory, func(m *Machine) { m.MemoryBytes = math.MinInt64 }},
		"odd memory":            {FieldMemory, func(m *Machine) { m.MemoryBytes = GiB + 1 }},
		"memory above host":     {FieldMemory, func(m *Machine) { m.MemoryBytes = 9 * GiB }},
		"memory above all":      {FieldMemory, func(m *Machine) { m.MemoryBytes = math.MaxInt64 }},
		"no CPU":                {FieldCPUs, func(m *Machine) { m.CPUs = 0 }},
		"CPU -1":                {FieldCPUs, func(m *Machine) { m.CPUs = -1 }},
		"CPUs above the limit":  {FieldCPUs, func(m *Machine) { m.CPUs = 17 }},
		"CPUs above all":        {FieldCPUs, func(m *Machine) { m.CPUs = math.MaxInt }},
		"disk without file":     {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "" }},
		"disk in /dev":          {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "/dev/sda" }},
		"disk by protocol":      {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "nbd:localhost:1" }},
		"disk as json":          {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "json:{}" }},
		"disk as option":        {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "-x.qcow2" }},
		"disk with newline":     {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "/a\nb" }},
		"disk, no UTF-8":        {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "/\xff.qcow2" }},
		"disk with ..":          {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "/a/../b" }},
		"disk path too long":    {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "/" + strings.Repeat("a/", 2048) + "b" }},
		"disk name too long":    {FieldDiskPath, func(m *Machine) { m.Disks[0].Path = "/" + strings.Repeat("a", 256) }},
		"format":                {FieldDiskPath, func(m *Machine) { m.Disks[0].Format = "vmdk" }},
		"format probed":         {FieldDiskPath, func(m *Machine) { m.Disks[0].Format = "" }},
		"bus":                   {FieldDiskPath, func(m *Machine) { m.Disks[0].Bus = "nvme'" }},
		"device":                {FieldDiskPath, func(m *Machine) { m.Disks[0].Device = "tape" }},
		"target":                {FieldDiskPath, func(m *Machine) { m.Disks[0].Target = "v d" }},
		"twice":                 {FieldISO, func(m *Machine) { m.Disks[1].Path, m.Disks[1].Format = m.Disks[0].Path, "raw" }},
		"ISO path":              {FieldISO, func(m *Machine) { m.Disks[1].Path, m.Disks[1].Format = "~/x.iso", "raw" }},
		"disk too small":        {FieldDiskSize, func(m *Machine) { m.Disks[0].CapacityBytes = 512 }},
		"disk negative":         {FieldDiskSize, func(m *Machine) { m.Disks[0].CapacityBytes = -512 }},
		"disk too large":        {FieldDiskSize, func(m *Machine) { m.Disks[0].CapacityBytes = math.MaxInt64 }},
		"disk of half a sector": {FieldDiskSize, func(m *Machine) { m.Disks[0].CapacityBytes = GiB + 256 }},
		"MAC of a group":        {FieldNIC, func(m *Machine) { m.NICs[0].MAC = "01:00:5e:00:00:01" }},
		"MAC of zeros":          {FieldNIC, func(m *Machine) { m.NICs[0].MAC = "00:00:00:00:00:00" }},
		"MAC too long":          {FieldNIC, func(m *Machine) { m.NICs[0].MAC = "52:54:00:12:34:56:78:9a" }},
		"MAC with dashes":       {FieldNIC, func(m *Machine) { m.NICs[0].MAC = "52-54-00-12-34-56" }},
		"MAC twice": {FieldNIC, func(m *Machine) {
			m.NICs = append(m.NICs, NIC{Kind: "user", MAC: "52:54:00:12:34:56"})
		}},
		"adapter":                                     {FieldNIC, func(m *Machine) { m.NICs[0].Model = "virtio,x=y" }},
		"network":                                     {FieldNIC, func(m *Machine) { m.NICs[0].Source = "a\x01" }},
		"private network by name":                     {FieldNIC, private("lab")},
		"private network on a usual group":            {FieldNIC, private("224.0.0.251:5353")},
		"private network beyond":                      {FieldNIC, private("240.0.0.1:5353")},
		"private network, no port":                    {FieldNIC, private("239.1.2.3")},
		"private network, privileged port":            {FieldNIC, private("239.1.2.3:1023")},
		"private network, port too high":              {FieldNIC, private("239.1.2.3:65536")},
		"private network, odd port":                   {FieldNIC, private("239.1.2.3:02000")},
		"cable with one end":                          {FieldNIC, private("127.1.2.3:2000-")},
		"cable to itself":                             {FieldNIC, private("127.1.2.3:2000-127.1.2.3:2000")},
		"cable to another computer":                   {FieldNIC, private("127.1.2.3:2000-192.0.2.1:2000")},
		"cable with three ends":                       {FieldNIC, private("127.1.2.3:2000-127.1.2.4:2000-127.1.2.5:2000")},
		"cable between groups":                        {FieldNIC, private("239.1.2.3:2000-239.1.2.4:2000")},
		"loopback without another end":                {FieldNIC, private("127.1.2.3:2000")},
		"private network, IPv6":                       {FieldNIC, private("[::ffff:239.1.2.3]:2000")},
		"private network with option":                 {FieldNIC, private("239.1.2.3:2000,x=y")},
		"private network before another":              {FieldNIC, func(m *Machine) { private("239.1.2.3:2000")(m); m.NICs = append(m.NICs, NIC{Kind: "user"}) }},
		"private networks, more than there are slots": {FieldNIC, private("239.1.2.3:2000", "239.1.2.3:2001", "239.1.2.3:2002", "239.1.2.3:2003", "239.1.2.3:2004")},
		"private network and isolated":                {FieldNIC, func(m *Machine) { private("239.1.2.3:2000")(m); m.NICs[1].Isolated = true }},
		"graphics":                                    {FieldVideo, func(m *Machine) { m.Video = "<vga>" }},
		"display":                                     {FieldDisplay, func(m *Machine) { m.Displays[0].Kind = "v n c" }},
	} {
		m := good()
		c.spoil(&m)
		faults := m.Validate(limits)
		if faults.For(c.field) == "" {
			t.Errorf("%s: %v", name, faults)
		}
		for _, f := range faults {
			if f.Field != c.field && !(name == "twice") || f.Message == "" || len(f.Value) > 4*shownValue || f.Value != Inert(f.Value, shownValue) {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
	bad := Machine{Name: "", CPUs: -1, MemoryBytes: -1, Notes: "\x00"}
	if faults := bad.Validate(limits); len(faults) != 4 || !errors.Is(faults.Err(), ErrName) {
		t.Errorf("not all at once: %v", faults)
	}
}

func TestValidateChange(t *testing.T) {
	foreign := good()
	foreign.Name = "of/another: program"
	to := foreign
	to.CPUs = 1
	if err := to.ValidateChange(foreign, Limits{}).Err(); err != nil {
		t.Errorf("an old fault stands in the way: %v", err)
	}
	to.Name = "also/bad"
	if to.ValidateChange(foreign, Limits{}).For(FieldName) == "" {
		t.Error("a new fault is not seen")
	}
}

func TestWarnings(t *testing.T) {
	m := good()
	if w := m.Warnings(Limits{HostMemory: 16 * GiB, HostCPUs: 4, FreeDisk: 100 * GiB}); w != nil {
		t.Errorf("%v", w)
	}
	w := m.Warnings(Limits{HostMemory: 16 * GiB, OtherMemory: 15 * GiB, HostCPUs: 1, FreeDisk: GiB})
	for _, field := range []Field{FieldMemory, FieldCPUs, FieldDiskSize} {
		if w.For(field) == "" {
			t.Errorf("no warning for %s", field)
		}
	}
}
