package checkpoints

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/image/draw"

	"guesthouse/app/atomicfile"
	"guesthouse/app/machines"
)

// A checkpoint of an active machine has a small picture of its screen beside its other files, <id>.png. It is only for looking at: a machine
// without a screen, or a failure, leaves none.

const (
	pictureWidth  = 320 // pixels; a picture has the screen's shape and fits into this
	pictureHeight = 200
	pictureWait   = 5 * time.Second
)

// pictureFile is the file for a checkpoint's picture. A name that another program gave leads nowhere else.
func pictureFile(dir, id string) string { return filepath.Join(dir, filepath.Base(id)+".png") }

// pictureOf returns the picture's file if there is one.
func pictureOf(dir, id string) string {
	path := pictureFile(dir, id)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

// screen is a picture of a machine's screen that is being taken.
type screen struct {
	cancel func()
	png    chan []byte // gets it, nil if there is none
}

// lookAtScreen begins to take a picture of the machine's screen if it is known to have one: it takes as long as reading all about the machine, which is done meanwhile.
func (s *Service) lookAtScreen(ctx context.Context, id uuid.UUID) *screen {
	m := s.p.Machines.Snapshot().Get(id)
	if !s.p.Conn.Host().Local || m == nil || !m.State.Active() || m.Config == nil || len(m.Config.Displays) == 0 {
		return nil
	}
	taken := &screen{png: make(chan []byte, 1)}
	ctx, taken.cancel = context.WithTimeout(ctx, pictureWait)
	go func() {
		png, err := s.p.Machines.Screenshot(ctx, id)
		if err != nil {
			s.p.Log.Info("a checkpoint has no picture", "machine", id, "error", err)
			png = nil
		}
		taken.png <- png
	}()
	return taken
}

// keepScreen keeps the picture for a checkpoint that is about to be saved, and where its memory is written, both under their hidden names. That is done meanwhile:
// done waits for it.
func (s *Service) keepScreen(t *target, id string, taken *screen) (done func()) {
	s.tidy(t)
	var png []byte
	if taken != nil {
		png = <-taken.png // what is on the screen now, not after it was saved
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		s.noteOrigin(t, id)
		if png == nil {
			return
		}
		if err := keepPicture(t, id, png); err != nil {
			s.p.Log.Info("a checkpoint has no picture", "machine", t.domain.UUID, "error", err)
		}
	})
	return writing.Wait
}

func keepPicture(t *target, id string, screen []byte) error {
	small, err := machines.Shrink(screen, pictureWidth, pictureHeight, draw.ApproxBiLinear)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, small); err != nil {
		return err
	}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(atomicfile.UnfinishedName(pictureFile(t.dir, id)), b.Bytes())
}

// tidy removes what belongs to no checkpoint: pictures and origins of those that another program has deleted or whose saving was interrupted, and files that were being written
// then. Those of a checkpoint that was saved all the same, or not deleted after all, get their names.
func (s *Service) tidy(t *target) {
	for _, snapshot := range t.snapshots {
		show(t.dir, snapshot.Name)
	}
	entries, _ := os.ReadDir(t.dir)
	for _, e := range entries {
		kind := filepath.Ext(e.Name())
		_, there := t.snapshot(strings.TrimSuffix(e.Name(), kind))
		if (kind == ".png" || kind == ".origin") && !there || atomicfile.Unfinished(e.Name()) {
			_ = os.Remove(filepath.Join(t.dir, e.Name()))
		}
	}
	// Beside the firmware's variables lie those of other machines.
	folders, _ := machines.TPMDir(s.p.Conn.Host(), t.domain.UUID)
	for _, pattern := range []string{filepath.Join(filepath.Dir(t.config.NVRAM), "."+filepath.Base(t.config.NVRAM)+"*"), filepath.Join(folders, "*", ".*")} {
		if !filepath.IsAbs(pattern) {
			continue // there is none
		}
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			if atomicfile.Unfinished(filepath.Base(path)) {
				_ = os.Remove(path)
			}
		}
	}
}

// companions are the files beside a checkpoint that only tell about it. While it is being saved or deleted they have hidden names, by which tidy knows that something
// was interrupted.
func companions(dir, id string) []string { return []string{pictureFile(dir, id), originFile(dir, id)} }

// hide gives the companions of a checkpoint, which may be missing, their hidden names.
func hide(dir, id string) {
	for _, path := range companions(dir, id) {
		_ = os.Rename(path, atomicfile.UnfinishedName(path))
	}
}

// show undoes hide.
func show(dir, id string) {
	for _, path := range companions(dir, id) {
		_ = os.Rename(atomicfile.UnfinishedName(path), path)
	}
}

// drop removes hidden companions.
func drop(dir, id string) error {
	var errs []error
	for _, path := range companions(dir, id) {
		errs = append(errs, remove(atomicfile.UnfinishedName(path)))
	}
	return errors.Join(errs...)
}

// unfinished reports whether a folder holds files that were being written when the program ended.
func unfinished(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return atomicfile.Unfinished(e.Name()) })
}
