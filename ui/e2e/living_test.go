package e2e

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os/exec"
	"path/filepath"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// TestLivingInTheConsole starts a machine that has nothing to start from, gives it a disc as its window offers, copies and records its
// picture, and looks at both with programs of others.
func TestLivingInTheConsole(t *testing.T) {
	const name = "Newcomer"
	h := hosttest.Start(t)
	s := startScreen(t, h)
	command(t, h, "vm", "create", name, "--memory", "256MiB", "--cpus", "1", "--disk", "1GiB", "--firmware", "bios", "--start")
	guest := guesttest.Open(t, h, name)
	p := startProgram(t, h, s)
	p.waitText(manager, "^"+name+"$")
	p.click(manager, name)
	p.click(manager, "Show")
	console := "^" + name + ".* – "
	p.waitWindow(console)

	t.Log("nothing to start from")
	p.waitText(console, "nothing to start from")
	p.click(console, "Insert an ISO…")
	p.waitText(console, "Choose a disc image")
	p.write(guesttest.ISO(t))
	p.keys("Return")
	guest.WaitReady()
	p.waitPicture(console, guesttest.Picture.Block)
	p.waitNoText(console, "nothing to start from")

	t.Log("the picture on the clipboard")
	menu := p.aim(console, "Screenshot").Add(image.Pt(46, 0))
	p.clickAt(menu, 1)
	p.click(console, "Copy picture")
	var picture image.Image
	p.eventually("a picture on the clipboard", func() error {
		paste := exec.Command(hosttest.Tool(t, "xclip"), "-selection", "clipboard", "-o", "-t", "image/png")
		paste.Env = s.env
		data, err := paste.Output()
		if err != nil {
			return err
		}
		picture, err = png.Decode(bytes.NewReader(data))
		return err
	})
	colours(t, picture, 0)

	t.Log("the film")
	p.clickAt(menu, 1)
	p.click(console, "Record")
	p.waitText(console, `^0:0[2-9]$`)
	p.clickAt(menu, 1)
	p.click(console, "Stop recording")
	p.waitText(console, `^Recording saved: `)
	films, err := filepath.Glob(filepath.Join(h.Home, "Videos", "newcomer 20*.webm"))
	if err != nil || len(films) != 1 {
		t.Fatalf("films %q: %v", films, err)
	}
	path := films[0]
	out, err := exec.Command(hosttest.Tool(t, "ffmpeg"), "-v", "error", "-i", path, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	first, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if first.Bounds() != picture.Bounds() {
		t.Errorf("the film has %v, the screen %v", first.Bounds(), picture.Bounds())
	}
	colours(t, first, 24)

	t.Log("the machine is pulled the plug while it is recorded")
	p.clickAt(menu, 1)
	p.click(console, "Record")
	p.waitText(console, `^0:0[1-9]$`)
	h.Virsh(t, "destroy", name)
	p.eventually("the second film", func() error {
		films, err := filepath.Glob(filepath.Join(h.Home, "Videos", "*.webm"))
		if err != nil || len(films) != 2 {
			return errors.New("not yet")
		}
		for _, film := range films {
			if err := exec.Command(hosttest.Tool(t, "ffprobe"), "-v", "error", film).Run(); err != nil {
				return err
			}
		}
		return nil
	})
}

// colours checks that a picture is the test guest's: each corner has one of its four colours, give or take what a film loses.
func colours(t *testing.T, img image.Image, loss int) {
	t.Helper()
	right, bottom := img.Bounds().Dx()-20, img.Bounds().Dy()-20
	for at, want := range map[image.Point]color.RGBA{
		image.Pt(20, 20): guesttest.Picture.TopLeft, image.Pt(right, 20): guesttest.Picture.TopRight,
		image.Pt(20, bottom): guesttest.Picture.BottomLeft, image.Pt(right, bottom): guesttest.Picture.BottomRight,
	} {
		got := color.RGBAModel.Convert(img.At(at.X, at.Y)).(color.RGBA)
		if abs(int(got.R)-int(want.R)) > loss || abs(int(got.G)-int(want.G)) > loss || abs(int(got.B)-int(want.B)) > loss {
			t.Errorf("at %v is %v, not %v", at, got, want)
		}
	}
}
