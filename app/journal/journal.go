// Package journal remembers on disk what an operation of several steps is doing, so that the next start can finish or
// undo what a crash interrupted (promise I8). One file is one operation: <folder>/<kind>-<machine>-<hex>.json.
package journal

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
)

// Journal is a folder of records. Its methods may be called from any goroutine.
type Journal struct{ dir string }

// New returns the journal in dir, which need not exist yet.
func New(dir string) *Journal { return &Journal{dir: dir} }

// Record is one operation that has begun and not ended.
type Record struct {
	Kind    string          `json:"kind"`
	Host    string          `json:"host"` // URI of the hypervisor: the same files mean nothing to another one
	Machine uuid.UUID       `json:"machine"`
	Started time.Time       `json:"started"`
	Data    json.RawMessage `json:"data"` // what the operation needs to be finished or undone

	path string
}

// Begin records an operation before its first step. data is what its recovery needs.
func (j *Journal) Begin(kind, host string, machine uuid.UUID, data any) (*Record, error) {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	r := &Record{Kind: kind, Host: host, Machine: machine, Started: time.Now().UTC()}
	r.path = filepath.Join(j.dir, kind+"-"+machine.String()+"-"+hex.EncodeToString(random[:])+".json")
	return r, r.Update(data)
}

// Update replaces the record's data: a step was done, or the next one begins.
func (r *Record) Update(data any) error {
	var err error
	if r.Data, err = json.Marshal(data); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(r.path, text)
}

// Decode reads the record's data.
func (r *Record) Decode(data any) error { return json.Unmarshal(r.Data, data) }

// End forgets the record: the operation was finished or undone wholly.
func (r *Record) End() error {
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(r.path))
}

// Records returns the records of one kind and host; an empty host stands for all. A file that cannot be read as one is set aside as
// <name>.bad and does not keep the others from being read.
func (j *Journal) Records(kind, host string) ([]*Record, error) {
	entries, err := os.ReadDir(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records []*Record
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), kind+"-") || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		path := filepath.Join(j.dir, e.Name())
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // another process ended it just now
			continue
		}
		if err != nil {
			return records, err
		}
		r := &Record{path: path}
		if err := json.Unmarshal(text, r); err != nil || r.Kind != kind {
			if err := os.Rename(path, path+".bad"); err != nil {
				return records, err
			}
			continue
		}
		if host == "" || r.Host == host {
			records = append(records, r)
		}
	}
	return records, nil
}

// Exists reports whether the record is still there: another process may have ended it since it was read.
func (r *Record) Exists() bool {
	_, err := os.Stat(r.path)
	return err == nil
}

// Tidy removes what a program that was killed had begun to write about a machine, if lock gets it the machine: nobody else writes about it then.
func (j *Journal) Tidy(lock func(machine uuid.UUID) (release func(), ok bool)) {
	entries, _ := os.ReadDir(j.dir)
	for _, e := range entries {
		machine, found := machineIn(e.Name())
		if !atomicfile.Unfinished(e.Name()) || !found {
			continue
		}
		if release, ok := lock(machine); ok {
			_ = os.Remove(filepath.Join(j.dir, e.Name()))
			release()
		}
	}
}

// machineIn finds the machine that the name of a record's file is about.
func machineIn(name string) (uuid.UUID, bool) {
	const length = 36
	for i := 0; i+length <= len(name); i++ {
		if id, err := uuid.Parse(name[i : i+length]); err == nil {
			return id, true
		}
	}
	return uuid.Nil, false
}
