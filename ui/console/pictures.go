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

	"guesthouse/vmconfig"
)

// picturesFolder finds the user's folder for pictures as xdg-user-dirs(5) says: XDG_PICTURES_DIR in user-dirs.dirs, else "Pictures" in the
// home folder. The environment is passed in.
func picturesFolder(getenv func(string) string) string {
	home := getenv("HOME")
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	fallback := filepath.Join(home, "Pictures")
	text, err := os.ReadFile(filepath.Join(config, "user-dirs.dirs"))
	if err != nil {
		return fallback
	}
	for line := range strings.Lines(string(text)) {
		value, found := strings.CutPrefix(strings.TrimSpace(line), "XDG_PICTURES_DIR=")
		if !found {
			continue
		}
		value = strings.Trim(value, `"`)
		if rest, ok := strings.CutPrefix(value, "$HOME"); ok {
			value = filepath.Join(home, rest)
		}
		if filepath.IsAbs(value) {
			return filepath.Clean(value)
		}
	}
	return fallback
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
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	stem := strings.TrimSuffix(vmconfig.Slug(machine, id), "-"+id.String()[:8])
	if stem == "" {
		stem = "machine"
	}
	stem += now.Format(" 2006-01-02 15.04.05")
	for n := 1; ; n++ {
		name := stem + ".png"
		if n > 1 {
			name = fmt.Sprintf("%s (%d).png", stem, n)
		}
		path := filepath.Join(folder, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) && n < 1000 {
			continue
		}
		if err != nil {
			return "", err
		}
		err = errors.Join(write(f), f.Sync(), f.Close())
		if err != nil {
			return "", errors.Join(err, os.Remove(path))
		}
		return path, nil
	}
}
