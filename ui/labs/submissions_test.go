package labs

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang/langtest"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// handed is a submission of a student.
func handed(student string, number int, state labs.SubmissionState, change ...func(*labs.Received)) labs.Received {
	r := labs.Received{
		File: fmt.Sprintf("%s-%d.submission.lab", strings.ToLower(student), number), Bytes: 1000, Changed: int64(number) * vmconfig.MiB, State: state, Fingerprint: "lusab-babad-gutih-tugad-mumir",
		Receipt:    lab.Sum([]byte(student + fmt.Sprint(number))),
		Submission: &lab.Submission{Name: "a/one", Version: 1, Student: lab.Student{Name: student}, Sequence: number, Created: time.Unix(1.7e9+int64(number)*3600, 0)},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

var errBroken = errors.New("its signature is not valid")

// damaged is a file that cannot be read.
func damaged(file string) labs.Received {
	return labs.Received{File: file, Bytes: 5, State: labs.SubmissionDamaged, Reason: errBroken.Error(), Err: errBroken}
}

// submissionsRig is a window over a folder with submissions.
type submissionsRig struct {
	*rig
	s   *Submissions
	dir string
}

// folder is an empty folder with a path that is short and has no words: the one of t.TempDir is long enough that a label breaks
// it inside the test's name, and the rest of that reads like an untranslated text.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newSubmissionsRig(t *testing.T, list []labs.Received, ms ...*machines.Machine) *submissionsRig {
	t.Helper()
	r := &submissionsRig{rig: newRigFor(t, ms...), dir: folder(t)}
	r.received = map[string][]labs.Received{r.dir: list}
	r.prefs.Submissions = r.dir
	r.start()
	r.took()
	return r
}

// start opens the window.
func (r *submissionsRig) start() {
	r.s = NewSubmissions(SubmissionsParams{Services: r.services(), Window: r.window, OpenConsole: func(id uuid.UUID) { r.opened = append(r.opened, id) }, Last: func() bool { return r.last }})
	r.window.Resize(fyne.NewSize(1000, 600))
	r.settle()
}

// students are the shown rows' first cells.
func (r *submissionsRig) students() (list []string) {
	for _, e := range r.s.list.shown {
		list = append(list, e.cells[columnStudent])
	}
	return list
}

func (r *submissionsRig) key(name fyne.KeyName) {
	if r.window.Canvas().Focused() == nil {
		r.s.typed(&fyne.KeyEvent{Name: name})
		return
	}
	r.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: name})
}

func (r *submissionsRig) ref(e labs.Received) string { return filepath.Join(r.dir, e.File) + "#" }

func TestSubmissionsTable(t *testing.T) {
	list := []labs.Received{
		handed("Ada", 2, labs.SubmissionVerified), handed("Ada", 1, labs.SubmissionOlder), handed("Bob", 10, labs.SubmissionOtherKey, func(r *labs.Received) { r.Reason = "“Bob” is known by another key" }),
		handed("Cem", 3, labs.SubmissionNew), handed("Dora", 1, labs.SubmissionReplay), handed("Eve", 1, labs.SubmissionOtherLab, func(r *labs.Received) { r.Err = labs.ErrNoLab }), damaged("x.submission.lab"),
	}
	r := newSubmissionsRig(t, list)
	for _, want := range []string{"Verified", "Older", "Another key", "Unknown student", "Replay", "Other lab", "Damaged", "x.submission.lab", "7 submissions", "4 need a look", "2.0 MiB"} {
		if !strings.Contains(r.texts(), want) {
			t.Errorf("%q is not shown:\n%s", want, r.texts())
		}
	}
	if got := r.students(); !slices.Equal(got, []string{"Ada", "Ada", "Bob", "Cem", "Dora", "Eve", "x.submission.lab"}) {
		t.Errorf("in the order %q", got)
	}
	for by, want := range map[column]string{
		columnNumber: "[x.submission.lab Ada Dora Eve Ada Cem Bob]", columnState: "[x.submission.lab Bob Dora Eve Cem Ada Ada]", columnSize: "[x.submission.lab Ada Dora Eve Ada Cem Bob]",
	} {
		if by == columnNumber { // those without one come last
			want = "[Ada Dora Eve Ada Cem Bob x.submission.lab]"
		}
		test.Tap(r.s.heading.cells[by])
		if got := fmt.Sprint(r.students()); got != want {
			t.Errorf("by %s: %s, want %s", columnTitles[by], got, want)
		}
	}
	r.s.heading.cells[columnTime].TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	test.Tap(r.s.heading.cells[columnTime])
	if got := r.students(); got[0] != "x.submission.lab" || got[1] != "Bob" {
		t.Errorf("the newest first: %q", got)
	}

	r.s.search.SetText("bob KEY")
	if got := r.students(); !slices.Equal(got, []string{"Bob"}) || !strings.Contains(r.texts(), "1 of 7 submissions") {
		t.Errorf("found %q", got)
	}
	r.shows("“Bob” is known by another key.") // also for those who use no pointer
	r.s.search.SetText("nobody")
	r.shows("Nothing here that fits")
	if _, off := r.s.open.Disabled(); !off {
		t.Error("nothing can be opened")
	}
	r.s.searchKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if len(r.students()) != 7 || r.window.Canvas().Focused() != fyne.Focusable(r.s.list) {
		t.Error("Escape does not empty the search")
	}
}

