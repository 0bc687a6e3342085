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
// a system but no version of it that is known, the newest is returned.
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
	var best *OS
	bestScore := 0
	for _, o := range c.systems {
		score := o.resemblance(words)
		if score > bestScore || score == bestScore && score > 0 && newer(o, best) {
			best, bestScore = o, score
		}
	}
	return best, best != nil
}

// newer prefers real releases to those that are being made, and then the later one.
func newer(a, b *OS) bool {
	if a.Released.IsZero() != b.Released.IsZero() {
		return !a.Released.IsZero()
	}
	return a.Released.After(b.Released)
}

// resemblance counts how well words fit the system's name, 0 for not at all. The word that the name begins with must be there.
func (o *OS) resemblance(words []string) int {
	own := splitWords(o.Name)
	if vendor := splitWords(o.Vendor); len(own) > 1 && len(vendor) > 0 && own[0] == vendor[0] && o.Distro != own[0] && o.Family != own[0] {
		if !strings.HasPrefix(o.Distro, own[0]) && len(own) > 2 {
			own = own[1:] // "Microsoft" Windows 11
		}
	}
	if len(own) == 0 || !slices.Contains(words, own[0]) {
		return 0
	}
	score := 10
	for _, word := range own[1:] {
		if slices.Contains(words, word) {
			score += 10
		} else {
			score -= 2
			if len(own[0]) <= 3 && unicode.IsLetter(rune(word[0])) {
				return 0 // "Red" alone is not Red Hat
			}
		}
	}
	if version := strings.ReplaceAll(o.Version, ".", ""); version != "" && slices.Contains(words, version) {
		score += 5
	}
	return max(score, 1)
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
