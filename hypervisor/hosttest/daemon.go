package hosttest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Patience is how long one step may take before a test gives up. It is generous: under the race detector
// on two busy processors a daemon needs seconds, not milliseconds.
const Patience = 2 * time.Minute

// StartDaemon starts the session daemon and waits until it listens. A daemon that runs already is kept.
func (h *Host) StartDaemon(t testing.TB) {
	t.Helper()
	if h.listening() {
		return
	}
	exited, err := h.runDaemon()
	if err != nil {
		t.Fatalf("hosttest: start %s: %v", h.name, err)
	}
	if err := Poll(Patience, func() error {
		select {
		case err := <-exited:
			exited <- err
			return Stop(fmt.Errorf("%s exited: %w\n%s", h.name, err, h.DaemonLog()))
		default:
		}
		if !h.listening() {
			return fmt.Errorf("%s does not listen on %s", h.name, h.Socket)
		}
		return nil
	}); err != nil {
		t.Fatalf("hosttest: %v", err)
	}
}

// runDaemon starts the daemon. exited gets how it ended, but not when it crashed by itself, as libvirt 9.0's does now and then ("corrupted double-linked list"): then another one is started,
// as the program does on a user's computer.
func (h *Host) runDaemon() (exited chan error, err error) {
	log, err := os.OpenFile(h.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(h.daemon)
	cmd.Env = h.Env()
	cmd.Dir = h.Dir
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: Ctrl+C in the terminal is for the test, which then ends the daemon itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited = make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if crashed(err) && h.ended != nil && !h.ended.Load() {
			if _, err = h.runDaemon(); err == nil {
				return
			}
		}
		exited <- err
	}()
	return exited, nil
}

// crashed reports whether a process ended by a fault of its own; tests kill in other ways.
func crashed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && (status.Signal() == syscall.SIGABRT || status.Signal() == syscall.SIGSEGV || status.Signal() == syscall.SIGBUS)
}

// listening reports whether a daemon accepts connections on the socket. A stopped one (StopDaemon) does too.
func (h *Host) listening() bool {
	conn, err := net.DialTimeout("unix", h.Socket, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// DaemonPID returns the process id of this host's daemon, whoever started it; 0 when none runs.
func (h *Host) DaemonPID() int {
	text, err := os.ReadFile(filepath.Join(h.RuntimeDir, "libvirt", h.name+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil || pid <= 1 || !alive(pid) {
		return 0
	}
	return pid
}

// KillDaemon kills the daemon as a crash would (SIGKILL) and waits until it is gone. Running machines stay.
func (h *Host) KillDaemon(t testing.TB) {
	t.Helper()
	pid := h.signalDaemon(t, syscall.SIGKILL)
	if err := Poll(Patience, func() error {
		// The first thread to die makes the process a zombie; the last one closes the socket.
		if alive(pid) || h.listening() {
			return fmt.Errorf("process %d is still there", pid)
		}
		return nil
	}); err != nil {
		t.Fatalf("hosttest: kill %s: %v", h.name, err)
	}
}

// RestartDaemon kills the daemon when one runs and starts another. Running machines stay.
func (h *Host) RestartDaemon(t testing.TB) {
	t.Helper()
	if h.DaemonPID() != 0 {
		h.KillDaemon(t)
	}
	h.StartDaemon(t)
}

// StopDaemon freezes the daemon (SIGSTOP): it accepts connections and answers nothing until ContinueDaemon.
func (h *Host) StopDaemon(t testing.TB) {
	t.Helper()
	h.signalDaemon(t, syscall.SIGSTOP)
}

// ContinueDaemon lets a frozen daemon run on.
func (h *Host) ContinueDaemon(t testing.TB) {
	t.Helper()
	h.signalDaemon(t, syscall.SIGCONT)
}

func (h *Host) signalDaemon(t testing.TB, signal syscall.Signal) int {
	t.Helper()
	pid := h.DaemonPID()
	if pid == 0 {
		t.Fatalf("hosttest: no %s runs", h.name)
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("hosttest: signal %v to %s: %v", signal, h.name, err)
	}
	return pid
}
