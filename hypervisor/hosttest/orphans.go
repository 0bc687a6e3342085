package hosttest

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// orphans are processes that libvirt starts as daemons and waits for until nothing is left of them. The first process of some containers and virtual machines leaves
// its orphans as zombies for a second or two, which each power off would wait for.
var orphans = []string{"qemu-system", "swtpm"}

// buryOrphans makes this process the one that orphans go to, and takes note of their end at once.
var buryOrphans = sync.OnceValue(func() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			for _, pid := range children() {
				if isOrphan(pid) {
					_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // no other child: those have somebody who waits for them
				}
			}
		}
	}()
	return nil
})

// children lists this process's own (proc(5), /proc/pid/task/tid/children).
func children() []int {
	var pids []int
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread that has just ended has none
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// isOrphan reports whether libvirt started a process: one that the test itself started has its session, and its own Wait.
func isOrphan(pid int) bool {
	session, err := unix.Getsid(pid)
	if own, ownErr := unix.Getsid(0); err != nil || ownErr != nil || session == own {
		return false
	}
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	for _, orphan := range orphans {
		if bytes.HasPrefix(name, []byte(orphan)) {
			return true
		}
	}
	return false
}
