package widgets

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// overlayWatchers are to be called when something comes or goes over their window. UI goroutine only.
var overlayWatchers []*overlayWatcher

type overlayWatcher struct {
	canvas  fyne.Canvas
	changed func()
}

// WatchOverlays has changed called whenever a menu, a dialog or a tooltip of this package has come or gone over a window: whoever shows
// something there that is not the toolkit's must give way. stop ends it. UI goroutine only.
func WatchOverlays(c fyne.Canvas, changed func()) (stop func()) {
	w := &overlayWatcher{canvas: c, changed: changed}
	overlayWatchers = append(overlayWatchers, w)
	return func() {
		overlayWatchers = slices.DeleteFunc(overlayWatchers, func(o *overlayWatcher) bool { return o == w })
	}
}

func overlaysChanged(c fyne.Canvas) {
	for _, w := range slices.Clone(overlayWatchers) {
		if w.canvas == c {
			w.changed()
		}
	}
}

// TipArea tells where the tooltip of a window lies; its size is zero when there is none. A dialog's tooltip does not count.
func TipArea(c fyne.Canvas) (fyne.Position, fyne.Size) {
	layer := windowTips(c)
	if layer == nil || !layer.bubble.Visible() {
		return fyne.Position{}, fyne.Size{}
	}
	// The toolkit does not know yet where an object lies that was just shown.
	return fyne.CurrentApp().Driver().AbsolutePositionForObject(layer.box).Add(layer.bubble.Position()), layer.bubble.Size()
}

// TipRadius is that of a tooltip's corners, in Fyne units.
const TipRadius = 6

// endTip ends what a tooltip says in front on a canvas: something is going to lie over it.
func endTip(c fyne.Canvas) {
	if layer := tipLayerOn(c); layer != nil {
		layer.hide()
	}
}

// ShowMenuAt opens a menu at a place of a window.
func ShowMenuAt(c fyne.Canvas, menu *fyne.Menu, at fyne.Position) {
	endTip(c)
	if tooLong(c, menu) {
		showLongMenu(c, menu, at)
		overlaysChanged(c)
		return
	}
	popup := widget.NewPopUpMenu(menu, c)
	dismiss := popup.OnDismiss
	popup.OnDismiss = func() {
		dismiss()
		overlaysChanged(c)
	}
	popup.ShowAtPosition(at)
	overlaysChanged(c)
}
