package source

import (
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// What callers distinguish. The errors of this package wrap one of them and say which place, why, and what to do.
var (
	// ErrNotFound says that a place answers, but holds no such package, tag or blob.
	ErrNotFound = errors.New("not found")
	// ErrAuth says that a place wants a name and password, or refuses those that it was given.
	ErrAuth = errors.New("access denied")
	// ErrBusy says that a place has too much to do or has broken down for the moment; trying again helps, after RetryAfter.
	ErrBusy = errors.New("busy")
	// ErrDamaged says that a place holds or sent something other than what it states: cut short, of another size or digest, or against the rules.
	ErrDamaged = errors.New("damaged")
	// ErrUnreachable says that there was no answer, or that it stopped half-way: the network, the server, or a drive that was removed.
	ErrUnreachable = errors.New("unreachable")
	// ErrNoPackage says that there is something at the place, but no package: a web page, another kind of file, a folder of something else.
	ErrNoPackage = errors.New("no package")
)

// SeveralError says that a place holds packages of several labs and the reference names none of them.
type SeveralError struct {
	Choices []Choice // may be empty, where they could not be read
}

// Choice is a lab of a place, as its manifest states without being checked; the texts are inert.
type Choice struct {
	Digest         digest.Digest // of the manifest, for Ref.Digest
	Title, Version string
}

// Error implements error.
func (e *SeveralError) Error() string { return "several labs" }

// failure is an error of a place: whose, of what kind, and what to do.
type failure struct {
	kind       error         // one of the sentinels
	place      string        // the place in words
	reason     string        // what happened and why, the rest of a sentence that begins with the place
	advice     string        // what to do, a sentence; may be empty
	cause      error         // what lies below, or nil; it is not printed
	retryAfter time.Duration // 0: the place did not say
	stays      bool          // trying again at once cannot help
}

// Error implements error.
func (f *failure) Error() string {
	text := f.place + " " + f.reason
	if f.advice != "" {
		text += ". " + f.advice
	}
	return text
}

// Unwrap returns the sentinel and the cause.
func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

// fail makes the error of a place. The reason continues a sentence that begins with the place's name.
func fail(kind error, place, advice, reason string, args ...any) *failure {
	return &failure{kind: kind, place: place, advice: advice, reason: fmt.Sprintf(reason, args...)}
}

// because adds what lies below to an error.
func (f *failure) because(cause error) *failure {
	f.cause = cause
	return f
}

// RetryAfter is how long a place asked to wait before the next try, and 0 where it did not say or where err is no answer of a place. It is what the
// place said, whatever that is; cap it.
func RetryAfter(err error) time.Duration {
	var f *failure
	if errors.As(err, &f) {
		return f.retryAfter
	}
	return 0
}
