package lang

import (
	"strings"
	"time"

	"guesthouse/app/jobs"
	"guesthouse/vmconfig"
)

// Progress says what a job does, how far it is and how long it will take, as far as it is known.
func Progress(p jobs.Progress) string {
	var parts []string
	if p.Text != "" {
		parts = append(parts, L(p.Text))
	}
	if p.Total > 0 {
		parts = append(parts, F("%s of %s", vmconfig.RoughSize(p.Done), vmconfig.RoughSize(p.Total)))
	}
	if p.Rest > 0 {
		parts = append(parts, F("%s left", Duration(p.Rest)))
	}
	return strings.Join(parts, " · ")
}

// Duration says a time roughly: "8 seconds", "3 minutes".
func Duration(d time.Duration) string {
	if d < 90*time.Second {
		n := max(1, int(d.Round(time.Second)/time.Second))
		return N("%d second", "%d seconds", n, n)
	}
	n := int(d.Round(time.Minute) / time.Minute)
	return N("%d minute", "%d minutes", n, n)
}
