package saveimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// image makes a file as libvirt writes it.
func image(t testing.TB, xml, cookie string) string {
	t.Helper()
	h := header{Version: 2, DataLength: 4096, WasRunning: 1, CookieOffset: uint32(len(xml) + 1)}
	copy(h.Magic[:], magic)
	var b bytes.Buffer
	binary.Write(&b, binary.NativeEndian, h)
	data := make([]byte, h.DataLength)
	copy(data, xml+"\x00"+cookie)
	b.Write(data)
	b.WriteString(streamMagic + strings.Repeat("memory", 1000))
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadAndCopy(t *testing.T) {
	path := image(t, "<domain><name>a</name></domain>", "<cookie/>")
	img, err := Read(path)
	if err != nil || img.XML != "<domain><name>a</name></domain>" || !img.Running || img.Compressed {
		t.Fatalf("%+v, %v", img, err)
	}
	renamed := path + ".renamed"
	if err := CopyWithXML(path, renamed, "<domain><name>longer</name></domain>"); err != nil {
		t.Fatal(err)
	}
	again, err := Read(renamed)
	if err != nil || again.XML != "<domain><name>longer</name></domain>" || again.Bytes != img.Bytes {
		t.Fatalf("%+v, %v", again, err)
	}
	if cookie := again.data[again.header.CookieOffset:]; !bytes.HasPrefix(cookie, []byte("<cookie/>\x00")) {
		t.Errorf("the cookie became %q", cookie[:20])
	}
	old, _ := os.ReadFile(path)
	text, _ := os.ReadFile(renamed)
	if !bytes.Equal(old[headerSize+4096:], text[headerSize+4096:]) {
		t.Error("the memory changed")
	}
	if err := CopyWithXML(path, renamed, "<domain/>"); !errors.Is(err, os.ErrExist) {
		t.Errorf("overwriting: %v", err)
	}
	if err := CopyWithXML(path, path+".2", "<domain>"+strings.Repeat("x", 5000)+"</domain>"); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("a failed copy was left behind")
	}
}

func TestDamaged(t *testing.T) {
	whole, err := os.ReadFile(image(t, "<domain/>", ""))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged")
	partial := bytes.Replace(whole, []byte("QemudSave"), []byte("QemudPart"), 1)
	for what, text := range map[string][]byte{
		"empty": nil, "a header": whole[:headerSize], "no memory": whole[:headerSize+4096], "half-written": partial,
		"zeros": make([]byte, 10000), "no stream": append(bytes.Clone(whole[:headerSize+4096]), "NONE"...),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzRead never panics and never takes more memory than the file has.
func FuzzRead(f *testing.F) {
	whole, err := os.ReadFile(image(f, "<domain/>", "c"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:50])
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		Read(path)
	})
}
