package diskimage

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
)

// TestMeasureSnapshots predicts what deleting each snapshot frees, and deletes them: the file itself is the witness.
func TestMeasureSnapshots(t *testing.T) {
	for name, options := range map[string]string{
		"usual": "cluster_size=64k", "small clusters": "cluster_size=4k", "old": "compat=0.10", "subclusters": "extended_l2=on,cluster_size=128k",
	} {
		t.Run(name, func(t *testing.T) {
			tool, err := New()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "disk.qcow2")
			hosttest.Run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, "256M")
			write := func(what string) { hosttest.Run(t, "qemu-io", "-f", "qcow2", "-c", "write -P "+what, path) }
			take := func(name string) {
				if err := tool.CreateSnapshot(t.Context(), path, name); err != nil {
					t.Fatal(err)
				}
			}
			write("1 0 8M")
			take("a")
			write("2 0 4M")
			take("b")
			take("b2") // shares all with b
			write("3 1M 4M")
			write("4 100M 2M")
			take("c")
			write("5 0 128k")

			usage, err := MeasureSnapshots(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			const tables = 512 * vmconfig.KiB // what a table of clusters or two may take
			for name, least := range map[string]int64{"a": 4 * vmconfig.MiB, "b": 0, "b2": 0, "c": 0} {
				if got := usage.Frees[name]; got < least || got > least+2*tables {
					t.Errorf("deleting %s frees %d bytes, not about %d", name, got, least)
				}
			}
			all := 8*vmconfig.MiB + 128*vmconfig.KiB // what was written over
			if usage.Bytes < all || usage.Bytes > all+4*tables {
				t.Errorf("all take %d bytes, not about %d", usage.Bytes, all)
			}
			for _, name := range []string{"a", "b", "b2", "c"} {
				usage, err := MeasureSnapshots(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				before := blocks(t, path)
				if err := tool.DeleteSnapshot(t.Context(), path, name); err != nil {
					t.Fatal(err)
				}
				if freed, want := before-blocks(t, path), usage.Frees[name]; freed < want-tables || freed > want+tables {
					t.Errorf("deleting %s freed %d bytes, not %d", name, freed, want)
				}
			}
			if usage, err := MeasureSnapshots(t.Context(), path); err != nil || usage.Bytes != 0 || len(usage.Frees) != 0 {
				t.Errorf("without snapshots they take %+v, %v", usage, err)
			}
		})
	}
}

// blocks is the room that a file takes, in bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
