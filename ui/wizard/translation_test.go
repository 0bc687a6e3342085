package wizard

import (
	"testing"

	"guesthouse/ui/lang/langtest"
)

// TestEveryTextIsTranslatable goes through the pages in a made-up language.
func TestEveryTextIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	f := open(t, noDisc)
	look := func(what string) {
		t.Helper()
		for _, text := range langtest.Untranslated(f.window, "GiB", "UEFI", "BIOS", "Debian", "Ubuntu", "LTS", "Microsoft", "Windows", "debian", "one", "test") {
			t.Errorf("%s: %q", what, text)
		}
	}
	look("system")
	f.wizard.next()
	f.queue.Drain()
	look("system with faults")
	f.complete()
	look("summary")
}
