package console

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// devices is a machine with every kind of device that has a lamp.
func devices() *vmconfig.Machine {
	return &vmconfig.Machine{
		UUID: testID, Clipboard: true,
		Disks: []vmconfig.Disk{
			{Device: vmconfig.DeviceDisk, Target: "vda", Path: "/d/web.qcow2"},
			{Device: vmconfig.DeviceCDROM, Target: "sda", Path: "/d/setup.iso"},
			{Device: vmconfig.DeviceCDROM, Target: "sdb"},
		},
		NICs: []vmconfig.NIC{{Kind: "user", Model: "virtio"}, {Kind: "bridge", Source: "br0", Model: "e1000e"}},
	}
}

// counters is a sample with these numbers of bytes.
func counters(seconds int, diskRead, diskWritten, discRead, received, sent int64) machines.Sample {
	return machines.Sample{At: time.Unix(int64(seconds), 0), Machines: map[uuid.UUID]hypervisor.Stats{testID: {
		UUID: testID,
		Disks: []hypervisor.DiskStats{
			{Target: "sda", ReadBytes: discRead}, {Target: "vda", ReadBytes: diskRead, WriteBytes: diskWritten}, {Target: "sdb"},
		},
		NICs: []hypervisor.NICStats{{Name: "vnet3", ReceiveBytes: received, TransmitBytes: sent}},
	}}}
}

func TestMeter(t *testing.T) {
	const MiB = vmconfig.MiB
	var m meter
	c := devices()
	r := m.read(c, testID, counters(0, MiB, 0, 0, 5*MiB, 0))
	if r.disks != lampOff || r.nics != lampOff {
		t.Errorf("lamps at the first sample: %+v", r)
	}
	r = m.read(c, testID, counters(2, 3*MiB, 0, 2*MiB, 5*MiB, 4*MiB))
	if r.disks != lampRead || r.discs != lampRead || r.nics != lampWrite {
		t.Errorf("lamps: %+v", r)
	}
	expect(t, r.diskTip, "Drive\tMedium\tRead\tWritten\nvda\t/d/web.qcow2\t3 MiB, 1 MiB/s\t0 B, 0 B/s")
	expect(t, r.discTip, "Drive\tMedium\tRead\tWritten\nsda\t/d/setup.iso\t2 MiB, 1 MiB/s\t0 B, 0 B/s\nsdb\tempty\t0 B, 0 B/s\t0 B, 0 B/s")
	expect(t, r.networkTip, "Adapter\tNetwork\tReceived\tSent\nvirtio\tbehind this computer’s address (NAT)\tnot counted\tnot counted\n"+
		"e1000e\tbridge br0\t5 MiB, 0 B/s\t4 MiB, 2 MiB/s")
	r = m.read(c, testID, counters(3, 3*MiB, MiB, 2*MiB, 5*MiB, 4*MiB))
	if r.disks != lampWrite || r.discs != lampOff || r.nics != lampOff {
		t.Errorf("lamps: %+v", r)
	}
	// The machine was restarted between two samples: its counters began anew.
	r = m.read(c, testID, counters(4, 0, 0, 0, 0, 0))
	if r.disks != lampOff || !strings.Contains(r.diskTip, "0 B\t0 B") {
		t.Errorf("after a restart: %+v", r)
	}
	// Nobody knows.
	r = m.read(c, testID, machines.Sample{At: time.Unix(5, 0)})
	if r.disks != lampOff || !strings.Contains(r.diskTip, "–\t–") {
		t.Errorf("without an answer: %+v", r)
	}
	if r := m.read(nil, testID, counters(6, 1, 1, 1, 1, 1)); r != (reading{}) {
		t.Errorf("without a description: %+v", r)
	}
}

