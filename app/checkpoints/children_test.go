package checkpoints

import (
	"strings"
	"testing"

	"guesthouse/hypervisor"
)

// TestChildren: who goes on from whom when some are gone, with the present state, also in a damaged list.
func TestChildren(t *testing.T) {
	for _, c := range []struct {
		list, current, without string // each of list is name<parent
		of, want               string
	}{
		{"a b<a c<b", "c", "", "a", "b"},
		{"a b<a c<b", "c", "", "c", ""},    // the present state alone
		{"a b<a c<b", "c", "b c", "a", ""}, // which goes on from a then
		{"a b<a c<a", "b", "", "a", "b,c"}, // two branches
		{"a b<a c<a", "b", "c", "a", "b"},  // one, when the other is gone
		{"a b<a c<b d<b", "c", "b", "a", "c,d"},
		{"a<b b<a", "a", "", "a", ",b"}, // a circle
	} {
		var target target
		for _, word := range strings.Fields(c.list) {
			name, parent, _ := strings.Cut(word, "<")
			target.snapshots = append(target.snapshots, hypervisor.Snapshot{Name: name, Parent: parent, Current: name == c.current})
		}
		if got := strings.Join(target.children(strings.Fields(c.without))[c.of], ","); got != c.want {
			t.Errorf("of %q without %q %s is followed by %q", c.list, c.without, c.of, got)
		}
	}
}
