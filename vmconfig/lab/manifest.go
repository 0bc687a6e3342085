package lab

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/vmconfig"
)

// Media types of a package. The artifact type marks the manifest, the others its config and its layers.
const (
	ArtifactType       = "application/vnd.guesthouse.lab.v1"
	MediaTypeConfig    = "application/vnd.guesthouse.lab.config.v1+json"
	MediaTypeSignature = "application/vnd.guesthouse.lab.signature.v1"
	MediaTypeIndex     = "application/vnd.guesthouse.lab.index.v1"
	MediaTypePack      = "application/vnd.guesthouse.lab.pack.v1"
	MediaTypePicture   = "application/vnd.guesthouse.lab.picture.v1+png"
)

// Limits of a manifest. Registries take manifests of 4 MiB.
const (
	MaxManifestBytes  = 4 << 20
	MaxLayers         = 20000
	MaxSignatureBytes = 4 << 10
)

// ErrManifest says that a manifest is not that of a lab or not valid; the error that wraps it says why.
var ErrManifest = errors.New("the lab's package is not valid")

// ErrNoLab says that a manifest is a proper one, but of something else, such as a container image.
var ErrNoLab = errors.New("this is not a lab")

// Manifest says where the parts of a lab are. None of it has to be believed.
type Manifest struct {
	Config    ocispec.Descriptor // its digest is the lab's ID
	Signature ocispec.Descriptor
	Indexes   []ocispec.Descriptor
	Packs     []ocispec.Descriptor
	Picture   *ocispec.Descriptor // nil: none
	// Annotations are for people who look into a registry; this program reads none of them.
	Annotations map[string]string
}

// maxBlob is the longest blob of each media type, in bytes.
var maxBlob = map[string]int64{
	MediaTypeConfig: MaxConfigBytes, MediaTypeSignature: MaxSignatureBytes, MediaTypeIndex: MaxBlobBytes,
	MediaTypePack: MaxBlobBytes, MediaTypePicture: MaxPictureBytes,
}

// packageKind is what tells one kind of package from another.
type packageKind struct {
	artifact, config string           // artifact type of the manifest, media type of its config
	maxBlob          map[string]int64 // longest blob of each media type, in bytes
	other, bad       error            // for a manifest of something else, and for one that breaks the rules
}

var labKind = packageKind{ArtifactType, MediaTypeConfig, maxBlob, ErrNoLab, ErrManifest}

// ParseManifest reads a manifest that may be hostile. Fields and annotations that it does not know are left out, as OCI asks; layers of an unknown
// type are refused. Errors wrap ErrNoLab or ErrManifest.
func ParseManifest(data []byte) (*Manifest, error) {
	blobs, annotations, err := labKind.parse(data)
	if err != nil {
		return nil, err
	}
	m := &Manifest{Config: blobs[0], Annotations: annotations}
	for _, blob := range blobs[1:] {
		switch blob.MediaType {
		case MediaTypeIndex:
			m.Indexes = append(m.Indexes, blob)
		case MediaTypePack:
			m.Packs = append(m.Packs, blob)
		case MediaTypeSignature:
			if m.Signature.Size != 0 {
				return nil, fmt.Errorf("%w: its manifest has two signatures", ErrManifest)
			}
			m.Signature = blob
		case MediaTypePicture:
			if m.Picture != nil {
				return nil, fmt.Errorf("%w: its manifest has two pictures", ErrManifest)
			}
			m.Picture = &blob
		}
	}
	if m.Signature.Size == 0 || len(m.Indexes) == 0 {
		return nil, fmt.Errorf("%w: its manifest lacks the signature or an index", ErrManifest)
	}
	if len(m.Indexes) > MaxDisks+1 {
		return nil, fmt.Errorf("%w: its manifest has more than %d indexes", ErrManifest, MaxDisks+1)
	}
	return m, nil
}

