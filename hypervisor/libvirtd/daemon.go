package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"guesthouse/hypervisor"
)

// daemonFolders are searched after PATH: daemons live where a user's PATH does not lead.
var daemonFolders = []string{"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/lib/libvirt", "/usr/libexec"}

// findDaemon finds the program that serves the driver.
func findDaemon(driver string) (string, error) {
	names := []string{"virtqemud", "libvirtd"}
	if driver == "test" {
		slices.Reverse(names) // the monolithic daemon serves every driver
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		for _, folder := range daemonFolders {
			if path, err := exec.LookPath(folder + "/" + name); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%w: neither of the programs %s is installed", hypervisor.ErrCannotStart, strings.Join(names, ", "))
}

// startDaemon starts the user's own daemon as libvirt's C client does (rpc/virnetsocket.c): it leaves by itself two minutes
// after the last client and the last machine have gone. It gets a session of its own and so outlives us. Errors wrap ErrCannotStart.
func startDaemon(ctx context.Context, path, driver string) error {
	if path == "" {
		var err error
		if path, err = findDaemon(driver); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// With --daemon the parent ends when its child listens, or ends with an error that tells why it cannot.
	cmd := exec.CommandContext(ctx, path, "--daemon", "--timeout=120")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // its messages are shown under "Details" only
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second // should a child keep stderr open
	var complaint tail
	cmd.Stderr = &complaint
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if text := complaint.String(); text != "" {
		err = errors.New(text)
	}
	return fmt.Errorf("%w: %s: %w", hypervisor.ErrCannotStart, path, err)
}

// tail keeps the last bytes written to it.
type tail struct{ b []byte }

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - 2048; n > 0 {
		t.b = t.b[n:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(strings.ToValidUTF8(string(t.b), "�")) }
