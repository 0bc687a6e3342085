package checkpoints

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/vmconfig"
)

var bothFirmwares = []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI}

// benched is the name of the machine, and of each checkpoint while it is there.
const benched = "benched"

// BenchmarkSaveRestore is the time to save a checkpoint of a running machine and to go back to it, in turn with virsh on the same machine. The
// guest counts, and has memory in use. virsh's time has the start of its process in it, as its users wait for that, too; ours has the checks,
// the journal and the picture. A machine with UEFI has no peer: libvirt refuses to take internal snapshots of it before 10.10.
func BenchmarkSaveRestore(b *testing.B) {
	const (
		turns    = 7
		dirtyMiB = 128
	)
	type way struct {
		name            string
		save            func()
		restore         func(checkpoint string)
		saves, restores []time.Duration
	}
	for _, firmware := range bothFirmwares {
		b.Run(string(firmware), func(b *testing.B) {
			f := open(b)
			id := f.started(b, firmware, guesttest.MinMemoryUEFIMiB, dirtyMiB) // the same for both
			ways := []*way{{
				name:    "guesthouse",
				save:    func() { done(b, f.Save(id, SaveOptions{Name: benched})) },
				restore: func(checkpoint string) { done(b, f.Restore(id, checkpoint, RestoreOptions{})) },
			}}
			if firmware == vmconfig.FirmwareBIOS {
				ways = append(ways, &way{
					name:    "virsh",
					save:    func() { f.host.Virsh(b, "snapshot-create-as", benched, benched) },
					restore: func(checkpoint string) { f.host.Virsh(b, "snapshot-revert", benched, checkpoint) },
				})
			}
			ours := ways[0]
			for b.Loop() {
				for range turns {
					for _, w := range ways {
						w.saves = append(w.saves, timed(w.save))
						checkpoint := f.only(b, id, benched).ID // virsh's as well
						w.restores = append(w.restores, timed(func() { w.restore(checkpoint) }))
						done(b, f.Delete(id, checkpoint)) // so that all find the same disk
					}
					slices.Reverse(ways) // whoever comes first has no advantage of it
				}
			}
			b.ReportMetric(0, "ns/op") // the sum of all says nothing
			for _, w := range ways {
				b.ReportMetric(milliseconds(median(w.saves)), w.name+"-save-ms")
				b.ReportMetric(milliseconds(median(w.restores)), w.name+"-restore-ms")
				if w != ours {
					b.ReportMetric(median(ours.saves).Seconds()/median(w.saves).Seconds(), "save-ratio:"+w.name)
					b.ReportMetric(median(ours.restores).Seconds()/median(w.restores).Seconds(), "restore-ratio:"+w.name)
					b.ReportMetric(1.1, "save-bar")
					b.ReportMetric(1.1, "restore-bar")
				}
			}
		})
	}
}

// BenchmarkList100 is the time to find out everything that the window shows of a machine with 100 checkpoints.
func BenchmarkList100(b *testing.B) {
	const (
		checkpoints = 100
		looks       = 15 // a single one is too easily disturbed
	)
	for _, firmware := range bothFirmwares {
		b.Run(string(firmware), func(b *testing.B) {
			f := open(b)
			id := f.create(b, benched, firmware, false)
			for n := range checkpoints {
				done(b, f.Save(id, SaveOptions{Name: strconv.Itoa(n)}))
			}
			var took []time.Duration
			for b.Loop() {
				for range looks {
					took = append(took, timed(func() {
						o, err := f.Overview(within(b), id)
						if err != nil || len(o.List) != checkpoints || o.List[0].Problem != "" {
							b.Fatalf("%d checkpoints, %v", len(o.List), err)
						}
					}))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(milliseconds(median(took)), "guesthouse-list-ms")
			b.ReportMetric(100, "list-bar")
		})
	}
}

// BenchmarkCheckpointSize is the room that a checkpoint of a running machine takes, in per cent of the machine's memory, most of which is free:
// what we say of it, and what its files and the machine's disk really grow by.
func BenchmarkCheckpointSize(b *testing.B) {
	const memoryMiB = 2048
	for _, firmware := range bothFirmwares {
		b.Run(string(firmware), func(b *testing.B) {
			f := open(b)
			id := f.started(b, firmware, memoryMiB, 0)
			var said, real int64
			for b.Loop() {
				before := f.room(b, id)
				done(b, f.Save(id, SaveOptions{Name: benched}))
				c := f.only(b, id, benched)
				said, real = max(said, c.SizeBytes), max(real, f.room(b, id)-before)
				done(b, f.Delete(id, c.ID))
			}
			b.ReportMetric(0, "ns/op")
			for what, bytes := range map[string]int64{"said": said, "real": real} {
				b.ReportMetric(100*float64(bytes)/float64(memoryMiB*vmconfig.MiB), "guesthouse-"+what+"-%")
				b.ReportMetric(25, what+"-bar")
			}
		})
	}
}

// started makes a machine, and waits until its guest has booted and made so much memory busy.
func (f *fixture) started(b *testing.B, firmware vmconfig.Firmware, memoryMiB, dirtyMiB int64) uuid.UUID {
	b.Helper()
	j, id := f.machines.Create(machines.Draft{
		Name: benched, MemoryBytes: memoryMiB * vmconfig.MiB, CPUs: 1, Firmware: firmware,
		DiskMode: machines.DiskCreate, DiskBytes: 64 * vmconfig.MiB, ISO: guesttest.ISO(b), Start: true,
	})
	done(b, j)
	guest := guesttest.Open(b, f.host, benched)
	guest.WaitReady()
	n := strconv.FormatInt(dirtyMiB, 10)
	guest.Ask("dirty "+n, "^dirtied "+n+"$")
	return id
}

// room is what the machine's disk and its checkpoints' files occupy.
func (f *fixture) room(b *testing.B, id uuid.UUID) int64 {
	b.Helper()
	t, err := f.look(within(b), id)
	if err != nil {
		b.Fatal(err)
	}
	return machines.DiskUsage(t.disks()[0].Path) + machines.DiskUsage(t.dir)
}

func timed(work func()) time.Duration {
	began := time.Now()
	work()
	return time.Since(began)
}

func median(took []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(took))[len(took)/2]
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
