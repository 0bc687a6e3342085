package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Password asks for the password of a course's private key; first is true when the key is about to be made, and then an empty answer means that it is
// kept unencrypted, readable by its owner only. It may wait for a person.
type Password func(ctx context.Context, first bool) (string, error)

// maxKeyName is how long the escaped name of a course may be in a file's name.
const maxKeyName = 100

// keyPath returns where the private key of a course is. Two names never share a file.
func (l *Library) keyPath(course string) string {
	name := url.PathEscape(course)
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	if len(name) > maxKeyName {
		name = name[:maxKeyName] + "-" + lab.Sum([]byte(course)).Hex()[:16]
	}
	return filepath.Join(l.p.Keys, name+".key")
}

// CourseKey returns the public key of a course that this computer's user teaches. The error wraps fs.ErrNotExist if there is none.
func (l *Library) CourseKey(course string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	text, err := os.ReadFile(publicPath(l.keyPath(course)))
	if err == nil {
		if err = key.UnmarshalText(text); err != nil {
			err = fmt.Errorf("%w: %w", ErrNoKey, err)
		}
	}
	return key, err
}

// Teaches reports whether a course is one that this computer's user teaches: its private key is here.
func (l *Library) Teaches(course string) bool {
	there, err := exists(l.keyPath(course))
	return there && err == nil
}

func publicPath(private string) string { return strings.TrimSuffix(private, ".key") + ".pub" }

// privateKey returns the private key of a course, and makes it when there is none. An existing one is never written over.
func (l *Library) privateKey(ctx context.Context, course string, ask Password) (key minisign.PrivateKey, err error) {
	path := l.keyPath(course)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l.makeKey(ctx, path, course, ask)
	case err != nil:
		return key, err
	}
	if key.UnmarshalText(text) == nil {
		return key, nil
	}
	if ask == nil {
		return key, fmt.Errorf("%w: %s", ErrPassword, vmconfig.Inert(path, 300))
	}
	password, err := ask(ctx, false)
	if err != nil {
		return key, err
	}
	if key, err = minisign.DecryptKey(password, text); err != nil {
		return key, fmt.Errorf("%w: %s. %w", ErrPassword, vmconfig.Inert(path, 300), err)
	}
	return key, nil
}

// makeKey makes the keys of a course. The public one is written last: a private one without it can be used.
func (l *Library) makeKey(ctx context.Context, path, course string, ask Password) (key minisign.PrivateKey, err error) {
	// A key that exists elsewhere must not be replaced by a new one without a word: all students would refuse it.
	known, err := l.readCourses()
	if err != nil {
		return key, err
	}
	if known[course] != nil {
		return key, fmt.Errorf("%w: the course “%s” has a key, and its private part is not on this computer: %s is missing. Bring it from the computer on which the course was begun",
			ErrNoKey, vmconfig.Inert(course, lab.MaxCourseBytes), vmconfig.Inert(path, 300))
	}
	password := ""
	if ask != nil {
		if password, err = ask(ctx, true); err != nil {
			return key, err
		}
	}
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return key, err
	}
	defer unlock()
	if there, err := exists(path); err != nil || there {
		return key, errors.Join(err, fmt.Errorf("%w: it was just made by somebody else. Try again", ErrNoKey))
	}
	public, key, err := minisign.GenerateKey(nil)
	if err != nil {
		return key, err
	}
	text, err := key.MarshalText()
	if password != "" {
		text, err = minisign.EncryptKey(password, key)
	}
	if err != nil {
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
