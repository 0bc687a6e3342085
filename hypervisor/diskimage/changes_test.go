package diskimage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestChanges: what an overlay holds itself is found, read and can be written into another one, so that both read the same.
func TestChanges(t *testing.T) {
	tool, dir := tool(t), t.TempDir()
	const mib = 1 << 20
	base := filepath.Join(dir, "base, 1.raw")
	content := bytes.Repeat([]byte("guest"), 8*mib/5+1)[:8*mib]
	if err := os.WriteFile(base, content, 0o400); err != nil {
		t.Fatal(err)
	}
	overlay, second := filepath.Join(dir, "over, \"1\".qcow2"), filepath.Join(dir, "second.qcow2")
	for _, path := range []string{overlay, second} {
		if err := tool.CreateOverlay(t.Context(), path, base, FormatRaw); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := tool.Changes(t.Context(), overlay); err != nil || len(list) != 0 {
		t.Fatalf("a new one has %v, %v", list, err)
	}
	piece := bytes.Repeat([]byte{7}, mib)
	if err := os.WriteFile(filepath.Join(dir, "0-3"), piece, 0o400); err != nil {
		t.Fatal(err)
	}
	pieces := []Piece{{Offset: 3 * mib, Bytes: mib, File: "0-3"}, {Offset: 5 * mib, Bytes: mib}}
	if err := tool.Write(t.Context(), overlay, dir, pieces); err != nil {
		t.Fatal(err)
	}
	list, err := tool.Changes(t.Context(), overlay)
	if err != nil || len(list) != 2 || list[0] != (Extent{Start: 3 * mib, Bytes: mib}) || list[1] != (Extent{Start: 5 * mib, Bytes: mib, Zero: true}) {
		t.Fatalf("%+v, %v", list, err)
	}
	want := bytes.Clone(content)
	copy(want[3*mib:], piece)
	clear(want[5*mib : 6*mib])
	whole, own := filepath.Join(dir, "whole.raw"), filepath.Join(dir, "own.raw")
	if err := tool.CopyRaw(t.Context(), whole, overlay, FormatQcow2, "", func(float64) {}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(whole); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the guest sees %d other bytes, %v", len(got), err)
	}
	if err := tool.CopyOwn(t.Context(), own, overlay); err != nil {
		t.Fatal(err)
	}
	mine := make([]byte, 8*mib)
	copy(mine[3*mib:], piece)
	if got, err := os.ReadFile(own); err != nil || !bytes.Equal(got, mine) {
		t.Errorf("its own content is %d other bytes, %v", len(got), err)
	}
	if got, err := os.ReadFile(base); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the base was changed: %v", err)
	}
	for name, wrong := range map[string][]Piece{
		"not whole sectors": {{Offset: 1, Bytes: 512}}, "nothing": {{Offset: 512}}, "negative": {{Offset: -512, Bytes: 512}},
		"another folder": {{Bytes: 512, File: "../x"}}, "a command": {{Bytes: 512, File: "0-3 1\nwrite"}}, "two dots": {{Bytes: 512, File: ".."}},
	} {
		if err := tool.Write(t.Context(), second, dir, wrong); err == nil || name != "two dots" && !errors.Is(err, ErrPiece) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := tool.Write(t.Context(), second, dir, []Piece{{Offset: 16 * mib, Bytes: mib, File: "0-3"}}); !errors.Is(err, ErrTool) {
		t.Errorf("beyond its end: %v", err)
	}
	if err := tool.Write(t.Context(), second, dir, []Piece{{Bytes: mib, File: "0-4"}}); !errors.Is(err, ErrTool) {
		t.Errorf("a file that is not there: %v", err)
	}
	if list, err := tool.Changes(t.Context(), second); err != nil || len(list) != 0 {
		t.Errorf("after refusals it has %v, %v", list, err)
	}
}