func TestOpenSubmissions(t *testing.T) {
	ada, bob, cem, bad := handed("Ada", 2, labs.SubmissionVerified), handed("Bob", 1, labs.SubmissionOtherKey), handed("Cem", 1, labs.SubmissionNew), damaged("z.submission.lab")
	r := newSubmissionsRig(t, []labs.Received{ada, bob, cem, bad})
	opened := func(e labs.Received, another bool) {
		t.Helper()
		r.until("it is open", func() bool { return len(r.opened) > 0 })
		r.settle()
		calls := r.took()
		if len(calls) != 1 || fmt.Sprint(calls[0].arg) != fmt.Sprintf("{%s %v}", r.ref(e), another) {
			t.Errorf("opened %+v", calls)
		}
		if r.opened[0] != uuid.NewSHA1(uuid.NameSpaceOID, []byte(r.ref(e))) || r.marks[e.MarkKey()].Machine != r.opened[0] {
			t.Errorf("shown is %v, marked %+v", r.opened, r.marks)
		}
		r.opened = nil
	}
	r.key(fyne.KeyReturn)
	opened(ada, false)

	// Another key asks first.
	r.key(fyne.KeyDown)
	r.key(fyne.KeyReturn)
	r.shows("Open it although the key is another one?")
	r.press("Cancel")
	if calls := r.took(); len(calls) != 0 {
		t.Fatalf("opened without a yes: %v", calls)
	}
	r.key(fyne.KeyReturn)
	r.press("Open")
	opened(bob, true)

	// Next leaves out what was opened and what needs a look, and goes round the end.
	r.key(fyne.KeyEnd)
	if reason, off := r.s.open.Disabled(); !off || !strings.Contains(reason, "Its signature is not valid.") {
		t.Errorf("a damaged one can be opened, or %q", reason)
	}
	r.key(fyne.KeyReturn)
	r.shows("cannot be opened")
	r.press("Close")
	test.Tap(r.s.next)
	opened(cem, false)
	if reason, off := r.s.next.Disabled(); !off || reason == "" {
		t.Error("there is a next one")
	}

	// What was opened is shown again while its machine is there, and opened anew when it is gone.
	r.key(fyne.KeyHome)
	m := &machines.Machine{UUID: r.marks[ada.MarkKey()].Machine, Name: "Ada – one", State: hypervisor.StateOff}
	r.publishes(&machines.Snapshot{Connected: true, Machines: []*machines.Machine{m}})
	r.until("its machine can be shown", func() bool { return strings.HasPrefix(r.s.open.Tip(), "Show the machine") })
	r.key(fyne.KeyReturn)
	if len(r.opened) != 1 || r.opened[0] != m.UUID || len(r.took()) != 0 {
		t.Errorf("shown %v", r.opened)
	}
	r.opened = nil
	r.publishes(&machines.Snapshot{Connected: true})
	r.until("its machine is gone", func() bool { return !strings.HasPrefix(r.s.open.Tip(), "Show the machine") })
	r.errs = []error{errBroken}
	r.key(fyne.KeyReturn)
	r.shows("could not be opened")
	r.press("Close")
	r.took()
	r.key(fyne.KeyReturn)
	opened(ada, false)
	r.publishes(&machines.Snapshot{})
	r.until("it does not open without a hypervisor", func() bool {
		reason, off := r.s.open.Disabled()
		return off && strings.Contains(reason, "no connection")
	})
}

