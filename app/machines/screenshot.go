package machines

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/image/draw"

	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// screenshotRoom is what the largest picture needs on the daemon's disk, and more.
const screenshotRoom = 64 * vmconfig.MiB

// Screenshot returns a PNG picture of the machine's first screen. It fails with hypervisor.ErrNoSpace where the disk is nearly full: libvirt has QEMU write
// the picture into a file, and QEMU 7.2 was seen to end, machine and all, when it could not.
func (s *Service) Screenshot(ctx context.Context, id uuid.UUID) ([]byte, error) {
	var picture bytes.Buffer
	if host := s.p.Conn.Host(); host.Local && host.Hypervisor == "QEMU" {
		if free, err := FreeBytes(screenshotDir(host)); err == nil && free < screenshotRoom {
			return nil, s.named(id, hypervisor.ErrNoSpace)
		}
	}
	if err := s.p.Conn.Screenshot(ctx, id, &picture); err != nil {
		return nil, s.named(id, err)
	}
	return picture.Bytes(), nil
}

// screenshotDir is where a daemon of this computer has QEMU put screenshots (libvirt's driver.c: cacheDir).
func screenshotDir(host hypervisor.Host) string {
	if host.Session {
		if cache, err := os.UserCacheDir(); err == nil { // $XDG_CACHE_HOME or ~/.cache
			return filepath.Join(cache, "libvirt", "qemu")
		}
	}
	return "/var/cache/libvirt/qemu"
}

// largestScreen is what a screen has at most, in pixels.
const largestScreen = 16384 * 8192

// Shrink decodes a PNG, a screenshot, and fits it into width × height pixels in its own shape, never larger than it is. how chooses between speed and looks. Any
// goroutine.
func Shrink(data []byte, width, height int, how draw.Interpolator) (*image.RGBA, error) {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width*config.Height > largestScreen {
		return nil, image.ErrFormat
	}
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	scale := min(float64(width)/float64(config.Width), float64(height)/float64(config.Height), 1)
	w, h := max(1, int(float64(config.Width)*scale)), max(1, int(float64(config.Height)*scale))
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	how.Scale(small, small.Bounds(), full, full.Bounds(), draw.Src, nil)
	return small, nil
}
