package machines

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor"
)

// TestAcceptE10AddDisplay gives real machines without a display, and with one of another kind, a screen that can be opened after the next start.
func TestAcceptE10AddDisplay(t *testing.T) {
	f := open(t, false)
	for name, graphics := range map[string]string{
		"blind": "", "veiled": "<video><model type='none'/></video>", "other": "<graphics type='dbus' p2p='yes'/>",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(f.host.Dir, name+".xml")
			text := fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>64</memory>
				<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>%s</devices></domain>`, name, graphics)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f.host.Virsh(t, "define", file)
			f.eventually(t, "the machine", func(s *Snapshot) bool { _, err := s.Find(name); return err == nil })
			m, err := f.Snapshot().Find(name)
			if err != nil {
				t.Fatal(err)
			}
			done(t, f.Do(ActionStart, m.UUID))
			if _, err := f.OpenDisplay(within(t), m.UUID); !isMissing(err) {
				t.Errorf("before: %v", err)
			}
			for range 2 { // the second does nothing
				if err := f.AddDisplay(within(t), m.UUID); err != nil {
					t.Fatal(err)
				}
			}
			if text := f.host.Virsh(t, "dumpxml", "--inactive", name); strings.Count(text, "type='vnc'") != 1 || strings.Count(text, "type='tablet'") != 1 {
				t.Errorf("virsh has %s", text)
			}
			if _, err := f.OpenDisplay(within(t), m.UUID); !isMissing(err) {
				t.Errorf("before the next start: %v", err)
			}
			done(t, f.Do(ActionPowerOff, m.UUID))
			done(t, f.Do(ActionStart, m.UUID))
			path, err := f.OpenDisplay(within(t), m.UUID)
			if err != nil {
				t.Fatal(err)
			}
			path.Conn.Close()
		})
	}
}

func isMissing(err error) bool {
	return err != nil && strings.Contains(err.Error(), string(hypervisor.GraphicsMissing))
}
