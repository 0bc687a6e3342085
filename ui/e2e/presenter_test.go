package e2e

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

const canvasName = "Canvas"

// A screen with room for the toolbar at twice its size.
const (
	canvasWidth  = 1800
	canvasHeight = 1100
)

// canvas is the window of the display guest.
type canvas struct {
	*program
	guest  *guesttest.Screen
	window string // pattern of its title
	block  int    // which of its colours the guest's block has
}

// startCanvas starts a machine with the display guest.
func startCanvas(t *testing.T, h *hosttest.Host) *guesttest.Screen {
	t.Helper()
	dir := filepath.Join(h.Dir, "canvas")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	port, file := filepath.Join(dir, "s"), filepath.Join(dir, "machine.xml")
	xml := fmt.Sprintf(displayMachine, canvasName, machineID(canvasName), guesttest.DisplayMemoryMiB, guesttest.DisplayDisk(t, dir), port, "")
	if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
	h.Virsh(t, "start", canvasName)
	return guesttest.OpenScreen(t, port)
}

// openCanvas opens the guest's window, 1200×800 pixels large where its toolbar allows, in a program with this environment.
func openCanvas(t *testing.T, s *screen, h *hosttest.Host, guest *guesttest.Screen, block int, scale float64, presenter string) *canvas {
	t.Helper()
	dir := filepath.Join(h.ConfigDir, "guesthouse")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"version": 1, "windows": {"console:%s": {"width": %d, "height": %d}}}`, machineID(canvasName), int(1200/scale), int(800/scale))
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	own := *s
	own.env = append(own.env[:len(own.env):len(own.env)], fmt.Sprint("FYNE_SCALE=", scale), "GUESTHOUSE_PRESENTER="+presenter)
	return &canvas{program: startProgram(t, h, &own, "console", canvasName), guest: guest, window: "^" + canvasName + ".* – ", block: block}
}

// children returns the windows inside the program's window; the first is the one that the X server shows the guest's picture in.
func (c *canvas) children() (viewable []string, err error) {
	w, err := c.program.window(c.window)
	if err != nil {
		return nil, err
	}
	id, err := c.xID(w.Title)
	if err != nil {
		return nil, err
	}
	for _, m := range regexp.MustCompile(`(?m)^ {5}(0x[0-9a-f]+) `).FindAllStringSubmatch(c.run("xwininfo", "-id", id, "-children"), -1) {
		if strings.Contains(c.run("xwininfo", "-id", m[1]), "Map State: IsViewable") {
			viewable = append(viewable, m[1])
		}
	}
	return viewable, nil
}

// waitShown waits until the X server (or the toolkit) shows the picture.
func (c *canvas) waitShown(byServer bool) {
	c.t.Helper()
	c.eventually(fmt.Sprint("shown by the X server: ", byServer), func() error {
		children, err := c.children()
		if err == nil && (len(children) > 0) != byServer {
			err = fmt.Errorf("visible windows inside: %v", children)
		}
		return err
	})
}

// look returns the screen, and where in it the guest's picture is as far as it is visible, and its block.
func (c *canvas) look() (screen *image.RGBA, picture, block image.Rectangle, err error) {
	w, err := c.program.window(c.window)
	if err != nil {
		return nil, picture, block, err
	}
	id, err := c.xID(w.Title)
	if err != nil {
		return nil, picture, block, err
	}
	place, err := c.place(id)
	if err != nil {
		return nil, picture, block, err
	}
	screen = c.picture()
	place = place.Intersect(screen.Bounds())
	picture, block = colourBox(screen, place, guesttest.Display.Background), colourBox(screen, place, guesttest.Display.Colours[c.block])
	if picture.Dx() < 100 || picture.Dy() < 100 || !block.In(picture) || block.Empty() {
		return nil, picture, block, fmt.Errorf("the picture is %v, its block %v", picture, block)
	}
	return screen, picture, block, nil
}

// waitFit waits until the whole picture is in the window, in its shape.
func (c *canvas) waitFit() {
	c.t.Helper()
	c.eventually("a picture that fits", func() error {
		_, picture, block, err := c.look()
		if err != nil {
			return err
		}
		d := guesttest.Display
		k := float64(picture.Dx()) / float64(d.Size.X)
		near := func(got int, want float64) bool { return float64(got) > want-1.6 && float64(got) < want+1.6 }
		if !near(picture.Dy(), k*float64(d.Size.Y)) || !near(block.Min.X-picture.Min.X, k*float64(d.Block.Min.X)) ||
			!near(block.Min.Y-picture.Min.Y, k*float64(d.Block.Min.Y)) || !near(block.Dx(), k*float64(d.Block.Dx())) {
			return fmt.Errorf("the picture is %v, its block %v", picture, block)
		}
		return nil
	})
}

// waitExact waits until the picture is shown pixel for pixel from its corner, and compares all that is visible of it.
func (c *canvas) waitExact() {
	c.t.Helper()
	c.pointAt(image.Pt(canvasWidth-1, canvasHeight-1)) // its arrow is no part of the picture
	c.eventually("an exact picture", func() error {
		screen, picture, block, err := c.look()
		if err != nil {
			return err
		}
		d := guesttest.Display
		if block.Sub(picture.Min) != d.Block {
			return fmt.Errorf("the block is at %v of the picture", block.Sub(picture.Min))
		}
		for y := picture.Min.Y; y < picture.Max.Y; y++ {
			for x := picture.Min.X; x < picture.Max.X; x++ {
				want := d.Background
				if image.Pt(x, y).In(block) {
					want = d.Colours[c.block]
				}
				if got := screen.RGBAAt(x, y); got != want {
					return fmt.Errorf("pixel %d,%d is %v, not %v", x, y, got, want)
				}
			}
		}
		return nil
	})
}

// toggle has the guest change its picture.
func (c *canvas) toggle() {
	c.t.Helper()
	c.guest.Do(guesttest.ToggleBlock)
	c.block = 1 - c.block
}

// waitAbove waits until a text of the toolkit's is not hidden behind the picture, which goes on living.
func (c *canvas) waitAbove(text string) {
	c.t.Helper()
	c.waitText(c.window, "^"+regexp.QuoteMeta(text)+"$")
	c.waitShown(false)
	c.toggle()
	c.eventually(text+" above a live picture", func() error {
		w, err := c.program.window(c.window)
		if err != nil {
			return err
		}
		label, err := find(w, text)
		if err != nil {
			return err
		}
		id, err := c.xID(w.Title)
		if err != nil {
			return err
		}
		place, err := c.place(id)
		if err != nil {
			return err
		}
		screen := c.picture()
		at := place.Min.Add(image.Pt(label.X, label.Y))
		colours := map[color.RGBA]bool{}
		for y := at.Y; y < at.Y+label.Height; y++ {
			for x := at.X; x < at.X+label.Width; x++ {
				colours[screen.RGBAAt(x, y)] = true
			}
		}
		if len(colours) < 4 || colours[guesttest.Display.Background] {
			return errors.New("it is not there")
		}
		return nil
	})
}

// close ends the program.
func (c *canvas) close() {
	c.t.Helper()
	_ = c.cmd.Process.Kill()
	c.waitExit()
}

// TestPresenters compares the guest's picture on the screen with what the guest shows: by the X server and by the toolkit, at every scale of
// the desktop, with menus and dialogs over it, and where and when the X server cannot show it.
func TestPresenters(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreenOf(t, h, canvasWidth, canvasHeight)
	guest := startCanvas(t, h)
	block := 0
	for _, round := range []struct {
		presenter string
		scale     float64
	}{{"x11", 1}, {"x11", 1.3}, {"x11", 2}, {"raster", 1}, {"raster", 1.3}} {
		t.Logf("%s at scale %v", round.presenter, round.scale)
		byServer := round.presenter == "x11"
		c := openCanvas(t, s, h, guest, block, round.scale, round.presenter)
		c.waitWindow(c.window) // no click into the picture: this guest has no tablet and would keep the pointer
		c.waitShown(byServer)
		c.waitFit()
		c.toggle()
		c.waitFit()

		c.keys("Control_R+c")
		c.waitExact()
		c.toggle()
		c.waitExact()
		c.waitShown(byServer)

		c.click(c.window, "Stop")
		c.waitAbove("Power off…")
		c.keys("Escape")
		c.waitShown(byServer)
		c.waitExact()
		c.click(c.window, "Stop")
		c.click(c.window, "Power off…")
		c.waitText(c.window, `^Power off\?$`)
		c.waitShown(false)
		c.keys("Escape")
		c.waitShown(byServer)
		c.waitExact()

		if byServer {
			t.Log("the connection to the X server breaks")
			children, err := c.children()
			if err != nil || len(children) != 1 {
				t.Fatalf("windows %v, %v", children, err)
			}
			c.xdotool("windowkill", children[0])
			c.waitShown(false)
			c.waitExact()
			c.toggle()
			c.waitExact()
		}
		block = c.block
		c.close()
	}

	t.Log("an X server without shared memory")
	c := openCanvas(t, startScreenWith(t, h, canvasWidth, canvasHeight, []string{"-extension", "MIT-SHM"}, nil), h, guest, block, 1, "auto")
	c.waitWindow(c.window)
	c.waitShown(false)
	c.waitFit()
	c.toggle()
	c.waitFit()
}
