package labs

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

func testPicture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 10, 10))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestUpdate publishes a second version: only what changed is written, only that is fetched by who has the first, and who has nothing gets all.
func TestUpdate(t *testing.T) {
	teacher, student, place := newLibrary(t), newLibrary(t), newMemory()
	s := testSpec("networks/lab-1")
	first := publish(t, teacher, s, map[string][]byte{"disk0": testDisk(0)})
	one := push(t, teacher, first, place)
	if add(t, student, place.source()) != first {
		t.Fatal("another lab")
	}
	image, err := teacher.Resolve("networks/lab-1")
	if err != nil {
		t.Fatal(err)
	}
	s = testSpec("networks/lab-1")
	s.Config.ID = image.Config.ID
	contents := map[string][]byte{"disk0": testDisk(1)}
	second := publish(t, teacher, s, contents)
	image, err = teacher.Resolve("networks/lab-1")
	if err != nil || image.ID != second || image.Config.Version != 2 || image.Config.Previous != first {
		t.Fatalf("%+v, %v", image, err)
	}
	two := push(t, teacher, second, place)
	t.Logf("version 1: %d bytes; version 2, with 1 MiB changed: %d new, %d kept", one.NewBytes, two.NewBytes, two.KeptBytes)
	if two.NewBytes > mib+200 || two.NewBytes < mib || two.KeptBytes == 0 {
		t.Error("not only the changed chunk was written")
	}
	from := place.clone()
	if add(t, student, from.source()) != second {
		t.Fatal("another lab")
	}
	t.Logf("the update was %d bytes for who has version 1", from.asked)
	if from.asked > mib+int64(len(from.blobs))*usualTable {
		t.Error("what is here was fetched")
	}
	wantContent(t, student, second, contents)
	wantContent(t, student, first, map[string][]byte{"disk0": testDisk(0)})
	fresh := newLibrary(t)
	if add(t, fresh, place.source()) != second {
		t.Fatal("another lab")
	}
	wantContent(t, fresh, second, contents)
	// Both versions are at the place.
	if got, err := newLibrary(t).Add(t.Context(), place.at("1").source(), AddOptions{Trust: yes}, nil); err != nil || got != first {
		t.Error(got, err)
	}
	// The first one again: nothing is new, and latest stays.
	three, err := teacher.Push(t.Context(), first, place, PushOptions{}, nil)
	if err != nil || three.NewBytes != 0 || len(three.Tags) != 1 {
		t.Errorf("%+v, %v", three, err)
	}
	if m, _, _ := (&pusher{l: teacher, target: place}).at(t.Context(), latestTag); m == nil || m.Config.Digest != second.OCI() {
		t.Error("latest went back")
	}
}

// TestDamagedSeed updates a lab whose first version was damaged here: that is not copied.
func TestDamagedSeed(t *testing.T) {
	teacher, student, place := newLibrary(t), newLibrary(t), newMemory()
	s := testSpec("a")
	first := publish(t, teacher, s, map[string][]byte{"disk0": testDisk(0)})
	push(t, teacher, first, place)
	add(t, student, place.source())
	hurt(t, student, first, "disk0", 4, true)
	image, err := teacher.Resolve("a")
	if err != nil {
		t.Fatal(err)
	}
	s = testSpec("a")
	s.Config.ID = image.Config.ID
	push(t, teacher, publish(t, teacher, s, map[string][]byte{"disk0": testDisk(1)}), place)
	wantContent(t, student, add(t, student, place.source()), map[string][]byte{"disk0": testDisk(1)})
}

