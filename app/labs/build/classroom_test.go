package build

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig/lab"
)

// classSize is how many fetch the lab at once.
const classSize = 20

// TestClassroomOfDebian is TestClassroom of package labs with a lab of a course's size: a Debian with compiler, interpreter and editor, made of its packages, sent to a real registry and a
// web share, fetched by twenty students at once, launched, changed, kept, reset, handed in and opened. What the guests see is compared to the last byte, and one of them is started.
func TestClassroomOfDebian(t *testing.T) {
	if os.Getenv(buildVariable) == "" {
		t.Skip("set " + buildVariable + "=1 to make a whole lab")
	}
	address, suite := mirror(t)
	w := openWorkshop(t)
	text := strings.NewReplacer("SUITE", suite+"\n    packages: [gcc, make, python3, vim, git]", "MIRROR", address, "disk: 1 GiB", "disk: 2 GiB").Replace(labRecipe)
	id := w.make(t, recipe(t, text, labFiles()))
	c := &classroom{workshop: w, want: hashFile(t, w.base(t, w.p.Library, id))}

	if image, err := w.p.Library.Resolve(id.String()); err == nil {
		t.Logf("it takes %d MiB", image.Disk>>20)
	}
	share := t.TempDir()
	web := httptest.NewServer(http.FileServer(http.Dir(share)))
	defer web.Close()
	registry := hosttest.StartRegistry(t, "") + "/tests/small"
	for _, place := range []string{share, registry} {
		c.timed(t, "sent to "+filepath.Base(place), w.labs.Send(id, place, labs.SendOptions{}))
	}

	start := time.Now()
	var group sync.WaitGroup
	class := make([]*labs.Service, classSize)
	for i := range class {
		p := w.params
		p.Library = labs.New(labs.Params{Dir: filepath.Join(w.data, "..", fmt.Sprintf("student%d", i)), Keys: t.TempDir()})
		class[i] = labs.NewService(p)
		place := registry
		if i%2 == 0 {
			place = web.URL
		}
		trust := labs.AddOptions{Trust: func(context.Context, labs.Question) (bool, error) { return true, nil }}
		group.Go(func() {
			if err := class[i].Fetch(place, labs.FetchOptions{AddOptions: trust}).Wait(within(t)); err != nil {
				t.Errorf("student %d: %v", i, err)
			}
		})
	}
	group.Wait()
	t.Logf("%d students had it after %v", classSize, time.Since(start).Round(time.Second))
	if t.Failed() {
		t.FailNow()
	}
	for i, s := range class {
		if hashFile(t, w.base(t, s.Library(), id)) != c.want {
			t.Fatalf("student %d has another disk", i)
		}
	}

	inbox, handedIn := t.TempDir(), map[string]uuid.UUID{}
	for i, s := range class {
		job, machine := s.Launch(id, labs.LaunchOptions{Name: fmt.Sprintf("student %d", i)})
		done(t, job)
		disk := w.params.Machines.Snapshot().Get(machine).Config.Disks[0].Path
		c.write(t, disk, i)
		switch i % 4 { // each look at a whole disk takes seconds
		case 0:
			done(t, s.Reset(machine, labs.ResetOptions{}))
			if c.hash(t, machine) != c.want {
				t.Errorf("student %d's machine is not at its beginning after a reset", i)
			}
		case 1:
			done(t, w.params.Checkpoints.Save(machine, checkpoints.SaveOptions{Name: "Mine"}))
			c.write(t, disk, i+classSize)
			student := fmt.Sprintf("Student %d", i)
			c.timed(t, student+" handed in", s.Submit(machine, labs.SubmitOptions{Student: student, To: inbox}))
			handedIn[student] = machine
		}
	}
	list, err := w.p.Library.Submissions(within(t), inbox, nil)
	if err != nil || len(list) != len(handedIn) {
		t.Fatalf("%d were handed in, want %d: %v", len(list), len(handedIn), err)
	}
	for _, one := range list {
		job, opened := w.labs.OpenSubmission(filepath.Join(inbox, one.File), labs.OpenOptions{})
		done(t, job)
		if c.hash(t, opened) != c.hash(t, handedIn[one.Submission.Student.Name]) {
			t.Errorf("what %s handed in is another disk", one.Submission.Student.Name)
		}
	}

	job, machine := class[0].Launch(id, labs.LaunchOptions{Start: true})
	done(t, job)
	t.Log(w.hear(t, machine, regexp.MustCompile(`The lab says: made of \d+\S*`)))
	done(t, w.params.Machines.Do(machines.ActionPowerOff, machine))
}

// classroom is a workshop with the content that the lab's disk must have.
type classroom struct {
	*workshop
	want [sha256.Size]byte
}

func done(t *testing.T, j *jobs.Job) {
	t.Helper()
	if err := j.Wait(within(t)); err != nil {
		t.Fatalf("%s: %v", j.Status().Title, err)
	}
}

// timed waits for a job and tells how long it took.
func (c *classroom) timed(t *testing.T, what string, j *jobs.Job) {
	t.Helper()
	start := time.Now()
	done(t, j)
	t.Logf("%s in %v", what, time.Since(start).Round(100*time.Millisecond))
}

// base is the disk of a lab in a library.
func (w *workshop) base(t *testing.T, library *labs.Library, id lab.Digest) string {
	t.Helper()
	bases, err := library.Bases(id)
	if err != nil || len(bases) != 1 {
		t.Fatalf("%+v, %v", bases, err)
	}
	return bases[0].Path
}

// write puts a megabyte into the disk of a machine, as its guest would.
func (c *classroom) write(t *testing.T, disk string, n int) {
	t.Helper()
	hosttest.Run(t, hosttest.Tool(t, "qemu-io"), "-f", "qcow2", "-c", fmt.Sprintf("write -P %d %dM 1M", 1+n, 100+7*n), disk)
}

// hash is that of the disk as the machine's guest sees it.
func (c *classroom) hash(t *testing.T, machine uuid.UUID) [sha256.Size]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whole.raw")
	defer os.Remove(path)
	disk := c.params.Machines.Snapshot().Get(machine).Config.Disks[0].Path
	if err := c.params.Images.CopyRaw(within(t), path, disk, diskimage.FormatQcow2, "", func(float64) {}); err != nil {
		t.Fatal(err)
	}
	return hashFile(t, path)
}

func hashFile(t *testing.T, path string) (sum [sha256.Size]byte) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
