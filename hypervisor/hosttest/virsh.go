package hosttest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// virshPatience bounds one virsh call.
const virshPatience = 2 * time.Minute

// Virsh runs virsh, the independent witness, against this host's daemon and returns what it printed,
// without surrounding blanks. The test fails when virsh does.
func (h *Host) Virsh(t testing.TB, args ...string) string {
	t.Helper()
	out, err := h.TryVirsh(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TryVirsh is Virsh for commands that may fail; the error holds what virsh said.
func (h *Host) TryVirsh(args ...string) (string, error) {
	return h.virsh(h.URI, args)
}

// TestVirsh is Virsh against the daemon's test driver (TestURI).
func (h *Host) TestVirsh(t testing.TB, args ...string) string {
	t.Helper()
	out, err := h.virsh(h.TestURI(), args)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (h *Host) virsh(uri string, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), virshPatience)
	defer cancel()
	path := findTool("virsh")
	if path == "" {
		return "", fmt.Errorf("virsh is not installed: %s", setupHint)
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"--quiet", "--connect", uri}, args...)...)
	cmd.Env = append(h.Env(), "LC_ALL=C.UTF-8")
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		return out.String(), fmt.Errorf("virsh %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(problems.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// WaitState waits until virsh reports the machine in that state ("running", "paused", "shut off").
func (h *Host) WaitState(t testing.TB, machine, state string) {
	t.Helper()
	if err := Poll(Patience, func() error {
		now, err := h.TryVirsh("domstate", machine)
		if err != nil {
			return err
		}
		if now != state {
			return fmt.Errorf("machine %q is %q, not %q", machine, now, state)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Run runs a program of the test's own to its end and returns what it printed; the test fails when it does.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), virshPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
