package hosttest_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

const sleeper = `<domain type='qemu'>
  <name>sleeper</name>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices/>
</domain>`

func TestDaemonServesAndDies(t *testing.T) {
	h := hosttest.Start(t)
	if got := h.Virsh(t, "uri"); !strings.HasPrefix(got, "qemu:///session") {
		t.Fatalf("uri is %q", got)
	}
	if got := h.Virsh(t, "list", "--all", "--name"); got != "" {
		t.Fatalf("a fresh host has machines: %q", got)
	}
	if got := h.TestVirsh(t, "list", "--all", "--name"); got != "test" {
		t.Fatalf("the test driver has %q", got)
	}

	file := h.Dir + "/sleeper.xml"
	if err := os.WriteFile(file, []byte(sleeper), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
	h.Virsh(t, "start", "sleeper")
	qemu := h.QEMUPID("sleeper")
	if qemu == 0 {
		t.Fatal("no QEMU runs")
	}

	before := h.DaemonPID()
	h.RestartDaemon(t)
	if now := h.DaemonPID(); now == before || now == 0 {
		t.Fatalf("daemon was %d and is %d", before, now)
	}
	h.WaitState(t, "sleeper", "running")
	if now := h.QEMUPID("sleeper"); now != qemu {
		t.Fatalf("the machine did not outlive its daemon: process %d is now %d", qemu, now)
	}

	h.KillDaemon(t)
	if _, err := h.TryVirsh("list"); err == nil {
		t.Fatal("virsh reached a dead daemon")
	}
	if h.DaemonPID() != 0 {
		t.Fatal("the dead daemon still has a process id")
	}
}

func TestHostsAreApart(t *testing.T) {
	one, two := hosttest.Start(t), hosttest.Start(t)
	if one.DaemonPID() == two.DaemonPID() {
		t.Fatal("two hosts share a daemon")
	}
	one.StopDaemon(t)
	two.Virsh(t, "list")
	one.ContinueDaemon(t)
	one.Virsh(t, "list")
}

func TestNothingIsLeftBehind(t *testing.T) {
	var h *hosttest.Host
	t.Run("host", func(t *testing.T) {
		h = hosttest.Start(t)
		h.Virsh(t, "list")
	})
	if _, err := os.Stat(h.Dir); !os.IsNotExist(err) {
		t.Fatalf("the folder is still there: %v", err)
	}
	if conn, err := net.Dial("unix", h.Socket); err == nil {
		conn.Close()
		t.Fatal("the daemon still listens")
	}
}

// TestDaemonComesBack: a daemon that crashes by itself has a successor, one that was killed has none.
func TestDaemonComesBack(t *testing.T) {
	h := hosttest.Start(t)
	before := h.DaemonPID()
	if err := syscall.Kill(before, syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if err := hosttest.Poll(hosttest.Patience, func() error {
		if pid := h.DaemonPID(); pid == 0 || pid == before {
			return fmt.Errorf("process %d", pid)
		}
		_, err := h.TryVirsh("list", "--all")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.KillDaemon(t)
	if pid := h.DaemonPID(); pid != 0 {
		t.Error("one that was killed came back")
	}
}
