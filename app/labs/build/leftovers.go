package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// machineNotes mark the machines of builds.
const machineNotes = "Guesthouse makes a lab in this machine, and removes it then."

// lockName is a file that a build keeps locked in each of its folders: where it is not locked, the build was killed.
const lockName = "lock"

// young is how long a folder without a lock may be one whose lock is about to be made.
const young = time.Hour

// makeFolder makes a folder of a build.
func makeFolder(above string) (dir string, lock *os.File, err error) {
	if dir, err = os.MkdirTemp(above, "guesthouse-build-"); err != nil {
		return "", nil, err
	}
	lock, err = os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// abandoned reports whether a folder was a build's that was killed.
func abandoned(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || !mine(info) {
		return false
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return errors.Is(err, os.ErrNotExist) && time.Since(info.ModTime()) > young
	}
	defer lock.Close()
	return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// mine reports whether a file belongs to the user: other users' builds use the same folder for temporary files.
func mine(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// sweep removes what builds have left that were killed: machines first, which use files of the folders. What cannot be removed is only logged.
func (b *Builder) sweep(ctx context.Context, staging string) {
	for _, m := range b.p.Machines.Snapshot().Machines {
		if m.Config == nil || m.Config.Notes != machineNotes || len(m.Config.Disks) == 0 {
			continue
		}
		below, err := diskimage.Backing(m.Config.Disks[0].Path)
		dir := filepath.Dir(below)
		if filepath.Dir(dir) != staging {
			continue
		}
		if _, gone := os.Lstat(dir); err == nil && (errors.Is(gone, os.ErrNotExist) || abandoned(dir)) {
			err = b.discard(ctx, guest{id: m.UUID})
		}
		if err != nil {
			b.p.Log.Warn("a machine of an interrupted build stays", "machine", vmconfig.Inert(m.Name, 64), "error", err)
		}
	}
	for _, above := range []string{staging, tempDir} {
		list, _ := filepath.Glob(filepath.Join(above, "guesthouse-build-*"))
		for _, dir := range list {
			if !abandoned(dir) {
				continue
			}
			if err := removeMapped(ctx, dir); err != nil {
				b.p.Log.Warn("a folder of an interrupted build stays", "folder", dir, "error", err)
			}
		}
	}
}