// TestWindowWatchesWhileItRuns: the lamps follow the samples of a running machine, and nothing is asked for any other.
func TestWindowWatchesWhileItRuns(t *testing.T) {
	f := newWorld(t, hypervisor.StateOff)
	f.machine.Config = devices()
	w := f.open()
	if f.sample(machines.Sample{}) || w.status.disks.Visible() {
		t.Error("it watches a machine that is off")
	}
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	f.live(w, 0)
	if !w.status.disks.Visible() || !w.status.discs.Visible() || !w.status.network.Visible() || !strings.Contains(w.status.disks.tip, "web.qcow2") {
		t.Error("the devices are not shown")
	}
	f.sample(counters(0, 0, 0, 0, 0, 0))
	f.queue.Drain()
	f.sample(counters(1, 0, 1, 0, 0, 0))
	f.until("the lamp", func() bool { return w.status.disks.color == theme.ColorPaused })
	f.sample(counters(2, 0, 1, 0, 0, 0))
	f.until("darkness", func() bool { return w.status.disks.color == theme.ColorMuted })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StatePaused })
	f.until("the pause", func() bool { return w.page.title.Text() == "Paused" })
	if f.sample(counters(3, 0, 2, 0, 0, 0)) {
		t.Error("it watches a paused machine")
	}
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	f.until("watching again", func() bool { return f.sample(counters(4, 0, 2, 0, 0, 0)) })
	w.stage.seen(false)
	if f.sample(machines.Sample{}) {
		t.Error("a window that nobody sees watches")
	}
	w.stage.seen(true)
	f.until("watching again", func() bool { return f.sample(counters(5, 0, 2, 0, 0, 0)) })
	w.shut()
	if f.sample(machines.Sample{}) {
		t.Error("a closed window watches")
	}
}

func TestDiscMenu(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Config = devices()
	w := f.open()
	f.live(w, 0)
	var got []string
	for _, i := range w.discMenu().Items {
		s := i.Label
		if i.Disabled {
			s += " –"
		}
		got = append(got, s)
	}
	expect(t, strings.Join(got, "|"), "CD drive sda –|Insert a disc image…|Eject “setup.iso”||CD drive sdb –|Insert a disc image…|Eject –")
	w.win.Canvas().Focus(w.status.discs) // as Tab does
	w.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if !widgets.ModalOpen(w.win) {
		t.Fatal("the keyboard does not open the menu")
	}
	w.win.Canvas().Overlays().Top().(fyne.Tappable).Tapped(&fyne.PointEvent{}) // beside it
	w.discMenu().Items[2].Action()
	f.until("ejected", f.did("eject sda"))
	w.insert("sdb", "/d/other.iso")
	f.until("told so", func() bool { return w.status.notice.text == "Inserted: /d/other.iso" })
}

// TestStatusFits: with a job and everything shown the parts lie side by side in a window of 1024 units.
func TestStatusFits(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Config = devices()
	w := f.open()
	f.live(w, 0)
	w.status.setClipboard(true, true, true, "")
	w.status.setRecording(true, "12:34:56")
	w.status.setCapture(true, "Keyboard captured – Right Ctrl frees it")
	w.status.setJob(&jobs.Status{ID: 1, Title: "Save checkpoint “Before the update”", Cancellable: true, Progress: jobs.Progress{Fraction: 0.3, Text: "memory, 123 MiB of 2 GiB"}})
	w.status.say(notice{text: "Screenshot saved: /home/user/Pictures/debian 2026-11-23 17.00.00.png", action: "Copy path"})
	row := w.status.screen
	for _, width := range []float32{1024, 1920, 800} {
		w.win.Resize(fyne.NewSize(width, 600))
		end := float32(-1)
		for _, o := range []fyne.CanvasObject{
			w.status.dot, w.status.state, w.status.work, w.status.bar, w.status.cancel, w.status.note, w.status.act, w.status.close,
			w.status.disks, w.status.discs, w.status.network, w.status.clipboard, w.status.record, row, w.status.mouse, w.status.keyboard,
		} {
			if !o.Visible() {
				t.Fatalf("at %v something is hidden", width)
			}
			if o.Position().X < end {
				t.Errorf("at %v a part begins at %v, the one before ends at %v", width, o.Position().X, end)
			}
			end = o.Position().X + o.Size().Width
		}
		if end > width {
			t.Errorf("at %v the line ends at %v", width, end)
		}
		if width == 1024 && w.status.keyboard.compact {
			t.Error("the way out of the captured keyboard is not told")
		}
		if width == 1024 && (w.status.work.Size().Width < 60 || w.status.note.Size().Width < 60) {
			t.Errorf("job and notice have %v and %v", w.status.work.Size().Width, w.status.note.Size().Width)
		}
	}
}
