package labs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// classroom is a teacher and a student with libraries of their own, on one host.
type classroom struct {
	*room   // the teacher
	student *Service
	handed  string // the folder in which submissions are
}

func openClassroom(t testing.TB) *classroom {
	t.Helper()
	r := openRoom(t)
	c := &classroom{room: r, student: r.service(t.TempDir()), handed: t.TempDir()}
	return c
}

// service is another one with a library in a folder.
func (r *room) service(dir string) *Service {
	return NewService(ServiceParams{
		Library: New(Params{Dir: dir + "/labs", Keys: dir + "/keys"}), Conn: r.conn, Machines: r.machines, Checkpoints: r.checkpoints, Jobs: jobs.NewRunner(), Images: r.images, DataDir: r.p.DataDir,
	})
}

// give brings a lab from the teacher to a student.
func (c *classroom) give(t testing.TB, to *Service, id lab.Digest) {
	t.Helper()
	place := t.TempDir() + "/given.lab"
	done(t, c.Send(id, place, SendOptions{}))
	done(t, to.Fetch(place, FetchOptions{AddOptions: AddOptions{Trust: func(context.Context, Question) (bool, error) { return true, nil }}}))
}

// launched is a student's machine from a lab.
func launched(t testing.TB, s *Service, id lab.Digest) uuid.UUID {
	t.Helper()
	job, machine := s.Launch(id, LaunchOptions{})
	done(t, job)
	return machine
}

// handIn submits into the folder and returns the receipt and the file.
func (c *classroom) handIn(t testing.TB, s *Service, machine uuid.UUID, name string) (Receipt, string) {
	t.Helper()
	var receipt Receipt
	done(t, s.Submit(machine, SubmitOptions{Student: name, To: c.handed, Done: func(r Receipt) { receipt = r }}))
	return receipt, receipt.Place
}

// writeAt puts content into a machine's disk as a guest would.
func (r *room) writeAt(t testing.TB, disk string, at int64, content []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "piece"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.images.Write(within(t), disk, dir, []diskimage.Piece{{Offset: at, Bytes: int64(len(content)), File: "piece"}}); err != nil {
		t.Fatal(err)
	}
}

