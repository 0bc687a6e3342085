package labs

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Question asks whether a course's key is to be trusted from now on. All texts are foreign: show them inert.
type Question struct {
	Course      string
	Key         string // the key itself
	Fingerprint string // five words to compare with what the teacher says, by eye or voice
	Title       string // of the lab
	Place       string // where it comes from
}

// Trust answers a Question; it may wait for a person. It returns false for no, and an error if it could not ask.
type Trust func(context.Context, Question) (bool, error)

// trust sees to it that the config's course has the config's key: the one that was confirmed before, or that is confirmed now.
func (l *Library) trust(ctx context.Context, c *lab.Config, place string, o AddOptions) error {
	known, err := l.readCourses()
	if err != nil {
		return err
	}
	if pinned := known[c.Course.Name]; pinned != nil {
		if pinned.Key != c.Course.Key {
			return keyChanged(c, pinned)
		}
		return nil
	}
	key, err := lab.ParseKey(c.Course.Key)
	if err != nil {
		return err
	}
	yes := false
	switch {
	case o.Key == c.Course.Key:
		yes = true
	case o.Key != "":
		return keyChanged(c, &course{Key: o.Key})
	case o.Trust != nil:
		if yes, err = o.Trust(ctx, Question{Course: c.Course.Name, Key: c.Course.Key, Fingerprint: lab.Fingerprint(key), Title: c.Title, Place: place}); err != nil {
			return err
		}
	}
	if !yes {
		return fmt.Errorf("%w: the course “%s” is new on this computer. Compare the words %s with those that the teacher gives, and confirm them",
			ErrUntrusted, vmconfig.Inert(c.Course.Name, lab.MaxCourseBytes), lab.Fingerprint(key))
	}
	return l.pin(ctx, c)
}

// pin notes the key of a course that has none yet.
func (l *Library) pin(ctx context.Context, c *lab.Config) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	known, err := l.readCourses()
	if err != nil {
		return err
	}
	if pinned := known[c.Course.Name]; pinned != nil {
		if pinned.Key != c.Course.Key { // somebody was faster
			return keyChanged(c, pinned)
		}
		return nil
	}
	known[c.Course.Name] = &course{Key: c.Course.Key}
	return l.writeState("courses.json", known)
}

// ForgetCourse forgets the key of a course and all versions of its labs that were seen, so that the next lab of that name is a new course's. It is for
// a teacher who lost a key and told the students so in another way; nothing may call it without asking.
func (l *Library) ForgetCourse(ctx context.Context, name string) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	known, err := l.readCourses()
	if err != nil {
		return err
	}
	delete(known, name)
	return l.writeState("courses.json", known)
}

// keyChanged is the hard stop for a course with another key than the pinned one, nil for none.
func keyChanged(c *lab.Config, pinned *course) error {
	words := func(text string) string {
		key, err := lab.ParseKey(text)
		if err != nil {
			return "unreadable"
		}
		return lab.Fingerprint(key)
	}
	before := "none"
	if pinned != nil {
		before = words(pinned.Key)
	}
	return fmt.Errorf("%w: the course “%s” is known by the key %s, and this lab is signed with %s. Somebody may pretend to be the teacher; ask the teacher, and not by the way on which the lab came",
		ErrKeyChanged, vmconfig.Inert(c.Course.Name, lab.MaxCourseBytes), before, words(c.Course.Key))
}

// checkVersion refuses a lab that is not what was seen under its version before, or one that is older than what was seen unless that is wanted.
func (l *Library) checkVersion(id lab.Digest, c *lab.Config, older bool) error {
	known, err := l.readCourses()
	if err != nil {
		return err
	}
	seen := known[c.Course.Name]
	if seen == nil {
		return nil
	}
	if other, ok := seen.Labs[c.ID][strconv.Itoa(c.Version)]; ok && other != id {
		return fmt.Errorf("%w: version %d of “%s” was %s before and is %s now. Ask the teacher which one is right; a change needs a new version",
			ErrEquivocation, c.Version, vmconfig.Inert(c.Title, lab.MaxTitleBytes), other, id)
	}
	if newest, _ := seen.newest(c.ID); newest > c.Version && !older {
		return fmt.Errorf("%w: version %d of “%s” was here already, and this is version %d. Choose “older version” if you want it all the same",
			ErrOlder, newest, vmconfig.Inert(c.Title, lab.MaxTitleBytes), c.Version)
	}
	return nil
}

// latestTag is the tag of the newest version of a lab.
const latestTag = "latest"

// tags returns the names that an image gets: its version, and latest unless a newer one has that. A name that means a lab of another course, or
// another lab, is not taken away from that.
func (l *Library) tags(id lab.Digest, c *lab.Config, name string) ([]string, error) {
	if name == "" {
		name = c.Name
	}
	if err := lab.CheckName(name); err != nil {
		return nil, fmt.Errorf("the name %w", err)
	}
	all, err := l.readNames()
	if err != nil {
		return nil, err
	}
	latest := true
	for known, other := range all {
		if repository, _, _ := strings.Cut(known, ":"); repository != name || other == id {
			continue
		}
		_, held, err := l.readConfig(other)
		if err != nil {
			continue // it is gone or damaged: nobody's
		}
		if held.ID != c.ID || held.Course.Key != c.Course.Key {
			return nil, fmt.Errorf("%w: %s is “%s” of the course “%s”. Give this one another name", ErrNameTaken, known,
				vmconfig.Inert(held.Title, lab.MaxTitleBytes), vmconfig.Inert(held.Course.Name, lab.MaxCourseBytes))
		}
		latest = latest && held.Version < c.Version
	}
	list := []string{name + ":" + strconv.Itoa(c.Version)}
	if latest {
		list = append(list, name+":"+latestTag)
	}
	return list, nil
}

// checkProgram refuses a lab that needs a newer program.
func (l *Library) checkProgram(c *lab.Config) error {
	if c.Needs.Program != "" && older(l.p.Program, c.Needs.Program) {
		return fmt.Errorf("%w: “%s” needs version %s, this is %s. Update Guesthouse", ErrProgram, vmconfig.Inert(c.Title, lab.MaxTitleBytes), c.Needs.Program, l.p.Program)
	}
	return nil
}

// older compares versions such as 1.4 and 1.10.2. What is not one is not older.
func older(version, than string) bool {
	a, b := strings.Split(strings.TrimPrefix(version, "v"), "."), strings.Split(than, ".")
	for i := range max(len(a), len(b)) {
		var numbers [2]int
		for j, parts := range [][]string{a, b} {
			if i < len(parts) {
				n, err := strconv.Atoi(parts[i])
				if err != nil {
					return false
				}
				numbers[j] = n
			}
		}
		if numbers[0] != numbers[1] {
			return numbers[0] < numbers[1]
		}
	}
	return false
}
