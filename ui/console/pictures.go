package console

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/userdirs"
	"guesthouse/vmconfig"
)

// picturesFolder finds the user's folder for pictures, else "Pictures" in the home folder. The environment is passed in.
func picturesFolder(getenv func(string) string) string {
	return userdirs.Folder(getenv, "XDG_PICTURES_DIR", "Pictures")
}

// videosFolder finds the user's folder for films, else "Videos" in the home folder.
func videosFolder(getenv func(string) string) string {
	return userdirs.Folder(getenv, "XDG_VIDEOS_DIR", "Videos")
}

// writePNG encodes a picture.
func writePNG(img image.Image) func(io.Writer) error {
	return func(w io.Writer) error {
		encoder := png.Encoder{CompressionLevel: png.BestSpeed}
		return encoder.Encode(w, img)
	}
}

// savePicture writes a new file in folder, named after the machine and the time, and returns its path. An existing file is never touched,
// and a file that could not be completed is removed.
func savePicture(folder, machine string, id uuid.UUID, now time.Time, write func(io.Writer) error) (string, error) {
	f, err := newFile(folder, machine, id, now, ".png")
	if err != nil {
		return "", err
	}
	err = errors.Join(write(f), f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// newFile makes a new file in folder (made if need be), named after the machine and the time, with this ending. An existing file is never
// touched.
func newFile(folder, machine string, id uuid.UUID, now time.Time, ending string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(vmconfig.Slug(machine, id), "-"+id.String()[:8])
	if stem == "" {
		stem = "machine"
	}
	stem += now.Format(" 2006-01-02 15.04.05")
	for n := 1; ; n++ {
		name := stem + ending
		if n > 1 {
			name = fmt.Sprintf("%s (%d)%s", stem, n, ending)
		}
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) && n < 1000 {
			continue
		}
		return f, err
	}
}
