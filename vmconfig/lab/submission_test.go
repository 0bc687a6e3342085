package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/google/uuid"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func testSubmission(t testing.TB) (*Submission, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	return &Submission{
		Format: Format, ID: uuid.New(), Lab: Sum([]byte("lab")), Name: "networks/firewalls", Version: 2,
		Student: Student{Name: "Ada Lovelace", Key: public.String()}, Sequence: 2, Previous: Sum([]byte("before")), Created: at, Machine: uuid.New(),
		Parts:   []ChangedPart{{ID: "disk0", Bytes: 3 * ChunkSize, Changes: Sum([]byte("changes"))}, {ID: VariablesID, Bytes: 540672, Changes: Sum([]byte("v"))}},
		Journal: []Event{{at.Add(-time.Hour), EventLaunched}, {at, EventSubmitted}},
	}, private
}

func TestSubmissionRoundTrip(t *testing.T) {
	s, key := testSubmission(t)
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSubmission(data)
	if err != nil || !reflect.DeepEqual(s, again) {
		t.Fatalf("%v: %+v", err, again)
	}
	signature := s.Sign(key, data)
	if err := again.Verify(data, signature); err != nil {
		t.Error(err)
	}
	if err := again.Verify(append(bytes.Clone(data), ' '), signature); !errors.Is(err, ErrSubmissionSignature) {
		t.Errorf("another text: %v", err)
	}
	other, _ := testSubmission(t)
	if err := other.Verify(data, signature); !errors.Is(err, ErrSubmissionSignature) {
		t.Errorf("another key: %v", err)
	}
	// A signature of one kind of text is never one of the other: no text is both.
	if _, err := ParseConfig(data); !errors.Is(err, ErrConfig) {
		t.Errorf("as a lab: %v", err)
	}
	lab, err := testConfig(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSubmission(lab); !errors.Is(err, ErrSubmission) {
		t.Errorf("a lab: %v", err)
	}
}

func TestSubmissionRefuses(t *testing.T) {
	for name, change := range map[string]func(*Submission){
		"format":          func(s *Submission) { s.Format = 0 },
		"id":              func(s *Submission) { s.ID = uuid.Nil },
		"lab":             func(s *Submission) { s.Lab = Digest{} },
		"name":            func(s *Submission) { s.Name = "../etc" },
		"version":         func(s *Submission) { s.Version = 0 },
		"student.name":    func(s *Submission) { s.Student.Name = "Ada\nLovelace" },
		"no student.name": func(s *Submission) { s.Student.Name = "" },
		"student.name ":   func(s *Submission) { s.Student.Name = strings.Repeat("a", MaxStudentBytes+1) },
		"student.key":     func(s *Submission) { s.Student.Key = "RWQ" },
		"sequence":        func(s *Submission) { s.Sequence = 0 },
		"sequence ":       func(s *Submission) { s.Sequence = 1 << 31 },
		"previous":        func(s *Submission) { s.Previous = Digest{} },
		"previous in 1":   func(s *Submission) { s.Sequence = 1 },
		"created":         func(s *Submission) { s.Created = time.Time{} },
		"machine":         func(s *Submission) { s.Machine = uuid.Nil },
		"parts":           func(s *Submission) { s.Parts = nil },
		"parts[1].id":     func(s *Submission) { s.Parts[1].ID = "disk0" },
		"parts[0].id":     func(s *Submission) { s.Parts[0].ID = "../disk0" },
		"parts[0].bytes":  func(s *Submission) { s.Parts[0].Bytes = 513 },
		"parts[0].bytes ": func(s *Submission) { s.Parts[0].Bytes = -512 },
		"parts[1].bytes":  func(s *Submission) { s.Parts[1].Bytes = MaxVariablesBytes + 1 },
		"changes":         func(s *Submission) { s.Parts[0].Changes = Digest{} },
		"journal":         func(s *Submission) { s.Journal = make([]Event, MaxEvents+1) },
		"journal[0].time": func(s *Submission) { s.Journal[0].Time = time.Time{} },
		"event":           func(s *Submission) { s.Journal[0].Event = "cheated" },
		"journal[1].time": func(s *Submission) { s.Journal[1].Time = s.Journal[0].Time.Add(-1) },
	} {
		s, _ := testSubmission(t)
		change(s)
		_, err := s.Encode()
		if !errors.Is(err, ErrSubmission) || errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "submission's field") {
			t.Errorf("%s: %v", name, err)
		}
		if field, _, _ := strings.Cut(strings.TrimPrefix(name, "no "), " "); err != nil && !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	s, _ := testSubmission(t)
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, test := range map[string]struct {
		text string
		err  error
	}{
		"unknown field": {strings.Replace(text, `"version"`, `"run": "sh", "version"`, 1), ErrSubmission},
		"twice":         {strings.Replace(text, `"version": 2`, `"version": 1, "version": 2`, 1), ErrSubmission},
		"other case":    {strings.Replace(text, `"version"`, `"Version"`, 1), ErrSubmission},
		"trailing":      {text + "{}", ErrSubmission},
		"null":          {strings.Replace(text, `"sequence": 2`, `"sequence": null`, 1), ErrSubmission},
		"cut":           {text[:200], ErrSubmission},
		"long":          {text + strings.Repeat(" ", MaxConfigBytes), ErrSubmission},
		"newer":         {strings.Replace(text, `"format": 1`, `"format": 2, "new": {}`, 1), ErrNewer},
		"number":        {strings.Replace(text, `"sequence": 2`, `"sequence": 2e99`, 1), ErrSubmission},
	} {
		if test.text == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseSubmission([]byte(test.text)); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A journal of the greatest length fits.
	for len(s.Journal) < MaxEvents {
		s.Journal = append(s.Journal, s.Journal[len(s.Journal)-1])
	}
	if _, err := s.Encode(); err != nil {
		t.Errorf("the longest journal: %v", err)
	}
}

func TestSubmissionAgainstItsLab(t *testing.T) {
	c := testConfig(t)
	id := Sum([]byte("lab"))
	fits := func() *Submission {
		s, _ := testSubmission(t)
		s.Lab, s.Name, s.Version = id, c.Name, c.Version
		s.Parts = []ChangedPart{{ID: c.Disks[0].ID, Bytes: c.Disks[0].Bytes, Changes: Sum(nil)}}
		return s
	}
	if err := fits().CheckAgainst(id, c); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Submission){
		"another lab":  func(s *Submission) { s.Lab = Sum(nil) },
		"another name": func(s *Submission) { s.Name = "other" },
		"version":      func(s *Submission) { s.Version++ },
		"disk":         func(s *Submission) { s.Parts[0].ID = "nonesuch" },
		"size":         func(s *Submission) { s.Parts[0].Bytes += 512 },
	} {
		s := fits()
		change(s)
		if err := s.CheckAgainst(id, c); !errors.Is(err, ErrSubmission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := fits()
	s.Parts = []ChangedPart{{ID: VariablesID, Bytes: 4096, Changes: Sum(nil)}}
	with := *c
	with.Machine.Firmware, with.Variables = "uefi", nil
	if err := s.CheckAgainst(id, &with); err != nil {
		t.Errorf("variables where the lab has none of its own: %v", err)
	}
	with.Machine.Firmware = "bios"
	if err := s.CheckAgainst(id, &with); !errors.Is(err, ErrSubmission) {
		t.Errorf("variables without a firmware that has any: %v", err)
	}
}

func TestChangesRoundTrip(t *testing.T) {
	const size = 4*ChunkSize + 512
	c := &Changes{Chunks: []Change{{0, Digest{1}}, {2, Digest{}}, {3, Digest{3}}, {4, Digest{4}}}}
	data := c.Encode()
	again, err := ParseChanges(data, size)
	if err != nil || !reflect.DeepEqual(c, again) {
		t.Fatalf("%v: %+v", err, again)
	}
	if c.Data(size) != 2*ChunkSize+512 {
		t.Errorf("%d bytes of data", c.Data(size))
	}
	if int64(len(data)) > MaxChangesBytes(size) || MaxChangesBytes(MaxDiskBytes) > MaxBlobBytes {
		t.Error("its length")
	}
	if MaxPackBytes(10*ChunkSize) < 10*(ChunkSize+TableBytes(1)) {
		t.Error("ten packs of one chunk each do not fit")
	}
}

// TestChangesRefuses is the table of lists that overlap, go back, or reach beyond the disk.
func TestChangesRefuses(t *testing.T) {
	const size = 2*ChunkSize + 512
	good := (&Changes{Chunks: []Change{{0, Digest{1}}, {2, Digest{3}}}}).Encode()
	le := binary.LittleEndian
	whole, last := Sum(make([]byte, ChunkSize)), Sum(make([]byte, 512))
	for name, change := range map[string]func([]byte) []byte{
		"magic":               func(b []byte) []byte { b[7]++; return b },
		"version 0":           func(b []byte) []byte { le.PutUint32(b[8:], 0); return b },
		"no entries":          func(b []byte) []byte { le.PutUint32(b[12:], 0); return b[:16] },
		"same chunk twice":    func(b []byte) []byte { le.PutUint32(b[16+36:], 0); return b },
		"going back":          func(b []byte) []byte { le.PutUint32(b[16:], 1); le.PutUint32(b[16+36:], 0); return b },
		"beyond the end":      func(b []byte) []byte { le.PutUint32(b[16+36:], 3); return b },
		"far beyond":          func(b []byte) []byte { le.PutUint32(b[16+36:], ^uint32(0)); return b },
		"more than it has":    func(b []byte) []byte { le.PutUint32(b[12:], 3); return b },
		"fewer than it has":   func(b []byte) []byte { le.PutUint32(b[12:], 1); return b },
		"more than the disk":  func(b []byte) []byte { le.PutUint32(b[12:], 4); return append(b, make([]byte, 72)...) },
		"4294967295 entries":  func(b []byte) []byte { le.PutUint32(b[12:], ^uint32(0)); return b },
		"one byte more":       func(b []byte) []byte { return append(b, 0) },
		"cut":                 func(b []byte) []byte { return b[:len(b)-1] },
		"cut head":            func(b []byte) []byte { return b[:15] },
		"empty":               func([]byte) []byte { return nil },
		"SHA-256 of zeros":    func(b []byte) []byte { copy(b[20:], whole[:]); return b },
		"SHA-256 of the last": func(b []byte) []byte { copy(b[20+36:], last[:]); return b },
	} {
		if _, err := ParseChanges(change(bytes.Clone(good)), size); !errors.Is(err, ErrSubmission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := bytes.Clone(good)
	le.PutUint32(newer[8:], 2)
	if _, err := ParseChanges(newer, size); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
	for _, bytes := range []int64{-1, 0, MaxDiskBytes + 1, 1 << 62} {
		if _, err := ParseChanges(good, bytes); !errors.Is(err, ErrSubmission) {
			t.Errorf("a disk of %d bytes: %v", bytes, err)
		}
	}
}

func testSubmissionManifest() *SubmissionManifest {
	blob := func(mediaType, text string) ocispec.Descriptor {
		return Blob(mediaType, Sum([]byte(text)), int64(len(text)))
	}
	return &SubmissionManifest{
		Config: blob(MediaTypeSubmission, "config"), Signature: blob(MediaTypeSigned, "signature"),
		Changes: []ocispec.Descriptor{blob(MediaTypeChanges, "changes")}, Packs: []ocispec.Descriptor{blob(MediaTypePack, "a"), blob(MediaTypePack, "b")},
		Annotations: map[string]string{"org.opencontainers.image.title": "x"},
	}
}

func TestSubmissionManifest(t *testing.T) {
	m := testSubmissionManifest()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSubmissionManifest(data)
	if err != nil || !reflect.DeepEqual(m, again) || again.PackBytes() != 2 {
		t.Errorf("%v: %+v", err, again)
	}
	if _, err := ParseManifest(data); !errors.Is(err, ErrNoLab) {
		t.Errorf("as a lab: %v", err)
	}
	lab, err := testManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSubmissionManifest(lab); !errors.Is(err, ErrNoSubmission) {
		t.Errorf("a lab: %v", err)
	}
	text := string(data)
	pack := Sum([]byte("b")).String()
	for name, changed := range map[string]string{
		"index":          strings.Replace(text, MediaTypePack, MediaTypeIndex, 1),
		"no signature":   strings.Replace(text, MediaTypeSigned, MediaTypePack, 1),
		"two signatures": strings.Replace(text, MediaTypePack, MediaTypeSigned, 1),
		"no changes":     strings.Replace(text, MediaTypeChanges, MediaTypePack, 1),
		"huge":           strings.Replace(text, pack+`","size":1`, pack+`","size":67108865`, 1),
		"path":           strings.Replace(text, pack, "../../etc/passwd", 1),
		"same twice":     strings.Replace(text, pack, Sum([]byte("a")).String(), 1),
		"two configs":    strings.Replace(text, MediaTypePack, MediaTypeSubmission, 1),
		"cut":            text[:100],
	} {
		if changed == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseSubmissionManifest([]byte(changed)); !errors.Is(err, ErrSubmission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range MaxDisks + 1 {
		m.Changes = append(m.Changes, Blob(MediaTypeChanges, Sum(fmt.Append(nil, i)), 1))
	}
	if _, err := m.Encode(); !errors.Is(err, ErrSubmission) {
		t.Errorf("too many lists: %v", err)
	}
}

func FuzzSubmission(f *testing.F) {
	s, _ := testSubmission(f)
	data, err := s.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSubmission(data)
		if err != nil {
			if !errors.Is(err, ErrSubmission) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		text, err := s.Encode()
		if err != nil {
			t.Skip(err) // longer than it was
		}
		if again, err := ParseSubmission(text); err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("not the same again: %v", err)
		}
	})
}

func FuzzChanges(f *testing.F) {
	f.Add((&Changes{Chunks: []Change{{0, Digest{1}}, {2, Digest{}}}}).Encode(), int64(3*ChunkSize))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		c, err := ParseChanges(data, size)
		if err != nil {
			if !errors.Is(err, ErrSubmission) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(c.Encode(), data) {
			t.Fatal("another text for the same changes")
		}
		if sum := c.Data(size); sum < 0 || sum > size {
			t.Fatalf("%d bytes of a disk with %d", sum, size)
		}
	})
}

func FuzzSubmissionManifest(f *testing.F) {
	data, err := testSubmissionManifest().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseSubmissionManifest(data)
		if err != nil {
			if !errors.Is(err, ErrSubmission) && !errors.Is(err, ErrNoSubmission) {
				t.Fatal(err)
			}
			return
		}
		if text, err := m.Encode(); err != nil && len(text) < MaxManifestBytes {
			t.Fatal(err)
		}
	})
}
