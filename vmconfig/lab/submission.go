package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"aead.dev/minisign"
	"github.com/google/uuid"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of a submission's package; its packs are of MediaTypePack.
const (
	SubmissionType      = "application/vnd.guesthouse.submission.v1"
	MediaTypeSubmission = "application/vnd.guesthouse.submission.config.v1+json"
	MediaTypeSigned     = "application/vnd.guesthouse.submission.signature.v1"
	MediaTypeChanges    = "application/vnd.guesthouse.submission.changes.v1"
)

// Limits of a submission.
const (
	MaxStudentBytes = 128
	MaxEvents       = 10000
)

// Errors of submissions.
var (
	// ErrSubmission says that a submission cannot be used; the error that wraps it says why.
	ErrSubmission = errors.New("the submission is not valid")
	// ErrNoSubmission says that a package is something else.
	ErrNoSubmission = errors.New("this is not a submission")
	// ErrSubmissionSignature says that a submission is not as the holder of its key signed it.
	ErrSubmissionSignature = errors.New("the submission's signature is not valid: it was changed after the student handed it in, or somebody else signed it")
)

// newerError is ErrNewer in the words for a submission.
type newerError struct{}

func (newerError) Error() string {
	return "the submission was made by a newer version of Guesthouse: update this program first"
}

func (newerError) Unwrap() error { return ErrNewer }

// Submission says what a student hands in: all that the student signs. It is a value; its bytes are made by Encode once and kept from then on, because their SHA-256 is the receipt.
// Nothing in it is more than a statement of whoever holds the key. Texts are foreign: show them through vmconfig.Inert.
type Submission struct {
	Format  int       `json:"format"`  // Format
	ID      uuid.UUID `json:"id"`      // of this submission
	Lab     Digest    `json:"lab"`     // lab ID of exactly the lab that the machine was launched from
	Name    string    `json:"name"`    // Config.Name of it
	Version int       `json:"version"` // Config.Version of it
	Student Student   `json:"student"`
	// Sequence counts the submissions of this student to the lab, over its versions: 1, 2, 3 and so on. Previous is the receipt of the one before, zero in the first.
	Sequence int       `json:"sequence"`
	Previous Digest    `json:"previous,omitzero"`
	Created  time.Time `json:"created"` // RFC 3339, by the student's clock
	Machine  uuid.UUID `json:"machine"` // of the student's machine
	// Role is the machine's name in a lab of several machines, after that one's own and a colon, such as networks/firewall:router; empty: it was launched alone.
	Role string `json:"role,omitempty"`
	// Parts are what was changed, each at most once; 1 to MaxDisks and the variables.
	Parts   []ChangedPart `json:"parts"`
	Journal []Event       `json:"journal,omitempty"` // what the student's program noted, in the order of time, at most MaxEvents
}

// Title names the lab, and the machine's role where it is one of several. Show it inert.
func (s *Submission) Title() string {
	if s.Role == "" {
		return s.Name
	}
	return s.Name + " (" + s.Role + ")"
}

// Student is who hands in.
type Student struct {
	Name string `json:"name"` // one line, 1 to MaxStudentBytes
	Key  string `json:"key"`  // minisign's public key, as Course.Key
}

// ChangedPart is a part of the lab with changes.
type ChangedPart struct {
	ID      string `json:"id"`      // Part.ID
	Bytes   int64  `json:"bytes"`   // size of the whole part
	Changes Digest `json:"changes"` // of the blob with the Changes
}

// EventKind is what can happen to a student's machine.
type EventKind string

// The events of a journal.
const (
	EventLaunched   EventKind = "launched"
	EventStarted    EventKind = "started"
	EventStopped    EventKind = "stopped"
	EventReset      EventKind = "reset"
	EventCheckpoint EventKind = "checkpoint"
	EventSubmitted  EventKind = "submitted"
)

// Event is one line of a journal.
type Event struct {
	Time  time.Time `json:"time"`
	Event EventKind `json:"event"`
}

// ParseSubmission reads a submission's config that may be hostile and checks all of it. Errors wrap ErrSubmission or ErrNewer and are sentences for the user.
func ParseSubmission(data []byte) (*Submission, error) {
	if len(data) > MaxConfigBytes {
		return nil, fmt.Errorf("%w: its description is longer than %d bytes", ErrSubmission, MaxConfigBytes)
	}
	var head struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(data, &head) == nil && head.Format > Format {
		return nil, newerError{}
	}
	var s Submission
	if err := decodeStrict(data, &s); err != nil {
		return nil, fmt.Errorf("%w: its description: %w", ErrSubmission, err)
	}
	if err := s.Validate().Err(); err != nil {
		return nil, err
	}
	return &s, nil
}

// Encode returns the config's bytes, whose SHA-256 is the receipt. It returns the faults of Validate if there are any.
func (s *Submission) Encode() ([]byte, error) {
	if err := s.Validate().Err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(s); err != nil {
		return nil, err
	}
	if b.Len() > MaxConfigBytes {
		return nil, fmt.Errorf("%w: its description is longer than %d bytes", ErrSubmission, MaxConfigBytes)
	}
	return b.Bytes(), nil
}

