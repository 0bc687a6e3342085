package labs

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// SubmissionState is what a teacher has to know of a submission before anything else.
type SubmissionState string

// The states. What is worse goes before what is less so.
const (
	SubmissionDamaged  SubmissionState = "damaged"         // it cannot be opened: damaged, against the rules, or too large
	SubmissionOtherKey SubmissionState = "another key"     // the student's name came with another key before
	SubmissionReplay   SubmissionState = "replay"          // it does not fit the others: a number twice, or one that comes late
	SubmissionOlder    SubmissionState = "older"           // there is a later one of the same student
	SubmissionOtherLab SubmissionState = "other lab"       // its lab is not in the library
	SubmissionNew      SubmissionState = "unknown student" // the name was not seen before; from now on it has this key
	SubmissionVerified SubmissionState = "verified"        // signed with the key that the student always had
)

// Received is one file of a folder of submissions. All texts in it are foreign: show them inert.
type Received struct {
	File        string          // its name in the folder
	Bytes       int64           // of the file
	Submission  *lab.Submission // nil if it cannot be read or trusted as far as that goes
	Receipt     lab.Digest
	Fingerprint string // of the student's key
	Changed     int64  // bytes of changed content
	State       SubmissionState
	Reason      string // why, a sentence; may be empty
	Future      bool   // it says that it was made after now, so the student's clock was wrong or set wrong; nothing depends on that clock
	Err         error  // why it cannot be opened; set if State is SubmissionDamaged or SubmissionOtherLab
}

const (
	maxReceived = 4096          // files of one folder
	readers     = 4             // files that are read at once: what one takes of the memory is bounded, and so is the sum
	clockSlack  = 2 * time.Hour // by which clocks may differ before it is said
)

// ErrManySubmissions says that a folder has more submissions than are listed at once.
var ErrManySubmissions = fmt.Errorf("the folder has more than %d submissions; list them in parts", maxReceived)

// Submissions lists the submissions in a folder, by student and lab, each student's newest first. One that is damaged or hostile is listed as that and hides none of the others. A student's name that was not
// seen before is remembered with its key, unless the folder has several keys for it. Errors: those of the folder and of the library's own files, ErrManySubmissions.
func (l *Library) Submissions(ctx context.Context, dir string, report Report) ([]Received, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []Received
	for _, e := range entries {
		if strings.HasSuffix(strings.ToLower(e.Name()), SubmissionSuffix) && !strings.HasPrefix(e.Name(), ".") {
			list = append(list, Received{File: e.Name()})
		}
	}
	if len(list) > maxReceived {
		return nil, ErrManySubmissions
	}
	m := newMeter(report, l.now, "Reading submissions", 0, 1, int64(len(list)))
	slots := make(chan struct{}, readers)
	var group sync.WaitGroup
	for i := range list {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() == nil {
				l.look(ctx, dir, &list[i])
			}
			m.add(1)
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := l.judge(ctx, list); err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b Received) int {
		if a.Submission == nil || b.Submission == nil {
			return cmp.Or(cmp.Compare(boolInt(a.Submission == nil), boolInt(b.Submission == nil)), strings.Compare(a.File, b.File))
		}
		x, y := a.Submission, b.Submission
		return cmp.Or(strings.Compare(x.Student.Name, y.Student.Name), strings.Compare(x.Name, y.Name), strings.Compare(x.Student.Key, y.Student.Key),
			y.Sequence-x.Sequence, strings.Compare(a.File, b.File))
	})
	return list, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// look reads one file.
func (l *Library) look(ctx context.Context, dir string, f *Received) {
	path := filepath.Join(dir, f.File)
	if info, err := os.Lstat(path); err == nil {
		f.Bytes = info.Size()
	}
	r, err := l.lookAt(ctx, path)
	if r != nil {
		f.Submission, f.Receipt, f.Changed, f.Fingerprint = r.submission, r.receipt, r.changed, words(r.submission.Student.Key)
		f.Future = r.submission.Created.After(l.now().Add(clockSlack))
	}
	if f.Err = err; err != nil {
		f.State, f.Reason = SubmissionDamaged, err.Error()
		var told *Reason
		if errors.As(err, &told) {
			f.Reason = told.Text
		}
		if r != nil && errors.Is(err, ErrNoLab) {
			f.State = SubmissionOtherLab
		}
	}
}