// parse reads a manifest that may be hostile: its config, then its layers, in their order. Their digests differ, their types and sizes are possible.
func (k packageKind) parse(data []byte) (blobs []ocispec.Descriptor, annotations map[string]string, err error) {
	if len(data) > MaxManifestBytes {
		return nil, nil, fmt.Errorf("%w: its manifest is longer than %d bytes", k.bad, MaxManifestBytes)
	}
	if err := checkJSON(data, nil); err != nil {
		return nil, nil, fmt.Errorf("%w: its manifest: %w", k.bad, err)
	}
	var oci ocispec.Manifest
	if err := json.Unmarshal(data, &oci); err != nil {
		return nil, nil, fmt.Errorf("%w: its manifest: %w", k.bad, jsonError(err))
	}
	if oci.ArtifactType != k.artifact || oci.Config.MediaType != k.config {
		kind := oci.ArtifactType
		if kind == "" {
			kind = oci.Config.MediaType
		}
		return nil, nil, fmt.Errorf("%w but “%s”", k.other, vmconfig.Inert(kind, shownValue))
	}
	if oci.SchemaVersion != 2 || oci.MediaType != ocispec.MediaTypeImageManifest {
		return nil, nil, fmt.Errorf("%w: its manifest is of another version", k.bad)
	}
	if len(oci.Layers) > MaxLayers {
		return nil, nil, fmt.Errorf("%w: its manifest has more than %d layers", k.bad, MaxLayers)
	}
	seen := map[Digest]bool{}
	for i, from := range append([]ocispec.Descriptor{oci.Config}, oci.Layers...) {
		d, err := ParseDigest(string(from.Digest))
		limit, known := k.maxBlob[from.MediaType]
		switch {
		case err != nil || d.IsZero():
			return nil, nil, fmt.Errorf("%w: its manifest names “%s”, which is no SHA-256 digest", k.bad, vmconfig.Inert(string(from.Digest), shownValue))
		case !known:
			return nil, nil, fmt.Errorf("%w: its manifest has a layer of the unknown type “%s”", k.bad, vmconfig.Inert(from.MediaType, shownValue))
		case from.Size < 1 || from.Size > limit:
			return nil, nil, fmt.Errorf("%w: %s is said to have %d bytes", k.bad, d, from.Size)
		case len(from.URLs) > 0:
			return nil, nil, fmt.Errorf("%w: %s is to be fetched from elsewhere", k.bad, d)
		case seen[d]:
			return nil, nil, fmt.Errorf("%w: its manifest names %s twice", k.bad, d)
		case i > 0 && from.MediaType == k.config:
			return nil, nil, fmt.Errorf("%w: its manifest has two descriptions", k.bad)
		}
		seen[d] = true
		blobs = append(blobs, Blob(from.MediaType, d, from.Size))
	}
	return blobs, oci.Annotations, nil
}

// Blob describes a blob of a package.
func Blob(mediaType string, d Digest, size int64) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: d.OCI(), Size: size}
}

// Layers returns the layers in the order in which they are written and best read.
func (m *Manifest) Layers() []ocispec.Descriptor {
	layers := make([]ocispec.Descriptor, 0, 2+len(m.Indexes)+len(m.Packs))
	layers = append(layers, m.Signature)
	layers = append(layers, m.Indexes...)
	if m.Picture != nil {
		layers = append(layers, *m.Picture)
	}
	return append(layers, m.Packs...)
}

// Encode returns the manifest's bytes. It returns ErrManifest if ParseManifest would not take them.
func (m *Manifest) Encode() ([]byte, error) {
	data, err := labKind.encode(m.Config, m.Layers(), m.Annotations)
	if err == nil {
		_, err = ParseManifest(data)
	}
	return data, err
}

func (k packageKind) encode(config ocispec.Descriptor, layers []ocispec.Descriptor, annotations map[string]string) ([]byte, error) {
	return json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: k.artifact,
		Config: config, Layers: layers, Annotations: annotations,
	})
}
