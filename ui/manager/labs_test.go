package manager

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"guesthouse/app/checkpoints"
	"guesthouse/hypervisor"
)

func TestLabs(t *testing.T) {
	off, running := machine("off", hypervisor.StateOff), machine("running", hypervisor.StateRunning)
	r := newRig(t, off, running)
	press(t, r.window, "Labs")
	r.m.keys.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyL, Modifier: fyne.KeyModifierControl})
	if r.labs != 2 {
		t.Errorf("the library was opened %d times", r.labs)
	}

	r.selectNames("off")
	r.m.publishLab()
	r.selectNames("running")
	if ok, reason := r.m.canPublish(); ok || reason != "Shut the machine down, or save a checkpoint first." {
		t.Errorf("a running machine can be published: %v %q", ok, reason)
	}
	r.m.publishLab()
	r.points = []checkpoints.Checkpoint{{ID: "1", Name: "one"}}
	r.m.loadCheckpoints(true)
	r.settle()
	r.m.publishLab()
	r.selectNames("off", "running")
	if ok, _ := r.m.canPublish(); ok {
		t.Error("two machines can become one lab")
	}
	r.m.publishLab()
	if len(r.made) != 2 || r.made[0] != off.UUID || r.made[1] != running.UUID {
		t.Errorf("published %v", r.made)
	}
}
