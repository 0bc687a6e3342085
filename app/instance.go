package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// instance is the claim of being the only manager window of this user for one connection.
// The claim is a lock, which dies with the process; the socket beside it carries the wish to be raised, with or without a lab.
type instance struct {
	lock     *os.File
	listener net.Listener
	raise    chan string
}

// claimInstance claims the manager for uri. If another process has it, that one is asked to come to
// the front, or to offer a lab (empty: none), and first is false.
func claimInstance(uri, lab string) (i *instance, first bool, err error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256([]byte(uri))
	base := filepath.Join(dir, "manager-"+hex.EncodeToString(sum[:4]))
	lock, err := os.OpenFile(base+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, askToRaise(base+".sock", lab)
		}
		return nil, false, err
	}
	_ = os.Remove(base + ".sock") // left by a manager that was killed
	l, err := net.Listen("unix", base+".sock")
	if err != nil {
		_ = lock.Close()
		return nil, false, err
	}
	i = &instance{lock: lock, listener: l, raise: make(chan string, mostWishes)}
	go i.serve()
	return i, true, nil
}

// runtimeDir makes a folder that only this user can enter: in XDG_RUNTIME_DIR, else in the folder for temporary files, where another
// user may have made one of this name first.
func runtimeDir() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if filepath.IsAbs(dir) {
		dir = filepath.Join(dir, "guesthouse")
	} else {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("guesthouse-%d", os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%w: %s does not belong to you alone; remove it or set XDG_RUNTIME_DIR", fs.ErrPermission, dir)
	}
	return dir, nil
}

// Limits of what another process of this user may ask for.
const (
	mostWishes  = 8
	longestWish = 8192 // bytes
	wishTime    = 2 * time.Second
)

func askToRaise(socket, lab string) error {
	c, err := net.DialTimeout("unix", socket, wishTime)
	if err != nil {
		return fmt.Errorf("guesthouse is already open, but its window does not answer: %w", err)
	}
	_ = c.SetDeadline(time.Now().Add(wishTime))
	_, err = io.WriteString(c, lab)
	return errors.Join(err, c.Close())
}

// serve takes a connection as the wish to be raised; what it says is a lab to be offered.
func (i *instance) serve() {
	for {
		c, err := i.listener.Accept()
		if err != nil {
			close(i.raise)
			return
		}
		_ = c.SetDeadline(time.Now().Add(wishTime))
		lab, err := io.ReadAll(io.LimitReader(c, longestWish+1))
		_ = c.Close()
		if err != nil || len(lab) > longestWish {
			lab = nil
		}
		select {
		case i.raise <- string(lab):
		default: // it has enough to do
		}
	}
}

// Close gives the claim up.
func (i *instance) Close() error {
	return errors.Join(i.listener.Close(), i.lock.Close())
}
