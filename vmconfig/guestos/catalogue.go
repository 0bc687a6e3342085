// Package guestos is the catalogue of guest operating systems, read from osinfo-db (libosinfo.org), the database that
// virt-manager and GNOME Boxes use. There is no table of systems in this program.
package guestos

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// Errors of the catalogue and of media detection.
var (
	ErrNoDatabase   = errors.New("the database of guest operating systems (osinfo-db) is not installed")
	ErrNotISO       = errors.New("the file is not a disc image")
	ErrTruncated    = errors.New("the disc image ends early")
	ErrUnknownMedia = errors.New("the disc is not in the database")
)

// Resources are what an operating system needs or likes. Zero means: not stated.
type Resources struct {
	CPUs         int
	MemoryBytes  int64
	StorageBytes int64
}

// OS is one operating system release. It is shared: never change it.
type OS struct {
	ID       string // URL, http://debian.org/debian/12; goes into a machine's description
	ShortID  string // debian12
	Name     string // Debian 12
	Vendor   string
	Family   string // linux, winnt, freebsd, ...
	Distro   string // debian, ubuntu, win, ...
	Version  string
	Codename string
	Released time.Time // zero: unknown
	EOL      time.Time // end of support; zero: unknown or none
	// Rolling is true for systems without releases and for those that are being made.
	Rolling          bool
	Min, Recommended Resources // for x86_64
	// BIOS and UEFI say which firmwares the system starts from on x86_64.
	BIOS, UEFI bool

	shortIDs []string
	devices  map[string]bool // osinfo device id -> supported
	media    []*mediaPattern
}

// Unsupported reports whether the maker had ended support by now. A system without a stated end counts as unsupported ten years after
// its release.
func (o *OS) Unsupported(now time.Time) bool {
	switch {
	case !o.EOL.IsZero():
		return o.EOL.Before(now)
	case o.Rolling || o.Released.IsZero():
		return false
	}
	return o.Released.AddDate(10, 0, 0).Before(now)
}

// Windows reports whether the system is a Windows NT or its ancestor.
func (o *OS) Windows() bool { return strings.HasPrefix(o.Family, "win") }

// Catalogue holds all operating systems. It is read-only and may be used from any goroutine; methods other than DetectISO only read
// memory. All methods work on nil, which is an empty catalogue.
type Catalogue struct {
	systems []*OS // newest first within a name
	byID    map[string]*OS
	// Problems are the files that could not be read; the rest is usable.
	Problems []error
}

// All returns every system in the order of their names and, within one distribution, newest first.
func (c *Catalogue) All() []*OS {
	if c == nil {
		return nil
	}
	return slices.Clone(c.systems)
}

// Find looks a system up by its id or one of its short ids.
func (c *Catalogue) Find(id string) (*OS, bool) {
	if c == nil {
		return nil, false
	}
	o, ok := c.byID[id]
	return o, ok
}

// newCatalogue resolves what systems inherit and sorts them.
func newCatalogue(entries map[string]*entry, problems []error) *Catalogue {
	c := &Catalogue{byID: make(map[string]*OS, 2*len(entries)), Problems: problems}
	r := resolver{entries: entries, done: map[string]*OS{}}
	for id := range entries {
		if o := r.resolve(id, 0); o.Name != "" {
			c.systems = append(c.systems, o)
			c.byID[id] = o
		}
	}
	slices.SortFunc(c.systems, func(a, b *OS) int {
		return cmp.Or(
			cmp.Compare(groupName(a), groupName(b)),
			b.Released.Compare(a.Released),
			cmp.Compare(b.Version, a.Version),
			cmp.Compare(a.ID, b.ID),
		)
	})
	for _, o := range c.systems {
		for _, short := range o.shortIDs {
			if _, taken := c.byID[short]; !taken {
				c.byID[short] = o
			}
		}
	}
	return c
}

func groupName(o *OS) string { return strings.ToLower(cmp.Or(o.Distro, o.Family, o.Name)) }

// resolver fills in what a system inherits from those that it derives from or clones.
type resolver struct {
	entries map[string]*entry
	done    map[string]*OS
}

// maxAncestors bounds a line of descent; the database's longest has about 40.
const maxAncestors = 100

func (r *resolver) resolve(id string, depth int) *OS {
	if o, ok := r.done[id]; ok {
		return o
	}
	e := r.entries[id]
	o := &OS{ID: id, devices: map[string]bool{}, BIOS: true}
	// Set before the parents are looked at: a circle then ends here.
	r.done[id] = o
	if e == nil {
		return o
	}
	var bios, uefi *bool
	if depth < maxAncestors {
		for _, parent := range e.parents {
			p := r.resolve(parent, depth+1)
			if parent == id {
				continue
			}
			for device, supported := range p.devices {
				o.devices[device] = supported
			}
			o.UEFI = o.UEFI || p.UEFI
			o.BIOS = o.BIOS && p.BIOS
			inherit(&o.Min, p.Min)
			inherit(&o.Recommended, p.Recommended)
			o.Family, o.Distro = cmp.Or(o.Family, p.Family), cmp.Or(o.Distro, p.Distro)
		}
	}
	for device, supported := range e.devices {
		o.devices[device] = supported
	}
	for _, f := range e.firmwares {
		if f.arch != "x86_64" && f.arch != "all" {
			continue
		}
		supported := f.supported
		switch f.kind {
		case "bios":
			bios = &supported
		case "efi":
			uefi = &supported
		}
	}
	if bios != nil {
		o.BIOS = *bios
	}
	if uefi != nil {
		o.UEFI = *uefi
	}
	o.Name, o.Vendor, o.Version, o.Codename = e.name, e.vendor, e.version, e.codename
	o.Family, o.Distro = cmp.Or(e.family, o.Family), cmp.Or(e.distro, o.Distro)
	o.Released, o.EOL, o.Rolling = e.released, e.eol, e.rolling
	o.shortIDs, o.media = e.shortIDs, e.media
	if len(e.shortIDs) > 0 {
		o.ShortID = e.shortIDs[0]
	}
	o.Min = overlay(o.Min, e.pick(e.minimum))
	o.Recommended = overlay(o.Recommended, e.pick(e.recommended))
	for _, m := range o.media {
		m.os = o
	}
	return o
}

// pick returns the resources for x86_64: stated for it, for all, or else for its ancestor.
func (e *entry) pick(of map[string]Resources) Resources {
	return overlay(overlay(of["i686"], of["all"]), of["x86_64"])
}

// overlay returns base with what top states in its place.
func overlay(base, top Resources) Resources {
	return Resources{
		CPUs:         cmp.Or(top.CPUs, base.CPUs),
		MemoryBytes:  cmp.Or(top.MemoryBytes, base.MemoryBytes),
		StorageBytes: cmp.Or(top.StorageBytes, base.StorageBytes),
	}
}

func inherit(to *Resources, from Resources) { *to = overlay(from, *to) }
