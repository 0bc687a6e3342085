package machines

import (
	"testing"

	"github.com/google/uuid"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/vmconfig"
)

// TestNothingToBoot: a running machine with an empty disk has nothing to start from until a disc is in its drive; what the guest then reads
// is seen by who watches.
func TestNothingToBoot(t *testing.T) {
	f := open(t, false)
	d := f.NewDraft("")
	d.Name, d.MemoryBytes, d.DiskBytes, d.Firmware, d.Start = "blank", 128*vmconfig.MiB, vmconfig.GiB, vmconfig.FirmwareBIOS, true
	j, id := f.Create(d)
	if err := j.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	nothing := func(want bool) {
		t.Helper()
		got, err := f.NothingToBoot(within(t), id)
		if err != nil || got != want {
			t.Errorf("nothing to boot: %v, %v", got, err)
		}
	}
	nothing(true)
	drive := ""
	for _, disk := range f.Snapshot().Get(id).Config.Disks {
		if disk.Device == vmconfig.DeviceCDROM {
			drive = disk.Target
		}
	}
	if err := f.InsertMedia(within(t), id, drive, guesttest.ISO(t)); err != nil {
		t.Fatal(err)
	}
	nothing(false)

	samples := make(chan Sample, 1)
	defer f.WatchActivity(func(s Sample) {
		select {
		case samples <- s:
		default:
		}
	})()
	if err := f.Do(ActionReset, id).Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	for read := int64(0); read == 0; {
		select {
		case s := <-samples:
			for _, disk := range s.Machines[id].Disks {
				if disk.Target == drive {
					read = disk.ReadBytes
				}
			}
		case <-within(t).Done():
			t.Fatal("nobody saw the disc being read")
		}
	}
	if err := f.EjectMedia(within(t), id, drive); err != nil {
		t.Log(err) // the guest may have locked the drive by now
	}
	if got, err := f.NothingToBoot(within(t), uuid.New()); err != nil || got {
		t.Errorf("a machine that does not exist: %v, %v", got, err)
	}
}
