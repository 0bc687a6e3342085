package wizard

import (
	"context"

	"guesthouse/app/explain"
)

// noUEFI is why UEFI cannot be chosen.
const noUEFI = "UEFI is not available: its firmware (OVMF) is not installed on this computer."

// readHost asks what the host can give. It waits.
func readHost(ctx context.Context, m Machines, f Firmwares) Host {
	var h Host
	if list := m.Snapshot(); list != nil {
		h.Emulated = list.Connected && !list.Host.KVM
	}
	limits, err := m.Limits(ctx)
	if err != nil {
		h.Problem = explain.Explain(err).Summary
	} else {
		h.Limits, h.Known = limits, true
	}
	if f != nil {
		// An error is no proof that there is none: the check before Create asks again.
		if list, err := f.Firmwares(ctx); err == nil && len(list) == 0 {
			h.NoUEFI = noUEFI
		}
	}
	return h
}
