package labs

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// classSize is how many fetch a lab at once.
const classSize = 20

// TestClassroom: a lab is sent to a registry and a web share; twenty students fetch it at once, half of them from each, launch it, change it, save checkpoints, reset it, and hand in, which the
// teacher opens. Every byte that a guest sees is compared. Then its next version comes, and their work stays on the version that it was begun on.
func TestClassroom(t *testing.T) {
	r := openRoom(t)
	content := make([]byte, 12<<20)
	if _, err := rand.Read(content[2<<20 : 9<<20]); err != nil {
		t.Fatal(err)
	}
	share := t.TempDir()
	web := httptest.NewServer(http.FileServer(http.Dir(share)))
	defer web.Close()
	registry := hosttest.StartRegistry(t, "") + "/networks/firewalls"
	send := func(id lab.Digest) {
		t.Helper()
		for _, place := range []string{share, registry} {
			done(t, r.Send(id, place, SendOptions{}))
		}
	}
	first := r.publish(t, content, nil)
	send(first)

	class := make([]*Service, classSize)
	for i := range class {
		p := r.Service.p
		p.Library = New(Params{Dir: filepath.Join(r.host.DataDir, fmt.Sprintf("student%d", i)), Keys: t.TempDir()})
		class[i] = NewService(p)
	}
	fetch := func(want lab.Digest) {
		t.Helper()
		var group sync.WaitGroup
		for i, s := range class {
			place := registry
			if i%2 == 0 {
				place = web.URL
			}
			group.Go(func() {
				var got lab.Digest
				o := FetchOptions{
					AddOptions: AddOptions{Trust: func(context.Context, Question) (bool, error) { return true, nil }},
					Done:       func(d lab.Digest) { got = d },
				}
				if err := s.Fetch(place, o).Wait(within(t)); err != nil || got != want {
					t.Errorf("student %d has %s: %v", i, got, err)
				}
			})
		}
		group.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
	fetch(first)
	inbox, handedIn := t.TempDir(), map[string]uuid.UUID{}
	for i, s := range class {
		job, id := s.Launch(first, LaunchOptions{Name: fmt.Sprintf("student %d", i)})
		done(t, job)
		r.isAs(t, id, content, "")
		r.write(t, id, i%10, byte(100+i))
		if got := r.content(t, id); got[(i%10)<<20] != byte(100+i) {
			t.Fatalf("student %d's change is not there", i)
		}
		switch i % 5 { // the rest is the same for all, and each look at a disk takes a moment
		case 0:
			done(t, s.Reset(id, ResetOptions{}))
			r.isAs(t, id, content, "")
		case 1:
			done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{Name: "Mine"}))
			r.write(t, id, 11, byte(200+i))
			done(t, s.Submit(id, SubmitOptions{Student: fmt.Sprintf("Student %d", i), To: inbox}))
			handedIn[fmt.Sprintf("Student %d", i)] = id
		}
	}
	list, err := r.Library().Submissions(within(t), inbox, nil)
	if err != nil || len(list) != classSize/5 {
		t.Fatalf("%d were handed in, want %d: %v", len(list), classSize/5, err)
	}
	for _, one := range list {
		if one.State != SubmissionVerified && one.State != SubmissionNew {
			t.Errorf("%s is %s: %s", one.File, one.State, one.Reason)
		}
		job, opened := r.OpenSubmission(filepath.Join(inbox, one.File), OpenOptions{})
		done(t, job)
		if !bytes.Equal(r.content(t, opened), r.content(t, handedIn[one.Submission.Student.Name])) {
			t.Errorf("what %s handed in is another disk", one.File)
		}
	}
	changed := append([]byte(nil), content...)
	copy(changed[10<<20:], "the next version")
	second := r.publish(t, changed, func(s *Spec) {
		image, err := r.Library().Resolve(first.String())
		if err != nil {
			t.Fatal(err)
		}
		s.Config.ID = image.Config.ID
	})
	send(second)
	fetch(second)
	for i, s := range class {
		if i%7 > 0 {
			continue
		}
		list, err := s.Library().Images()
		if err != nil || len(list) != 2 || list[0].ID != second || !list[0].Ready || !list[1].Ready {
			t.Errorf("student %d has %+v, %v", i, list, err)
		}
		for _, m := range s.Machines() {
			if m.Config.Lab.ID != first.String() {
				t.Errorf("%s is of %s", m.Name, m.Config.Lab.ID)
			}
		}
	}
	// A reset takes the next version where that is wanted, and both ways lead back.
	updated := class[3].Machines()
	var third *machines.Machine
	for _, m := range updated {
		if m.Name == "student 3" {
			third = m
		}
	}
	before := r.content(t, third.UUID)
	done(t, class[3].Reset(third.UUID, ResetOptions{Update: true}))
	r.isAs(t, third.UUID, changed, "")
	if m := r.machines.Snapshot().Get(third.UUID); m.Config.Lab != (vmconfig.Lab{ID: second.String(), Name: "networks/firewalls", Version: 2}) {
		t.Errorf("after an update it is of %+v", m.Config.Lab)
	}
	done(t, r.machines.Do(machines.ActionStart, third.UUID))
	done(t, r.machines.Do(machines.ActionPowerOff, third.UUID))
	done(t, class[3].UndoReset(third.UUID, ResetOptions{}))
	r.isAs(t, third.UUID, before, "")
	if m := r.machines.Snapshot().Get(third.UUID); m.Config.Lab.ID != first.String() {
		t.Errorf("after taking that back it is of %+v", m.Config.Lab)
	}
	done(t, r.machines.Do(machines.ActionStart, third.UUID))
	done(t, r.machines.Do(machines.ActionPowerOff, third.UUID))
	// Nothing that a machine lies on goes, even when its lab does.
	for _, s := range class[:2] {
		if err := s.Library().Remove(within(t), first); err != nil {
			t.Fatal(err)
		}
		if freed, err := s.GC(within(t)); err != nil || freed != 0 {
			t.Errorf("%d bytes were freed below a machine, %v", freed, err)
		}
	}
	gone := r.machines.Snapshot().Machines[0]
	for _, m := range r.machines.Snapshot().Machines {
		if m.Name == "student 1" {
			gone = m
		}
	}
	done(t, r.machines.Delete(gone.UUID, false))
	if freed, err := class[1].GC(within(t)); err != nil || freed != 0 {
		t.Errorf("%d bytes were freed below a machine in the trash, %v", freed, err)
	}
}
