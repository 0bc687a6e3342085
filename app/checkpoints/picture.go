package checkpoints

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/image/draw"

	"guesthouse/app/atomicfile"
)

// A checkpoint of an active machine has a small picture of its screen beside its other files, <id>.png. It is only for looking at: a machine
// without a screen, or a failure, leaves none.

const (
	pictureWidth  = 320 // pixels; a picture has the screen's shape and fits into this
	pictureHeight = 200
	pictureWait   = 5 * time.Second
	largestScreen = 16384 * 8192 // pixels; more is no screen
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

// takePicture keeps the screen of the machine for a checkpoint that is about to be saved, and removes pictures of those that are gone.
func (s *Service) takePicture(ctx context.Context, t *target, id string) {
	s.tidyPictures(t)
	if !s.p.Conn.Host().Local || !t.domain.State.Active() || len(t.config.Displays) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pictureWait)
	defer cancel()
	screen, err := s.p.Machines.Screenshot(ctx, t.domain.UUID)
	if err == nil {
		if screen, err = shrink(screen); err == nil {
			if err = os.MkdirAll(t.dir, 0o700); err == nil {
				err = atomicfile.Write(pictureFile(t.dir, id), screen)
			}
		}
	}
	if err != nil {
		s.p.Log.Info("a checkpoint has no picture", "machine", t.domain.UUID, "error", err)
	}
}

// tidyPictures removes the pictures of checkpoints that another program has deleted.
func (s *Service) tidyPictures(t *target) {
	entries, _ := os.ReadDir(t.dir)
	for _, e := range entries {
		if id, isPicture := strings.CutSuffix(e.Name(), ".png"); isPicture {
			if _, there := t.snapshot(id); !there {
				_ = os.Remove(filepath.Join(t.dir, e.Name()))
			}
		}
	}
}

// shrink makes a small PNG of a large one.
func shrink(screen []byte) ([]byte, error) {
	config, err := png.DecodeConfig(bytes.NewReader(screen))
	if err != nil {
		return nil, err
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width*config.Height > largestScreen {
		return nil, image.ErrFormat
	}
	full, err := png.Decode(bytes.NewReader(screen))
	if err != nil {
		return nil, err
	}
	scale := min(float64(pictureWidth)/float64(config.Width), float64(pictureHeight)/float64(config.Height), 1)
	small := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(config.Width)*scale)), max(1, int(float64(config.Height)*scale))))
	draw.CatmullRom.Scale(small, small.Bounds(), full, full.Bounds(), draw.Src, nil)
	var b bytes.Buffer
	err = png.Encode(&b, small)
	return b.Bytes(), err
}
