package labs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watchPause is how long Listen waits for more before it tells of a change: one operation changes several files.
const watchPause = 100 * time.Millisecond

// Subscribe calls f soon after the library has changed, whoever has changed it, as long as Listen runs in this process. f runs on an inner goroutine and must not block.
func (l *Library) Subscribe(f func()) (cancel func()) { return l.told.Subscribe(f) }

// Listen follows the library's folder and tells subscribers of changes until ctx ends; it returns ctx's error. It makes the folder when it is missing.
func (l *Library) Listen(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer watcher.Close()
	for _, dir := range []string{l.p.Dir, l.images(), l.bases()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := watcher.Add(dir); err != nil {
			return err
		}
	}
	bases, err := os.ReadDir(l.bases())
	if err != nil {
		return err
	}
	for _, b := range bases {
		l.follow(watcher, filepath.Join(l.bases(), b.Name()))
	}
	var tell <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tell:
			tell = nil
			l.told.Notify()
		case err, open := <-watcher.Errors:
			if !open {
				return errors.New("the library's folder is no longer watched")
			}
			l.p.Log.Info("a change of the library may have been missed", "error", err)
			tell = time.After(watchPause)
		case event, open := <-watcher.Events:
			if !open {
				return errors.New("the library's folder is no longer watched")
			}
			if filepath.Dir(event.Name) == l.bases() && event.Has(fsnotify.Create) {
				l.follow(watcher, event.Name)
			}
			if tell == nil && l.shows(event.Name) {
				tell = time.After(watchPause)
			}
		}
	}
}

// follow watches the folder of a base, in which that appears when it is complete.
func (l *Library) follow(watcher *fsnotify.Watcher, dir string) {
	if err := watcher.Add(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		l.p.Log.Info("changes of a lab's disk may be missed", "error", err)
	}
}

// shows reports whether a change of the file at path can be seen in the library: half-written files have other names.
func (l *Library) shows(path string) bool {
	name := filepath.Base(path)
	switch filepath.Dir(path) {
	case l.p.Dir:
		return filepath.Ext(name) == ".json" && !strings.HasPrefix(name, ".")
	case l.images(), l.bases():
		return !strings.HasPrefix(name, ".")
	}
	return name == "base.raw"
}
