// Package explain turns errors into words for users. It is the only place that does.
package explain

// Message is an error in the user's words.
type Message struct {
	Summary string // what happened, one sentence
	Remedy  string // what to do about it; may be empty
	Detail  string // the original text, for "Details"
	Code    int    // exit code of the command line: 0 done, 1 failed, 2 wrong usage, 3 no such machine or checkpoint, 4 refused in this state, 5 host cannot
	// Cancelled is true when the user stopped the operation: not an error, show nothing.
	Cancelled bool
}

// Explain translates err for the user. A nil error gives the zero Message.
func Explain(err error) Message { panic("later") }
