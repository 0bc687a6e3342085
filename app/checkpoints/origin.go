package checkpoints

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"guesthouse/app/atomicfile"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// A memory can be read back only by a QEMU that knows its devices, on a processor that can do what its guest has seen. Those are remembered
// beside a checkpoint's other files, in <id>.origin; the machine type is in the settings that every checkpoint has.

// origin is where a memory was written.
type origin struct {
	QEMU string `json:"qemu"` // version
	CPU  string `json:"cpu"`  // model of the host's processor, as libvirt names it
}

func originFile(dir, id string) string { return filepath.Join(dir, filepath.Base(id)+".origin") }

// noteOrigin remembers where the memory of a new checkpoint was written. Without it nothing is known, and nothing is said.
func (s *Service) noteOrigin(t *target, id string) {
	host := s.p.Conn.Host()
	if !t.domain.State.Active() || !host.Local {
		return
	}
	text, err := json.Marshal(origin{QEMU: host.Version, CPU: host.CPU})
	if err == nil {
		err = atomicfile.Write(atomicfile.UnfinishedName(originFile(t.dir, id)), text)
	}
	if err != nil {
		s.p.Log.Warn("it is not remembered where a checkpoint was saved", "error", err)
	}
}

func readOrigin(dir, id string) (o origin) {
	if text, err := os.ReadFile(originFile(dir, id)); err != nil || json.Unmarshal(text, &o) != nil {
		return origin{}
	}
	return o
}

// judgeMemory notes in c whether the memory of a checkpoint will run here, when it is known whether its disks alone can be restored.
func (s *Service) judgeMemory(t *target, snapshot hypervisor.Snapshot, c *Checkpoint) {
	passthrough := strings.Contains(snapshot.XML, "mode='host-passthrough'") // libvirt writes it in this way
	c.Problem, c.Caution = judge(s.p.Conn.Host(), readOrigin(t.dir, snapshot.Name), t.settingsOf(snapshot), passthrough)
	if c.Problem != "" && c.DisksUsable {
		c.Problem += " You can still go back to its disks."
	}
}

// judge says whether a memory will run on a host: problem is why it cannot, caution why it may not. Both are sentences, or empty.
func judge(host hypervisor.Host, from origin, settings *vmconfig.Machine, passthrough bool) (problem, caution string) {
	if settings != nil && settings.Chipset != "" && len(host.MachineTypes) > 0 && !slices.Contains(host.MachineTypes, settings.Chipset) {
		return fmt.Sprintf("Its memory needs the machine type %s, which QEMU %s does not offer.", vmconfig.Inert(settings.Chipset, 40), host.Version), ""
	}
	if older(host.Version, from.QEMU) {
		return "", fmt.Sprintf("It was saved with QEMU %s. QEMU %s of this computer is older and may not be able to read its memory.", vmconfig.Inert(from.QEMU, 20), host.Version)
	}
	if passthrough && from.CPU != "" && host.CPU != "" && from.CPU != host.CPU {
		return "", fmt.Sprintf("It was saved on a computer with another processor (%s, here %s), and its guest may stop when it misses what that one could do.", vmconfig.Inert(from.CPU, 40), host.CPU)
	}
	return "", ""
}

// older reports whether version a is of an older series than b; the third number only mends.
func older(a, b string) bool {
	var major, minor int
	if n, _ := fmt.Sscanf(b, "%d.%d", &major, &minor); n != 2 || a == "" {
		return false
	}
	return !atLeast(a, major, minor)
}
