package console

import (
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor"
)

// qcodes are QEMU's names of the keys in the menu's labels.
var qcodes = map[string]string{
	"Ctrl": "ctrl", "Left Ctrl": "ctrl", "Alt": "alt", "Left Alt": "alt", "Super": "meta_l", "Left Super": "meta_l", "Right Ctrl": "ctrl_r", "Del": "delete", "Delete": "delete",
	"Backspace": "backspace", "Tab": "tab", "L": "l", "Print Screen": "print", "PrtSc": "print", "Print": "print", "F1": "f1", "F2": "f2", "F3": "f3", "F4": "f4", "F5": "f5", "F6": "f6", "F7": "f7",
}

// TestAcceptE15KeyCombinations picks every combination of the menu and reads in QEMU's trace that just these keys reached the guest's
// keyboard: pressed in their order, let go of the other way round.
func TestAcceptE15KeyCombinations(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	socket := startQEMU(t, "-trace", "input_event_key_qcode", "-D", trace, "-vnc", "unix:SOCKET")
	f := newWorld(t, hypervisor.StateRunning)
	w := f.openOn(socket, nil)
	f.until("a picture", func() bool { return w.body.live })
	tried, want := 0, ""
	for _, item := range w.keysMenu().Items {
		parts := strings.Split(item.Label, "+")
		down, up := "", ""
		for _, part := range parts {
			code, known := qcodes[part]
			if !known {
				down = ""
				break
			}
			down, up = down+" "+code+"+", " "+code+"-"+up
		}
		if down == "" {
			continue // not a combination
		}
		tried++
		want = strings.TrimSpace(want + down + up)
		item.Action()
		f.until(item.Label, func() bool {
			f.queue.Do(func() {})
			return len(strings.Fields(keysIn(trace))) >= len(strings.Fields(want))
		})
		if got := keysIn(trace); got != want {
			t.Fatalf("after %s the guest's keyboard got %q, want %q", item.Label, got, want)
		}
	}
	if tried < 10 {
		t.Errorf("only %d combinations were tried", tried)
	}
}