// Sign returns the .minisig text for the bytes of the config, by the student's private key.
func (s *Submission) Sign(key minisign.PrivateKey, config []byte) []byte {
	return sign(key, config, fmt.Sprintf("submission %d to %s version %d", s.Sequence, s.Name, s.Version), "signature of a Guesthouse submission")
}

// Verify checks that the bytes of the config were signed by the key that it names. Whose key that is, it cannot tell. Errors wrap ErrSubmissionSignature.
func (s *Submission) Verify(config, signature []byte) error {
	key, err := ParseKey(s.Student.Key)
	if err == nil {
		err = Verify(key, config, signature)
	}
	if err != nil {
		return ErrSubmissionSignature
	}
	return nil
}

// SubmissionManifest says where the parts of a submission are. None of it has to be believed.
type SubmissionManifest struct {
	Config    ocispec.Descriptor
	Signature ocispec.Descriptor
	Changes   []ocispec.Descriptor
	Packs     []ocispec.Descriptor
	// Annotations are for people who look into a registry; this program reads none of them.
	Annotations map[string]string
}

var submissionKind = packageKind{SubmissionType, MediaTypeSubmission, map[string]int64{
	MediaTypeSubmission: MaxConfigBytes, MediaTypeSigned: MaxSignatureBytes, MediaTypeChanges: MaxBlobBytes, MediaTypePack: MaxBlobBytes,
}, ErrNoSubmission, ErrSubmission}

// ParseSubmissionManifest reads a manifest that may be hostile, as ParseManifest does. Errors wrap ErrNoSubmission or ErrSubmission.
func ParseSubmissionManifest(data []byte) (*SubmissionManifest, error) {
	blobs, annotations, err := submissionKind.parse(data)
	if err != nil {
		return nil, err
	}
	m := &SubmissionManifest{Config: blobs[0], Annotations: annotations}
	for _, blob := range blobs[1:] {
		switch blob.MediaType {
		case MediaTypeChanges:
			m.Changes = append(m.Changes, blob)
		case MediaTypePack:
			m.Packs = append(m.Packs, blob)
		case MediaTypeSigned:
			if m.Signature.Size != 0 {
				return nil, fmt.Errorf("%w: its manifest has two signatures", ErrSubmission)
			}
			m.Signature = blob
		}
	}
	if m.Signature.Size == 0 || len(m.Changes) == 0 || len(m.Changes) > MaxDisks+1 {
		return nil, fmt.Errorf("%w: its manifest lacks the signature or has %d lists of changes", ErrSubmission, len(m.Changes))
	}
	return m, nil
}

// Encode returns the manifest's bytes. It returns ErrSubmission if ParseSubmissionManifest would not take them.
func (m *SubmissionManifest) Encode() ([]byte, error) {
	layers := make([]ocispec.Descriptor, 0, 1+len(m.Changes)+len(m.Packs))
	layers = append(layers, m.Signature)
	layers = append(layers, m.Changes...)
	layers = append(layers, m.Packs...)
	data, err := submissionKind.encode(m.Config, layers, m.Annotations)
	if err == nil {
		_, err = ParseSubmissionManifest(data)
	}
	return data, err
}

// PackBytes returns how many bytes the packs have, as the manifest says.
func (m *SubmissionManifest) PackBytes() (sum int64) {
	for _, pack := range m.Packs {
		sum += pack.Size
	}
	return sum
}

// MaxPackBytes returns how many bytes the packs of chunks with that much content have at most, whoever made them sensibly: each chunk as it is, and its line in a table.
func MaxPackBytes(content int64) int64 {
	chunks := content/ChunkSize + MaxDisks + 2 // the last chunk of each part may be short
	return content + chunks*(int64(packEntry)+packHead)
}

// CheckAgainst says whether the submission can be one to this lab, whose ID it must name: its name and version, and that its parts are the lab's. Errors wrap ErrSubmission.
func (s *Submission) CheckAgainst(id Digest, c *Config) error {
	if s.Lab != id || s.Name != c.Name || s.Version != c.Version {
		return fmt.Errorf("%w: it says that it is of version %d of %s and names another lab", ErrSubmission, s.Version, s.Name)
	}
	parts := map[string]int64{}
	for _, p := range c.Parts() {
		parts[p.ID] = p.Bytes
	}
	for _, p := range s.Parts {
		bytes, ok := parts[p.ID]
		if p.ID == VariablesID && c.Variables == nil && c.Machine.Firmware == "uefi" {
			continue // the firmware's own at first, of whatever size
		}
		if !ok {
			return fmt.Errorf("%w: the lab has no disk %s", ErrSubmission, p.ID)
		}
		if bytes != p.Bytes {
			return fmt.Errorf("%w: %s has %d bytes in the lab and %d in it", ErrSubmission, p.ID, bytes, p.Bytes)
		}
	}
	return nil
}

// CheckStudent says what is wrong with a student's name, in words that follow its subject; nil: nothing.
func CheckStudent(name string) error {
	fs := faults{err: ErrSubmission}
	fs.line("name", name, MaxStudentBytes)
	if len(fs.list) > 0 {
		return fmt.Errorf("must be one line of 1 to %d bytes, without blanks around it", MaxStudentBytes)
	}
	return nil
}