func (l *Library) lookAt(ctx context.Context, path string) (*received, error) {
	// A folder of that name would be read as a package too; only files are handed in.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is no ordinary file", lab.ErrNoSubmission)
	}
	place, err := source.OpenSource(ctx, source.Ref{Kind: source.KindFile, Location: path}, source.Options{Type: source.SubmissionType})
	if err != nil {
		return nil, err
	}
	defer func() { _ = place.Close() }()
	return l.receive(ctx, place, func(blob ocispec.Descriptor) ([]byte, error) { return readOnce(ctx, place, blob) })
}

// judge compares the submissions with each other and with what was seen before, and remembers them.
func (l *Library) judge(ctx context.Context, list []Received) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := l.readStudents()
	if err != nil {
		return err
	}
	keys := map[string]map[string]bool{} // by name
	for _, f := range list {
		if s := f.Submission; s != nil {
			if keys[s.Student.Name] == nil {
				keys[s.Student.Name] = map[string]bool{}
			}
			keys[s.Student.Name][s.Student.Key] = true
		}
	}
	groupOf, groups := l.grouping(), map[string][]*Received{}
	for i := range list {
		f := &list[i]
		s := f.Submission
		if s == nil {
			continue
		}
		known := all[s.Student.Name]
		switch {
		case known != nil && known.Key != s.Student.Key:
			f.mark(SubmissionOtherKey, studentKeyText(s, known.Key)+".")
			continue
		case known == nil && len(keys[s.Student.Name]) > 1:
			f.mark(SubmissionOtherKey, fmt.Sprintf("The folder has submissions under the name “%s” with %d keys, and none of them was seen before. Ask the student which of them is right; this one is %s.",
				vmconfig.Inert(s.Student.Name, lab.MaxStudentBytes), len(keys[s.Student.Name]), f.Fingerprint))
			continue
		case known == nil:
			f.mark(SubmissionNew, "This name was not seen before. The key "+f.Fingerprint+" is remembered for it.")
		default:
			f.mark(SubmissionVerified, "")
		}
		group := s.Student.Key + " " + groupOf(s)
		groups[group] = append(groups[group], f)
	}
	for _, group := range groups {
		s := group[0].Submission
		judgeGroup(group, all[s.Student.Name].seen(groupOf(s)))
	}
	for _, f := range list { // after all was judged
		if s := f.Submission; s != nil && f.State != SubmissionOtherKey && f.State != SubmissionDamaged {
			known := all.pin(s, l.now())
			if f.State != SubmissionReplay {
				known.saw(groupOf(s), s.Sequence, f.Receipt)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	return l.writeState(studentsFile, all)
}

func (p *pinned) seen(group string) map[int]lab.Digest {
	if p == nil {
		return nil
	}
	return p.Seen[group]
}

// grouping returns what names that which the submissions are counted for: the lab over its versions where it is known, else exactly the one that was launched.
func (l *Library) grouping() func(*lab.Submission) string {
	known := map[lab.Digest]string{}
	return func(s *lab.Submission) string {
		if known[s.Lab] == "" {
			known[s.Lab] = s.Lab.String()
			if _, config, err := l.readConfig(s.Lab); err == nil {
				known[s.Lab] = config.ID.String()
			}
		}
		return known[s.Lab]
	}
}

// mark gives a submission its state unless it has a worse one.
func (f *Received) mark(state SubmissionState, reason string) {
	order := []SubmissionState{SubmissionDamaged, SubmissionOtherKey, SubmissionReplay, SubmissionOlder, SubmissionOtherLab, SubmissionNew, SubmissionVerified}
	if f.State != "" && slices.Index(order, f.State) <= slices.Index(order, state) {
		return
	}
	f.State, f.Reason = state, reason
}

// judgeGroup looks at the numbers of one student's submissions to one lab. They are a chain: each names the receipt of the one before.
func judgeGroup(group []*Received, seen map[int]lab.Digest) {
	slices.SortStableFunc(group, func(a, b *Received) int {
		return cmp.Or(a.Submission.Sequence-b.Submission.Sequence, strings.Compare(a.File, b.File))
	})
	before := 0 // the highest number of those that were seen before
	for number := range seen {
		before = max(before, number)
	}
	receipts := map[int]map[lab.Digest]string{} // by number, with a file of each
	for number, receipt := range seen {
		receipts[number] = map[lab.Digest]string{receipt: ""}
	}
	newest := map[string]int{} // by the machine's role: what was done in another machine is other work
	if !slices.ContainsFunc(group, func(f *Received) bool { return f.Submission.Role != "" }) {
		newest[""] = before
	}
	for _, f := range group {
		number := f.Submission.Sequence
		newest[f.Submission.Role] = max(newest[f.Submission.Role], number)
		if receipts[number] == nil {
			receipts[number] = map[lab.Digest]string{}
		}
		if file, twice := receipts[number][f.Receipt]; twice && file != "" {
			f.mark(SubmissionReplay, fmt.Sprintf("It is the same submission as the file “%s”.", vmconfig.Inert(file, 120)))
			continue
		}
		receipts[number][f.Receipt] = f.File
	}
	for _, f := range group {
		number, previous := f.Submission.Sequence, f.Submission.Previous
		known := seen[number] == f.Receipt
		switch older := receipts[number-1]; {
		case !known && len(receipts[number]) > 1:
			f.mark(SubmissionReplay, fmt.Sprintf("There are different submissions of this student with the number %d.", number))
		case len(older) > 0 && !hasReceipt(older, previous):
			f.mark(SubmissionReplay, fmt.Sprintf("It does not continue the submission %d that was handed in.", number-1))
		case !known && number < before:
			f.mark(SubmissionReplay, fmt.Sprintf("It comes after the submission %d of this student, and has the number %d.", before, number))
		case number < newest[f.Submission.Role]:
			f.mark(SubmissionOlder, fmt.Sprintf("The newest submission of this student has the number %d.", newest[f.Submission.Role]))
		}
	}
}

func hasReceipt(receipts map[lab.Digest]string, d lab.Digest) bool {
	_, ok := receipts[d]
	return ok
}

// WriteSubmissions writes a list as CSV (RFC 4180, UTF-8) with a line of headings. Texts are inert, and none is a formula to a spreadsheet. marks, which may be nil, is what the teacher noted.
func WriteSubmissions(w io.Writer, list []Received, marks map[string]Mark) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"file", "student", "fingerprint", "lab", "version", "number", "created", "changed_bytes", "file_bytes", "state", "reason", "receipt", "opened", "note"}); err != nil {
		return err
	}
	for _, f := range list {
		row := []string{f.File, "", "", "", "", "", "", "", strconv.FormatInt(f.Bytes, 10), string(f.State), f.Reason, "", "", ""}
		if s := f.Submission; s != nil {
			row[1], row[2], row[3], row[4], row[5] = s.Student.Name, f.Fingerprint, s.Title(), strconv.Itoa(s.Version), strconv.Itoa(s.Sequence)
			row[6], row[7], row[11] = s.Created.UTC().Format(time.RFC3339), strconv.FormatInt(f.Changed, 10), f.Receipt.String()
		}
		mark := marks[f.MarkKey()]
		if row[13] = mark.Note; !mark.Opened.IsZero() {
			row[12] = mark.Opened.UTC().Format(time.RFC3339)
		}
		for i := range row {
			if row[i] = vmconfig.Inert(row[i], 1000); strings.ContainsAny(firstOf(row[i]), "=+-@") { // OWASP, "CSV Injection"
				row[i] = "'" + row[i]
			}
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func firstOf(text string) string { return text[:min(1, len(text))] }

// ListSubmissions is Library.Submissions in a job. done gets the list, on the job's goroutine.
func (s *Service) ListSubmissions(dir string, done func([]Received)) *jobs.Job {
	return s.p.Jobs.Start("Reading submissions", "", func(ctx context.Context, report func(jobs.Progress)) error {
		list, err := s.p.Library.Submissions(ctx, dir, report)
		if err == nil {
			done(list)
		}
		return err
	})
}