// whole is all that a guest sees of a disk.
func (r *room) whole(t testing.TB, disk string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whole.raw")
	if err := r.images.CopyRaw(within(t), path, disk, diskimage.FormatQcow2, "", func(float64) {}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSubmit: what the teacher opens is to the last byte what the student had, on both disks, with checkpoints between, zeros, and a short last chunk.
func TestSubmit(t *testing.T) {
	c := openClassroom(t)
	second := filepath.Join(t.TempDir(), "second")
	id := c.publish(t, numbered(12), func(s *Spec) {
		staging, err := c.Library().Staging()
		if err != nil {
			t.Fatal(err)
		}
		second = filepath.Join(staging, "second.raw")
		if err := os.WriteFile(second, noise(1, 2<<20+512), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Config.Disks = append(s.Config.Disks, lab.Disk{ID: "data", Bus: "virtio"})
		s.Files["data"] = second
		s.Config.Title = "Lab" // the path of a socket has the machine's name in it, and the test's folder is deep
		s.Config.Network.Mode, s.Config.Machine.Clipboard = lab.NetworkInternet, true
	})
	c.give(t, c.student, id)
	machine := launched(t, c.student, id)
	if err := c.student.Submit(machine, SubmitOptions{Student: "Ada", To: c.handed}).Wait(within(t)); !errors.Is(err, ErrNoChanges) {
		t.Errorf("nothing was changed: %v", err)
	}
	disks := c.machines.Snapshot().Get(machine).Config.Disks
	c.writeAt(t, disks[0].Path, 3<<20+4096, noise(2, 4096))                                                                             // part of a chunk
	c.writeAt(t, disks[0].Path, 5<<20-512, bytes.Repeat([]byte{7}, 1024))                                                               // over a border
	c.writeAt(t, disks[0].Path, 6<<20, bytes.Repeat([]byte{6}, 1<<20))                                                                  // as it was
	c.writeAt(t, disks[1].Path, 2<<20, noise(3, 512))                                                                                   // the short last chunk
	if err := c.images.Write(within(t), disks[0].Path, t.TempDir(), []diskimage.Piece{{Offset: 8 << 20, Bytes: 3 << 20}}); err != nil { // zeros
		t.Fatal(err)
	}
	done(t, c.checkpoints.Save(machine, checkpoints.SaveOptions{Name: "Before the end"}))
	c.writeAt(t, disks[0].Path, 11<<20, noise(4, 1<<20))

	if o, err := c.student.Outlook(machine); err != nil || o.Limit != lab.DefaultGrowthMiB<<20 || o.Written < 1<<20 || o.Written > 16<<20 {
		t.Errorf("the outlook is %+v, %v", o, err)
	}
	receipt, file := c.handIn(t, c.student, machine, "Ada")
	if filepath.Base(file) != "ada-networks-firewalls-1.submission.lab" || receipt.Sequence != 1 || receipt.Changed != 4<<20+512 || len(receipt.LeftOut) > 0 {
		t.Errorf("%+v", receipt)
	}
	list, err := c.Library().Submissions(within(t), c.handed, nil)
	if err != nil || len(list) != 1 || list[0].State != SubmissionNew || list[0].Receipt != receipt.Digest || list[0].Changed != receipt.Changed || list[0].Future {
		t.Fatalf("%+v, %v", list, err)
	}
	if s := list[0].Submission; s.Machine != machine || len(s.Journal) != 1 || s.Journal[0].Event != lab.EventCheckpoint {
		t.Errorf("%+v", s)
	}
	job, opened := c.OpenSubmission(file, OpenOptions{})
	done(t, job)
	m := c.machines.Snapshot().Get(opened)
	if m.Name != "Ada – Lab" || m.Config.Group != "Submissions/networks/firewalls" || m.Config.Clipboard || len(m.Config.Forwards) > 0 {
		t.Errorf("%+v", m.Config)
	}
	for _, nic := range m.Config.NICs {
		if nic.Kind != "user" || !nic.Isolated {
			t.Errorf("it has the network %+v", nic)
		}
	}
	for i, d := range disks {
		if !bytes.Equal(c.whole(t, d.Path), c.whole(t, m.Config.Disks[i].Path)) {
			t.Errorf("disk %d is not what the student had", i)
		}
	}
	done(t, c.machines.Do(machines.ActionStart, opened))
	done(t, c.machines.Do(machines.ActionPowerOff, opened))
	if list, err = c.Library().Submissions(within(t), c.handed, nil); err != nil || list[0].State != SubmissionVerified {
		t.Errorf("the second time: %+v, %v", list, err)
	}
	// The student goes on, on the running machine at first.
	done(t, c.machines.Do(machines.ActionStart, machine))
	if err := c.student.Submit(machine, SubmitOptions{To: c.handed}).Wait(within(t)); !errors.Is(err, ErrRunning) {
		t.Errorf("a running machine: %v", err)
	}
	done(t, c.machines.Do(machines.ActionPowerOff, machine))
	next, _ := c.handIn(t, c.student, machine, "") // the name is remembered
	if next.Sequence != 2 || next.Student != "Ada" || next.Fingerprint != receipt.Fingerprint {
		t.Errorf("%+v", next)
	}
	list, err = c.Library().Submissions(within(t), c.handed, nil)
	if err != nil || len(list) != 2 || list[0].State != SubmissionVerified || list[0].Submission.Previous != receipt.Digest || list[1].State != SubmissionOlder {
		t.Errorf("%+v, %v", list, err)
	}
	c.nothingLeft(t, 2)
}

// nothingLeft fails the test when something is in the staging folders, or something else than so many submissions in the folder for them.
func (c *classroom) nothingLeft(t testing.TB, submissions int) {
	t.Helper()
	for _, l := range []*Library{c.Library(), c.student.Library()} {
		left, err := filepath.Glob(filepath.Join(l.p.Dir, "staging", "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	entries, err := os.ReadDir(c.handed)
	if err != nil || len(entries) != submissions {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

// TestSubmissionSize: a mebibyte of changes makes a file of hardly more.
func TestSubmissionSize(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(64), nil)
	c.give(t, c.student, id)
	for _, what := range []struct {
		name    string
		content []byte
		most    int64
	}{{"noise", noise(9, 1<<20), 1<<20 + 64<<10}, {"text", bytes.Repeat([]byte("interface eth0\n\tdescription uplink\n"), 1<<20/34+1)[:1<<20], 64 << 10}} {
		machine := launched(t, c.student, id)
		c.writeAt(t, c.disk(machine), 20<<20, what.content)
		receipt, file := c.handIn(t, c.student, machine, "Ada")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("1 MiB of %s: %d bytes, of which %d are the pack", what.name, info.Size(), receipt.Written)
		if info.Size() > what.most || receipt.Changed != 1<<20 {
			t.Errorf("%d bytes for %+v", info.Size(), receipt)
		}
	}
}

// TestSubmitRefuses: what cannot be handed in says so, and leaves nothing.
func TestSubmitRefuses(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(8), func(s *Spec) { s.Config.Submit = &lab.Submit{GrowthMiB: 2} })
	c.give(t, c.student, id)
	machine := launched(t, c.student, id)
	c.writeAt(t, c.disk(machine), 1<<20, noise(1, 1<<20))
	submit := func(o SubmitOptions) error { return c.student.Submit(machine, o).Wait(within(t)) }
	taken := filepath.Join(t.TempDir(), "taken"+SubmissionSuffix)
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct {
		o    SubmitOptions
		text string
	}{
		"no name":       {SubmitOptions{To: c.handed}, "Say your name"},
		"two lines":     {SubmitOptions{Student: "Ada\nLovelace", To: c.handed}, "one line"},
		"no folder":     {SubmitOptions{Student: "Ada", To: c.handed + "/none"}, "no folder"},
		"file is there": {SubmitOptions{Student: "Ada", To: taken}, "is there already"},
		"other name":    {SubmitOptions{Student: "Ada", To: c.handed + "/ada.lab"}, SubmissionSuffix},
		"web":           {SubmitOptions{Student: "Ada", To: "https://example.org/x"}, "only be read"},
		"empty":         {SubmitOptions{Student: "Ada"}, "empty"},
	} {
		if err := submit(test.o); err == nil || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "mine" {
		t.Errorf("a file of the student's was written to: %q, %v", text, err)
	}
	c.writeAt(t, c.disk(machine), 4<<20, noise(2, 2<<20))
	if err := submit(SubmitOptions{Student: "Ada", To: c.handed}); !errors.Is(err, ErrGrowth) || !strings.Contains(err.Error(), "3072 KiB") || !strings.Contains(err.Error(), "2048 KiB") {
		t.Errorf("more than the lab takes: %v", err)
	}
	c.writeAt(t, c.disk(machine), 2<<20, noise(3, 6<<20)) // so much that it is not even copied
	if err := submit(SubmitOptions{Student: "Ada", To: c.handed}); !errors.Is(err, ErrGrowth) {
		t.Errorf("far more than the lab takes: %v", err)
	}
	c.nothingLeft(t, 0)
	job, plain := c.machines.Create(machines.Draft{Name: "plain", CPUs: 1, MemoryBytes: 64 << 20, DiskBytes: 4 << 20, Firmware: vmconfig.FirmwareBIOS})
	if err := job.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.student.Submit(plain, SubmitOptions{Student: "Ada", To: c.handed}).Wait(within(t)); !errors.Is(err, ErrNotALab) {
		t.Errorf("a machine of no lab: %v", err)
	}
}

// TestSubmitIntoLayout: a folder with an OCI image layout gets a tag for each, also for two students of one name, and the teacher opens one by it.
func TestSubmitIntoLayout(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(4), nil)
	other := c.service(t.TempDir())
	place := filepath.Join(t.TempDir(), "all")
	done(t, c.Send(id, place, SendOptions{})) // the lab itself lies there too
	for i, s := range []*Service{c.student, other} {
		c.give(t, s, id)
		machine := launched(t, s, id)
		c.write(t, machine, 1, byte(100+i))
		var receipt Receipt
		done(t, s.Submit(machine, SubmitOptions{Student: "李明", To: place, Done: func(r Receipt) { receipt = r }}))
		ref := source.Ref{Kind: source.KindFolder, Location: place, Tag: "student-" + lab.Sum([]byte(studentKeyOf(t, s))).Hex()[:8] + "-1"}
		job, opened := c.OpenSubmission(ref.String(), OpenOptions{AnotherKey: true})
		done(t, job)
		if !bytes.Equal(c.content(t, opened), c.content(t, machine)) || receipt.Sequence != 1 {
			t.Errorf("the submission of student %d is another", i)
		}
		if name := c.machines.Snapshot().Get(opened).Name; !strings.HasPrefix(name, "李明 – Firewalls") {
			t.Errorf("it is called %q", name)
		}
	}
	job, _ := c.OpenSubmission(place, OpenOptions{})
	if err := job.Wait(within(t)); err == nil {
		t.Error("one of two submissions was taken without a tag")
	}
	done(t, c.student.Fetch(place, FetchOptions{})) // the lab is still the only one
}

func studentKeyOf(t testing.TB, s *Service) string {
	t.Helper()
	key, err := s.Library().studentKey(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return author{key: key}.public().String()
}

// TestOpenAnotherStudent: another key under a known name is listed as that and opened only when that is wanted; a lab that is not here is named.
func TestOpenAnotherStudent(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(4), nil)
	thief := c.service(t.TempDir())
	for i, s := range []*Service{c.student, thief} {
		c.give(t, s, id)
		machine := launched(t, s, id)
		c.write(t, machine, i, 99)
		_, file := c.handIn(t, s, machine, "Ada Lovelace")
		job, _ := c.OpenSubmission(file, OpenOptions{})
		switch err := job.Wait(within(t)); {
		case i == 0 && err != nil:
			t.Fatal(err)
		case i == 1 && !errors.Is(err, ErrStudentKey):
			t.Errorf("another student's name: %v", err)
		case i == 1:
			job, _ := c.OpenSubmission(file, OpenOptions{AnotherKey: true})
			done(t, job)
		}
	}
	list, err := c.Library().Submissions(within(t), c.handed, nil)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, f := range list {
		want := SubmissionVerified
		if f.Fingerprint != words(studentKeyOf(t, c.student)) {
			want = SubmissionOtherKey
		}
		if f.State != want {
			t.Errorf("%s is %s: %s", f.File, f.State, f.Reason)
		}
	}
	// A teacher who does not have the lab.
	stranger := c.service(t.TempDir())
	job, _ := stranger.OpenSubmission(filepath.Join(c.handed, list[0].File), OpenOptions{})
	if err := job.Wait(within(t)); !errors.Is(err, ErrNoLab) || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("without the lab: %v", err)
	}
	if list, err = stranger.Library().Submissions(within(t), c.handed, nil); err != nil || list[0].State != SubmissionOtherKey || list[0].Err == nil {
		t.Errorf("two keys for one unknown name: %+v, %v", list, err)
	}
	if err := c.Library().ForgetStudent(within(t), "Ada Lovelace"); err != nil {
		t.Error(err)
	}
	if err := c.Library().ForgetStudent(within(t), "Ada Lovelace"); !errors.Is(err, ErrNoStudent) {
		t.Errorf("forgotten twice: %v", err)
	}
}

// stages are texts of progress at which the tests below stop a job.
var stages = map[string][]string{
	"submit": {"Looking for what was changed", "Comparing with the lab", "Packing and writing"},
	"open":   {"Checking the submission", "Reading the submission", "Making the disks", "Writing the disks", "Comparing with what was handed in", "Registering the machine"},
}

// TestStoppedSubmissions: a job that is cancelled or killed at any stage leaves nothing, and the next one works.
func TestStoppedSubmissions(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(6), nil)
	c.give(t, c.student, id)
	machine := launched(t, c.student, id)
	c.writeAt(t, c.disk(machine), 2<<20, noise(5, 3<<20))
	images, err := filepath.Glob(filepath.Join(c.p.DataDir, "images", "*"))
	if err != nil {
		t.Fatal(err)
	}
	settled := func(what string, submissions int) {
		t.Helper()
		now, err := filepath.Glob(filepath.Join(c.p.DataDir, "images", "*"))
		if err != nil || !slices.Equal(now, images) {
			t.Errorf("%s: the disks are %v, %v", what, now, err)
		}
		if names := strings.Fields(c.host.Virsh(t, "list", "--all", "--uuid")); len(names) != 1 {
			t.Errorf("%s: the machines are %v", what, names)
		}
		c.nothingLeft(t, submissions)
	}
	for _, stage := range stages["submit"] {
		ctx, cancel := context.WithCancel(within(t))
		_, err := c.student.submit(ctx, machine, SubmitOptions{Student: "Ada", To: c.handed}, func(p jobs.Progress) {
			if p.Text == stage {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while “%s”: %v", stage, err)
		}
		settled(stage, 0)
	}
	for _, stage := range stages["submit"] {
		c.kill(t, "submit", stage, c.student, machine.String())
		for _, e := range must(os.ReadDir(c.handed)) {
			if !strings.HasPrefix(e.Name(), ".") {
				t.Errorf("killed while “%s”: %s is there", stage, e.Name())
			}
		}
	}
	// What was killed is removed by the next one, which has the number 1: none was given away. (A part beside the submission is removed as soon as it is a minute old.)
	for _, e := range must(os.ReadDir(c.handed)) {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(c.handed, e.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	receipt, file := c.handIn(t, c.student, machine, "Ada")
	if receipt.Sequence != 1 {
		t.Errorf("the number is %d", receipt.Sequence)
	}
	settled("handed in", 1)

	for _, stage := range stages["open"] {
		ctx, cancel := context.WithCancel(within(t))
		err := c.openSubmission(ctx, file, uuid.New(), OpenOptions{}, func(p jobs.Progress) {
			if p.Text == stage {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while “%s”: %v", stage, err)
		}
		settled(stage, 1)
	}
	for _, stage := range stages["open"] {
		c.kill(t, "open", stage, c.Service, file)
	}
	roomOn(t, c.host) // the program that is started next undoes what was begun
	job, opened := c.OpenSubmission(file, OpenOptions{})
	done(t, job)
	if !bytes.Equal(c.content(t, opened), c.content(t, machine)) {
		t.Error("what was opened is another disk")
	}
	now, err := filepath.Glob(filepath.Join(c.p.DataDir, "images", "*"))
	if err != nil || len(now) != len(images)+1 {
		t.Errorf("after kills the disks are %v, %v", now, err)
	}
	c.nothingLeft(t, 1)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// killVariable tells a process of this test what to do.
const killVariable = "GUESTHOUSE_TEST_STOP"

// kill lets another process do it, and kills that at a stage.
func (c *classroom) kill(t *testing.T, what, stage string, s *Service, subject string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestBeKilled$", "-test.v")
	cmd.Env = append(os.Environ(), killVariable+"="+strings.Join([]string{what, stage, subject, c.handed, c.host.URI, c.host.DataDir, c.host.ConfigDir, filepath.Dir(s.Library().p.Dir)}, "\n"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, reached := bufio.NewScanner(out), false
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if lines.Text() == "stopped" {
			reached = true
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if !reached {
		t.Fatalf("%s never came to “%s”: %s", what, stage, strings.Join(said, "\n"))
	}
}

// TestBeKilled is the process that TestStoppedSubmissions kills.
func TestBeKilled(t *testing.T) {
	args := strings.Split(os.Getenv(killVariable), "\n")
	if len(args) != 8 {
		t.Skip("only for TestStoppedSubmissions")
	}
	r := roomOn(t, &hosttest.Host{URI: args[4], DataDir: args[5], ConfigDir: args[6]})
	report := func(p jobs.Progress) {
		if p.Text == args[1] {
			fmt.Println("stopped")
			select {}
		}
	}
	s := r.service(args[7])
	if args[0] == "submit" {
		_, err := s.submit(within(t), uuid.MustParse(args[2]), SubmitOptions{Student: "Ada", To: args[3]}, report)
		t.Fatal(err)
	}
	t.Fatal(s.openSubmission(within(t), args[2], uuid.New(), OpenOptions{}, report))
}

// TestSubmitNumber: a submission that could not be finished does not keep its number, and one that follows on another key begins anew.
func TestSubmitNumber(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(4), nil)
	c.give(t, c.student, id)
	machine := launched(t, c.student, id)
	c.write(t, machine, 1, 99)
	_, err := c.student.submit(within(t), machine, SubmitOptions{Student: "Ada", To: c.handed}, func(p jobs.Progress) {
		if p.Text == "Packing and writing" && p.Done == p.Total { // all is written but the name
			if err := os.Chmod(c.handed, 0o500); err != nil {
				t.Error(err)
			}
		}
	})
	if err == nil {
		t.Skip("a folder without the right to write is written to: this runs as root")
	}
	if err := os.Chmod(c.handed, 0o700); err != nil {
		t.Fatal(err)
	}
	if name, err := c.student.Library().Student(); err != nil || name != "" {
		t.Errorf("the name %q is remembered, %v", name, err)
	}
	if receipt, _ := c.handIn(t, c.student, machine, "Ada"); receipt.Sequence != 1 {
		t.Errorf("the number is %d", receipt.Sequence)
	}
	if err := os.RemoveAll(c.student.Library().studentDir()); err != nil {
		t.Fatal(err)
	}
	if receipt, _ := c.handIn(t, c.student, machine, "Ada"); receipt.Sequence != 1 {
		t.Errorf("with another key the number is %d", receipt.Sequence)
	}
}
