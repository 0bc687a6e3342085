package labs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/google/uuid"

	"guesthouse/vmconfig/lab"
)

// forged is a lab of a teacher who does not keep to the format: index and chunks are as they are given, and all of it is properly signed.
func forged(t *testing.T, size int64, index []byte, change func(*lab.Config), chunks ...[]byte) *memory {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := testSpec("a").Config
	c.Format, c.ID, c.Version, c.Created, c.Course.Key = lab.Format, uuid.New(), 1, time.Now(), public.String()
	c.Disks[0].Bytes, c.Disks[0].Index = size, lab.Sum(index)
	if change != nil {
		change(&c)
	}
	config, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	put := func(mediaType string, data []byte) (d lab.Manifest) {
		d.Config = lab.Blob(mediaType, lab.Sum(data), int64(len(data)))
		m.blobs[string(d.Config.Digest)] = data
		return d
	}
	var manifest lab.Manifest
	manifest.Config = put(lab.MediaTypeConfig, config).Config
	manifest.Signature = put(lab.MediaTypeSignature, lab.Sign(private, config, "x")).Config
	manifest.Indexes = append(manifest.Indexes, put(lab.MediaTypeIndex, index).Config)
	var builder lab.PackBuilder
	for _, chunk := range chunks {
		builder.Add(lab.Sum(chunk), lab.Compress(chunk), len(chunk))
	}
	if !builder.Empty() {
		var data bytes.Buffer
		if _, err := data.ReadFrom(builder.Reader()); err != nil {
			t.Fatal(err)
		}
		manifest.Packs = append(manifest.Packs, put(lab.MediaTypePack, data.Bytes()).Config)
	}
	if m.tags[latestTag], err = manifest.Encode(); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHostileTeacher signs what breaks the format.
func TestHostileTeacher(t *testing.T) {
	long, short, zeros := noise(1, mib), noise(2, 512), make([]byte, mib)
	good := &lab.Index{Bytes: mib + 512, Chunks: []lab.Digest{lab.Sum(long), lab.Sum(short)}}
	change := func(offset int, value byte) []byte {
		data := good.Encode()
		data[offset] = value
		return data
	}
	for name, test := range map[string]struct {
		index  []byte
		chunks [][]byte
		err    error
	}{
		"good":                          {good.Encode(), [][]byte{long, short}, nil},
		"long chunk at the end":         {(&lab.Index{Bytes: mib + 512, Chunks: []lab.Digest{lab.Sum(long), lab.Sum(long)}}).Encode(), [][]byte{long}, lab.ErrIndex},
		"short chunk at the beginning":  {(&lab.Index{Bytes: mib + 512, Chunks: []lab.Digest{lab.Sum(short), lab.Sum(short)}}).Encode(), [][]byte{short}, lab.ErrIndex},
		"zeros by their digest":         {(&lab.Index{Bytes: mib + 512, Chunks: []lab.Digest{lab.Sum(zeros), lab.Sum(short)}}).Encode(), [][]byte{zeros, short}, lab.ErrIndex},
		"short zeros in front":          {(&lab.Index{Bytes: mib + 512, Chunks: []lab.Digest{lab.Sum(zeros[:512]), lab.Sum(short)}}).Encode(), [][]byte{zeros[:512], short}, lab.ErrIndex},
		"index for another size":        {change(16, 1), [][]byte{long, short}, lab.ErrIndex},
		"index of another format":       {change(8, 0), [][]byte{long, short}, lab.ErrIndex},
		"index with other chunks":       {change(14, 1), [][]byte{long, short}, lab.ErrIndex},
		"index with something after it": {append(good.Encode(), 0), [][]byte{long, short}, lab.ErrIndex},
		"no packs":                      {good.Encode(), nil, ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLibrary(t)
			_, err := l.Add(t.Context(), forged(t, mib+512, test.index, nil, test.chunks...).source(), AddOptions{Trust: yes}, nil)
			if !errors.Is(err, test.err) {
				t.Errorf("%v", err)
			}
			if test.err != nil {
				noBase(t, l)
			}
			parts, _ := filepath.Glob(filepath.Join(l.bases(), "*", "*.part"))
			for _, part := range parts {
				if info, err := os.Stat(part); err != nil || info.Size() != mib+512 {
					t.Errorf("a part grew to %d bytes", info.Size())
				}
			}
		})
	}
	l := newLibrary(t)
	bad := forged(t, mib+512, good.Encode(), func(c *lab.Config) { c.Picture = lab.Sum([]byte("x")) }, long, short)
	if _, err := l.Add(t.Context(), bad.source(), AddOptions{Trust: yes}, nil); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "picture") {
		t.Errorf("no picture: %v", err)
	}
	for _, data := range [][]byte{nil, []byte("GIF89a"), testPicture(t)[:20], append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x00\x00\x00\x00"), 0, 0, 0, 0)} {
		if err := checkPicture(data); !errors.Is(err, lab.ErrConfig) {
			t.Errorf("%q is a picture", data)
		}
	}
}