// TestWastefulPacksAreDropped changes most of a pack.
func TestWastefulPacksAreDropped(t *testing.T) {
	teacher, place := newLibrary(t), newMemory()
	chunks := func(seeds ...int) (data []byte) {
		for _, seed := range seeds {
			data = append(data, noise(seed, mib)...)
		}
		return data
	}
	s := testSpec("a")
	id := publish(t, teacher, s, map[string][]byte{"disk0": chunks(1, 2, 3, 4)})
	image, _ := teacher.Resolve(id.String())
	teacher.packBytes = 5 * mib
	if _, err := teacher.Push(t.Context(), id, place, PushOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct {
		seeds     []int
		kept, new int64
	}{{[]int{1, 2, 13, 14}, 4, 2}, {[]int{1, 22, 13, 14}, 2, 2}} { // then 1 is in the first pack, of which a quarter is used
		s := testSpec("a")
		s.Config.ID = image.Config.ID
		id := publish(t, teacher, s, map[string][]byte{"disk0": chunks(test.seeds...)})
		p, err := teacher.Push(t.Context(), id, place, PushOptions{}, nil)
		if err != nil || p.KeptBytes/mib != test.kept || p.NewBytes/mib != test.new {
			t.Errorf("%d: %+v, %v", i, p, err)
		}
		l := newLibrary(t)
		wantContent(t, l, add(t, l, place.source()), map[string][]byte{"disk0": chunks(test.seeds...)})
	}
}

// TestPushResumes cancels a push; what arrived is not sent again.
func TestPushResumes(t *testing.T) {
	teacher, place := newLibrary(t), newMemory()
	id := publish(t, teacher, testSpec("a"), map[string][]byte{"disk0": testDisk(0)})
	teacher.packBytes = 2 * mib
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	place.write = func(ocispec.Descriptor) error {
		if n++; n == 3 {
			cancel()
			return context.Canceled
		}
		return nil
	}
	if _, err := teacher.Push(ctx, id, place, PushOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if place.tags[latestTag] != nil || place.puts != 2 {
		t.Errorf("%d blobs", place.puts)
	}
	place.write = nil
	if _, err := teacher.Push(t.Context(), id, place, PushOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if int(place.puts) != len(place.blobs) {
		t.Errorf("%d writes for %d blobs", place.puts, len(place.blobs))
	}
	l := newLibrary(t)
	wantContent(t, l, add(t, l, place.source()), map[string][]byte{"disk0": testDisk(0)})
}

// TestPushRefusesATwin has another version 1 at the place.
func TestPushRefusesATwin(t *testing.T) {
	teacher, place := newLibrary(t), newMemory()
	first := publish(t, teacher, testSpec("a"), map[string][]byte{"disk0": noise(1, mib)})
	push(t, teacher, first, place)
	image, _ := teacher.Resolve(first.String())
	if err := teacher.Remove(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := teacher.ForgetCourse(t.Context(), "Networks 2026"); err != nil {
		t.Fatal(err)
	}
	s := testSpec("a")
	s.Config.ID = image.Config.ID
	twin := publish(t, teacher, s, map[string][]byte{"disk0": noise(2, mib)})
	if _, err := teacher.Push(t.Context(), twin, place, PushOptions{}, nil); !errors.Is(err, ErrEquivocation) {
		t.Error(err)
	}
}

// TestPushChecksWhatItReads has a base that was changed behind the program's back.
func TestPushChecksWhatItReads(t *testing.T) {
	place, _ := published()
	l := newLibrary(t)
	id := add(t, l, place.clone().source())
	hurt(t, l, id, "disk0", 4, true)
	if _, err := l.Push(t.Context(), id, newMemory(), PushOptions{}, nil); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

// TestPushToOthers has something else under the tags.
func TestPushToOthers(t *testing.T) {
	teacher, place := newLibrary(t), newMemory()
	id := publish(t, teacher, testSpec("a"), map[string][]byte{"disk0": noise(1, mib)})
	junk := []byte(`{"schemaVersion":2,"config":{}}`)
	place.tags[latestTag] = junk
	if p := push(t, teacher, id, place); !slices.Equal(p.Tags, []string{"a-1", "a-latest"}) || !bytes.Equal(place.tags[latestTag], junk) {
		t.Errorf("%+v", p)
	}
	l := newLibrary(t)
	if add(t, l, place.at("a-latest").source()) != id {
		t.Error("another lab")
	}
	// Two labs in one place, and a new version of the second.
	place = newMemory()
	push(t, teacher, id, place)
	s := testSpec("b/c")
	other := publish(t, teacher, s, map[string][]byte{"disk0": noise(2, 2*mib)})
	if p := push(t, teacher, other, place); !slices.Equal(p.Tags, []string{"b.c-1", "b.c-latest"}) {
		t.Errorf("%+v", p)
	}
	image, err := teacher.Resolve("b/c")
	if err != nil {
		t.Fatal(err)
	}
	s = testSpec("b/c")
	s.Config.ID = image.Config.ID
	newer := publish(t, teacher, s, map[string][]byte{"disk0": append(noise(2, 2*mib), noise(3, mib)...)})
	if p := push(t, teacher, newer, place); !slices.Equal(p.Tags, []string{"b.c-2", "b.c-latest"}) || p.KeptBytes/mib != 2 || p.NewBytes/mib != 1 {
		t.Errorf("%+v", p)
	}
	for tag, want := range map[string]lab.Digest{"1": id, "latest": id, "b.c-1": other, "b.c-2": newer, "b.c-latest": newer} {
		if got, err := newLibrary(t).Add(t.Context(), place.at(tag).source(), AddOptions{Trust: yes}, nil); err != nil || got != want {
			t.Errorf("%s: %v", tag, err)
		}
	}
	place.tags["x"] = junk
	if p, err := teacher.Push(t.Context(), id, place, PushOptions{Tags: []string{"x"}}, nil); err != nil || !slices.Equal(p.Tags, []string{"x"}) || bytes.Equal(place.tags["x"], junk) {
		t.Errorf("%+v, %v", p, err)
	}
	// Only a tag of its own, beside strangers.
	place = newMemory()
	for _, tag := range []string{"latest", "b.c-latest"} {
		place.tags[tag] = junk
	}
	if _, err := teacher.Push(t.Context(), newer, place, PushOptions{}, nil); !errors.Is(err, ErrNameTaken) {
		t.Error(err)
	}
	for _, want := range []int64{3, 0} {
		p, err := teacher.Push(t.Context(), newer, place, PushOptions{Tags: []string{"x"}}, nil)
		if err != nil || p.NewBytes/mib != want {
			t.Errorf("%+v, %v", p, err)
		}
	}
	denied := newMemory()
	denied.write = func(ocispec.Descriptor) error { return source.ErrAuth }
	if _, err := teacher.Push(t.Context(), id, denied, PushOptions{}, nil); !errors.Is(err, source.ErrAuth) {
		t.Error(err)
	}
	if _, err := teacher.Push(t.Context(), lab.Digest{1}, denied, PushOptions{}, nil); !errors.Is(err, ErrNoLab) {
		t.Error(err)
	}
}
