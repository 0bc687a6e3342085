// Package guestfs cleans the disks of a machine that is off, with the programs virt-sysprep and virt-sparsify. They look into the disks from a small machine of their own
// (libguestfs), so that nothing on them can reach this computer.
package guestfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

// Errors that callers distinguish.
var (
	ErrMissing  = errors.New("virt-sysprep and virt-sparsify are not installed")
	ErrNoSystem = errors.New("no operating system was found on the disks")
	ErrHelper   = errors.New("the helper machine of libguestfs cannot be made")
	ErrTool     = errors.New("virt-sysprep or virt-sparsify failed")
)

// toolFolders are searched for programs. The PATH is not: a file that another user can put there would run with the user's rights.
var toolFolders = []string{"/usr/bin", "/usr/local/bin", "/bin"}

// Deadlines. Without hardware acceleration looking into a large disk takes minutes.
const (
	listTime   = time.Minute
	cleanTime  = time.Hour
	sparseTime = 4 * time.Hour
)

// Tool runs the programs. It may be used from several goroutines; every method waits, so not from the UI's.
type Tool struct {
	sysprep, sparsify string

	// Emulated keeps the helper machine from hardware acceleration.
	Emulated bool
}

// Find finds the programs in folders, or where the system has them if none is named. The error wraps ErrMissing. It only looks at some names.
func Find(folders ...string) (*Tool, error) {
	if len(folders) == 0 {
		folders = toolFolders
	}
	t := &Tool{sysprep: safefile.FindProgram(folders, "virt-sysprep"), sparsify: safefile.FindProgram(folders, "virt-sparsify")}
	if t.sysprep == "" || t.sparsify == "" {
		return nil, fmt.Errorf("%w (looked in %s)", ErrMissing, strings.Join(folders, ", "))
	}
	return t, nil
}

// operations are those of virt-sysprep that remove what a system gathers by itself. What somebody may have put there on purpose stays: users and their files, scheduled jobs, mail,
// certificates, downloaded packages.
var operations = []string{
	"abrt-data", "bash-history", "blkid-tab", "crash-data", "dhcp-client-state", "logfiles", "machine-id", "net-hwaddr", "pacct-log", "passwd-backups",
	"rh-subscription-manager", "rhn-systemid", "smolt-uuid", "ssh-hostkeys", "tmp-files", "udev-persistent-net", "utmp", "yum-uuid",
}

// keysUnit makes new SSH host keys at the next start. Debian makes them only when its package is installed. It is as in the labs that recipes make.
const keysUnit = `[Unit]
Description=Make this machine's SSH host keys
Before=ssh.service sshd.service ssh.socket
ConditionPathExists=/usr/bin/ssh-keygen
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
`

const (
	units       = "/etc/systemd/system"
	keysService = units + "/ssh-host-keys.service"
	wants       = units + "/multi-user.target.wants"
)

// Clean removes from the raw disks of one machine (absolute paths, in their order) what its system has gathered by itself: logs, histories, temporary files, the machine ID, SSH
// host keys, which it makes anew when it starts. Nobody may use the disks meanwhile, and after an error nobody knows what is on them. Errors wrap ErrNoSystem, ErrHelper or
// ErrTool, or are ctx's.
func (t *Tool) Clean(ctx context.Context, disks []string) error {
	known, err := t.run(ctx, listTime, t.sysprep, "--list-operations")
	if err != nil {
		return err
	}
	var names []string
	for line := range strings.Lines(known) { // versions differ in what they have
		name, _, _ := strings.Cut(line, " ")
		if slices.Contains(operations, name) {
			names = append(names, name)
		}
	}
	var args []string
	for _, d := range disks {
		if err := vmconfig.CheckPath(d); err != nil {
			return err
		}
		args = append(args, "--format", "raw", "-a", d)
	}
	args = append(args, "--operations", strings.Join(append(names, "customize"), ","),
		"--mkdir", wants, "--write", keysService+":"+keysUnit, "--link", keysService+":"+wants+"/"+filepath.Base(keysService),
		"--write", "/etc/machine-id:", // customizing has given it one, which all copies would have
		"--selinux-relabel")
	_, err = t.run(ctx, cleanTime, t.sysprep, args...)
	return err
}

// Sparse takes the content of deleted files out of a raw disk (an absolute path), as far as its file systems are known; those that are not stay as they are. Nobody may use the
// disk meanwhile. Errors are those of Clean.
func (t *Tool) Sparse(ctx context.Context, disk string) error {
	if err := vmconfig.CheckPath(disk); err != nil {
		return err
	}
	_, err := t.run(ctx, sparseTime, t.sparsify, "--in-place", "--format", "raw", disk)
	return err
}

// endTime is how long a program may take to tidy up when it is stopped.
const endTime = 10 * time.Second

// run starts a program, never through a shell, and waits for it. The helper machine ends with it.
func (t *Tool) run(ctx context.Context, limit time.Duration, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = "/", t.environment(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = endTime
	out, complaint := &tail{limit: 64 << 10}, &tail{limit: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, complaint
	err := cmd.Run()
	if err == nil {
		return string(out.kept), nil
	}
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whoever is left of the group
	}
	name := filepath.Base(program)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("%w: %s did not finish in %v", ErrTool, name, limit)
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	text := vmconfig.InertLines(strings.TrimSpace(string(complaint.kept)), complaint.limit)
	reason := ErrTool
	switch {
	case strings.Contains(text, "no operating systems were found"):
		reason = ErrNoSystem
	case strings.Contains(text, "supermin"):
		reason = ErrHelper
	}
	return "", fmt.Errorf("%w: %s: %w: %s", reason, name, err, text)
}

// environment is what a program gets of ours: how libguestfs is to work, and where it may put its files.
func (t *Tool) environment(ours []string) []string {
	env := []string{
		"LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		// Its other way would make machines that show up among the user's.
		"LIBGUESTFS_BACKEND=direct",
	}
	for _, v := range ours {
		for _, prefix := range []string{"HOME=", "TMPDIR=", "XDG_RUNTIME_DIR=", "LIBGUESTFS_", "SUPERMIN_"} {
			if strings.HasPrefix(v, prefix) {
				env = append(env, v)
			}
		}
	}
	if t.Emulated {
		env = append(env, "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	}
	return env
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}
