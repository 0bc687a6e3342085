package vmsettings

import (
	"testing"

	"guesthouse/hypervisor"
	"guesthouse/ui/lang/langtest"
)

// TestEveryTextIsTranslatable looks at the dialog, and at a fault, in a made-up language.
func TestEveryTextIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	d := show(t, hypervisor.StateRunning)
	look := func(what string) {
		t.Helper()
		for _, text := range langtest.Untranslated(d.w, "web", "old", "x", "GiB", "MiB") {
			t.Errorf("%s: %q", what, text)
		}
	}
	look("dialog")
	d.sliders[1].Entry().SetText("x")
	d.entries[1].SetText("")
	look("faults")
}
