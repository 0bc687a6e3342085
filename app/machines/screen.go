package machines

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// Shows reports whether the machine will have a screen that this program can show: a VNC display. A running one has it from its
// next start on when it was added meanwhile.
func Shows(m vmconfig.Machine) bool {
	return slices.ContainsFunc(m.Displays, func(d vmconfig.Display) bool { return d.Kind == "vnc" })
}

// AddDisplay gives the machine a screen that this program can show, with a graphics card and an absolute pointer where these are
// missing; other displays stay. A running machine has it from its next start on. It does nothing when there is one. Errors are those of Apply.
func (s *Service) AddDisplay(ctx context.Context, id uuid.UUID) error {
	e, err := s.Edit(ctx, id)
	if err != nil || Shows(e.Machine) {
		return err
	}
	changed := e.Machine
	changed.Displays = append(slices.Clone(changed.Displays), vmconfig.Display{Kind: "vnc", Listen: "none"})
	if len(e.Machine.Displays) == 0 { // its mere presence keeps QEMU's screen timer fast
		changed.Displays = append(changed.Displays, vmconfig.Display{Kind: "dbus", P2P: true})
	}
	if changed.Video == "" || changed.Video == "none" {
		changed.Video = "virtio"
	}
	changed.Tablet = true
	return s.Apply(ctx, id, e, changed)
}
