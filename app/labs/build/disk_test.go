package build

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

var testEpoch = time.Unix(1700000000, 0).UTC()

// output runs a program of the test's own and returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := tool{name: name}.path()
	if path == "" {
		t.Fatalf("%s is missing: run packaging/setup test", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "TZ=UTC", "MTOOLS_SKIP_CHECK=1", "PATH=" + toolPath}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// systemArchive is a root file system that could not start.
func systemArchive(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := tar.NewWriter(file)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "./etc/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "./etc/hostname", Mode: 0o600, Size: 3},
		{Typeflag: tar.TypeDir, Name: "./etc/systemd/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "./etc/systemd/system/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "./su", Mode: 0o4755, Size: 3},
		{Typeflag: tar.TypeReg, Name: "./mail", Mode: 0o2640, Uid: 8, Gid: 12, Size: 3},
		{Typeflag: tar.TypeDir, Name: "./closed/", Mode: 0o000},
		{Typeflag: tar.TypeDir, Name: "./dev/", Mode: 0o755},
		{Typeflag: tar.TypeChar, Name: "./dev/null", Mode: 0o666, Devmajor: 1, Devminor: 3},
		{Typeflag: tar.TypeLink, Name: "./hard", Linkname: "./su"},
		{
			Typeflag: tar.TypeReg, Name: "./ping", Mode: 0o755, Size: 3, Format: tar.FormatPAX,
			PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		},
	} {
		h.ModTime = testEpoch
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDisk: the disk has the partitions, owners, permissions and boot loaders that it must have.
func TestDisk(t *testing.T) {
	mode := needRights(t)
	dir := t.TempDir()
	system, config := filepath.Join(dir, "system.tar"), filepath.Join(dir, "config.tar")
	systemArchive(t, system)
	r := &lab.Recipe{Name: "networks/web"}
	if err := writeConfig(config, r, testEpoch); err != nil {
		t.Fatal(err)
	}
	const size = 300 * vmconfig.MiB
	var disks []string
	for _, n := range []string{"1", "2"} {
		disk, work := filepath.Join(dir, "disk"+n), filepath.Join(dir, "work"+n)
		if err := os.Mkdir(work, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := assemble(t.Context(), mode, disk, work, r.Name, size, testEpoch, []string{system, config}); err != nil {
			t.Fatal(err)
		}
		if err := removeMapped(t.Context(), work); err != nil {
			t.Error(err)
		}
		disks = append(disks, disk)
	}
	// Of the root file system only the contents are the same: mke2fs takes over the times at which files were unpacked before version 1.47.1.
	sameBytes(t, disks[0], disks[1], 0, rootFirst*sectorBytes)
	sameBytes(t, disks[0], disks[1], size-endSectors*sectorBytes, endSectors*sectorBytes)
	disk := disks[0]

	var table struct {
		PartitionTable struct {
			Label, ID  string
			Partitions []struct {
				Start, Size int64
				Type, UUID  string
			}
		}
	}
	if err := json.Unmarshal([]byte(output(t, "sfdisk", "--json", disk)), &table); err != nil {
		t.Fatal(err)
	}
	got := table.PartitionTable
	if len(got.Partitions) != 3 || got.Label != "gpt" || got.Partitions[1].Type != strings.ToUpper(kindESP.String()) || got.Partitions[2].Start != rootFirst ||
		got.Partitions[2].UUID != strings.ToUpper(fixedID(r.Name, "root").String()) {
		t.Errorf("%+v", got)
	}
	if verify := output(t, "sfdisk", "--verify", disk); !strings.Contains(verify, "No errors detected") {
		t.Error(verify)
	}

	root := int64(rootFirst * sectorBytes)
	cut(t, disk, filepath.Join(dir, "root.img"), root, size-root-endSectors*sectorBytes)
	output(t, "fsck.ext4", "-f", "-n", filepath.Join(dir, "root.img"))
	for path, want := range map[string]string{
		"/etc/hostname":           `Mode:  0644 .*User:     0   Group:     0`,
		"/su":                     `Mode:  04755 .*User:     0   Group:     0.*Links: 2`,
		"/mail":                   `Mode:  02640 .*User:     8   Group:    12`,
		"/closed":                 `Mode:  0000 .*User:     0`,
		"/ping":                   `security.capability \(20\)`,
		"/boot/grub/grub.cfg":     `Mode:  0644 .*User:     0`,
		"/etc/resolv.conf":        `Fast link dest: "../run/systemd/resolve/stub-resolv.conf"`,
		"/etc/systemd/network":    `Type: directory    Mode:  0755`,
		"/etc/systemd/system/foo": `File not found`,
	} {
		if stat := output(t, "debugfs", "-R", "stat "+path, filepath.Join(dir, "root.img")); !regexp.MustCompile("(?s)" + want).MatchString(stat) {
			t.Errorf("%s is not like %s:\n%s", path, want, stat)
		}
	}
	if text := output(t, "debugfs", "-R", "cat /etc/hostname", filepath.Join(dir, "root.img")); !strings.Contains(text, "web\n") {
		t.Errorf("the host's name is %q", text)
	}
	if list := output(t, "mdir", "-b", "-i", disk+"@@"+strconv.Itoa(espFirst*sectorBytes), "-/", "::"); !strings.Contains(list, "::/EFI/BOOT/BOOTX64.EFI") {
		t.Error(list)
	}

	if err := inject(t.Context(), disk, dir); err != nil {
		t.Fatal(err)
	}
	cut(t, disk, filepath.Join(dir, "root.img"), root, size-root-endSectors*sectorBytes)
	output(t, "fsck.ext4", "-f", "-n", filepath.Join(dir, "root.img"))
	if stat := output(t, "debugfs", "-R", "stat /etc/systemd/system/guesthouse-build.service", filepath.Join(dir, "root.img")); !strings.Contains(stat, "User:     0   Group:     0") {
		t.Error(stat)
	}
}

// TestTooSmall: a disk that is too small for its content is refused in words.
func TestTooSmall(t *testing.T) {
	mode := needRights(t)
	dir := t.TempDir()
	big, archive := strings.Repeat("x", 60<<20), filepath.Join(dir, "big.tar")
	if err := writeTar(archive, testEpoch, []entry{{name: "big", text: big}}); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	err := assemble(t.Context(), mode, filepath.Join(dir, "disk"), work, "a", 64*vmconfig.MiB, testEpoch, []string{archive})
	if err == nil || !strings.Contains(err.Error(), "do not fit on a disk of 64 MiB") {
		t.Error(err)
	}
}

// TestInjectRefuses: what is no Linux disk is refused, and nothing is written to it.
func TestInjectRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"zeros": make([]byte, 1<<20), "short": []byte("x"), "noise": bytes.Repeat([]byte("EFI PART\xff\xff\xff\xff"), 1<<16),
	} {
		disk := filepath.Join(dir, name)
		if err := os.WriteFile(disk, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := inject(t.Context(), disk, dir); err == nil || !strings.Contains(err.Error(), "cannot be put into this base") {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(disk); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s was changed", name)
		}
	}
}

func sameBytes(t *testing.T, a, b string, offset, size int64) {
	t.Helper()
	x, y := readAt(t, a, offset, size), readAt(t, b, offset, size)
	for i := range x {
		if x[i] != y[i] {
			t.Errorf("byte %d (sector %d) is %#x and %#x", offset+int64(i), (offset+int64(i))/sectorBytes, x[i], y[i])
			return
		}
	}
}

func readAt(t *testing.T, path string, offset, size int64) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data := make([]byte, size)
	if _, err := file.ReadAt(data, offset); err != nil {
		t.Fatal(err)
	}
	return data
}

func cut(t *testing.T, from, to string, offset, size int64) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, io.NewSectionReader(in, offset, size)); err != nil {
		t.Fatal(err)
	}
}

// TestToolMissing: what is missing is said by its package, each once.
func TestToolMissing(t *testing.T) {
	err := need([]tool{{"no-such-program", "some-package"}, {"neither-this", "some-package"}, tarTool}, map[string]string{"other-package": "/no/such/folder"})
	if err == nil || !strings.Contains(err.Error(), "Install the packages some-package, other-package.") {
		t.Error(err)
	}
	if err := need([]tool{tarTool}, nil); err != nil {
		t.Error(err)
	}
}

// TestRunEnds: a program with children ends when the work is cancelled, and its complaint is kept.
func TestRunEnds(t *testing.T) {
	shell := tool{"sh", "dash"}
	err := run(t.Context(), command{tool: shell, args: []string{"-c", "echo what is wrong >&2; exit 3"}, dir: "/", limit: time.Minute})
	if err == nil || !strings.Contains(err.Error(), "what is wrong") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := run(ctx, command{tool: shell, args: []string{"-c", "sleep 1000 & wait"}, dir: "/", limit: time.Hour}); err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// needRights skips the test where no file can be given to another user.
func needRights(t *testing.T) rights {
	t.Helper()
	mode, err := findRights(t.Context())
	if err != nil {
		t.Skip(err)
	}
	return mode
}
