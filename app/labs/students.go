package labs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// ErrStudentKey says that a submission is signed with another key than those of the student before.
var ErrStudentKey = errors.New("the student's key is another one than before")

// studentsFile is students.json: which key each student has, by name, and what was seen of them.
const studentsFile = "students.json"

// Limits of what is remembered, so that what comes from outside cannot fill the disk. Beyond them nothing is forgotten, but nothing is added.
const (
	maxStudents = 20000
	maxGroups   = 256  // labs of one student
	maxNumbers  = 1000 // submissions of one student to one lab
)

// pinned is what is known of a student.
type pinned struct {
	Key   string    `json:"key"`
	First time.Time `json:"first"` // when the name was first seen
	// Seen are the receipts by lab and number.
	Seen map[string]map[int]lab.Digest `json:"seen,omitempty"`
}

// students is what a teacher's library knows of students, by name.
type students map[string]*pinned

func (l *Library) readStudents() (students, error) {
	all := students{}
	err := l.readState(studentsFile, &all)
	for name, one := range all {
		if one == nil {
			delete(all, name)
		}
	}
	return all, err
}

// pin notes the key of a student who has none yet.
func (all students) pin(s *lab.Submission, now time.Time) *pinned {
	if all[s.Student.Name] == nil && len(all) < maxStudents {
		all[s.Student.Name] = &pinned{Key: s.Student.Key, First: now.UTC().Truncate(time.Second)}
	}
	return all[s.Student.Name]
}

// saw notes a submission.
func (p *pinned) saw(group string, number int, receipt lab.Digest) {
	if p == nil {
		return
	}
	if p.Seen == nil {
		p.Seen = map[string]map[int]lab.Digest{}
	}
	if p.Seen[group] == nil {
		if len(p.Seen) == maxGroups {
			return
		}
		p.Seen[group] = map[int]lab.Digest{}
	}
	if _, known := p.Seen[group][number]; !known && len(p.Seen[group]) < maxNumbers {
		p.Seen[group][number] = receipt
	}
}

// trustStudent sees to it that a student has the key that was seen first, or that somebody wants another one all the same.
func (l *Library) trustStudent(ctx context.Context, s *lab.Submission, another bool) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := l.readStudents()
	if err != nil {
		return err
	}
	if known := all[s.Student.Name]; known != nil {
		if known.Key != s.Student.Key && !another {
			return &Reason{Text: studentKeyText(s, known.Key), Err: ErrStudentKey}
		}
		return nil
	}
	all.pin(s, l.now())
	return l.writeState(studentsFile, all)
}

// studentKeyText says that a student's key is another one than before.
func studentKeyText(s *lab.Submission, before string) string {
	return fmt.Sprintf("“%s” is known by the key %s, and this is signed with %s. Either the student has a new computer, or somebody uses the name; ask the student",
		vmconfig.Inert(s.Student.Name, lab.MaxStudentBytes), words(before), words(s.Student.Key))
}

// words is the short form of a key.
func words(text string) string {
	key, err := lab.ParseKey(text)
	if err != nil {
		return "unreadable"
	}
	return lab.Fingerprint(key)
}

// ForgetStudent forgets the key of a student and all that was seen under that name, so that the next key that comes with the name is the student's. It is for a student with a new computer;
// nothing may call it without asking.
func (l *Library) ForgetStudent(ctx context.Context, name string) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := l.readStudents()
	if err != nil {
		return err
	}
	if all[name] == nil {
		return &Reason{Text: fmt.Sprintf("No key of “%s” is known.", vmconfig.Inert(name, lab.MaxStudentBytes)), Err: ErrNoStudent}
	}
	delete(all, name)
	return l.writeState(studentsFile, all)
}
