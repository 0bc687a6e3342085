package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// TestRememberedScreens starts with damaged settings, which are told about and kept, and forgets a trusted certificate with the keyboard.
func TestRememberedScreens(t *testing.T) {
	h := hosttest.Start(t)
	define(t, h, "web")
	id := h.Virsh(t, "domuuid", "web")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(h.ConfigDir, "guesthouse", "settings.json")
	data := filepath.Join(h.DataDir, "guesthouse", "displays.json")
	write(config, "{")
	write(data, fmt.Sprintf(`{"version":1,"passwords":{%q:"secret"},"certificates":{"desk.example":"0A:1B:2C:3D:4E:5F:60:71"}}`, id))
	p := startProgram(t, h, startScreen(t, h))
	p.waitText(manager, `^A file of Guesthouse cannot be used$`)
	p.waitText(manager, `^Your settings cannot be read`)
	p.waitWindow(manager)
	p.keys("Escape")
	p.waitNoText(manager, `^A file of Guesthouse`)
	if kept, err := os.ReadFile(config + ".damaged"); err != nil || string(kept) != "{" {
		t.Errorf("kept %q, %v", kept, err)
	}
	p.click(manager, "More")
	p.click(manager, "Remembered screens…")
	p.waitText(manager, `^Password remembered$`)
	p.waitText(manager, `^Certificate trusted · SHA-256 0A:1B:2C:3D:4E:5F…$`)
	p.keys("shift+Tab", "Up", "Return")
	p.waitNoText(manager, `^desk\.example$`)
	p.eventually("it is gone from the file", func() error {
		if text, err := os.ReadFile(data); err != nil || strings.Contains(string(text), "desk") || !strings.Contains(string(text), "secret") {
			return fmt.Errorf("%s, %w", text, err)
		}
		return nil
	})
	p.keys("Return")
	p.waitText(manager, `^Nothing is remembered$`)
	p.keys("Escape")
	p.waitNoText(manager, `^Nothing is remembered$`)
}
