package widgets

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/ui/theme"
)

func TestIconIsDrawnAnewOnlyWhenItLooksDifferent(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	img := &canvas.Image{FillMode: canvas.ImageFillContain}
	w := test.NewTempWindow(t, img)
	w.Resize(fyne.NewSize(40, 40))
	SetIcon(img, "start", fynetheme.ColorNameForeground)
	first := img.Image
	if first == nil {
		t.Fatal("nothing was drawn")
	}
	SetIcon(img, "start", fynetheme.ColorNameForeground)
	if img.Image != first {
		t.Error("the same picture was drawn twice")
	}
	for name, change := range map[string]func(){
		"another icon":   func() { SetIcon(img, "stop", fynetheme.ColorNameForeground) },
		"another colour": func() { SetIcon(img, "start", fynetheme.ColorNameError) },
		"another theme": func() {
			app.Settings().SetTheme(theme.New(theme.Dark))
			SetIcon(img, "start", fynetheme.ColorNameForeground)
		},
		"another scale": func() {
			w.Canvas().(test.WindowlessCanvas).SetScale(2)
			SetIcon(img, "start", fynetheme.ColorNameForeground)
		},
	} {
		app.Settings().SetTheme(theme.New(theme.Light))
		w.Canvas().(test.WindowlessCanvas).SetScale(1)
		SetIcon(img, "start", fynetheme.ColorNameForeground)
		before := img.Image
		change()
		if img.Image == before {
			t.Errorf("%s shows the old picture", name)
		}
	}
}
