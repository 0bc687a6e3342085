package manager

import (
	"bytes"
	"context"
	"image"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"
	"golang.org/x/image/draw"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

const (
	previewWidth  = 480 // pixels of the kept picture
	previewHeight = 300
	previewsKept  = 64 // machines whose last picture is remembered
)

// preview is a small monitor with the selected machine's screen. Pictures are taken only while the machine runs, is the only one
// selected and the monitor can be seen.
type preview struct {
	widget.BaseWidget
	m *Manager

	id      uuid.UUID
	title   string // shown on the monitor when there is no picture
	note    string
	live    bool
	picture *image.RGBA
	dim     bool
	last    map[uuid.UUID]*image.RGBA
	lastPNG []byte

	halt    func() // ends the timer
	cancel  func() // cancels the picture that is being taken
	pending bool
}

func newPreview(m *Manager) *preview {
	p := &preview{m: m, last: map[uuid.UUID]*image.RGBA{}}
	p.ExtendBaseWidget(p)
	return p
}

// follow shows the selected machine, if it is one.
func (p *preview) follow(list []*machines.Machine) {
	if len(list) != 1 || list[0].Problem != nil {
		p.stop()
		return
	}
	machine := list[0]
	if p.id != machine.UUID {
		p.stop()
		p.id, p.lastPNG = machine.UUID, nil
	}
	p.title, p.note, p.dim = shown(machine.Name), "", false
	live := machine.State == hypervisor.StateRunning && !machine.Offline
	switch machine.State {
	case hypervisor.StateRunning:
		p.picture = p.last[machine.UUID]
	case hypervisor.StatePaused, hypervisor.StateSaved:
		p.picture, p.dim = p.last[machine.UUID], true
		p.note = runLook(machine).Text
	default:
		p.picture, p.lastPNG = nil, nil
		delete(p.last, machine.UUID)
	}
	if live != p.live {
		p.live = live
		p.restart()
	}
	p.Refresh()
}

// restart begins the timer anew, after a change of the preference or of the machine's state.
func (p *preview) restart() {
	if p.halt != nil {
		p.halt()
		p.halt = nil
	}
	seconds := p.m.p.Settings.Get().PreviewSeconds
	if !p.live || seconds <= 0 {
		if p.live { // switched off: an old picture would pass for the present
			p.picture, p.lastPNG = nil, nil
			p.Refresh()
		}
		return
	}
	p.take()
	p.halt = dispatch.Every(p.m.p.Dispatch, time.Duration(seconds*float64(time.Second)), p.take)
}

// stop ends the pictures.
func (p *preview) stop() {
	p.live = false
	if p.halt != nil {
		p.halt()
		p.halt = nil
	}
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
	p.pending = false
	p.id = uuid.Nil
}

// shot is a picture as it came and as it is shown.
type shot struct {
	png   []byte
	small *image.RGBA // nil: the same as before
}

// take takes one picture, unless the one before is still on its way or nobody could see it.
func (p *preview) take() {
	if p.pending || !p.live || !p.Visible() || p.m.page != pageMachines {
		return
	}
	p.pending = true
	id, before := p.id, p.lastPNG
	p.cancel = dispatch.Background(p.m.p.Dispatch, func(ctx context.Context) (shot, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		data, err := p.m.p.Machines.Screenshot(ctx, id)
		if err != nil || bytes.Equal(data, before) {
			return shot{png: before}, err
		}
		small, err := machines.Shrink(data, previewWidth, previewHeight, draw.ApproxBiLinear) // here, so that the UI goroutine handles small pictures only
		return shot{data, small}, err
	}, func(s shot, err error) {
		if p.id != id {
			return
		}
		p.pending, p.cancel = false, nil
		if err != nil || s.small == nil {
			return // the next one may do; a picture is not worth a message
		}
		if len(p.last) >= previewsKept {
			clear(p.last)
		}
		p.lastPNG, p.last[id] = s.png, s.small
		if p.live {
			p.picture = s.small
			p.Refresh()
		}
	})
}

// Tapped implements fyne.Tappable: the preview is also the way to the machine's window.
func (p *preview) Tapped(*fyne.PointEvent) {}

// DoubleTapped implements fyne.DoubleTappable.
func (p *preview) DoubleTapped(*fyne.PointEvent) { p.m.startOrShow() }

// CreateRenderer implements fyne.Widget.
func (p *preview) CreateRenderer() fyne.WidgetRenderer {
	r := &previewRenderer{
		p: p, bezel: &canvas.Rectangle{CornerRadius: 10}, screen: &canvas.Rectangle{CornerRadius: 4}, foot: &canvas.Rectangle{CornerRadius: 2},
		image: &canvas.Image{FillMode: canvas.ImageFillContain, ScaleMode: canvas.ImageScaleFastest}, veil: &canvas.Rectangle{},
		title: canvas.NewText("", nil), note: canvas.NewText("", nil),
	}
	r.update()
	return r
}

type previewRenderer struct {
	p                         *preview
	bezel, screen, foot, veil *canvas.Rectangle
	image                     *canvas.Image
	title, note               *canvas.Text
}

const border, footHeight = 8, 12 // of the monitor

// MinSize makes the monitor as high as its width, known from the last layout, asks for.
func (r *previewRenderer) MinSize() fyne.Size {
	height := (r.p.Size().Width-2*border)/1.6 + 2*border + footHeight
	return fyne.NewSize(200, min(max(height, 150), 270))
}

func (r *previewRenderer) Layout(size fyne.Size) {
	width := min(size.Width, (size.Height-footHeight-2*border)*1.6+2*border)
	height := (width-2*border)/1.6 + 2*border
	left := (size.Width - width) / 2
	r.bezel.Move(fyne.NewPos(left, 0))
	r.bezel.Resize(fyne.NewSize(width, height))
	inner, at := fyne.NewSize(width-2*border, height-2*border), fyne.NewPos(left+border, border)
	for _, o := range []fyne.CanvasObject{r.screen, r.image, r.veil} {
		o.Move(at)
		o.Resize(inner)
	}
	r.foot.Resize(fyne.NewSize(72, 4))
	r.foot.Move(fyne.NewPos((size.Width-72)/2, height+7))
	r.update()
	title, note := r.title.MinSize(), r.note.MinSize()
	r.title.Resize(title)
	r.title.Move(fyne.NewPos(at.X+(inner.Width-title.Width)/2, at.Y+(inner.Height-title.Height)/2))
	r.note.Resize(note)
	r.note.Move(fyne.NewPos(at.X+(inner.Width-note.Width)/2, at.Y+(inner.Height+title.Height)/2+2))
}

func (r *previewRenderer) update() {
	p := r.p
	r.bezel.FillColor = theme.Color(theme.ColorBezel)
	r.foot.FillColor = theme.Color(theme.ColorBezel)
	r.screen.FillColor = theme.Color(theme.ColorScreen)
	r.title.Color, r.note.Color = theme.Color(theme.ColorOnScreen), theme.Color(theme.ColorOnScreen)
	r.title.TextSize, r.note.TextSize = 16, theme.TextSmall
	r.title.TextStyle = fyne.TextStyle{Bold: true}
	r.title.Text = widgets.Elide(p.title, r.screen.Size().Width-16, 16, r.title.TextStyle)
	r.note.Text = p.note
	r.veil.FillColor = fynetheme.Color(fynetheme.ColorNameShadow)
	setVisible(r.title, p.picture == nil)
	setVisible(r.note, p.picture == nil)
	setVisible(r.image, p.picture != nil)
	setVisible(r.veil, p.picture != nil && p.dim)
	if p.picture != nil {
		r.image.Image = p.picture
	}
}

func (r *previewRenderer) Refresh() {
	r.update()
	r.Layout(r.p.Size())
	if r.p.picture != nil {
		r.image.Refresh()
	}
	for _, o := range []fyne.CanvasObject{r.bezel, r.screen, r.foot, r.title, r.note} {
		canvas.Refresh(o)
	}
}

func (r *previewRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.foot, r.bezel, r.screen, r.image, r.veil, r.title, r.note}
}
func (r *previewRenderer) Destroy() {}

func setVisible(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}
