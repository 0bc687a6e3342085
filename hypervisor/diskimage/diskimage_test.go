package diskimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

func tool(t testing.TB) *Tool {
	t.Helper()
	tool, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// qemuImg runs the real qemu-img to make a sample.
func qemuImg(t testing.TB, args ...string) {
	t.Helper()
	for try := 1; ; try++ {
		out, err := exec.Command("qemu-img", args...).CombinedOutput()
		switch {
		case err == nil:
			return
		case try < 5 && bytes.Contains(out, []byte("accurate CPU usage")): // it measures how quickly it encrypts, and others use the processor
		default:
			t.Fatalf("qemu-img %v: %v\n%s", args, err, out)
		}
	}
}

func folderEntries(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCreateAndInspect(t *testing.T) {
	ctx, tool, dir := context.Background(), tool(t), t.TempDir()
	for _, name := range []string{"a.qcow2", "-x, y=1 'b' %s $(id).qcow2", "a:b.qcow2", "json:{}", "ü 🐧.qcow2 "} {
		path := filepath.Join(dir, name)
		if err := tool.Create(ctx, path, FormatQcow2, 10*vmconfig.GiB); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		info, err := tool.Inspect(ctx, path, FormatQcow2)
		if err != nil || info.Format != FormatQcow2 || info.VirtualBytes != 10*vmconfig.GiB || info.DiskBytes > vmconfig.MiB ||
			info.Backing != "" || info.Snapshots != 0 || info.Dirty || info.Corrupt {
			t.Errorf("%q: %v %+v", name, err, info)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v %v", name, err, st.Mode())
		}
		if err := tool.Create(ctx, path, FormatQcow2, vmconfig.GiB); !errors.Is(err, ErrExists) {
			t.Errorf("%q again: %v", name, err)
		}
		if info, err := tool.Inspect(ctx, path, ""); err != nil || info.VirtualBytes != 10*vmconfig.GiB {
			t.Errorf("%q was touched: %v %+v", name, err, info)
		}
		if r, err := tool.Check(ctx, path); err != nil || r.Errors != 0 || r.Leaks != 0 {
			t.Errorf("%q: check: %v %+v", name, err, r)
		}
	}
	// An L2 table that points into the header is damage, and found.
	damaged := filepath.Join(dir, "damaged")
	qemuImg(t, "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", damaged, "1M")
	damaged = poke(t, damaged, 4*65536, uint64(1<<63|0x10000))
	if r, err := tool.Check(ctx, damaged); err != nil || r.Errors == 0 {
		t.Errorf("damage: %v %+v", err, r)
	}
	raw := filepath.Join(dir, "a.img")
	if err := tool.Create(ctx, raw, FormatRaw, 5*vmconfig.MiB); err != nil {
		t.Fatal(err)
	}
	if info, err := tool.Inspect(ctx, raw, ""); err != nil || info.Format != FormatRaw || info.VirtualBytes != 5*vmconfig.MiB || info.DiskBytes > vmconfig.MiB {
		t.Errorf("%v %+v", err, info)
	}
	if _, err := tool.Inspect(ctx, raw, FormatQcow2); !errors.Is(err, ErrWrongFormat) {
		t.Errorf("raw claimed to be qcow2: %v", err)
	}
	// A guest can write any header to its raw disk: stated raw stays raw, and the caller is told.
	if info, err := tool.Inspect(ctx, filepath.Join(dir, "a.qcow2"), FormatRaw); err != nil || info.Format != FormatRaw || info.LooksLike != FormatQcow2 ||
		info.VirtualBytes > vmconfig.MiB {
		t.Errorf("qcow2 claimed to be raw: %v %+v", err, info)
	}
	vdi := filepath.Join(dir, "a.vdi")
	qemuImg(t, "create", "-q", "-f", "vdi", vdi, "1M")
	if info, err := tool.Inspect(ctx, vdi, FormatRaw); err != nil || info.LooksLike != "VDI" {
		t.Errorf("VDI claimed to be raw: %v %+v", err, info)
	}
	if v, err := tool.Version(ctx); err != nil || !strings.Contains(v, ".") {
		t.Errorf("version %q, %v", v, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	ctx, tool, dir := context.Background(), tool(t), t.TempDir()
	outside := filepath.Join(t.TempDir(), "target")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, format string
		size         int64
		want         error
	}{
		{filepath.Join(dir, "a"), "vmdk", vmconfig.GiB, ErrUnsupported},
		{filepath.Join(dir, "a"), "", vmconfig.GiB, ErrUnsupported},
		{filepath.Join(dir, "a"), FormatQcow2, 0, vmconfig.ErrSize},
		{filepath.Join(dir, "a"), FormatQcow2, -1, vmconfig.ErrSize},
		{filepath.Join(dir, "a"), FormatQcow2, 1 << 60, vmconfig.ErrSize},
		{"relative.qcow2", FormatQcow2, vmconfig.GiB, vmconfig.ErrPath},
		{filepath.Join(dir, "a\nb"), FormatQcow2, vmconfig.GiB, vmconfig.ErrPath},
		{"/proc/a", FormatQcow2, vmconfig.GiB, vmconfig.ErrPath},
		{filepath.Join(dir, "link"), FormatQcow2, vmconfig.GiB, ErrExists},
		{filepath.Join(dir, "no", "folder"), FormatQcow2, vmconfig.GiB, fs.ErrNotExist},
	} {
		if err := tool.Create(ctx, c.path, c.format, c.size); !errors.Is(err, c.want) {
			t.Errorf("Create(%q, %q, %d): %v, want %v", c.path, c.format, c.size, err, c.want)
		}
	}
	if _, err := os.Stat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a link was followed")
	}
	if got := folderEntries(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	if _, err := newTool([]string{dir}); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

// fakeTool returns a Tool whose qemu-img is a shell script.
func fakeTool(t *testing.T, script string) *Tool {
	t.Helper()
	dir := t.TempDir()
	// Written through a shell: a file that this process had open for writing may still be "busy" in a child of another test.
	cmd := exec.Command("sh", "-c", `cat >"$0" && chmod 755 "$0"`, filepath.Join(dir, "qemu-img"))
	cmd.Stdin = strings.NewReader("#!/bin/sh\n" + script + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	tool, err := newTool([]string{dir, "/usr/bin"})
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func TestToolMisbehaves(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", good, "1G")
	for name, c := range map[string]struct {
		script string
		want   string
	}{
		"dies":         {"kill -SEGV $$", "qemu-img failed"},
		"complains":    {`printf 'qemu-img: \033[31mno\n' >&2; exit 1`, "qemu-img failed: \u241b[31mno"},
		"14 MB":        {"head -c 14000000 /dev/zero", "more than 1 MiB"},
		"no JSON":      {"echo hello", "cannot be read"},
		"another kind": {`echo '{"format":"raw","virtual-size":512}'`, "calls it raw"},
		"data file":    {`echo '{"format":"qcow2","virtual-size":512,"format-specific":{"data":{"data-file":"/etc/shadow"}}}'`, "/etc/shadow"},
		"burns CPU":    {"while :; do :; done", "qemu-img failed"},
		"memory":       {"exec /usr/bin/python3 -c 'a=bytearray(3<<30)'", "qemu-img failed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fakeTool(t, c.script).Inspect(context.Background(), good, "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	for name, script := range map[string]string{
		"fails half-way":     `for last; do :; done; echo x >"$dir"; exit 1`,
		"complains of space": "echo 'qemu-img: x: No space left on device' >&2; exit 1",
	} {
		folder := t.TempDir()
		err := fakeTool(t, script).Create(context.Background(), filepath.Join(folder, "a"), FormatQcow2, vmconfig.GiB)
		if !errors.Is(err, ErrTool) || strings.Contains(name, "space") != errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
		if got := folderEntries(t, folder); len(got) != 0 {
			t.Errorf("%s: left behind: %v", name, got)
		}
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		folder := t.TempDir()
		started := filepath.Join(t.TempDir(), "started")
		tool := fakeTool(t, "echo >'"+started+"'; exec sleep 1000")
		go func() {
			for {
				if _, err := os.Stat(started); err == nil {
					cancel()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		if err := tool.Create(ctx, filepath.Join(folder, "a"), FormatQcow2, vmconfig.GiB); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if got := folderEntries(t, folder); len(got) != 0 {
			t.Errorf("left behind: %v", got)
		}
	})
}

// The file that was looked at is the file that qemu-img reads, also when another is put in its place in between.
func TestInspectReadsOneFile(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "other")
	qemuImg(t, "create", "-q", "-f", "qcow2", path, "1M")
	qemuImg(t, "create", "-q", "-f", "qcow2", other, "7M")
	info, err := fakeTool(t, "mv '"+other+"' '"+path+"'; exec /usr/bin/qemu-img \"$@\"").Inspect(context.Background(), path, "")
	if err != nil || info.VirtualBytes != vmconfig.MiB {
		t.Errorf("%v %+v", err, info)
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Error("nothing was swapped")
	}
}

// poke changes bytes of a copy of an image.
func poke(t testing.TB, from string, at int, value any) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.BigEndian, value); err != nil {
		t.Fatal(err)
	}
	copy(data[at:], b.Bytes())
	path := filepath.Join(t.TempDir(), "poked")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func cutTo(t *testing.T, from string, size int64) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(path, data[:size], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInspectRefuses(t *testing.T) {
	ctx, tool, dir := context.Background(), tool(t), t.TempDir()
	good := filepath.Join(dir, "good.qcow2")
	qemuImg(t, "create", "-q", "-f", "qcow2", good, "1G")
	sample := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		qemuImg(t, append(append([]string{"create", "-q"}, args...), path, "64M")...)
		return path
	}
	data := filepath.Join(dir, "data.raw")
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 3*vmconfig.TiB); err != nil {
		t.Fatal(err)
	}
	polyglot, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	copy(polyglot[0x8001:], "CD001")
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"empty":                {write("empty", nil), ErrIncomplete},
		"tiny":                 {write("tiny", []byte("x")), ErrIncomplete},
		"folder":               {dir, safefile.ErrNotRegular},
		"pipe":                 {fifo, safefile.ErrNotRegular},
		"device":               {"/dev/zero", vmconfig.ErrPath},
		"missing":              {filepath.Join(dir, "none"), fs.ErrNotExist},
		"huge raw":             {huge, ErrTooLarge},
		"qcow 1":               {sample("q1", "-f", "qcow"), ErrUnsupported},
		"QED":                  {sample("qed", "-f", "qed"), ErrUnsupported},
		"VMDK":                 {sample("vmdk", "-f", "vmdk"), ErrUnsupported},
		"VDI":                  {sample("vdi", "-f", "vdi"), ErrUnsupported},
		"VHD":                  {sample("vhd", "-f", "vpc"), ErrUnsupported},
		"VHDX":                 {sample("vhdx", "-f", "vhdx"), ErrUnsupported},
		"Parallels":            {sample("parallels", "-f", "parallels"), ErrUnsupported},
		"data file":            {sample("df", "-f", "qcow2", "-o", "data_file="+data+",data_file_raw=on"), ErrDataFile},
		"data file bit only":   {poke(t, good, 72, uint64(4)), ErrDataFile},
		"data file name only":  {poke(t, good, 112, uint32(extensionDataFile)), ErrDataFile},
		"encrypted":            {sample("luks", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o", "encrypt.format=luks,encrypt.key-secret=s"), ErrEncrypted},
		"LUKS":                 {write("luks.raw", append([]byte("LUKS\xba\xbe"), polyglot[:1000]...)), ErrUnsupported},
		"marked corrupt":       {poke(t, good, 72, uint64(2)), ErrCorrupt},
		"unknown feature":      {poke(t, good, 72, uint64(1<<40)), ErrNewer},
		"version 4":            {poke(t, good, 4, uint32(4)), ErrNewer},
		"size 0":               {poke(t, good, 24, uint64(0)), ErrCorrupt},
		"size 2^63":            {poke(t, good, 24, uint64(1<<63)), ErrTooLarge},
		"size 2^64-1":          {poke(t, good, 24, ^uint64(0)), ErrTooLarge},
		"cluster bits 0":       {poke(t, good, 20, uint32(0)), ErrCorrupt},
		"cluster bits 63":      {poke(t, good, 20, uint32(63)), ErrCorrupt},
		"L1 2^32-1":            {poke(t, good, 36, ^uint32(0)), ErrCorrupt},
		"L1 too small":         {poke(t, good, 36, uint32(0)), ErrCorrupt},
		"L1 outside":           {poke(t, good, 40, uint64(1<<40)), ErrIncomplete},
		"L1 wraps":             {poke(t, good, 40, ^uint64(0xffff)), ErrIncomplete},
		"reference table huge": {poke(t, good, 56, ^uint32(0)), ErrCorrupt},
		"reference table none": {poke(t, good, 56, uint32(0)), ErrCorrupt},
		"header 2^31":          {poke(t, good, 100, uint32(1<<31)), ErrCorrupt},
		"extension 2 GB":       {poke(t, good, 116, uint32(1<<31)), ErrCorrupt},
		"65536 snapshots":      {poke(t, good, 60, uint32(65536)), ErrSnapshots},
		"backing name 4 GB":    {poke(t, good, 8, [2]uint64{300, 1<<63 | 1<<40}), ErrCorrupt},
		"4 bytes":              {cutTo(t, good, 4), ErrIncomplete},
		"72 bytes":             {cutTo(t, good, 72), ErrIncomplete},
		"104 bytes":            {cutTo(t, good, 104), ErrIncomplete},
		"511 bytes":            {cutTo(t, good, 511), ErrIncomplete},
		"half":                 {cutTo(t, good, 100000), ErrIncomplete},
		"ISO and qcow2":        {write("poly", polyglot), ErrAmbiguous},
	} {
		if info, err := tool.Inspect(ctx, c.path, ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v %+v, want %v", name, err, info, c.want)
		}
	}
}

func TestInspectAccepts(t *testing.T) {
	ctx, tool, dir := context.Background(), tool(t), t.TempDir()
	for name, options := range map[string]string{
		"old": "compat=0.10", "zstd": "compression_type=zstd", "extended": "extended_l2=on,cluster_size=128k", "small": "cluster_size=512", "large": "cluster_size=2M",
	} {
		path := filepath.Join(dir, name)
		qemuImg(t, "create", "-q", "-f", "qcow2", "-o", options, path, "10M")
		if info, err := tool.Inspect(ctx, path, ""); err != nil || info.VirtualBytes != 10*vmconfig.MiB {
			t.Errorf("%s: %v %+v", name, err, info)
		}
	}
	base := filepath.Join(dir, "old")
	qemuImg(t, "snapshot", "-c", "one", base)
	if info, err := tool.Inspect(ctx, base, ""); err != nil || info.Snapshots != 1 {
		t.Errorf("%v %+v", err, info)
	}
	if info, err := tool.Inspect(ctx, poke(t, filepath.Join(dir, "zstd"), 72, uint64(1|8)), ""); err != nil || !info.Dirty {
		t.Errorf("dirty: %v %+v", err, info)
	}
	overlay := filepath.Join(dir, "over, lay")
	if err := tool.CreateOverlay(ctx, overlay, base, FormatQcow2); err != nil {
		t.Fatal(err)
	}
	info, err := tool.Inspect(ctx, overlay, "")
	if err != nil || info.Backing != base || info.BackingFormat != FormatQcow2 || info.VirtualBytes != 10*vmconfig.MiB {
		t.Errorf("%v %+v", err, info)
	}
	if err := info.Standalone(); !errors.Is(err, ErrBacking) || !strings.Contains(err.Error(), base) {
		t.Errorf("standalone: %v", err)
	}
	// What the overlay names is reported and not opened, whatever it is.
	for i, backing := range []string{"/etc/shadow", "../../x", "json:{}", "nbd://h/e", "/proc/self/mem", "fat:/", "self\u202eloop"} {
		path := filepath.Join(dir, "evil"+string(rune('a'+i)))
		qemuImg(t, "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", "raw", path, "1G")
		info, err := tool.Inspect(ctx, path, "")
		if err != nil || info.Backing != backing {
			t.Errorf("%s: %v %+v", backing, err, info)
			continue
		}
		if err := info.Standalone(); !errors.Is(err, ErrBacking) || strings.Contains(err.Error(), "\u202e") {
			t.Errorf("%s: %v", backing, err)
		}
	}
	// An ISO is a plain raw medium.
	iso := filepath.Join(dir, "a.iso")
	data := bytes.Repeat([]byte{0}, 64<<10)
	copy(data[0x8001:], "CD001")
	if err := os.WriteFile(iso, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := tool.Inspect(ctx, iso, ""); err != nil || info.Format != FormatRaw {
		t.Errorf("%v %+v", err, info)
	}
}

func FuzzInspect(f *testing.F) {
	dir := f.TempDir()
	for _, options := range []string{"compat=0.10", "compat=1.1", "extended_l2=on,cluster_size=128k"} {
		path := filepath.Join(dir, options)
		qemuImg(f, "create", "-q", "-f", "qcow2", "-o", options, path, "1M")
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 4096)], int64(len(data)))
	}
	f.Add([]byte("KDMV"), int64(600))
	f.Fuzz(func(t *testing.T, data []byte, extra int64) {
		if extra < 0 || extra > 1<<20 {
			extra = 0
		}
		data = append(data, make([]byte, extra)...)
		h, err := inspect(bytes.NewReader(data), int64(len(data)))
		if err == nil && h.format != FormatQcow2 && h.format != FormatRaw {
			t.Errorf("accepted as %q", h.format)
		}
	})
}

// TestRepair counts the clusters of an image anew, as after a QEMU that ended while it made a snapshot.
func TestRepair(t *testing.T) {
	ctx, tool, dir := context.Background(), tool(t), t.TempDir()
	whole := filepath.Join(dir, "whole")
	qemuImg(t, "create", "-q", "-f", "qcow2", "-o", "preallocation=full", whole, "1M")
	const refcounts, firstData = 2 * 65536, 5
	broken := poke(t, whole, refcounts+2*firstData, uint16(2))
	if r, err := tool.Check(ctx, broken); err != nil || r.Errors == 0 {
		t.Fatalf("nothing is wrong with it: %v %+v", err, r)
	}
	if err := tool.Repair(ctx, broken); err != nil {
		t.Fatal(err)
	}
	if r, err := tool.Check(ctx, broken); err != nil || r != (CheckResult{}) {
		t.Errorf("afterwards: %v %+v", err, r)
	}
	qemuImg(t, "compare", "-q", "-f", "qcow2", "-F", "qcow2", whole, broken)
	if err := tool.Repair(ctx, filepath.Join(dir, "none")); err == nil {
		t.Error("an image that is not there was repaired")
	}
}
