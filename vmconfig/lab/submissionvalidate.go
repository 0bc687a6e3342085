package lab

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// Validate checks every value and returns all faults at once, each with the field's name and a sentence, wrapping ErrSubmission.
func (s *Submission) Validate() vmconfig.Faults {
	fs := faults{of: "submission", err: ErrSubmission}
	fs.number("format", int64(s.Format), Format, Format)
	if s.ID == uuid.Nil {
		fs.add("id", "", "must be a UUID")
	}
	if s.Lab.IsZero() {
		fs.add("lab", "", "must name a lab by its digest")
	}
	fs.name(s.Name)
	fs.number("version", int64(s.Version), 1, maxVersion)
	fs.line("student.name", s.Student.Name, MaxStudentBytes)
	if _, err := ParseKey(s.Student.Key); err != nil {
		fs.add("student.key", s.Student.Key, "must be a public key of minisign, the second line of its .pub file")
	}
	fs.number("sequence", int64(s.Sequence), 1, maxVersion)
	if s.Previous.IsZero() != (s.Sequence == 1) {
		fs.add("previous", "", "must be there in all but the first submission")
	}
	fs.date("created", s.Created)
	if s.Machine == uuid.Nil {
		fs.add("machine", "", "must be a UUID")
	}
	if topology, role, _ := strings.Cut(s.Role, ":"); s.Role != "" && (CheckName(topology) != nil || len(role) > maxSlug || !slug.MatchString(role)) {
		fs.add("role", s.Role, "must be the name of a lab of several machines and of one of them, such as networks/firewall:router")
	}
	s.validateParts(&fs)
	s.validateJournal(&fs)
	return fs.list
}

func (s *Submission) validateParts(fs *faults) {
	if len(s.Parts) < 1 || len(s.Parts) > MaxDisks+1 {
		fs.add("parts", "", "must have 1 to %d entries", MaxDisks+1)
		return
	}
	ids := map[string]bool{}
	for i, p := range s.Parts {
		field := fmt.Sprintf("parts[%d]", i)
		fs.slug(field+".id", p.ID)
		if ids[p.ID] {
			fs.add(field+".id", p.ID, "is taken")
		}
		ids[p.ID] = true
		if p.ID == VariablesID {
			fs.number(field+".bytes", p.Bytes, 1, MaxVariablesBytes)
		} else {
			fs.number(field+".bytes", p.Bytes, sectorBytes, MaxDiskBytes)
			if p.Bytes%sectorBytes != 0 {
				fs.add(field+".bytes", strconv.FormatInt(p.Bytes, 10), "must be a multiple of %d", sectorBytes)
			}
		}
		if p.Changes.IsZero() {
			fs.add(field+".changes", "", "must name a list of changes by its digest")
		}
	}
}

// validateJournal stops at the first fault: a journal may have thousands of them.
func (s *Submission) validateJournal(fs *faults) {
	if len(s.Journal) > MaxEvents {
		fs.add("journal", "", "can have at most %d entries", MaxEvents)
		return
	}
	for i, e := range s.Journal {
		field, before := fmt.Sprintf("journal[%d]", i), len(fs.list)
		fs.date(field+".time", e.Time)
		fs.oneOf(field+".event", string(e.Event), string(EventLaunched), string(EventStarted), string(EventStopped), string(EventReset), string(EventCheckpoint), string(EventSubmitted))
		if i > 0 && e.Time.Before(s.Journal[i-1].Time) {
			fs.add(field+".time", "", "is before that of the entry above")
		}
		if len(fs.list) > before {
			return
		}
	}
}
