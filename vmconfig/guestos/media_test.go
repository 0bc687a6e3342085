package guestos

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kdomanski/iso9660"

	"guesthouse/vmconfig/safefile"
)

// disc returns a disc image with these descriptor fields (ECMA-119, 8.4) and nothing else.
func disc(volume, system, publisher, application string, bootable bool, blocks uint32) []byte {
	data := make([]byte, 20*sectorBytes)
	put := func(sector []byte, at, length int, text string) {
		copy(sector[at:at+length], text+strings.Repeat(" ", length))
	}
	primary := data[16*sectorBytes:]
	copy(primary, "\x01CD001\x01")
	put(primary, 8, 32, system)
	put(primary, 40, 32, volume)
	put(primary, 318, 128, publisher)
	put(primary, 574, 128, application)
	binary.LittleEndian.PutUint32(primary[80:], blocks)
	binary.LittleEndian.PutUint16(primary[128:], sectorBytes)
	next := data[17*sectorBytes:]
	if bootable {
		copy(next, "\x00CD001\x01EL TORITO SPECIFICATION")
		next = data[18*sectorBytes:]
	}
	copy(next, "\xffCD001\x01")
	return data
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDetectISO(t *testing.T) {
	c := catalogue(t)
	for _, e := range []struct {
		volume, system, publisher, application string
		want, arch                             string
		guessed                                bool
	}{
		{"Debian 11.5.0 amd64 n", "", "", "", "debian11", "x86_64", false},
		{"Debian 11.5.0 i386 1", "", "", "", "debian11", "i686", false},
		{"Debian 12.5.0 amd64 n", "", "", "", "debian11", "", true}, // newer than the database
		{"Ubuntu 22.04.1 LTS amd64", "", "", "", "ubuntu22.04", "x86_64", false},
		{"CCCOMA_X64FREE_EN-US_DV9", "", "MICROSOFT CORPORATION", "", "win11", "x86_64", false},
		{"GRTMPFPP_EN", "", "MICROSOFT CORPORATION", "", "winxp", "i686", false},
		{"Fedora-WS-Live-36-1-5", "LINUX", "", "", "fedora36", "x86_64", false},
	} {
		path := writeFile(t, "d.iso", disc(e.volume, e.system, e.publisher, e.application, true, 20))
		m, err := c.DetectISO(context.Background(), path)
		if err != nil || m.OS == nil || m.OS.ShortID != e.want || m.Arch != e.arch && e.arch != "" || m.Guessed != e.guessed || !m.Bootable || m.VolumeID != e.volume {
			t.Errorf("%q: %v, %+v, %v", e.volume, err, m, m.OS)
		}
	}
	m, err := c.DetectISO(context.Background(), writeFile(t, "x.iso", disc("MY DISC\x00junk", "S", "P", "A", false, 20)))
	if !errors.Is(err, ErrUnknownMedia) || m.VolumeID != "MY DISC" || m.SystemID != "S" || m.PublisherID != "P" || m.ApplicationID != "A" || m.Bootable || m.OS != nil {
		t.Errorf("%v %+v", err, m)
	}
	var none *Catalogue
	if _, err := none.DetectISO(context.Background(), writeFile(t, "x.iso", disc("A", "", "", "", false, 20))); !errors.Is(err, ErrUnknownMedia) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.DetectISO(ctx, "/nonexistent"); err == nil {
		t.Error("no error")
	}
}

// An image that another program wrote reads as what was written.
func TestReadsAForeignImage(t *testing.T) {
	writer, err := iso9660.NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Cleanup()
	if err := writer.AddFile(strings.NewReader("hello"), "a.txt"); err != nil {
		t.Fatal(err)
	}
	var image bytes.Buffer
	if err := writer.WriteTo(&image, "SOME_LABEL"); err != nil {
		t.Fatal(err)
	}
	v, err := readVolume(bytes.NewReader(image.Bytes()), int64(image.Len()))
	if err != nil || v.volumeID != "SOME_LABEL" || v.bytes > int64(image.Len()) || v.bytes == 0 {
		t.Errorf("%v %+v", err, v)
	}
	if _, err := readVolume(bytes.NewReader(image.Bytes()[:image.Len()-sectorBytes]), int64(image.Len()-sectorBytes)); !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
}

func TestDetectISORefuses(t *testing.T) {
	c, dir := catalogue(t), t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	usb := make([]byte, 64<<10)
	copy(usb[510:], "\x55\xaa")
	tar := make([]byte, 64<<10)
	copy(tar[257:], "ustar")
	for name, e := range map[string]struct {
		path string
		want error
		text string
	}{
		"web page":     {writeFile(t, "a.iso", []byte("\n <!DOCTYPE html><html><body>Please log in</body></html>")), ErrNotISO, "a web page"},
		"long page":    {writeFile(t, "a.iso", []byte("<html>"+strings.Repeat("x", 100000))), ErrNotISO, "a web page"},
		"empty":        {writeFile(t, "a.iso", nil), ErrNotISO, "empty"},
		"small":        {writeFile(t, "a.iso", []byte("hello")), ErrNotISO, "too small"},
		"zeros":        {writeFile(t, "a.iso", make([]byte, 64<<10)), ErrNotISO, "not a disc image"},
		"archive":      {writeFile(t, "a.iso", append([]byte("PK\x03\x04"), make([]byte, 64<<10)...)), ErrNotISO, "ZIP"},
		"appliance":    {writeFile(t, "a.iso", tar), ErrNotISO, "appliance"},
		"USB image":    {writeFile(t, "a.iso", usb), ErrNotISO, "USB stick"},
		"qcow2":        {writeFile(t, "a.iso", append([]byte("QFI\xfb"), make([]byte, 64<<10)...)), ErrNotISO, "disk image"},
		"truncated":    {writeFile(t, "a.iso", disc("Debian 11.5.0 amd64 n", "", "", "", true, 21)), ErrTruncated, "40960 of 43008"},
		"pipe":         {fifo, safefile.ErrNotRegular, "a pipe"},
		"folder":       {dir, safefile.ErrNotRegular, "a folder"},
		"device":       {"/dev/zero", safefile.ErrNotRegular, "a device"},
		"missing":      {filepath.Join(dir, "none"), fs.ErrNotExist, "no such file"},
		"NUL in name":  {"/a\x00b", syscall.EINVAL, "invalid"},
		"a file's end": {writeFile(t, "a.iso", disc("A", "", "", "", false, 20)[:16*sectorBytes+100]), ErrNotISO, "too small"},
	} {
		m, err := c.DetectISO(context.Background(), e.path)
		if !errors.Is(err, e.want) || !strings.Contains(err.Error(), e.text) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "truncated" && (m.OS == nil || m.OS.ShortID != "debian11") {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func FuzzReadVolume(f *testing.F) {
	f.Add(disc("Debian 11.5.0 amd64 n", "LINUX", "P", "A", true, 20))
	f.Add(disc("", "", "", "", false, 0xffffffff))
	f.Add([]byte("<html>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := readVolume(bytes.NewReader(data), int64(len(data)))
		if err == nil && (!v.found || v.bytes > int64(len(data))) {
			t.Errorf("%+v", v)
		}
		if v.bytes < 0 || !strings.Contains(strings.ToValidUTF8(v.volumeID, ""), v.volumeID) {
			t.Errorf("%+v", v)
		}
	})
}
