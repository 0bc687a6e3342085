package guestos

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Media is what a disc image says about itself.
type Media struct {
	OS *OS // nil when the database does not know the disc
	// Guessed is true when OS is the nearest system by name: the disc itself is newer than the database.
	Guessed bool
	Arch    string // x86_64, i686, aarch64 ...; empty when unknown
	Live    bool   // starts a system without installing it
	Label   string // name to show: the system's, else the volume's; inert text is the caller's matter

	VolumeID, SystemID, PublisherID, ApplicationID string
	// Bootable is true when the disc carries an El Torito boot record, which both BIOS and UEFI start from.
	Bootable bool
	Bytes    int64 // size of the file
}

// mediaPattern is one <media> of the database: regular expressions that a disc's descriptor must match.
type mediaPattern struct {
	os                                     *OS
	arch                                   string
	live                                   bool
	volume, system, publisher, application pattern
	size                                   int64 // exact size of the volume in bytes; 0: any
}

// pattern is a regular expression of the database, compiled at first use. They are written for PCRE; the few that Go's
// engine does not take match nothing, so that one disc is unknown instead of all.
type pattern struct {
	source string
	once   sync.Once
	regexp *regexp.Regexp
}

// possessive matches PCRE's possessive quantifiers, which only bound backtracking: Go needs no such help.
var possessive = regexp.MustCompile(`([^\\][*+?}])\+`)

func (p *pattern) compile() *regexp.Regexp {
	p.once.Do(func() {
		re, err := regexp.Compile(p.source)
		if err != nil {
			re, err = regexp.Compile(possessive.ReplaceAllString(p.source, "$1"))
		}
		if err == nil {
			p.regexp = re
		}
	})
	return p.regexp
}

// match reports whether text fits; an absent pattern fits everything. As in libosinfo the expression may match anywhere.
func (p *pattern) match(text string) bool {
	if p.source == "" {
		return true
	}
	re := p.compile()
	return re != nil && re.MatchString(text)
}

func (m *mediaPattern) match(v volume) bool {
	return (m.size == 0 || m.size == v.bytes) && m.volume.source+m.system.source+m.publisher.source+m.application.source != "" &&
		m.volume.match(v.volumeID) && m.system.match(v.systemID) && m.publisher.match(v.publisherID) && m.application.match(v.applicationID)
}

// specific orders patterns that match one disc: the more they demand, the better they know it.
func (m *mediaPattern) specific() int {
	n := 0
	if m.size > 0 {
		n += 1000
	}
	for _, p := range []*pattern{&m.volume, &m.system, &m.publisher, &m.application} {
		if p.source != "" {
			n += 100 + min(len(p.source), 90)
		}
	}
	return n
}

// DetectISO reads the volume descriptors of a disc image and looks it up in the database. It reads some KiB, whatever the file's
// size, and returns when ctx ends even if the file's server does not answer. With ErrUnknownMedia and ErrTruncated the returned Media is filled as far
// as possible; other errors wrap ErrNotISO (a web page, an archive, ...), safefile.ErrNotRegular or the file system's error.
func (c *Catalogue) DetectISO(ctx context.Context, path string) (Media, error) {
	type result struct {
		media Media
		err   error
	}
	done := make(chan result, 1)
	go func() {
		m, err := c.detect(path)
		done <- result{m, err}
	}()
	select {
	case r := <-done:
		return r.media, r.err
	case <-ctx.Done():
		return Media{}, ctx.Err()
	}
}

func (c *Catalogue) detect(path string) (Media, error) {
	v, err := readVolumeFile(path)
	media := Media{
		VolumeID: v.volumeID, SystemID: v.systemID, PublisherID: v.publisherID, ApplicationID: v.applicationID,
		Bootable: v.bootable, Bytes: v.fileBytes, Label: v.volumeID,
	}
	if err != nil && !v.found {
		return media, err
	}
	if m := c.identify(v); m != nil {
		media.OS, media.Live, media.Label = m.os, m.live, m.os.Name
		if m.arch != "all" {
			media.Arch = m.arch
		}
	} else if o, ok := c.GuessFromName(strings.ReplaceAll(v.volumeID, "_", " ")); ok {
		media.OS, media.Guessed = o, true
	}
	if err != nil {
		return media, err
	}
	if media.OS == nil {
		return media, fmt.Errorf("%w: its label is %q", ErrUnknownMedia, media.VolumeID)
	}
	return media, nil
}

// identify returns the pattern that knows the disc best. Among equals the x86_64 one wins, then the newest system.
func (c *Catalogue) identify(v volume) *mediaPattern {
	if c == nil {
		return nil
	}
	var best *mediaPattern
	for _, o := range c.systems {
		for _, m := range o.media {
			if m.match(v) && (best == nil || better(m, best)) {
				best = m
			}
		}
	}
	return best
}

func better(a, b *mediaPattern) bool {
	order := cmp.Or(
		cmp.Compare(a.specific(), b.specific()),
		cmp.Compare(archRank(a.arch), archRank(b.arch)),
		a.os.Released.Compare(b.os.Released),
		cmp.Compare(b.os.ID, a.os.ID),
	)
	return order > 0
}

func archRank(arch string) int {
	switch arch {
	case "x86_64":
		return 2
	case "i686", "i386":
		return 1
	}
	return 0
}
