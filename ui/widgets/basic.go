package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// Text is a single line in a theme colour that it follows when the variant changes. What does not fit is cut off with an ellipsis.
type Text struct {
	widget.BaseWidget
	text  string
	size  float32
	bold  bool
	color fyne.ThemeColorName
	elide bool
}

// NewText returns a line of text.
func NewText(text string, size float32, bold bool, color fyne.ThemeColorName) *Text {
	t := &Text{text: text, size: size, bold: bold, color: color}
	t.ExtendBaseWidget(t)
	return t
}

// Elided lets the text be narrower than it is; the end is cut off then.
func (t *Text) Elided() *Text {
	t.elide = true
	return t
}

// Text returns the text.
func (t *Text) Text() string { return t.text }

// Set changes text and colour.
func (t *Text) Set(text string, color fyne.ThemeColorName) {
	if t.text != text || t.color != color {
		t.text, t.color = text, color
		t.Refresh()
	}
}

// SetText changes the text.
func (t *Text) SetText(text string) { t.Set(text, t.color) }

// cut reports whether the end does not fit.
func (t *Text) cut() bool {
	return t.elide && t.Size().Width < fyne.MeasureText(t.text, t.size, fyne.TextStyle{Bold: t.bold}).Width
}

// CreateRenderer implements fyne.Widget.
func (t *Text) CreateRenderer() fyne.WidgetRenderer {
	r := &textRenderer{t: t, line: canvas.NewText(t.text, color.Black)}
	r.update()
	return r
}

type textRenderer struct {
	t    *Text
	line *canvas.Text
}

func (r *textRenderer) update() {
	r.line.Color = theme.Color(r.t.color)
	r.line.TextSize = r.t.size
	r.line.TextStyle = fyne.TextStyle{Bold: r.t.bold}
	r.line.Text = r.t.text
	if r.t.elide {
		r.line.Text = Elide(r.t.text, r.t.Size().Width, r.t.size, r.line.TextStyle)
	}
}

func (r *textRenderer) MinSize() fyne.Size {
	size := fyne.MeasureText(r.t.text, r.t.size, fyne.TextStyle{Bold: r.t.bold})
	if r.t.elide {
		size.Width = min(size.Width, 24)
	}
	return size
}

func (r *textRenderer) Layout(size fyne.Size) {
	r.update()
	r.line.Resize(size)
}

func (r *textRenderer) Refresh() {
	r.update()
	r.line.Refresh()
}
func (r *textRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.line} }
func (r *textRenderer) Destroy()                     {}

