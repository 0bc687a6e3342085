package guestfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/hosttest"
)

// realVariable is the environment variable that has the real programs run: their helper machine needs a kernel that this user can read, and takes minutes where nothing accelerates it.
const realVariable = "GUESTHOUSE_CLEAN_LAB"

// programs makes stand-ins of the programs, for what the real ones cannot be made to do.
func programs(t *testing.T, script string) *Tool {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"virt-sysprep", "virt-sparsify"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Find(dir); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "virt-sysprep"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(dir); !errors.Is(err, ErrMissing) {
		t.Errorf("one of two: %v", err)
	}
}

// TestArguments: the format of each disk is stated, unknown operations are left out, and nothing of the environment passes but what concerns libguestfs.
func TestArguments(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("SUPERMIN_KERNEL", "/kernel")
	t.Setenv("SECRET", "secret")
	tool := programs(t, fmt.Sprintf(`if [ "$1" = --list-operations ]; then
	printf 'logfiles * Remove logs\nssh-userdir * Remove keys\nmachine-id * Remove it\n'
	exit
fi
printf '%%s\n' "$@" >>'%[1]s'
env >>'%[1]s'
`, log))
	tool.Emulated = true
	if err := tool.Clean(t.Context(), []string{"/a.raw", "/b.raw"}); err != nil {
		t.Fatal(err)
	}
	if err := tool.Sparse(t.Context(), "/a.raw"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		"--format\nraw\n-a\n/a.raw\n--format\nraw\n-a\n/b.raw\n--operations\nlogfiles,machine-id,customize\n", "--in-place\n--format\nraw\n/a.raw\n",
		"LIBGUESTFS_BACKEND=direct\n", "LIBGUESTFS_BACKEND_SETTINGS=force_tcg\n", "SUPERMIN_KERNEL=/kernel\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it was not given %q but\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Error("it was given what is none of its business")
	}
	if err := tool.Clean(t.Context(), []string{"a.raw"}); err == nil {
		t.Error("a relative path")
	}
}

// TestFailures are told apart.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		says string
		want error
	}{
		{"virt-sysprep: error: no operating systems were found in the guest image", ErrNoSystem},
		{"virt-sysprep: error: libguestfs error: /usr/bin/supermin exited with error status 1.", ErrHelper},
		{"anything else", ErrTool},
	} {
		tool := programs(t, "echo '"+c.says+"' >&2\nexit 1\n")
		if err := tool.Sparse(t.Context(), "/a.raw"); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.says, err)
		}
	}
}

// TestCancel ends the program with all that it has started.
func TestCancel(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	tool := programs(t, fmt.Sprintf("sleep 1000 &\necho $! >'%[1]s.part'\nmv '%[1]s.part' '%[1]s'\nwait\n", pid))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tool.Sparse(ctx, "/a.raw") }()
	var child int
	for child == 0 {
		if data, err := os.ReadFile(pid); err == nil {
			fmt.Sscan(string(data), &child)
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for { // until it is reaped by whoever inherits it, or at least dead
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil || strings.Contains(string(status), ") Z ") {
			break
		}
		time.Sleep(time.Millisecond)
	}
}

// TestClean has the real programs clean a small Linux.
func TestClean(t *testing.T) {
	if os.Getenv(realVariable) == "" {
		t.Skip("cleans with the real programs where " + realVariable + " is set")
	}
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	tool.Emulated = true
	dir := t.TempDir()
	t.Setenv("LIBGUESTFS_CACHEDIR", dir)
	empty := filepath.Join(dir, "empty.raw")
	if err := os.WriteFile(empty, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tool.Clean(t.Context(), []string{empty}); !errors.Is(err, ErrNoSystem) {
		t.Errorf("an empty disk: %v", err)
	}

	root := filepath.Join(dir, "root")
	secret, deleted := "the password is swordfish", strings.Repeat("deleted, but still there ", 5000)
	kept := map[string]string{"home/me/task.txt": "kept", "home/me/.ssh/id_ed25519": "kept too"}
	gone := map[string]string{
		"var/log/syslog": secret, "root/.bash_history": secret, "tmp/draft": secret,
		"etc/ssh/ssh_host_ed25519_key": secret, "etc/ssh/ssh_host_ed25519_key.pub": secret,
	}
	for path, text := range map[string]string{
		"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=Debian\n", "etc/debian_version": "12.1\n", "etc/fstab": "/dev/sda / ext4 defaults 0 1\n", "bin/sh": "", "usr/bin/true": "",
		"lib/systemd/systemd": "", "etc/machine-id": strings.Repeat("a", 32) + "\n", "junk": deleted, "boot/x": "", "dev/x": "", "proc/x": "", "sys/x": "",
	} {
		kept[path] = text
	}
	write := func(files map[string]string) {
		t.Helper()
		for path, text := range files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(kept)
	write(gone)
	disk := filepath.Join(dir, "disk.raw")
	hosttest.Run(t, "mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", root, disk, "64M")
	hosttest.Run(t, "debugfs", "-w", "-R", "rm /junk", disk)
	holds := func(text string) bool {
		data, err := os.ReadFile(disk)
		return err == nil && bytes.Contains(data, []byte(text))
	}
	if !holds(deleted[:1000]) || !holds(secret) {
		t.Fatal("the disk is not as it should be")
	}
	if err := errors.Join(tool.Clean(t.Context(), []string{disk}), tool.Sparse(t.Context(), disk)); err != nil {
		t.Fatal(err)
	}
	if before, now := holds(deleted[:1000]), holds(secret); before || now {
		t.Errorf("what was deleted before is still there: %v; what was deleted now: %v", before, now)
	}
	read := func(path string) string {
		_, text, _ := strings.Cut(hosttest.Run(t, "debugfs", "-R", "cat /"+path, disk), "\n") // after its version
		return text
	}
	if id := read("etc/machine-id"); id != "" {
		t.Errorf("machine ID %q", id)
	}
	link := hosttest.Run(t, "debugfs", "-R", "stat /etc/systemd/system/multi-user.target.wants/ssh-host-keys.service", disk)
	if unit := read("etc/systemd/system/ssh-host-keys.service"); !strings.Contains(unit, "ssh-keygen -A") || !strings.Contains(link, `"/etc/systemd/system/ssh-host-keys.service"`) {
		t.Errorf("its SSH host keys will not be made: %q, %s", unit, link)
	}
	for _, path := range []string{"home/me/task.txt", "home/me/.ssh/id_ed25519"} {
		if text := read(path); !strings.Contains(text, kept[path]) {
			t.Errorf("%s is %q", path, text)
		}
	}
	for path := range gone {
		if text := read(path); !strings.Contains(text, "File not found") {
			t.Errorf("%s is %q", path, text)
		}
	}
}
