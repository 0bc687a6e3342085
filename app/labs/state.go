package labs

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig/lab"
)

// names is names.json: which lab a name:tag means.
type names map[string]lab.Digest

// courses is courses.json, by the course's name.
type courses map[string]*course

// course is what the library knows of a course since its key was confirmed. It outlives the labs themselves, so that removing one does not forget what
// was seen.
type course struct {
	Key  string                              `json:"key"`
	Labs map[uuid.UUID]map[string]lab.Digest `json:"labs,omitempty"` // by lab and version
}

// newest returns the highest version of a lab that was seen, and its ID; 0 if none was.
func (c *course) newest(id uuid.UUID) (version int, digest lab.Digest) {
	if c == nil {
		return 0, lab.Digest{}
	}
	for text, d := range c.Labs[id] {
		if n, err := strconv.Atoi(text); err == nil && n > version {
			version, digest = n, d
		}
	}
	return version, digest
}

// saw notes a version.
func (c *course) saw(id uuid.UUID, version int, digest lab.Digest) {
	if c.Labs == nil {
		c.Labs = map[uuid.UUID]map[string]lab.Digest{}
	}
	if c.Labs[id] == nil {
		c.Labs[id] = map[string]lab.Digest{}
	}
	c.Labs[id][strconv.Itoa(version)] = digest
}

func (l *Library) readNames() (names, error) {
	n := names{}
	return n, l.readState("names.json", &n)
}

func (l *Library) readCourses() (courses, error) {
	c := courses{}
	err := l.readState("courses.json", &c)
	for name, one := range c {
		if one == nil {
			delete(c, name)
		}
	}
	return c, err
}

// readState reads a file of the library; a missing one leaves into as it is. One that cannot be read stops everything that needs it: to go on without the
// pinned keys would be to trust anybody again.
func (l *Library) readState(name string, into any) error {
	data, err := os.ReadFile(filepath.Join(l.p.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if err = json.Unmarshal(data, into); err != nil {
			err = &atomicfile.DamagedError{Path: filepath.Join(l.p.Dir, name), Err: err}
		}
	}
	return err
}

// writeState replaces a file of the library, whose lock the caller holds.
func (l *Library) writeState(name string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(l.p.Dir, name), append(data, '\n'))
}
