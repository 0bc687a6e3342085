package guesttest

import (
	"bufio"
	"compress/gzip"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// guestModules are the drivers that the guest needs; makeInitramfs adds what they depend on. The graphics card's own driver comes when a test
// asks for it: until then the guest draws where its boot loader has left a screen.
var guestModules = []string{
	"virtio_pci", "virtio_blk", "evdev", "xhci-pci", "usbhid", "hid-generic", "psmouse", "button", "virtio_net",
}

// initFiles returns the source of the guest's process 1 by file name.
func initFiles(t testing.TB) map[string]string {
	t.Helper()
	entries, err := initSource.ReadDir("guestinit")
	if err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		text, err := initSource.ReadFile("guestinit/" + entry.Name())
		if err != nil {
			t.Fatalf("guesttest: %v", err)
		}
		files[entry.Name()] = string(text)
	}
	return files
}

// buildInit compiles process 1 on its own, outside the module, with a build cache that outlives the test.
func buildInit(t testing.TB, build string) string {
	t.Helper()
	source := filepath.Join(build, "guestinit")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	for name, text := range initFiles(t) {
		write(t, filepath.Join(source, name), []byte(text))
	}
	write(t, filepath.Join(source, "go.mod"), []byte("module guestinit\n\ngo 1.24\n"))
	binary := filepath.Join(build, "init")
	env := []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=-trimpath", "GOTOOLCHAIN=local", "GOPROXY=off", "GOWORK=off",
		"GOCACHE=" + filepath.Join(hosttest.CacheDir(t), "go-build"),
	}
	run(t, source, env, hosttest.Tool(t, "go"), "build", "-ldflags=-s -w", "-o", binary, ".")
	return binary
}

// makeInitramfs packs process 1 and the modules, in the order in which they can be loaded.
func makeInitramfs(t testing.TB, build string) string {
	t.Helper()
	path := filepath.Join(build, "initrd")
	file, err := os.Create(path)
	if err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	defer file.Close()
	packed, _ := gzip.NewWriterLevel(file, gzip.BestSpeed)
	archive := &cpioWriter{out: bufio.NewWriter(packed)}

	add := func(name string, mode uint32, source string) {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatalf("guesttest: %v", err)
		}
		archive.add(name, mode, text)
	}
	add("init", regular|0o755, buildInit(t, build))
	packModules := func(list string, wanted []string) {
		archive.add(list, directory|0o755, nil)
		order, err := loadOrder(kernelDir, wanted)
		if err != nil {
			t.Fatalf("guesttest: %v", err)
		}
		for _, module := range order {
			add(list+"/"+module, regular|0o644, filepath.Join(kernelDir, module))
		}
		archive.add(list+"/order", regular|0o644, []byte(strings.Join(order, "\n")))
	}
	packModules("modules", guestModules)
	packModules("graphics", []string{"virtio-gpu"})
	for _, finish := range []func() error{archive.close, packed.Close, file.Close} {
		if err := finish(); err != nil {
			t.Fatalf("guesttest: initramfs: %v", err)
		}
	}
	return path
}

// loadOrder returns the files of the modules and of all they depend on, dependencies first. A module
// without a file is built into the kernel, or its user would not load either.
func loadOrder(dir string, wanted []string) ([]string, error) {
	var order []string
	var add func(name string) error
	add = func(name string) error {
		file, err := moduleFile(dir, name)
		if err != nil || file == "" || slices.Contains(order, file) {
			return err
		}
		needs, err := moduleDepends(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		for _, need := range needs {
			if err := add(need); err != nil {
				return err
			}
		}
		order = append(order, file)
		return nil
	}
	for _, name := range wanted {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleFile finds a module's file; names treat - and _ as equal.
func moduleFile(dir, name string) (string, error) {
	plain := func(s string) string { return strings.ReplaceAll(s, "-", "_") }
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if module, ok := strings.CutSuffix(entry.Name(), ".ko"); ok && plain(module) == plain(name) {
			return entry.Name(), nil
		}
	}
	return "", err
}

// moduleDepends reads "depends=a,b" from a module's .modinfo section.
func moduleDepends(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s: no .modinfo section", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, entry := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

// File types of a cpio header's mode, as in stat(2).
const (
	directory = 0o040000
	regular   = 0o100000
)

// cpioWriter writes the "new ASCII" format that the kernel unpacks (Documentation/driver-api/early-userspace/
// buffer-format.rst in Linux). The first error is kept and returned by close.
type cpioWriter struct {
	out   *bufio.Writer
	inode int
	err   error
}

func (w *cpioWriter) add(name string, mode uint32, content []byte) {
	w.inode++
	const links, uid, gid, mtime, major, minor = 1, 0, 0, 0, 0, 0
	w.print(fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		w.inode, mode, uid, gid, links, mtime, len(content), major, minor, 0, 0, len(name)+1, 0))
	w.print(name + "\x00")
	w.pad(110 + len(name) + 1)
	w.print(string(content))
	w.pad(len(content))
}

func (w *cpioWriter) pad(length int) { w.print(strings.Repeat("\x00", (4-length%4)%4)) }

func (w *cpioWriter) print(text string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.out, text)
	}
}

func (w *cpioWriter) close() error {
	w.add("TRAILER!!!", 0, nil)
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}
