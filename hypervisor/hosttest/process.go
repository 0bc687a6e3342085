package hosttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// alive reports whether the process runs: neither gone nor a zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	// The state follows the command in parentheses, which may hold any character (proc(5)).
	end := bytes.LastIndexByte(stat, ')')
	return end >= 0 && end+2 < len(stat) && stat[end+2] != 'Z' && stat[end+2] != 'X'
}

// processesNaming lists the live processes of this user whose arguments or environment name folder.
// QEMU, the log daemon and whatever else a session daemon starts all do.
func processesNaming(folder string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	needle := []byte(folder + "/")
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || !alive(pid) {
			continue
		}
		for _, file := range []string{"cmdline", "environ"} {
			// Other users' processes cannot be read and are none of ours.
			text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), file))
			if err == nil && bytes.Contains(text, needle) {
				found = append(found, pid)
				break
			}
		}
	}
	return found, nil
}

// endProcesses kills every process that names folder and waits until all are gone. A frozen process
// dies too. It looks again until nothing is left, since a daemon may be starting one just then.
func endProcesses(folder string) error {
	return Poll(Patience, func() error {
		pids, err := processesNaming(folder)
		if err != nil {
			return Stop(err)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return Stop(err)
			}
		}
		if len(pids) > 0 {
			return fmt.Errorf("processes %v of %s do not end", pids, folder)
		}
		return nil
	})
}

// QEMUPID returns the process id of a running machine's QEMU; 0 when it has none.
func (h *Host) QEMUPID(machine string) int {
	text, err := os.ReadFile(filepath.Join(h.RuntimeDir, "libvirt", "qemu", "run", machine+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil || !alive(pid) {
		return 0
	}
	return pid
}
