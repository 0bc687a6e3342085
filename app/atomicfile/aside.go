package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// DamagedError is a file of the program's own that could not be used and was kept under another name. It wraps the reason.
type DamagedError struct {
	Path string // where the file was
	Kept string // where it is now; empty: it could not be renamed, and Err says why as well
	Err  error
}

// Error implements error.
func (e *DamagedError) Error() string {
	if e.Kept == "" {
		return fmt.Sprintf("%s cannot be used: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s cannot be used and was kept as %s: %v", e.Path, e.Kept, e.Err)
}

// Unwrap returns the reason.
func (e *DamagedError) Unwrap() error { return e.Err }

// SetAside keeps the file at path, which cannot be used because of reason, beside it as path.damaged, or as path.damaged-2 and so on where
// that is taken, so that a new one can be written without losing what it held. It waits for the disk.
func SetAside(path string, reason error) *DamagedError {
	for n := 1; ; n++ {
		kept := path + ".damaged"
		if n > 1 {
			kept = fmt.Sprintf("%s-%d", kept, n)
		}
		_, err := os.Lstat(kept)
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(path, kept)
		}
		if err != nil { // then nothing can be written in the folder either
			return &DamagedError{Path: path, Err: errors.Join(reason, err)}
		}
		return &DamagedError{Path: path, Kept: kept, Err: reason}
	}
}
