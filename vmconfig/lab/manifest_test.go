package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func testManifest() *Manifest {
	blob := func(mediaType, text string) ocispec.Descriptor {
		return Blob(mediaType, Sum([]byte(text)), int64(len(text)))
	}
	picture := blob(MediaTypePicture, "picture")
	return &Manifest{
		Config: blob(MediaTypeConfig, "config"), Signature: blob(MediaTypeSignature, "signature"),
		Indexes: []ocispec.Descriptor{blob(MediaTypeIndex, "index")}, Packs: []ocispec.Descriptor{blob(MediaTypePack, "a"), blob(MediaTypePack, "b")}, Picture: &picture,
		Annotations: map[string]string{"org.opencontainers.image.title": "x"},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	m := testManifest()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseManifest(data)
	if err != nil || !reflect.DeepEqual(m, again) {
		t.Errorf("%v: %+v", err, again)
	}
	var oci ocispec.Manifest
	if err := json.Unmarshal(data, &oci); err != nil || oci.ArtifactType != ArtifactType || len(oci.Layers) != 5 || oci.Config.Digest != m.Config.Digest {
		t.Errorf("%v: %s", err, data)
	}
	foreign := strings.Replace(string(data), `{"schemaVersion"`, `{"com.example.new":{"x":[1]},"schemaVersion"`, 1)
	if _, err := ParseManifest([]byte(foreign)); err != nil {
		t.Errorf("a field that others add: %v", err)
	}
}

func TestManifestRefuses(t *testing.T) {
	data, err := testManifest().Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	pack := Sum([]byte("b")).String()
	for name, test := range map[string]struct {
		text string
		err  error
	}{
		"container image":   {strings.Replace(text, ArtifactType, "", 1), ErrNoLab},
		"other config":      {strings.Replace(text, MediaTypeConfig, ocispec.MediaTypeImageConfig, 1), ErrNoLab},
		"no manifest":       {`{}`, ErrNoLab},
		"schema 1":          {strings.Replace(text, `"schemaVersion":2`, `"schemaVersion":1`, 1), ErrManifest},
		"index":             {strings.Replace(text, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, 1), ErrManifest},
		"unknown layer":     {strings.Replace(text, MediaTypePack, "application/x-shellscript", 1), ErrManifest},
		"no signature":      {strings.Replace(text, MediaTypeSignature, MediaTypePack, 1), ErrManifest},
		"two signatures":    {strings.Replace(text, MediaTypePack, MediaTypeSignature, 1), ErrManifest},
		"two pictures":      {strings.Replace(text, MediaTypePack, MediaTypePicture, 1), ErrManifest},
		"two configs":       {strings.Replace(text, MediaTypePack, MediaTypeConfig, 1), ErrManifest},
		"no index":          {strings.Replace(text, MediaTypeIndex, MediaTypePack, 1), ErrManifest},
		"same layer twice":  {strings.Replace(text, pack, Sum([]byte("a")).String(), 1), ErrManifest},
		"path":              {strings.Replace(text, pack, "../../etc/passwd", 1), ErrManifest},
		"sha512":            {strings.Replace(text, pack, "sha512:"+strings.Repeat("a", 128), 1), ErrManifest},
		"huge":              {strings.Replace(text, pack+`","size":1`, pack+`","size":67108865`, 1), ErrManifest},
		"negative":          {strings.Replace(text, pack+`","size":1`, pack+`","size":-1`, 1), ErrManifest},
		"elsewhere":         {strings.Replace(text, pack+`","size":1`, pack+`","size":1,"urls":["file:///etc/passwd"]`, 1), ErrManifest},
		"signature of 5 KB": {strings.Replace(text, Sum([]byte("signature")).String()+`","size":9`, Sum([]byte("signature")).String()+`","size":5000`, 1), ErrManifest},
		"twice":             {strings.Replace(text, `"schemaVersion":2`, `"schemaVersion":2,"schemaVersion":2`, 1), ErrManifest},
		"trailing":          {text + "{}", ErrManifest},
		"cut":               {text[:100], ErrManifest},
		"long":              {text + strings.Repeat(" ", MaxManifestBytes), ErrManifest},
	} {
		if test.text == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseManifest([]byte(test.text)); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := testManifest()
	for i := range MaxLayers {
		m.Packs = append(m.Packs, Blob(MediaTypePack, Sum(fmt.Append(nil, i)), 1))
	}
	if _, err := m.Encode(); !errors.Is(err, ErrManifest) {
		t.Errorf("too many layers: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	data, err := testManifest().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			if !errors.Is(err, ErrManifest) && !errors.Is(err, ErrNoLab) {
				t.Fatal(err)
			}
			return
		}
		text, err := m.Encode()
		if err != nil && len(text) < MaxManifestBytes {
			t.Fatal(err)
		}
		if again, err := ParseManifest(text); err == nil && !reflect.DeepEqual(again.Layers(), m.Layers()) {
			t.Fatal("not the same again")
		}
		if bytes.Contains(text, []byte(`"urls"`)) && !bytes.Contains(data, []byte(`"urls"`)) {
			t.Fatal("invented")
		}
	})
}
