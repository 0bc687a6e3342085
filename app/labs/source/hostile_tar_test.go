package source

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// header writes one header of a tar by hand, with what archive/tar would not write.
func header(name string, size string, kind byte) []byte {
	block := make([]byte, 512)
	copy(block, name)
	copy(block[100:], "0000644\x000000000\x000000000\x00")
	copy(block[124:], size)
	copy(block[136:], "00000000000\x00")
	block[156] = kind
	copy(block[257:], "ustar\x0000")
	sumUp(block)
	return block
}

// sumUp writes the sum of a header into it.
func sumUp(block []byte) {
	copy(block[148:156], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
}

// TestHostileTar refuses each, within the rules for what a package is.
func TestHostileTar(t *testing.T) {
	l := makeLab(t, 1, 1)
	good := tarOf(t, l.tarMembers(t)...)
	first := plain("oci-layout", []byte(layoutFile))
	name := blobName(l.blobs[1].Digest)
	with := func(more ...tarMember) []byte { return tarOf(t, append([]tarMember{first}, more...)...) }
	link := func(kind byte, name, to string) tarMember {
		return tarMember{tar.Header{Typeflag: kind, Name: name, Linkname: to}, nil}
	}
	raw := func(blocks ...[]byte) []byte { return append(bytes.Join(blocks, nil), make([]byte, 1024)...) }
	pax := func(name string, records map[string]string) tarMember {
		return tarMember{tar.Header{Typeflag: tar.TypeReg, Name: name, Format: tar.FormatPAX, PAXRecords: records}, []byte("x")}
	}
	global := with(tarMember{tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "index.json"}}, nil}, plain("index.json", l.index(t)))
	var many bytes.Buffer
	for range maxMembers + 1 {
		many.Write(header("blobs/", "00000000000\x00", tar.TypeDir))
	}
	for what, c := range map[string]struct {
		data []byte
		kind error
	}{
		"1 a path upwards":          {with(plain("../../.ssh/authorized_keys", []byte("x"))), ErrNoPackage},
		"1 a path upwards later":    {with(plain("blobs/sha256/../../../x", []byte("x"))), ErrNoPackage},
		"2 absolute":                {with(plain("/etc/cron.d/x", []byte("x"))), ErrNoPackage},
		"2 absolute folder":         {with(tarMember{tar.Header{Typeflag: tar.TypeDir, Name: "/blobs"}, nil}), ErrNoPackage},
		"3 symbolic link":           {with(link(tar.TypeSymlink, "index.json", "/etc/passwd")), ErrNoPackage},
		"4 folder that is a link":   {with(link(tar.TypeSymlink, "blobs", "/tmp"), plain(name, []byte("x"))), ErrNoPackage},
		"5 hard link":               {with(link(tar.TypeLink, name, "oci-layout")), ErrNoPackage},
		"6 pipe":                    {with(link(tar.TypeFifo, "index.json", "")), ErrNoPackage},
		"6 device":                  {with(link(tar.TypeBlock, "index.json", "")), ErrNoPackage},
		"6 terminal":                {with(link(tar.TypeChar, "index.json", "")), ErrNoPackage},
		"7 holes by GNU":            {raw(header(name, "00000000000\x00", tar.TypeGNUSparse)), ErrNoPackage},
		"9 size beyond the end":     {raw(header(name, "77777777777\x00", tar.TypeReg)), ErrDamaged},
		"10 negative size":          {raw(header(name, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", tar.TypeReg)), ErrNoPackage},
		"10 size beyond 64 bits":    {raw(header(name, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", tar.TypeReg)), ErrNoPackage},
		"10 size of 63 bits":        {raw(header("oci-layout", "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", tar.TypeReg)), ErrDamaged},
		"10 size that is no number": {raw(header(name, "12x45678901\x00", tar.TypeReg)), ErrNoPackage},
		"11 too many members":       {many.Bytes(), ErrNoPackage},
		"12 twice":                  {with(plain(name, []byte("a")), plain(name, []byte("b"))), ErrNoPackage},
		"12 twice by another way":   {with(plain(name, []byte("a")), plain("./"+name, []byte("b"))), ErrNoPackage},
		"13 in capitals":            {with(plain(strings.ToUpper(name), []byte("b"))), ErrNoPackage},
		"14 control characters":     {with(plain("a\nb\x1b[31m", nil)), ErrNoPackage},
		"14 a name of 4096 bytes":   {with(plain(strings.Repeat("a", 4096), nil)), ErrNoPackage},
		"14 option":                 {with(plain("-rf", nil)), ErrNoPackage},
		"14 CON":                    {with(plain("CON", nil)), ErrNoPackage},
		"14 no name":                {raw(header("", "00000000000\x00", tar.TypeReg)), ErrNoPackage},
		"16 gzip":                   {[]byte("\x1f\x8b\x08" + strings.Repeat("\x00", 600)), ErrNoPackage},
		"16 xz":                     {[]byte("\xfd7zXZ\x00" + strings.Repeat("\x00", 600)), ErrNoPackage},
		"16 zstd":                   {[]byte("\x28\xb5\x2f\xfd"), ErrNoPackage},
		"16 zip":                    {[]byte("PK\x03\x04" + strings.Repeat("a", 600)), ErrNoPackage},
		"18 global header":          {global, ErrNoPackage},
		"empty":                     {nil, ErrNoPackage},
		"one byte":                  {[]byte("x"), ErrNoPackage},
		"zeros":                     {make([]byte, 4096), ErrNoPackage},
		"text":                      {[]byte(strings.Repeat("Once upon a time. ", 100)), ErrNoPackage},
		"a web page":                {[]byte("<!DOCTYPE html>" + strings.Repeat(" ", 600)), ErrNoPackage},
		"another tar":               {tarOf(t, plain("README", []byte("x"))), ErrNoPackage},
		"no index":                  {with(), ErrNoPackage},
		"index of 100 MB":           {with(plain("index.json", bytes.Repeat([]byte(" "), 100<<20))), ErrNoPackage},
		"cut in a file":             {good[:len(good)/2], ErrDamaged},
		"cut at the end":            {good[:len(good)-1024], ErrDamaged},
		"cut in the end":            {good[:len(good)-512], ErrDamaged},
		"a header that is damaged":  {append(bytes.Clone(good[:len(good)-1024]), bytes.Repeat([]byte("x"), 1024)...), ErrDamaged},
		"8 holes by PAX":            {sparsePAX(t, name), ErrNoPackage},
		"more records of PAX":       {tarOf(t, first, pax("oci-layout2", map[string]string{"GUEST.x": "1"})), ErrNoPackage},
	} {
		_, err := OpenSource(t.Context(), parsed(t, writeFile(t, c.data, t.TempDir(), "x.lab")), Options{})
		refused(t, what, err, c.kind)
	}
	// What is behind the end belongs to nobody; who orders the files does not matter.
	members := l.tarMembers(t)
	for i, j := 0, len(members)-1; i < j; i, j = i+1, j-1 {
		members[i], members[j] = members[j], members[i]
	}
	for what, data := range map[string][]byte{
		"another tar behind the end": append(bytes.Clone(good), tarOf(t, plain("/etc/passwd", nil))...),
		"rubbish behind the end":     append(bytes.Clone(good), "rubbish"...),
		"the other way round":        tarOf(t, members...),
		"folders":                    tarOf(t, append([]tarMember{{tar.Header{Typeflag: tar.TypeDir, Name: "./"}, nil}, {tar.Header{Typeflag: tar.TypeDir, Name: "blobs/sha256/"}, nil}}, members...)...),
	} {
		from, err := OpenSource(t.Context(), parsed(t, writeFile(t, data, t.TempDir(), "x.lab")), Options{})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		l.check(t, from)
		_ = from.Close()
	}
}

// sparsePAX is a file with holes in the way of PAX, which looks like an ordinary one: archive/tar does not write it.
func sparsePAX(t *testing.T, name string) []byte {
	t.Helper()
	record := func(key, value string) string {
		body := " " + key + "=" + value + "\n"
		for n := len(body); ; n++ {
			if text := fmt.Sprint(n) + body; len(text) == n {
				return text
			}
		}
	}
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", name) + record("GNU.sparse.realsize", "60000000000")
	data := append(header("PaxHeaders/x", fmt.Sprintf("%011o\x00", len(records)), 'x'), records...)
	data = append(data, make([]byte, 512-len(records)%512)...)
	data = append(data, header("GNUSparseFile.0/x", fmt.Sprintf("%011o\x00", 512), tar.TypeReg)...)
	data = append(data, "1\n59999999999\n1\n"...)
	return append(data, make([]byte, 2048)...)
}

// TestFileChanges reads a .lab file that another program shortens meanwhile.
func TestFileChanges(t *testing.T) {
	l := makeLab(t, 1, 1)
	file := writeFile(t, tarOf(t, l.tarMembers(t)...), t.TempDir(), "x.lab")
	from := openFrom(t, file, Options{})
	if err := os.Truncate(file, 50_000); err != nil {
		t.Fatal(err)
	}
	_, err := read(t.Context(), from, l.blobs[1], 0, -1)
	refused(t, "a file that was shortened", err, ErrDamaged)
	for what, path := range map[string]string{"a pipe": "/pipe.lab", "a folder": "/folder.lab", "nothing": "/none.lab"} {
		path = t.TempDir() + path
		kind := ErrNoPackage
		switch what {
		case "a pipe":
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		case "a folder":
			writeFile(t, nil, path, "a")
		default:
			kind = ErrNotFound
		}
		_, err := OpenSource(t.Context(), parsed(t, path), Options{})
		refused(t, what, err, kind)
		if what == "nothing" {
			continue
		}
		_, err = OpenTarget(t.Context(), parsed(t, path), Options{})
		refused(t, what+" to write to", err, ErrNoPackage)
	}
	text := writeFile(t, []byte("my thesis"), t.TempDir(), "thesis.lab")
	_, err = OpenTarget(t.Context(), parsed(t, text), Options{})
	refused(t, "a file that is no package", err, ErrNoPackage)
	if data, err := os.ReadFile(text); err != nil || string(data) != "my thesis" {
		t.Error("it was touched", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(text)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}
