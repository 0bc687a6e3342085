package theme

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"guesthouse/assets"
)

func TestAllColoursAreDefined(t *testing.T) {
	test.NewTempApp(t)
	test.AssertAllColorNamesDefined(t, New(Light), "light")
	test.AssertAllColorNamesDefined(t, New(Dark), "dark")
}

// luminance is the relative luminance of WCAG 2.1.
func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.03928 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

func TestTextContrast(t *testing.T) {
	surfaces := []fyne.ThemeColorName{theme.ColorNameBackground, ColorSurface, ColorSurfaceRaised, ColorSelected}
	texts := []fyne.ThemeColorName{
		theme.ColorNameForeground, ColorMuted, theme.ColorNamePrimary, theme.ColorNameError, theme.ColorNamePlaceHolder,
		ColorRunning, ColorPaused, ColorSaved, ColorOff, ColorCrashed,
	}
	check := func(text, on fyne.ThemeColorName) {
		t.Helper()
		a, b := palette[text], palette[on]
		if c := contrast(a.light, b.light); c < 4.5 {
			t.Errorf("light: %s on %s has contrast %.2f, want 4.5", text, on, c)
		}
		if c := contrast(a.dark, b.dark); c < 4.5 {
			t.Errorf("dark: %s on %s has contrast %.2f, want 4.5", text, on, c)
		}
	}
	for _, surface := range surfaces {
		for _, text := range texts {
			check(text, surface)
		}
	}
	check(theme.ColorNameForegroundOnPrimary, theme.ColorNamePrimary)
	check(theme.ColorNameForegroundOnError, theme.ColorNameError)
	check(ColorOnTooltip, ColorTooltip)
	check(ColorOnScreen, ColorScreen)
	check(theme.ColorNameForeground, theme.ColorNameButton)
}

var update = flag.Bool("update", false, "draw assets/art/guesthouse.png anew")

// TestAppIconIsTheDrawing compares the icon in pixels with the drawing that it was made of.
func TestAppIconIsTheDrawing(t *testing.T) {
	test.NewTempApp(t)
	const size = 128
	drawing := canvas.NewImageFromResource(Art("guesthouse"))
	drawing.Resize(fyne.NewSquareSize(size))
	want := drawing.Image
	if want.Bounds().Size() != image.Pt(size, size) {
		t.Fatalf("drawn in %v", want.Bounds())
	}
	if *update {
		var data bytes.Buffer
		if err := png.Encode(&data, want); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../../assets/art/guesthouse.png", data.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := png.Decode(bytes.NewReader(AppIcon().Content()))
	if err != nil || got.Bounds().Size() != want.Bounds().Size() {
		t.Fatalf("the icon is %v, %v", got, err)
	}
	for y := range size {
		for x := range size {
			a, b := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(want.At(want.Bounds().Min.X+x, want.Bounds().Min.Y+y)).(color.NRGBA)
			if a != b && (a.A != 0 || b.A != 0) {
				t.Fatalf("at %d,%d the icon is %v and the drawing %v: go test ./ui/theme -update draws it anew", x, y, a, b)
			}
		}
	}
}

func TestEveryIconDraws(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(New(Light))
	draw := func(name string, res fyne.Resource) {
		img := canvas.NewImageFromResource(res)
		img.Resize(fyne.NewSize(32, 32))
		seen := false
		if img.Image != nil {
			b := img.Image.Bounds()
			for y := b.Min.Y; y < b.Max.Y && !seen; y++ {
				for x := b.Min.X; x < b.Max.X && !seen; x++ {
					_, _, _, a := img.Image.At(x, y).RGBA()
					seen = a > 0
				}
			}
		}
		if !seen {
			t.Errorf("%s draws nothing", name)
		}
	}
	for _, name := range assets.IconNames() {
		draw(name, Icon(name))
	}
	for _, name := range assets.OSNames() {
		draw(name, static("os", name, assets.OS))
	}
	draw("guesthouse", Art("guesthouse"))
	draw("welcome", Art("welcome"))
}

func TestIconFollowsTheVariant(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(New(Light))
	light := Icon("start").Name()
	app.Settings().SetTheme(New(Dark))
	if dark := Icon("start").Name(); dark == light {
		t.Errorf("both variants share the cache name %q", dark)
	}
}

func TestOSFamily(t *testing.T) {
	for id, want := range map[string]string{
		"http://debian.org/debian/12": "debian", "http://ubuntu.com/ubuntu/24.04": "ubuntu", "http://microsoft.com/win/11": "windows",
		"http://fedoraproject.org/fedora/40": "fedora", "http://archlinux.org/archlinux/rolling": "arch", "http://redhat.com/rhel/9.4": "rhel",
		"http://opensuse.org/opensuse/15.5": "suse", "http://freebsd.org/freebsd/14.0": "bsd", "http://apple.com/macosx/10.7": "macos",
		"http://alpinelinux.org/alpinelinux/3.19": "alpine", "win10": "windows", "linux2022": "linux", "http://microsoft.com/msdos/6.22": "dos",
		"": "other", "http://haiku-os.org/haiku/nightly": "other", "http://libosinfo.org/linux/2022": "linux",
	} {
		if got := OSFamily(id); got != want {
			t.Errorf("OSFamily(%q) = %q, want %q", id, got, want)
		}
	}
}
