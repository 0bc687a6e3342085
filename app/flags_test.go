package main

import (
	"io"
	"strings"
	"testing"
)

// TestFlagWords: what a flag takes is said in words, not as a function of Go that failed.
func TestFlagWords(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"vm", "create", "x", "--cpus", "many"}, "--cpus takes a whole number, not “many”"},
		{[]string{"lab", "publish", "x", "--checkpoints", "a\x1bb"}, "--checkpoints takes a whole number, not “a"},
		{[]string{"vm", "list", "--json=perhaps"}, "--json takes true or false, not “perhaps”"},
	} {
		var said strings.Builder
		if code := run(t.Context(), c.args, io.Discard, &said); code != exitUsage || !strings.Contains(said.String(), c.want) || strings.ContainsAny(said.String(), "\x1b") || strings.Contains(said.String(), "strconv") {
			t.Errorf("%q: %d, %q", c.args, code, said.String())
		}
	}
}
