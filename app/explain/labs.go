package explain

import (
	"errors"

	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/vmconfig/lab"
)

// spoken are the sentinels of errors that are sentences for the user already: what a package, a place or a reference is cannot be said without its name.
var spoken = []struct {
	is   error
	code int
}{
	{labs.ErrNoLab, CodeMissing},
	{labs.ErrNoTopology, CodeMissing},
	{source.ErrNotFound, CodeMissing},
	{labs.ErrUntrusted, CodeRefused},
	{labs.ErrKeyChanged, CodeRefused},
	{labs.ErrEquivocation, CodeRefused},
	{labs.ErrOlder, CodeRefused},
	{labs.ErrNameTaken, CodeRefused},
	{labs.ErrProgram, CodeHost},
	{labs.ErrNoRoom, CodeFailed},
	{labs.ErrChanged, CodeFailed},
	{labs.ErrIncomplete, CodeFailed},
	{labs.ErrPassword, CodeRefused},
	{labs.ErrNoKey, CodeFailed},
	{labs.ErrNotALab, CodeRefused},
	{labs.ErrRunning, CodeRefused},
	{labs.ErrNoStudent, CodeUsage},
	{labs.ErrNoChanges, CodeRefused},
	{labs.ErrGrowth, CodeRefused},
	{labs.ErrStudentKey, CodeRefused},
	{labs.ErrManySubmissions, CodeRefused},
	{source.ErrAuth, CodeRefused},
	{source.ErrBusy, CodeFailed},
	{source.ErrDamaged, CodeFailed},
	{source.ErrUnreachable, CodeFailed},
	{source.ErrNoPackage, CodeFailed},
	{lab.ErrConfig, CodeFailed},
	{lab.ErrNewer, CodeHost},
	{lab.ErrSignature, CodeFailed},
	{lab.ErrManifest, CodeFailed},
	{lab.ErrNoLab, CodeFailed},
	{lab.ErrSubmission, CodeFailed},
	{lab.ErrNoSubmission, CodeFailed},
	{lab.ErrSubmissionSignature, CodeFailed},
	{lab.ErrIndex, CodeFailed},
	{lab.ErrPack, CodeFailed},
}

// ofLab explains an error of labs and the places that they lie in.
func ofLab(err error) (Message, bool) {
	for _, s := range spoken {
		if errors.Is(err, s.is) {
			var named *machines.Error
			if errors.As(err, &named) { // whose name is put before it elsewhere
				err = named.Err
			}
			return Message{Summary: sentenceOf(err.Error()), Code: s.code}, true
		}
	}
	return Message{}, false
}
