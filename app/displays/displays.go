// Package displays keeps what the user has decided about the displays of machines: passwords to remember and certificates to trust.
//
// Passwords stand in a file that only the user can read, as those in libvirt's own descriptions of the user's machines do: whoever reads
// the one can read the other. A VNC password is no key to anything else: eight bytes, and the protocol sends a hash of them that is easily broken.
package displays

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
)

// fileVersion is the version of the file's layout that this program writes and reads.
const fileVersion = 1

// sizeLimit is the most bytes that are read.
const sizeLimit = 1 << 20

// ErrSetAside says that the file could not be used and was kept under another name; nothing is remembered.
var ErrSetAside = errors.New("the passwords and certificates of displays could not be read")

// content is the layout on disk.
type content struct {
	Version      int                  `json:"version"`
	Passwords    map[uuid.UUID]string `json:"passwords,omitempty"`    // by machine
	Certificates map[string]string    `json:"certificates,omitempty"` // SHA-256 fingerprints in hexadecimal, by host
}

// Store holds the decisions and writes them to their file. Its methods may be called from any goroutine.
type Store struct {
	path string

	mu      sync.Mutex // also orders the writes
	now     content
	unsaved bool // now has something that could not be written
}

// Load reads the file at path, which need not exist. The Store is always usable: a file that is damaged or written by a newer program is
// kept beside (atomicfile.SetAside), the Store starts empty, and the error wraps ErrSetAside and an atomicfile.DamagedError.
func Load(path string) (*Store, error) {
	s := &Store{path: path, now: content{Version: fileVersion}}
	now, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return s, fmt.Errorf("%w: %w", ErrSetAside, atomicfile.SetAside(path, err))
	default:
		s.now = now
	}
	return s, nil
}

func read(path string) (content, error) {
	var c content
	file, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, sizeLimit))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, err
	}
	if c.Version != fileVersion {
		return c, fmt.Errorf("layout version %d, this program knows %d", c.Version, fileVersion)
	}
	return c, nil
}

// Path returns where the file is, to be named in messages.
func (s *Store) Path() string { return s.path }

// Password returns the password remembered for a machine's display, empty for none. It only reads memory.
func (s *Store) Password(machine uuid.UUID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Passwords[machine]
}

// SetPassword remembers the password of a machine's display; an empty one forgets it. It waits for the disk.
func (s *Store) SetPassword(machine uuid.UUID, password string) error {
	return s.change(func(c *content) { c.Passwords = with(c.Passwords, machine, password) })
}

// Certificate returns the fingerprint that the user trusts for a host, empty for none. It only reads memory.
func (s *Store) Certificate(host string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Certificates[host]
}

// SetCertificate trusts a fingerprint for a host; an empty one forgets it. It waits for the disk.
func (s *Store) SetCertificate(host, fingerprint string) error {
	return s.change(func(c *content) { c.Certificates = with(c.Certificates, host, fingerprint) })
}

// Kept is one thing that is remembered: the password of a machine's display, which it does not tell, or a host's certificate.
type Kept struct {
	Machine     uuid.UUID // whose password it is; uuid.Nil: it is a certificate
	Host        string    // of the certificate
	Fingerprint string    // SHA-256 of the certificate in hexadecimal
}

// Kept lists what is remembered: passwords by machine, then certificates by host. It only reads memory.
func (s *Store) Kept() []Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Kept, 0, len(s.now.Passwords)+len(s.now.Certificates))
	for _, machine := range slices.SortedFunc(maps.Keys(s.now.Passwords), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) {
		list = append(list, Kept{Machine: machine})
	}
	for _, host := range slices.Sorted(maps.Keys(s.now.Certificates)) {
		list = append(list, Kept{Host: host, Fingerprint: s.now.Certificates[host]})
	}
	return list
}

// Forget forgets one thing that Kept lists. It waits for the disk; when that fails it is forgotten until the program ends.
func (s *Store) Forget(k Kept) error {
	if k.Machine == uuid.Nil {
		return s.SetCertificate(k.Host, "")
	}
	return s.SetPassword(k.Machine, "")
}

// with returns a copy of m with the value set, or without it when it is empty.
func with[K comparable](m map[K]string, key K, value string) map[K]string {
	m = maps.Clone(m)
	if value == "" {
		delete(m, key)
		return m
	}
	if m == nil {
		m = map[K]string{}
	}
	m[key] = value
	return m
}

// change edits and writes the file, as it is now: what another program has written or forgotten meanwhile stays so. When that fails the change
// applies all the same until the program ends.
func (s *Store) change(edit func(*content)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := false
	switch now, err := read(s.path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		missing = true
		atomicfile.SetAside(s.path, err) // what is in memory is all that is known; the file is kept
	case !s.unsaved:
		s.now = now
	}
	before, err := json.Marshal(s.now)
	if err != nil {
		return err
	}
	edit(&s.now)
	text, err := json.MarshalIndent(s.now, "", "  ")
	if err != nil {
		return err
	}
	if after, err := json.Marshal(s.now); err == nil && string(after) == string(before) && !missing {
		return nil // most machines never need the file
	}
	err = atomicfile.Write(s.path, append(text, '\n'))
	s.unsaved = err != nil
	return err
}
