package source

import (
	"encoding/json"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// outline is what this package has to know of a manifest. Whether it is a good one is a matter of the format of labs.
type outline struct {
	MediaType    string               `json:"mediaType"`
	ArtifactType string               `json:"artifactType"`
	Config       ocispec.Descriptor   `json:"config"`
	Layers       []ocispec.Descriptor `json:"layers"`
	Annotations  map[string]string    `json:"annotations"`
}

// readOutline tells a package of an artifact type from others that lie in such places, which people name by mistake.
func readOutline(place, kind string, manifest []byte) (outline, error) {
	var m outline
	if looksLikePage(manifest) {
		return m, webPage(place)
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return m, fail(ErrNoPackage, place, "", "has a manifest that cannot be read").because(err)
	}
	if m.ArtifactType != kind {
		return m, fail(ErrNoPackage, place, "Check the name.", "holds something else than a %s, perhaps a container image", noun(kind))
	}
	return m, nil
}

// blobs are all that a manifest names.
func (m outline) blobs() []ocispec.Descriptor {
	return append([]ocispec.Descriptor{m.Config}, m.Layers...)
}
