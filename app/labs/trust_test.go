package labs

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// offer publishes a lab in a library of its own and returns the place.
func offer(t *testing.T, teacher *Library, s Spec, seed int) *memory {
	t.Helper()
	place := newMemory()
	id := publish(t, teacher, s, map[string][]byte{"disk0": noise(seed, mib)})
	push(t, teacher, id, place)
	return place
}

func withID(s Spec, id uuid.UUID) Spec {
	s.Config.ID = id
	return s
}

func TestTrust(t *testing.T) {
	teacher, impostor, student := newLibrary(t), newLibrary(t), newLibrary(t)
	place := offer(t, teacher, testSpec("a"), 1)
	key, err := teacher.CourseKey("Networks 2026")
	if err != nil {
		t.Fatal(err)
	}
	try := func(from source.Source, o AddOptions) error {
		_, err := student.Add(t.Context(), from, o, nil)
		return err
	}
	if err := try(place.source(), AddOptions{}); !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), lab.Fingerprint(key)) {
		t.Errorf("nobody to ask: %v", err)
	}
	no := func(_ context.Context, q Question) (bool, error) {
		if q.Course != "Networks 2026" || q.Fingerprint != lab.Fingerprint(key) || q.Key != key.String() || q.Place != "memory" {
			t.Errorf("%+v", q)
		}
		return false, nil
	}
	if err := try(place.source(), AddOptions{Trust: no}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("no: %v", err)
	}
	if err := try(place.source(), AddOptions{Trust: func(context.Context, Question) (bool, error) { return true, context.Canceled }}); !errors.Is(err, context.Canceled) {
		t.Errorf("cannot ask: %v", err)
	}
	other := offer(t, impostor, testSpec("b"), 2)
	if err := try(other.source(), AddOptions{Key: key.String(), Trust: yes}); !errors.Is(err, ErrKeyChanged) {
		t.Errorf("another key than the expected one: %v", err)
	}
	noBase(t, student)
	if err := try(place.source(), AddOptions{Key: key.String()}); err != nil {
		t.Errorf("the expected key: %v", err)
	}
	before := other.opened
	if err := try(other.source(), AddOptions{Trust: yes}); !errors.Is(err, ErrKeyChanged) {
		t.Errorf("a changed key: %v", err)
	}
	if other.opened-before != 2 {
		t.Errorf("%d blobs were read, not only config and signature", other.opened-before)
	}
	// Known by now: nobody is asked.
	asked := func(context.Context, Question) (bool, error) { t.Error("asked"); return true, nil }
	if err := try(offer(t, teacher, testSpec("c"), 3).source(), AddOptions{Trust: asked}); err != nil {
		t.Error(err)
	}
	if err := student.ForgetCourse(t.Context(), "Networks 2026"); err != nil {
		t.Fatal(err)
	}
	if err := try(other.source(), AddOptions{Trust: yes}); err != nil {
		t.Errorf("forgotten: %v", err)
	}
}

func TestVersions(t *testing.T) {
	teacher, student := newLibrary(t), newLibrary(t)
	id := uuid.New()
	first := offer(t, teacher, withID(testSpec("a"), id), 1)
	second := offer(t, teacher, withID(testSpec("a"), id), 2)
	two := add(t, student, second.source())
	if _, err := student.Add(t.Context(), first.source(), AddOptions{}, nil); !errors.Is(err, ErrOlder) {
		t.Errorf("an older one: %v", err)
	}
	one, err := student.Add(t.Context(), first.source(), AddOptions{Older: true}, nil)
	if err != nil {
		t.Fatalf("an older one that is wanted: %v", err)
	}
	if image, err := student.Resolve("a"); err != nil || image.ID != two {
		t.Errorf("latest went back: %v", err)
	}
	if image, err := student.Resolve("a:1"); err != nil || image.ID != one {
		t.Error(err)
	}
	// The same teacher makes another version 2 of it, on a computer that has not seen the first.
	elsewhere := libraryAt(t.TempDir())
	elsewhere.p.Keys = teacher.p.Keys
	key, _ := teacher.CourseKey("Networks 2026")
	if err := elsewhere.pin(t.Context(), &lab.Config{Course: lab.Course{Name: "Networks 2026", Key: key.String()}}); err != nil {
		t.Fatal(err)
	}
	offer(t, elsewhere, withID(testSpec("a"), id), 3)
	twin := offer(t, elsewhere, withID(testSpec("a"), id), 4)
	_, err = student.Add(t.Context(), twin.source(), AddOptions{Older: true}, nil)
	if !errors.Is(err, ErrEquivocation) || !strings.Contains(err.Error(), two.String()) {
		t.Errorf("a twin: %v", err)
	}
	// Removing does not make it forget.
	if err := student.Remove(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if _, err = student.Add(t.Context(), twin.source(), AddOptions{Older: true}, nil); !errors.Is(err, ErrEquivocation) {
		t.Errorf("a twin of a removed one: %v", err)
	}
	if got := add(t, student, second.source()); got != two {
		t.Error("the removed one cannot be added again")
	}
}

func TestNamesAreNotTaken(t *testing.T) {
	teacher, other, student := newLibrary(t), newLibrary(t), newLibrary(t)
	first := add(t, student, offer(t, teacher, testSpec("a"), 1).source())
	s := testSpec("a")
	s.Config.Course.Name = "Another course"
	place := offer(t, other, s, 2)
	if _, err := student.Add(t.Context(), place.source(), AddOptions{Trust: yes}, nil); !errors.Is(err, ErrNameTaken) {
		t.Errorf("another course's lab takes the name: %v", err)
	}
	id, err := student.Add(t.Context(), place.source(), AddOptions{Trust: yes, Name: "other/a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]lab.Digest{"a": first, "other/a:1": id} {
		if image, err := student.Resolve(name); err != nil || image.ID != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := student.Add(t.Context(), place.source(), AddOptions{Trust: yes, Name: "../a"}, nil); err == nil {
		t.Error("any name is taken")
	}
}

func TestNeedsProgram(t *testing.T) {
	s := testSpec("a")
	s.Config.Needs.Program = "1.10"
	place := offer(t, newLibrary(t), s, 1)
	for program, fits := range map[string]bool{"1.9": false, "1.9.7": false, "1.10": true, "v1.10.1": true, "2": true, "development": true, "": true, "1": false} {
		l := newLibrary(t)
		l.p.Program = program
		if _, err := l.Add(t.Context(), place.source(), AddOptions{Trust: yes}, nil); (err == nil) != fits || !fits && !errors.Is(err, ErrProgram) {
			t.Errorf("%q: %v", program, err)
		}
	}
}
