package labs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"aead.dev/minisign"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Errors of handing in.
var (
	ErrNoStudent = errors.New("it is not known who hands in")
	ErrNoChanges = errors.New("there is nothing to hand in")
	ErrGrowth    = errors.New("more was changed than the lab allows to hand in")
)

// author is who hands in from this computer.
type author struct {
	name string
	key  minisign.PrivateKey
}

func (a author) public() minisign.PublicKey {
	return a.key.Public().(minisign.PublicKey) // its documented type
}

// studentDir holds the student's key and name. No course's key is there, whatever the course is called: their names have no slash.
func (l *Library) studentDir() string { return filepath.Join(l.p.Keys, "student") }

// studentFile is student.json: what is remembered of the student on this computer.
type studentFile struct {
	Name string `json:"name"`
}

// Student returns the name under which this computer's user handed in last, empty if there was none.
func (l *Library) Student() (string, error) {
	var s studentFile
	data, err := os.ReadFile(filepath.Join(l.studentDir(), "student.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	return s.Name, err
}

// author returns who hands in: under a name, or under the remembered one if it is empty. The key is made at the first use, unencrypted and readable by its owner
// only: it proves that two submissions are from the same computer, not who sat there.
func (l *Library) author(ctx context.Context, name string) (a author, err error) {
	known, err := l.Student()
	if err != nil && name == "" {
		return a, err
	}
	if a.name = name; name == "" {
		a.name = known
	}
	if a.name == "" {
		return a, &Reason{Text: "It is not known who hands in. Say your name.", Err: ErrNoStudent}
	}
	if err := lab.CheckStudent(a.name); err != nil {
		return a, &Reason{Text: fmt.Sprintf("The name “%s” %v.", vmconfig.Inert(a.name, 80), err), Err: ErrNoStudent}
	}
	if a.key, err = l.studentKey(ctx); err != nil {
		return a, err
	}
	return a, nil
}

// remember writes down who hands in from this computer.
func (l *Library) remember(name string) error {
	if known, err := l.Student(); err == nil && known == name {
		return nil
	}
	data, err := json.Marshal(studentFile{name})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(l.studentDir(), "student.json"), append(data, '\n'))
}

// studentKey reads the student's key, or makes it.
func (l *Library) studentKey(ctx context.Context) (key minisign.PrivateKey, err error) {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return key, err
	}
	defer unlock()
	path := filepath.Join(l.studentDir(), "student.key")
	text, err := os.ReadFile(path)
	if err == nil {
		if err = key.UnmarshalText(text); err != nil {
			err = fmt.Errorf("%w: %s cannot be read as a key. Bring it back from a copy; without it the teacher sees another key than before. %w", ErrNoKey, vmconfig.Inert(path, 300), err)
		}
		return key, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	public, key, err := minisign.GenerateKey(nil)
	if err != nil {
		return key, err
	}
	if text, err = key.MarshalText(); err != nil {
		return key, err
	}
	if err := atomicfile.Write(path, append(text, '\n')); err != nil {
		return key, err
	}
	if text, err = public.MarshalText(); err != nil {
		return key, err
	}
	return key, atomicfile.Write(publicPath(path), append(text, '\n'))
}

// handedIn is what a student's library knows of the submissions to one lab.
type handedIn struct {
	Key      string      `json:"key"` // with another one the count begins anew
	Sequence int         `json:"sequence"`
	Last     lab.Digest  `json:"last"` // the receipt
	Times    []time.Time `json:"times,omitempty"`
}

// submissionsFile has a handedIn for each lab's UUID.
const submissionsFile = "submissions.json"

// lockSubmissions lets one submission at a time take a number.
func (l *Library) lockSubmissions(ctx context.Context) (*os.File, error) {
	return lockFile(ctx, filepath.Join(l.p.Dir, "locks", "submissions"), unix.LOCK_EX)
}

// lastSubmission returns what was handed in to a lab with a key. The caller holds lockSubmissions.
func (l *Library) lastSubmission(id uuid.UUID, key string) (handedIn, error) {
	all := map[uuid.UUID]handedIn{}
	err := l.readState(submissionsFile, &all)
	if last := all[id]; last.Key == key {
		return last, err
	}
	return handedIn{Key: key}, err
}

// setSubmission writes down what was handed in to a lab. The caller holds lockSubmissions.
func (l *Library) setSubmission(ctx context.Context, id uuid.UUID, h handedIn) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all := map[uuid.UUID]handedIn{}
	if err := l.readState(submissionsFile, &all); err != nil {
		return err
	}
	if h.Sequence == 0 {
		delete(all, id)
	} else {
		all[id] = h
	}
	return l.writeState(submissionsFile, all)
}
