package machines

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig"
)

// Limits says what the host can give to one more machine: for sliders and for validation.
func (s *Service) Limits(ctx context.Context) (vmconfig.Limits, error) {
	host := s.p.Conn.Host()
	l := vmconfig.Limits{MaxCPUs: host.MaxCPUs, HostCPUs: host.CPUs, HostMemory: host.MemoryBytes}
	for _, m := range s.Snapshot().Machines {
		if m.State.Active() && m.Config != nil {
			l.OtherMemory += m.Config.MemoryBytes
		}
	}
	if !host.Local {
		return l, ctx.Err() // the free room of another computer is not known
	}
	free, err := FreeBytes(s.p.DataDir)
	l.FreeDisk = free
	return l, errors.Join(err, ctx.Err())
}

// FreeBytes returns the room that an ordinary user has in the file system of dir, or of its nearest folder that exists.
func FreeBytes(dir string) (int64, error) {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		if err == nil {
			return int64(st.Bavail) * st.Frsize, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, unix.ENOENT) || parent == dir {
			return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
		}
		dir = parent
	}
}
