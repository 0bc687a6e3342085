package guestos

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Search returns the systems whose name, ids, vendor or code name contain every word of the query, best first. Systems whose support
// has ended are left out unless includeEOL is set. An empty query finds all.
func (c *Catalogue) Search(query string, includeEOL bool) []*OS {
	if c == nil {
		return nil
	}
	if len(query) > 256 {
		query = query[:256]
	}
	wanted := strings.Fields(strings.ToLower(query))
	now := time.Now()
	type hit struct {
		os   *OS
		rank int
	}
	var hits []hit
	for _, o := range c.systems {
		if !includeEOL && o.Unsupported(now) {
			continue
		}
		name := strings.ToLower(o.Name)
		all := name + " " + strings.ToLower(strings.Join(o.shortIDs, " ")+" "+o.ID+" "+o.Vendor+" "+o.Codename)
		rank := 0
		for _, word := range wanted {
			switch {
			case !strings.Contains(all, word):
				rank = -1
			case rank >= 0 && slices.Contains(strings.Fields(name), word) || slices.Contains(o.shortIDs, word):
				rank += 3
			case rank >= 0 && strings.HasPrefix(name, word):
				rank += 2
			}
			if rank < 0 {
				break
			}
		}
		if rank >= 0 {
			hits = append(hits, hit{o, rank})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.rank, a.rank) })
	found := make([]*OS, len(hits))
	for i, h := range hits {
		found[i] = h.os
	}
	return found
}

// GuessFromName finds the system that a machine's name or a disc's label speaks of: "Windows 11", "ubuntu-22.04 web", "debian12". When it names
// a system but no version of it that is known, the newest that is still supported is returned, one with long support first.
func (c *Catalogue) GuessFromName(name string) (*OS, bool) {
	if c == nil || len(name) > 256 {
		return nil, false
	}
	words := splitWords(name)
	if len(words) == 0 {
		return nil, false
	}
	for _, word := range strings.Fields(strings.ToLower(name)) {
		if o, ok := c.byID[word]; ok && len(word) > 3 {
			return o, true
		}
	}
	now := time.Now()
	var best *OS
	var bestFit fit
	for _, o := range c.systems {
		f, ok := o.fit(words, now)
		if ok && (best == nil || f.compare(bestFit) > 0) {
			best, bestFit = o, f
		}
	}
	return best, best != nil
}

// fit says how well a text speaks of a system: the words and the version that it names decide, then what a user who left the rest
// open most likely means.
type fit struct {
	score     int  // what of the system's name and version is in the text
	supported bool // the maker still supports it
	lts       bool // a release with long support
	missing   int  // words of the system's name that are not in the text
	released  time.Time
}

// compare orders fits; a positive result means that f is the better one.
func (f fit) compare(g fit) int {
	return cmp.Or(
		cmp.Compare(f.score, g.score),
		compareBool(f.supported, g.supported),
		compareBool(f.lts, g.lts),
		compareBool(!f.released.IsZero(), !g.released.IsZero()), // not one that is still being made
		cmp.Compare(g.missing, f.missing),
		f.released.Compare(g.released),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// fit reports how well words fit the system's name; ok is false when they do not speak of it. The word that the name begins with must be there.
func (o *OS) fit(words []string, now time.Time) (f fit, ok bool) {
	own := splitWords(o.Name)
	if vendor := splitWords(o.Vendor); len(own) > 1 && len(vendor) > 0 && own[0] == vendor[0] && o.Distro != own[0] && o.Family != own[0] {
		if !strings.HasPrefix(o.Distro, own[0]) && len(own) > 2 {
			own = own[1:] // "Microsoft" Windows 11
		}
	}
	if len(own) == 0 || !slices.Contains(words, own[0]) {
		return f, false
	}
	f = fit{supported: !o.Unsupported(now), lts: slices.Contains(own, "lts"), released: o.Released}
	for _, word := range own[1:] {
		switch {
		case slices.Contains(words, word):
			f.score += 10
		case len(own[0]) <= 3 && unicode.IsLetter(rune(word[0])):
			return f, false // "Red" alone is not Red Hat
		case word != "lts":
			f.missing++
		}
	}
	if version := strings.ReplaceAll(o.Version, ".", ""); version != "" && slices.Contains(words, version) {
		f.score += 5
	}
	return f, true
}

// splitWords returns the lower-case words and numbers of a text; "debian12" is two, "22.04" one.
func splitWords(text string) []string {
	var words []string
	word := []rune{}
	flush := func() {
		w := strings.Trim(string(word), ".")
		word = word[:0]
		switch w {
		case "":
			return
		case "win":
			w = "windows"
		}
		words = append(words, w)
		if strings.Contains(w, ".") {
			words = append(words, strings.ReplaceAll(w, ".", ""))
		}
	}
	for _, r := range strings.ToLower(text) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			if len(word) > 0 && unicode.IsDigit(r) != unicode.IsDigit(word[len(word)-1]) && word[len(word)-1] != '.' {
				flush()
			}
			word = append(word, r)
		case r == '.' && len(word) > 0 && unicode.IsDigit(word[len(word)-1]):
			word = append(word, r)
		default:
			flush()
		}
	}
	flush()
	return words
}
