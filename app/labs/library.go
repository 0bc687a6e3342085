// Package labs is the library of labs on this computer: it makes them, fetches them from any place, checks them, writes them to any place, repairs and
// removes them. The format is in vmconfig/lab, the places are in app/labs/source.
//
// Its promise: a disk that is there under its final name (Base.Path) had, when it got that name, exactly the content that its digest says,
// and that was on the disk before the name was. No crash, kill or cancelled fetch at any moment changes that.
//
// Several processes may work in one library at once. Its folder:
//
//	images/ID/            a lab: config.json, config.json.minisig, DISK.index, picture.png; it appears and goes as a whole
//	bases/INDEX/          a disk's content: base.raw (sparse, read-only), or base.raw.part while it is being fetched; base.json says when it was checked
//	staging/              where a caller puts disks to be published
//	names.json            which lab a name:tag means
//	courses.json          which key a course has, and which versions of its labs have been seen
//	submissions.json      what this computer's user handed in
//	students.json         which key a student has, and which submissions have been seen
//	notes.json            what a teacher noted of submissions
//	lock, locks/          who works on what
package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"guesthouse/app/jobs"
	"guesthouse/vmconfig/lab"
)

// Params are what a library works with.
type Params struct {
	Dir  string // its folder, absolute; made when it is missing
	Keys string // folder of the courses' private keys, absolute; made when it is missing
	// Program is this program's version, such as 1.4, to be compared with what a lab needs; anything else (a development build) fits every lab.
	Program string
	Log     *slog.Logger // nil: nothing is logged
}

// Library is the labs on this computer. Its methods may be called from any goroutine, wait for the disk and stop when ctx ends, unless they say otherwise.
type Library struct {
	p    Params
	told jobs.Notifier // of changes

	// Tests make these short.
	sleep     func(context.Context, time.Duration) error
	now       func() time.Time
	workers   int   // how many goroutines hash or pack
	packBytes int64 // longest pack; 0: as the format says
}

// Report takes how far an operation is. It is called from several goroutines, but never from two at once.
type Report func(jobs.Progress)

// New returns the library in a folder. It touches nothing.
func New(p Params) *Library {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Library{p: p, sleep: sleep, now: time.Now, workers: runtime.GOMAXPROCS(0)}
}

// Staging returns the folder in which a caller makes the raw files that Publish takes over, on the same file system as the bases. It makes it when it
// is missing. What is left there for a week is removed by GC.
func (l *Library) Staging() (string, error) {
	dir := filepath.Join(l.p.Dir, "staging")
	return dir, os.MkdirAll(dir, 0o700)
}

func (l *Library) images() string { return filepath.Join(l.p.Dir, "images") }

func (l *Library) bases() string { return filepath.Join(l.p.Dir, "bases") }

func (l *Library) imageDir(id lab.Digest) string { return filepath.Join(l.images(), id.Hex()) }

// Sentinels that callers distinguish. The errors that wrap them are sentences for the user.
var (
	ErrNoLab        = errors.New("there is no such lab in the library")
	ErrUntrusted    = errors.New("the course's key was not confirmed")
	ErrKeyChanged   = errors.New("the course's key has changed")
	ErrEquivocation = errors.New("two different labs claim to be the same version")
	ErrOlder        = errors.New("the library has a newer version of this lab")
	ErrNameTaken    = errors.New("the name belongs to another lab")
	ErrProgram      = errors.New("the lab needs a newer version of Guesthouse")
	ErrNoRoom       = errors.New("not enough free room")
	ErrChanged      = errors.New("the lab's disk was changed or damaged on this computer")
	ErrIncomplete   = errors.New("the package is incomplete")
	ErrPassword     = errors.New("wrong password for the course's private key")
	ErrNoKey        = errors.New("the course's private key cannot be used")
)

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// exists reports whether something has that name, without following a link.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// size is a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 10<<20:
		return fmt.Sprintf("%d KiB", (bytes+1<<10-1)>>10)
	case bytes < 10<<30:
		return fmt.Sprintf("%d MiB", (bytes+1<<20-1)>>20)
	}
	return fmt.Sprintf("%d GiB", (bytes+1<<30-1)>>30)
}
