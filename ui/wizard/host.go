package wizard

import (
	"context"
	"strings"

	"guesthouse/app/explain"
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// noUEFI is why UEFI cannot be chosen.
var noUEFI = lang.Key("UEFI is not available: its firmware (OVMF) is not installed on this computer.")

// readHost asks what the host can give. It waits.
func readHost(ctx context.Context, m Machines, f Firmwares) Host {
	var h Host
	h.Emulated = m.Accelerator() == vmconfig.AccelTCG
	limits, err := m.Limits(ctx)
	if err != nil {
		h.Problem = sentenceOf(err)
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

// sentenceOf is what an error means for the user, with what to do about it.
func sentenceOf(err error) string {
	m := explain.Explain(err)
	return strings.TrimSpace(lang.L(m.Summary) + " " + lang.L(m.Remedy))
}
