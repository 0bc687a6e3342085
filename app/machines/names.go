package machines

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"guesthouse/hypervisor"
)

// SnapshotPrefix begins the libvirt name of every snapshot that this program made: guesthouse-<8 hex>.
const SnapshotPrefix = "guesthouse-"

// DisplayName returns what a snapshot is called in the windows and its description. Ours carry both in libvirt's
// <description>, the name as its first line, because libvirt's snapshot name cannot be changed later.
func DisplayName(s hypervisor.Snapshot) (name, description string) {
	if !strings.HasPrefix(s.Name, SnapshotPrefix) {
		return s.Name, s.Description
	}
	name, description, _ = strings.Cut(s.Description, "\n")
	if name = strings.TrimSpace(name); name == "" {
		name = s.Name
	}
	return name, strings.TrimSpace(description)
}

// CompareNames orders names as people do: without regard to case, and numbers by value, so that vm2 comes before vm10.
func CompareNames(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		if isDigit(x[0]) && isDigit(y[0]) {
			var p, q string
			p, x = digits(x)
			q, y = digits(y)
			if c := cmp.Compare(len(p), len(q)); c != 0 {
				return c
			}
			if c := strings.Compare(p, q); c != 0 {
				return c
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(x)
		s, k := utf8.DecodeRuneInString(y)
		if c := cmp.Compare(unicode.ToLower(r), unicode.ToLower(s)); c != 0 {
			return c
		}
		x, y = x[n:], y[k:]
	}
	if c := cmp.Compare(len(x), len(y)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits splits the leading number, without its zeros, from s.
func digits(s string) (number, rest string) {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return strings.TrimLeft(s[:n], "0"), s[n:]
}