// Elide shortens text to width with an ellipsis at its end.
func Elide(text string, width, size float32, style fyne.TextStyle) string {
	if width <= 0 || fyne.MeasureText(text, size, style).Width <= width {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)
	for low < high { // the longest beginning that fits
		mid := (low + high + 1) / 2
		if fyne.MeasureText(string(runes[:mid])+"…", size, style).Width <= width {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return string(runes[:low]) + "…"
}

// Space is empty room.
func Space(w, h float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(w, h))
	return r
}

// Panel is a rounded surface that follows the theme; put it below content in a Stack.
type Panel struct {
	widget.BaseWidget
	fill, stroke fyne.ThemeColorName
	radius       float32
}

// NewPanel returns a surface in a theme colour with an outline (empty for none).
func NewPanel(fill, stroke fyne.ThemeColorName, radius float32) *Panel {
	p := &Panel{fill: fill, stroke: stroke, radius: radius}
	p.ExtendBaseWidget(p)
	return p
}

// SetFill changes the colour; empty makes it transparent.
func (p *Panel) SetFill(fill fyne.ThemeColorName) {
	if p.fill != fill {
		p.fill = fill
		p.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (p *Panel) CreateRenderer() fyne.WidgetRenderer {
	r := &panelRenderer{p: p, rect: &canvas.Rectangle{CornerRadius: p.radius}}
	r.update()
	return r
}

type panelRenderer struct {
	p    *Panel
	rect *canvas.Rectangle
}

func (r *panelRenderer) update() {
	r.rect.FillColor = color.Transparent
	if r.p.fill != "" {
		r.rect.FillColor = theme.Color(r.p.fill)
	}
	r.rect.StrokeWidth = 0
	if r.p.stroke != "" {
		r.rect.StrokeColor, r.rect.StrokeWidth = theme.Color(r.p.stroke), 1
	}
}

func (r *panelRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *panelRenderer) Layout(size fyne.Size)        { r.rect.Resize(size) }
func (r *panelRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.rect} }
func (r *panelRenderer) Destroy()                     {}
func (r *panelRenderer) Refresh() {
	r.update()
	r.rect.Refresh()
}

var transparent = color.Transparent

func tinted(fill fyne.ThemeColorName) *Panel { return NewPanel(fill, theme.ColorOutline, theme.Radius) }

// Card puts content on a rounded surface with padding.
func Card(content fyne.CanvasObject) *fyne.Container {
	return container.NewStack(tinted(theme.ColorSurface),
		container.New(layout.NewCustomPaddedLayout(theme.Gap3, theme.Gap3, theme.Gap4, theme.Gap4), content))
}

// Picture is an icon or picture of a fixed size that follows the theme.
type Picture struct {
	widget.BaseWidget
	draw func() theme.Drawing
	size fyne.Size
	key  string
}

func newPicture(size fyne.Size, key string, draw func() theme.Drawing) *Picture {
	p := &Picture{size: size, key: key, draw: draw}
	p.ExtendBaseWidget(p)
	return p
}

// NewIcon returns a line icon of the given size in a theme colour.
func NewIcon(name string, size float32, color fyne.ThemeColorName) *Picture {
	return newPicture(fyne.NewSquareSize(size), name+string(color), func() theme.Drawing { return theme.IconDrawing(name, color) })
}

// SetIcon changes a line icon.
func (p *Picture) SetIcon(name string, color fyne.ThemeColorName) {
	p.set(name+string(color), func() theme.Drawing { return theme.IconDrawing(name, color) })
}

// NewOSIcon returns the tile of an operating system, given its osinfo-db id.
func NewOSIcon(osID string, size float32) *Picture {
	return newPicture(fyne.NewSquareSize(size), theme.OSFamily(osID), func() theme.Drawing { return theme.OSDrawing(osID) })
}

// SetOS changes the tile of NewOSIcon.
func (p *Picture) SetOS(osID string) {
	p.set(theme.OSFamily(osID), func() theme.Drawing { return theme.OSDrawing(osID) })
}

func (p *Picture) set(key string, draw func() theme.Drawing) {
	if p.key != key {
		p.key, p.draw = key, draw
		p.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (p *Picture) CreateRenderer() fyne.WidgetRenderer {
	r := &pictureRenderer{p, NewGlyph()}
	r.Refresh()
	return r
}

type pictureRenderer struct {
	p   *Picture
	img *Glyph
}

func (r *pictureRenderer) MinSize() fyne.Size { return r.p.size }

func (r *pictureRenderer) Layout(size fyne.Size) {
	r.img.Object.Resize(r.p.size)
	r.img.Object.Move(fyne.NewPos((size.Width-r.p.size.Width)/2, (size.Height-r.p.size.Height)/2))
}

func (r *pictureRenderer) Refresh() { r.img.Set(r.p.draw()) }

func (r *pictureRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.img.Object} }
func (r *pictureRenderer) Destroy()                     {}

// KeyValue is one line of details: a muted name and its value. A long value is cut off; its tooltip
// has it whole.
func KeyValue(key, value string) fyne.CanvasObject { return KeyValueTip(key, value, "") }

// KeyValueTip is KeyValue with a longer text as the tooltip.
func KeyValueTip(key, value, tip string) fyne.CanvasObject {
	if tip == "" {
		tip = value // shown only when the value is cut off
	}
	v := NewText(value, theme.TextNormal, false, fynetheme.ColorNameForeground).Elided()
	hint := NewHint(v, tip)
	hint.needed = func() bool { return tip != value || v.cut() }
	return container.New(keyValueLayout{}, NewText(key, theme.TextNormal, false, theme.ColorMuted).Elided(), hint)
}

const keyWidth = 128

type keyValueLayout struct{}

func (keyValueLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(keyWidth+60, max(o[0].MinSize().Height, o[1].MinSize().Height)+theme.Gap1)
}

func (keyValueLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	for i, obj := range o {
		h := obj.MinSize().Height
		obj.Move(fyne.NewPos(float32(i)*keyWidth, (size.Height-h)/2))
		w := float32(keyWidth)
		if i == 1 {
			w = size.Width - keyWidth
		}
		obj.Resize(fyne.NewSize(max(0, w), h))
	}
}

// NewParagraph returns a muted text, centred and wrapped to a width in Fyne units, in one of the theme's sizes.
func NewParagraph(text string, width float32, size fyne.ThemeSizeName) fyne.CanvasObject {
	rt := widget.NewRichText(&widget.TextSegment{
		Text: text, Style: widget.RichTextStyle{ColorName: theme.ColorMuted, Alignment: fyne.TextAlignCenter, SizeName: size},
	})
	rt.Wrapping = fyne.TextWrapWord
	rt.Resize(fyne.NewSize(width, 0)) // how high a wrapped text is it knows only by its width
	return container.NewGridWrap(fyne.NewSize(width, rt.MinSize().Height), rt)
}

// emptyTextWidth is the width of the text of an EmptyPage, a comfortable line.
const emptyTextWidth = 420

// EmptyPage fills a place that has nothing to show: a picture, a title, a text and what can be done.
func EmptyPage(picture fyne.CanvasObject, title, text string, actions ...fyne.CanvasObject) fyne.CanvasObject {
	box := container.NewVBox()
	if picture != nil {
		box.Add(container.NewCenter(picture))
	}
	box.Add(container.NewCenter(NewText(title, theme.TextTitle, true, fynetheme.ColorNameForeground)))
	if text != "" {
		box.Add(container.NewCenter(NewParagraph(text, emptyTextWidth, fynetheme.SizeNameText)))
	}
	if len(actions) > 0 {
		box.Add(container.NewCenter(container.NewHBox(actions...)))
	}
	return container.NewCenter(box)
}

// NewArt returns a larger picture of assets/art.
func NewArt(name string, size fyne.Size) *Picture {
	return newPicture(size, name, func() theme.Drawing { return theme.ArtDrawing(name) })
}
