package vmconfig

import (
	"errors"
	"fmt"
	"strings"
)

// Field names a part of a machine, so that a form can show a fault where it was made.
type Field string

// Fields that a Fault can point to.
const (
	FieldName     Field = "name"
	FieldTitle    Field = "title"
	FieldNotes    Field = "notes"
	FieldGroup    Field = "group"
	FieldOS       Field = "os"
	FieldFirmware Field = "firmware"
	FieldMemory   Field = "memory"
	FieldCPUs     Field = "cpus"
	FieldDiskSize Field = "disk-size"
	FieldDiskPath Field = "disk-path"
	FieldISO      Field = "iso"
	FieldNIC      Field = "nic"
	FieldVideo    Field = "video"
	FieldDisplay  Field = "display"
)

// Sentinels that a Fault wraps where the program has to tell reasons apart.
var (
	ErrName      = errors.New("not a valid name")
	ErrNameTaken = errors.New("the name is in use")
	ErrSize      = errors.New("not a valid size")
	ErrPath      = errors.New("not a usable path")
)

// Fault is one thing that is wrong with a machine, in words for the user.
type Fault struct {
	Field Field
	// Value is what was given, made inert and capped, ready to be quoted.
	Value string
	// Message is a full sentence: what is wrong and what is allowed.
	Message string
	// Err is the sentinel behind the fault, or nil.
	Err error
}

// Error returns the message.
func (f Fault) Error() string { return f.Message }

// Unwrap returns the sentinel behind the fault.
func (f Fault) Unwrap() error { return f.Err }

// Faults are all faults of a machine at once. A nil Faults means that nothing is wrong; use Err to
// hand it on as an error.
type Faults []Fault

// Error joins the messages.
func (fs Faults) Error() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = f.Message
	}
	return strings.Join(texts, " ")
}

// Unwrap lets errors.Is look into every fault.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// Err returns the faults as an error, nil when there are none.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// For returns the message of the first fault of a field, empty when the field is in order.
func (fs Faults) For(field Field) string {
	for _, f := range fs {
		if f.Field == field {
			return f.Message
		}
	}
	return ""
}

// add appends err as a fault of field. A Fault keeps its message and sentinel.
func (fs *Faults) add(field Field, value string, err error) {
	if err == nil {
		return
	}
	f := Fault{Field: field, Value: Inert(value, shownValue), Message: err.Error(), Err: err}
	var inner Fault
	if errors.As(err, &inner) {
		f.Message, f.Err = inner.Message, inner.Err
	}
	*fs = append(*fs, f)
}

// faultf returns a Fault with this message; add fills in the field and the value.
func faultf(format string, args ...any) error { return Fault{Message: fmt.Sprintf(format, args...)} }

// shownValue is the longest value that a fault quotes, in characters.
const shownValue = 80
