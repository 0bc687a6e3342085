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

// Age says how long ago something was, in the largest unit that fits; more than thirty days give the date.
func Age(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return ""
	case d < time.Minute:
		return L("just now")
	case d < time.Hour:
		n := int(d / time.Minute)
		return N("%d minute ago", "%d minutes ago", n, n)
	case d < 24*time.Hour:
		n := int(d / time.Hour)
		return N("%d hour ago", "%d hours ago", n, n)
	case d < 30*24*time.Hour:
		n := int(d / (24 * time.Hour))
		return N("%d day ago", "%d days ago", n, n)
	}
	return t.Local().Format(L("2 January 2006"))
}
