package source

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/vmconfig"
)

// ArtifactType is what the manifest of a lab says that it is, as the format of labs says; SubmissionType is that of what a student hands in.
const (
	ArtifactType   = "application/vnd.guesthouse.lab.v1"
	SubmissionType = "application/vnd.guesthouse.submission.v1"
)

// noun is what people call a package of an artifact type.
func noun(kind string) string {
	if kind == SubmissionType {
		return "submission"
	}
	return "lab"
}

const (
	maxManifests = 4096 // that an index.json names
	maxLooked    = 64   // manifests that are read to learn their version
)

// candidate is a package of a place.
type candidate struct {
	tag     string // empty: it has none
	blob    ocispec.Descriptor
	version string // what its manifest states, or empty
}

// parseIndex reads an index.json and checks it. What is of another artifact type, and by its descriptor says so, is left out.
func parseIndex(place, kind string, data []byte) (ocispec.Index, []candidate, error) {
	index, err := decodeIndex(place, data)
	if err != nil {
		return ocispec.Index{}, nil, err
	}
	var found []candidate
	for _, blob := range index.Manifests {
		if blob.MediaType != ocispec.MediaTypeImageManifest || (blob.ArtifactType != "" && blob.ArtifactType != kind) {
			continue
		}
		if err := checkManifestBlob(place, blob); err != nil {
			return ocispec.Index{}, nil, err
		}
		tag := blob.Annotations[ocispec.AnnotationRefName]
		if tag != "" && !tagPattern.MatchString(tag) {
			continue // another program's way to name things
		}
		for _, other := range found {
			if tag != "" && other.tag == tag && other.blob.Digest != blob.Digest {
				return ocispec.Index{}, nil, fail(ErrDamaged, place, "", "has two packages under the tag %s", tag)
			}
		}
		found = append(found, candidate{tag: tag, blob: blob, version: blob.Annotations[ocispec.AnnotationVersion]})
	}
	return index, found, nil
}

func decodeIndex(place string, data []byte) (ocispec.Index, error) {
	var index ocispec.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return index, fail(ErrNoPackage, place, "", "has an index.json that cannot be read").because(err)
	}
	if index.SchemaVersion != 2 || len(index.Manifests) > maxManifests {
		return index, fail(ErrNoPackage, place, "", "has an index.json that is none of a package")
	}
	return index, nil
}

func checkManifestBlob(place string, blob ocispec.Descriptor) error {
	if err := checkBlob(place, blob); err != nil {
		return err
	}
	if blob.Size > MaxManifest {
		return fail(ErrDamaged, place, "", "names a manifest of %d bytes, which no lab has", blob.Size)
	}
	return nil
}

// choose takes the package that the reference means. look reads a candidate's manifest.
func choose(place, kind string, found []candidate, ref Ref, look func(ocispec.Descriptor) ([]byte, error)) (ocispec.Descriptor, error) {
	if len(found) == 0 {
		return ocispec.Descriptor{}, fail(ErrNoPackage, place, "", "holds no %s", noun(kind))
	}
	if ref.Tag != "" || ref.Digest != "" {
		for _, c := range found {
			if (ref.Digest != "" && c.blob.Digest == ref.Digest) || (ref.Digest == "" && c.tag == ref.Tag) {
				return c.blob, nil
			}
		}
		return ocispec.Descriptor{}, fail(ErrNotFound, place, "", "holds no package %s; it has %s", vmconfig.Inert(ref.Tag+string(ref.Digest), 200), tags(found))
	}
	return newest(place, found, look)
}

// otherLab is a tag that a lab gets where another one has the plain tags: its name, and its version or "latest".
var otherLab = regexp.MustCompile(`^.+-([0-9]+|latest)$`)

// severalLabs reports whether a place holds packages of more than one lab, as far as their tags tell.
func severalLabs(found []candidate) bool {
	var plain, others []digest.Digest
	for _, c := range found {
		if otherLab.MatchString(c.tag) {
			others = append(others, c.blob.Digest)
		} else {
			plain = append(plain, c.blob.Digest)
		}
	}
	return len(plain) > 0 && slices.ContainsFunc(others, func(d digest.Digest) bool { return !slices.Contains(plain, d) })
}

