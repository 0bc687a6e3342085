package source

import (
	"cmp"
	"slices"
	"strings"
)

// compareVersions orders versions, which are numbers with dots between them; what is no number comes before all numbers, and nothing before that.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	return slices.CompareFunc(as, bs, comparePart)
}

func comparePart(a, b string) int {
	if x, y := number(a), number(b); x != y {
		if x {
			return 1
		}
		return -1
	} else if !x {
		return cmp.Compare(a, b)
	}
	// Longer without zeros in front is larger, however many digits somebody writes.
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func number(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
