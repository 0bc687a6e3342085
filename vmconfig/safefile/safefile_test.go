package safefile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	plain, pipe, link, socket := filepath.Join(dir, "a"), filepath.Join(dir, "p"), filepath.Join(dir, "l"), filepath.Join(dir, "s")
	if err := os.WriteFile(plain, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, info, err := Open(plain)
	if err != nil || info.Size() != 5 {
		t.Fatal(err, info)
	}
	file.Close()
	for path, what := range map[string]string{dir: "folder", pipe: "pipe", link: "pipe", "/dev/zero": "device", socket: "socket"} {
		if _, _, err := Open(path); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
