package checkpoints

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fsnotify/fsnotify"
	"github.com/google/uuid"
)

// libvirt has no event for snapshots, so a window would not see what a command in a terminal does to them. Each operation of this program leaves a mark, a file named after the
// machine with the process's number in it, and the other processes hear of it from the kernel.

func (s *Service) marks() string { return filepath.Join(s.p.DataDir, "changes") }

// Announce tells subscribers, of this process and of others that Listen, that the checkpoints of a machine are others now. Operations of this service do so themselves.
func (s *Service) Announce(id uuid.UUID) {
	s.changed(id)
	err := os.MkdirAll(s.marks(), 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.marks(), id.String()), []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	if err != nil {
		s.p.Log.Info("other windows are not told of a change", "error", err)
	}
}

// Listen reads machines anew, and tells subscribers, when other processes of this user's have changed their checkpoints, until ctx ends; it returns ctx's error.
func (s *Service) Listen(ctx context.Context) error {
	if err := os.MkdirAll(s.marks(), 0o700); err != nil {
		return err
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close()
	if err := watcher.Add(s.marks()); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err, open := <-watcher.Errors:
			if !open {
				return errors.New("the folder of marks is no longer watched")
			}
			s.p.Log.Info("a change of another window may have been missed", "error", err)
		case event, open := <-watcher.Events:
			if !open {
				return errors.New("the folder of marks is no longer watched")
			}
			s.heard(ctx, event.Name)
		}
	}
}

// heard deals with a mark that was written.
func (s *Service) heard(ctx context.Context, path string) {
	id, err := uuid.Parse(filepath.Base(path))
	if err != nil {
		return
	}
	writer, err := os.ReadFile(path)
	if text := strings.TrimSpace(string(writer)); err != nil || text == "" || text == strconv.Itoa(os.Getpid()) { // gone, half-written or our own
		return
	}
	s.p.Machines.Refresh(ctx, id)
	s.changed(id)
}
