//go:build pictures

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// TestPictures draws the pictures of README.md; packaging/testing/pictures runs it.
func TestPictures(t *testing.T) {
	dir, iso := os.Getenv("GUESTHOUSE_PICTURES"), os.Getenv("GUESTHOUSE_INSTALLER")
	if dir == "" || iso == "" {
		t.Fatal("run packaging/testing/pictures")
	}
	h := hosttest.Start(t)
	s := startScreen(t, h)
	const name = "Debian 12"
	command(t, h, "vm", "create", name, "--os", "debiantesting", "--memory", "1GiB", "--cpus", "2", "--disk", "20GiB", "--firmware", "bios",
		"--iso", iso, "--start")
	for _, other := range [][]string{
		{"Fedora 37", "fedora37"}, {"Networking lab", "ubuntu22.04"}, {"Old accounts", "win10"}, {"openSUSE", "opensuse15.4"},
	} {
		command(t, h, "vm", "create", other[0], "--os", other[1], "--disk", "20GiB", "--firmware", "bios")
	}
	command(t, h, "checkpoint", "save", "Networking lab", "--name", "Fresh install")
	waitForDesktop(t, h, name)
	command(t, h, "checkpoint", "save", name, "--name", "Installer begun")

	p := s.open(t, h, "light")
	p.click(manager, name)
	p.waitText(manager, `^Installer begun$`)
	p.waitPreview()
	p.keep(manager, filepath.Join(dir, "manager-light.png"))
	p.keys("ctrl+n")
	disc := filepath.Join(h.Home, "debian-11.6.0-amd64-netinst.iso")
	if err := os.Symlink(guesttest.ISOLabelled(t, "Debian 11.6.0 amd64 n"), disc); err != nil {
		t.Fatal(err)
	}
	p.enter(wizard, "Disc", "~/"+filepath.Base(disc))
	p.waitText(wizard, `Debian.* 11`)
	p.enter(wizard, "Name", "Web server")
	p.keep(wizard, filepath.Join(dir, "wizard-light.png"))
	p.close()

	p = s.open(t, h, "dark")
	p.click(manager, name)
	p.click(manager, "Show")
	console := "^" + name + ".* – "
	p.waitWindow(console)
	p.pointAt(image.Pt(screenWidth-2, screenHeight-2))
	p.eventually("the guest's screen in its window", func() error {
		return colourful(s.picture().SubImage(p.waitWindow(console)))
	})
	p.keep(console, filepath.Join(dir, "console-dark.png"))
	p.close()
}

// open starts the program with an appearance.
func (s *screen) open(t *testing.T, h *hosttest.Host, appearance string) *program {
	t.Helper()
	folder := filepath.Join(h.ConfigDir, "guesthouse")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"version":1,"appearance":%q,"preview_seconds":1}`, appearance)
	if err := os.WriteFile(filepath.Join(folder, "settings.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, h, s)
	p.waitText(manager, `^Debian 12$`)
	return p
}

// close ends the program at once, leaving its machines.
func (p *program) close() {
	_ = p.cmd.Process.Kill()
	p.waitExit()
}

// keep saves a window, without its frame and without a button under the mouse.
func (p *program) keep(window, path string) {
	p.t.Helper()
	place := p.waitWindow(window)
	p.pointAt(place.Min.Add(image.Pt(30, 30)))             // paints once more
	p.pointAt(place.Min.Add(image.Pt(place.Dx()*3/4, 30))) // nothing is there to be lit up
	p.pointAt(image.Pt(screenWidth-2, screenHeight-2))
	p.steady(place)
	p.save(path, place)
}

// steady waits until a part of the screen does not change between several looks.
func (p *program) steady(part image.Rectangle) {
	p.t.Helper()
	var before []byte
	same := 0
	p.eventually("a picture that stands still", func() error {
		now := p.picture().SubImage(part).(*image.RGBA)
		var flat []byte
		for y := part.Min.Y; y < part.Max.Y && y < screenHeight; y++ {
			flat = append(flat, now.Pix[now.PixOffset(part.Min.X, y):now.PixOffset(min(part.Max.X, screenWidth)-1, y)]...)
		}
		if !bytes.Equal(flat, before) {
			before, same = flat, 0
			return errors.New("it changes")
		}
		if same++; same < 10 {
			return errors.New("too early to say")
		}
		return nil
	})
}

// waitPreview waits until the manager shows the guest's screen.
func (p *program) waitPreview() {
	p.t.Helper()
	p.eventually("the preview", func() error {
		place := p.waitWindow(manager)
		right := image.Rect(place.Min.X+place.Dx()*2/3, place.Min.Y+140, place.Max.X, place.Min.Y+place.Dy()/2)
		return colourful(p.picture().SubImage(right))
	})
}

// colourful is nil for a picture with many colours, as a desktop has and an empty or text screen has not.
func colourful(picture image.Image) error {
	const many = 150
	if n := countColours(picture); n < many {
		return fmt.Errorf("it has only %d colours", n)
	}
	return nil
}

func countColours(picture image.Image) int {
	colours := map[color.Color]bool{}
	size := picture.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y += 2 {
		for x := size.Min.X; x < size.Max.X; x += 2 {
			colours[picture.At(x, y)] = true
		}
	}
	return len(colours)
}

// waitForDesktop waits until the guest shows a graphical screen that stands still.
func waitForDesktop(t *testing.T, h *hosttest.Host, name string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "screen")
	var before []byte
	same := 0
	if err := hosttest.Poll(15*time.Minute, func() error {
		h.Virsh(t, "screenshot", name, file)
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		picture, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			return err
		}
		if err := colourful(picture); err != nil {
			return err
		}
		// The installer paints its banner long before the page below it.
		size := picture.Bounds()
		below := image.Rect(size.Min.X, size.Min.Y+size.Dy()/3, size.Max.X, size.Max.Y)
		if cut, ok := picture.(interface {
			SubImage(r image.Rectangle) image.Image
		}); !ok || countColours(cut.SubImage(below)) < 40 {
			return errors.New("there is no page below the banner")
		}
		if !bytes.Equal(text, before) {
			before, same = text, 0
			return errors.New("it changes")
		}
		if same++; same < 40 {
			return errors.New("too early to say")
		}
		return nil
	}); err != nil {
		t.Fatalf("the guest's desktop: %v", err)
	}
}