func TestNotesOfSubmissions(t *testing.T) {
	ada, bad := handed("Ada", 2, labs.SubmissionVerified), damaged("z.submission.lab")
	r := newSubmissionsRig(t, []labs.Received{ada, bad})
	write := func(text string) {
		t.Helper()
		test.Tap(r.s.note)
		for _, o := range r.objects() {
			if e, ok := o.(*widgets.Entry); ok {
				e.SetText(text)
			}
		}
		r.press("Keep")
		r.settle()
	}
	write("Good work\nask about port 80")
	r.shows("Good work …")
	r.window.Canvas().Focus(r.s.list)
	r.key(fyne.KeyDown)
	r.key(fyne.KeyF2)
	r.press("Cancel")
	write("ask again")
	r.key(fyne.KeyHome)
	if !strings.Contains(r.s.detail.Text, "Note: Good work\nask about port 80") {
		t.Errorf("the whole note is not shown: %q", r.s.detail.Text)
	}
	if r.marks[ada.MarkKey()].Note != "Good work\nask about port 80" || r.marks[bad.MarkKey()].Note != "ask again" {
		t.Errorf("kept %+v", r.marks)
	}
	r.s.search.SetText("port")
	if got := r.students(); !slices.Equal(got, []string{"Ada"}) {
		t.Errorf("found %q", got)
	}
	r.s.search.SetText("")

	file := filepath.Join(r.dir, "submissions.csv")
	test.Tap(r.s.export)
	r.write("File", "submissions.csv")
	if r.field("File").Fault() == "" {
		t.Error("a path without a folder is taken")
	}
	r.write("File", file)
	r.press("Export")
	r.shows("The list is written")
	r.press("Close")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 3 || !slices.Contains(rows[2], "ask again") || !slices.Contains(rows[1], "Ada") {
		t.Errorf("%v %q", err, rows)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	test.Tap(r.s.export)
	r.press("Export")
	r.shows("Replace the file?")
	r.press("Cancel")
	if data, _ := os.ReadFile(file); string(data) != "mine" {
		t.Error("a file is replaced without a yes")
	}
	r.s.exportTo(filepath.Join(r.dir, "slip", "x.csv"), false)
	r.shows("The list could not be written")
}

// TestSubmissionPages has all that is no table.
func TestSubmissionPages(t *testing.T) {
	r := &submissionsRig{rig: newRigFor(t), dir: t.TempDir()}
	r.received = map[string][]labs.Received{}
	r.start()
	r.shows("What did your students hand in?")
	if calls := r.took(); len(calls) != 0 {
		t.Errorf("read %v", calls)
	}
	r.prefs.LastFolder = r.dir
	r.s.typed(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.settle()
	r.press("Use this folder")
	r.shows("No submissions here")
	if got := (prefs{r.backend}).Get().Submissions; got != r.dir {
		t.Errorf("remembers %q", got)
	}
	r.mu.Lock()
	r.received[r.dir] = []labs.Received{handed("Ada", 1, labs.SubmissionVerified)}
	r.mu.Unlock()
	r.errs = []error{os.ErrPermission}
	r.s.typed(&fyne.KeyEvent{Name: fyne.KeyF5})
	r.shows("The folder cannot be read")
	r.press("Try again")
	r.shows("Ada")
	r.until("a failed reading leaves no job behind", func() bool { return len(r.runner.List()) == 0 })
	r.s.Close()
	r.settle()
	if size := r.prefs.Windows[submissionsKey]; size.Width < 900 {
		t.Errorf("remembered %v", size)
	}
}

// TestManySubmissions makes widgets for the rows in view only, however many there are.
func TestManySubmissions(t *testing.T) {
	var list []labs.Received
	for n := range 2000 {
		list = append(list, handed(fmt.Sprintf("Student %04d", n), 1, labs.SubmissionVerified))
	}
	list = append(list, damaged("x.submission.lab"))
	r := newSubmissionsRig(t, list)
	rows := 0
	for _, o := range r.objects() {
		if _, ok := o.(*submissionRow); ok {
			rows++
		}
	}
	if rows < 5 || rows > 40 {
		t.Errorf("%d rows are built", rows)
	}
	r.key(fyne.KeyEnd)
	r.shows("x.submission.lab")
	chosen := r.s.list.chosen.File
	r.s.load()
	r.settle()
	if r.s.list.chosen.File != chosen {
		t.Error("reading again loses the place")
	}
}

// TestEveryTextOfSubmissionsIsTranslatable looks at the window, and at handing in, in a made-up language.
func TestEveryTextOfSubmissionsIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	mine := machineOf(labOf("a/one", 1), "web", hypervisor.StateRunning)
	r := newSubmissionsRig(t, nil, mine)
	allowed := []string{"web", "Ada", "a", "one", "z", "submission", "lab", "csv", "MiB", "GiB", "Guesthouse", "lusab", "babad", "gutih", "tugad", "mumir", "sha256", "media", "stick", "vdb", "bytes", "list", "ada"}
	allowed = append(allowed, strings.Split(strings.Trim(r.dir, "/"), "/")...)
	look := func(what string) {
		t.Helper()
		for _, text := range langtest.Untranslated(r.window, allowed...) {
			if strings.Contains(text, "tmp") || strings.Contains(text, "sha256:") {
				continue
			}
			t.Errorf("%s: %q", what, text)
		}
		if top := r.window.Canvas().Overlays().Top(); top != nil {
			r.window.Canvas().Overlays().Remove(top)
		}
	}
	look("empty")
	r.s.dir = ""
	r.s.show()
	look("no folder")
	r.received[r.dir] = []labs.Received{handed("Ada", 1, labs.SubmissionVerified), handed("Ada", 2, labs.SubmissionOtherKey), damagedQuietly("z.submission.lab")}
	r.s.setFolder(r.dir)
	r.settle()
	look("table")
	for _, text := range langtest.UntranslatedMenu(r.s.contextMenu(), allowed...) {
		t.Errorf("menu: %q", text)
	}
	r.s.editNote()
	look("note")
	r.s.askExport()
	look("export")
	r.s.list.moveTo(1)
	r.s.openChosen()
	look("another key")
	for _, state := range []hypervisor.State{hypervisor.StateRunning, hypervisor.StateOff, hypervisor.StateSaved, hypervisor.StatePaused, hypervisor.StateCrashed} {
		r.state(mine, state)
		h := &handIn{desk: &r.s.desk, machine: mine.UUID, outlook: labs.Outlook{Written: vmconfig.MiB, Limit: vmconfig.GiB}}
		h.open("Ada", "/media/stick")
		look("hand in, " + string(state))
		h.end()
		h.showReceipt(labs.Receipt{Digest: lab.Sum([]byte("x")), Student: "Ada", Fingerprint: "lusab", Sequence: 1, Created: time.Unix(1.7e9, 0), Place: "/media/stick", LeftOut: []string{"vdb"}})
		look("receipt")
	}
}

// damagedQuietly is a damaged file without a reason.
func damagedQuietly(file string) labs.Received {
	r := damaged(file)
	r.Reason = ""
	return r
}

// TestForeignTextsOfSubmissions has a hostile student.
func TestForeignTextsOfSubmissions(t *testing.T) {
	evil := handed("a\u202eb", 1, labs.SubmissionReplay, func(r *labs.Received) {
		r.Submission.Name, r.File, r.Reason, r.Future = "c\u202ed", "e\u202ef.submission.lab", "g\u202eh", true
	})
	e := newEntry(evil, labs.Mark{Note: "i\u202ej"})
	if said := strings.Join(e.cells[:], " ") + e.tip() + e.reason() + e.words; strings.ContainsRune(said, '\u202e') {
		t.Errorf("foreign texts act: %q", said)
	}
	if !strings.Contains(e.reason(), "clock was ahead") {
		t.Errorf("a clock that is ahead is not told: %q", e.reason())
	}
}