// newest takes the only package, or that of the highest version.
func newest(place string, found []candidate, look func(ocispec.Descriptor) ([]byte, error)) (ocispec.Descriptor, error) {
	var different []candidate
	for _, c := range found {
		if !slices.ContainsFunc(different, func(d candidate) bool { return d.blob.Digest == c.blob.Digest }) {
			different = append(different, c)
		}
	}
	if len(different) == 1 {
		return different[0].blob, nil
	}
	if severalLabs(found) {
		several := &SeveralError{choices(different, look)}
		return ocispec.Descriptor{}, fail(ErrNotFound, place, "Name one by its tag: a folder or address takes it after #, a registry after a colon.", "holds several labs: %s", tags(found)).because(several)
	}
	if len(different) > maxLooked {
		return ocispec.Descriptor{}, fail(ErrNotFound, place, "Name one by its tag.", "holds %d packages: %s", len(different), tags(found))
	}
	for i, c := range different {
		if c.version != "" {
			continue
		}
		data, err := look(c.blob)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		different[i].version = statedVersion(data)
	}
	best := slices.MaxFunc(different, func(a, b candidate) int { return compareVersions(a.version, b.version) })
	same := slices.DeleteFunc(slices.Clone(different), func(c candidate) bool { return compareVersions(c.version, best.version) != 0 })
	if len(same) > 1 {
		return ocispec.Descriptor{}, fail(ErrNotFound, place, "Name one by its tag.", "holds several packages, none of them newer than the others: %s", tags(found))
	}
	return best.blob, nil
}

// choices are the newest version of each title among packages, by their titles. Those that cannot be read are left out.
func choices(different []candidate, look func(ocispec.Descriptor) ([]byte, error)) []Choice {
	var list []Choice
	for _, c := range different[:min(len(different), maxLooked)] {
		data, err := look(c.blob)
		var m struct {
			Annotations map[string]string `json:"annotations"`
		}
		if err != nil || json.Unmarshal(data, &m) != nil || m.Annotations[ocispec.AnnotationTitle] == "" {
			continue
		}
		one := Choice{Digest: c.blob.Digest, Title: vmconfig.Inert(m.Annotations[ocispec.AnnotationTitle], 120), Version: vmconfig.Inert(m.Annotations[ocispec.AnnotationVersion], 20)}
		at := slices.IndexFunc(list, func(o Choice) bool { return o.Title == one.Title })
		switch {
		case at < 0:
			list = append(list, one)
		case compareVersions(list[at].Version, one.Version) < 0:
			list[at] = one
		}
	}
	slices.SortFunc(list, func(a, b Choice) int { return strings.Compare(a.Title, b.Title) })
	return list
}

// statedVersion is the version that a manifest states, or empty.
func statedVersion(manifest []byte) string {
	var m struct {
		Annotations map[string]string `json:"annotations"`
	}
	if json.Unmarshal(manifest, &m) != nil {
		return ""
	}
	return m.Annotations[ocispec.AnnotationVersion]
}

// tags names the packages of a place for the user.
func tags(found []candidate) string {
	var names []string
	for _, c := range found {
		name := c.tag
		if name == "" {
			name = c.blob.Digest.String()
		}
		if len(names) == 20 {
			names = append(names, "…")
			break
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// addToIndex points tags to a manifest; other tags stay as they are.
func addToIndex(index ocispec.Index, blob ocispec.Descriptor, tags []string) ocispec.Index {
	index.Versioned = specs.Versioned{SchemaVersion: 2}
	index.MediaType = ocispec.MediaTypeImageIndex
	index.Manifests = slices.DeleteFunc(slices.Clone(index.Manifests), func(d ocispec.Descriptor) bool {
		tag := d.Annotations[ocispec.AnnotationRefName]
		return slices.Contains(tags, tag) || (tag == "" && d.Digest == blob.Digest)
	})
	if len(tags) == 0 {
		tags = []string{""}
	}
	for _, tag := range tags {
		entry := blob
		entry.Annotations = map[string]string{}
		if version := blob.Annotations[ocispec.AnnotationVersion]; version != "" {
			entry.Annotations[ocispec.AnnotationVersion] = version
		}
		if tag != "" {
			entry.Annotations[ocispec.AnnotationRefName] = tag
		}
		index.Manifests = append(index.Manifests, entry)
	}
	return index
}
