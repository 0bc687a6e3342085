package widgets

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/ui/theme"
)

func TestIconIsDrawnAnewOnlyWhenItLooksDifferent(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	g := NewGlyph()
	w := test.NewTempWindow(t, g.Object)
	w.Resize(fyne.NewSize(40, 40))
	g.SetIcon("start", fynetheme.ColorNameForeground)
	drawn := func() image.Image { return g.Object.Generator(40, 40) }
	first := drawn()
	if !anything(first) {
		t.Fatal("nothing was drawn")
	}
	g.SetIcon("start", fynetheme.ColorNameForeground)
	if drawn() != first {
		t.Error("the same picture was drawn twice")
	}
	for name, change := range map[string]func(){
		"another icon":   func() { g.SetIcon("stop", fynetheme.ColorNameForeground) },
		"another colour": func() { g.SetIcon("start", fynetheme.ColorNameError) },
		"another theme": func() {
			app.Settings().SetTheme(theme.New(theme.Dark))
			g.SetIcon("start", fynetheme.ColorNameForeground)
		},
	} {
		app.Settings().SetTheme(theme.New(theme.Light))
		g.SetIcon("start", fynetheme.ColorNameForeground)
		before := drawn()
		change()
		if after := drawn(); after == before || !anything(after) {
			t.Errorf("%s shows the old picture", name)
		}
	}
	g.SetIcon("", fynetheme.ColorNameForeground)
	if g.Object.Visible() {
		t.Error("no icon is still to be seen")
	}
}

func anything(img image.Image) bool {
	for _, v := range img.(*image.RGBA).Pix {
		if v != 0 {
			return true
		}
	}
	return false
}
