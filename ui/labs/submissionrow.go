package labs

import (
	"cmp"
	"image/color"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/labs"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// column is one of the table's.
type column int

const (
	columnStudent column = iota
	columnLab
	columnVersion
	columnTime
	columnNumber
	columnSize
	columnState
	columnNote
	columnCount // how many there are
)

// columnTitles are the headings.
var columnTitles = [columnCount]string{
	lang.Key("Student"), lang.Key("Lab"), lang.Key("Version"), lang.Key("Handed in"), lang.Key("Number"), lang.Key("Size"), lang.Key("State"), lang.Key("Note"),
}

// columnWidths are in Fyne units; those of 0 share the rest by columnShares.
var (
	columnWidths = [columnCount]float32{0, 0, 70, 146, 78, 80, 142, 0}
	columnShares = [columnCount]float32{3, 3, 0, 0, 0, 0, 0, 2.5}
)

// tableLeft is the room for the mark of what was opened.
const tableLeft float32 = 34

// places are where columns begin and how wide they are in a row of a width.
func places(width float32) (left, wide [columnCount]float32) {
	rest, shares := width-tableLeft-theme.Gap2, float32(0)
	for i, w := range columnWidths {
		rest -= w
		shares += columnShares[i]
	}
	x := tableLeft
	for i, w := range columnWidths {
		if w == 0 {
			w = max(60, rest*columnShares[i]/shares)
		}
		left[i], wide[i] = x, w-theme.Gap2
		x += w
	}
	return left, wide
}

// submissionStates are how states are shown.
var submissionStates = map[labs.SubmissionState]widgets.StateLook{
	labs.SubmissionVerified: {Icon: "success", Text: lang.Key("Verified"), Color: theme.ColorRunning},
	labs.SubmissionNew:      {Icon: "user", Text: lang.Key("Unknown student"), Color: theme.ColorSaved},
	labs.SubmissionOlder:    {Icon: "restore", Text: lang.Key("Older"), Color: theme.ColorOff},
	labs.SubmissionReplay:   {Icon: "copy", Text: lang.Key("Replay"), Color: theme.ColorPaused},
	labs.SubmissionOtherKey: {Icon: "lock", Text: lang.Key("Another key"), Color: theme.ColorPaused},
	labs.SubmissionOtherLab: {Icon: "lab", Text: lang.Key("Other lab"), Color: theme.ColorOff},
	labs.SubmissionDamaged:  {Icon: "error", Text: lang.Key("Damaged"), Color: fynetheme.ColorNameError},
}

// stateOrder is the order of the states in the table, what needs a look first.
var stateOrder = []labs.SubmissionState{
	labs.SubmissionDamaged, labs.SubmissionOtherKey, labs.SubmissionReplay, labs.SubmissionOtherLab, labs.SubmissionNew, labs.SubmissionVerified, labs.SubmissionOlder,
}

// entry is a submission with what the teacher noted of it.
type entry struct {
	labs.Received
	mark  labs.Mark
	cells [columnCount]string // as they are shown, inert
	words string              // what the search looks through, in small letters
	look  widgets.StateLook
}

// newEntry makes the texts of a submission.
func newEntry(r labs.Received, mark labs.Mark) *entry {
	e := &entry{Received: r, mark: mark, look: submissionStates[r.State]}
	e.look.Text = lang.L(e.look.Text)
	e.cells[columnStudent] = vmconfig.Inert(r.File, 160)
	if s := r.Submission; s != nil {
		e.cells[columnStudent], e.cells[columnLab] = vmconfig.Inert(s.Student.Name, 128), vmconfig.Inert(s.Title(), 128)
		e.cells[columnVersion], e.cells[columnNumber] = lang.F("%d", s.Version), lang.F("%d", s.Sequence)
		e.cells[columnTime] = s.Created.Local().Format(lang.L("2 Jan 2006, 15:04"))
	}
	e.cells[columnSize] = vmconfig.RoughSize(e.size())
	e.cells[columnState] = e.look.Text
	e.setMark(mark)
	return e
}

// size is how much was changed, of a file that cannot be read how large that is.
func (e *entry) size() int64 {
	if e.Submission == nil {
		return e.Bytes
	}
	return e.Changed
}

func (e *entry) setMark(mark labs.Mark) {
	e.mark = mark
	first, _, more := strings.Cut(mark.Note, "\n")
	if e.cells[columnNote] = vmconfig.Inert(first, 200); more {
		e.cells[columnNote] += " …"
	}
	e.words = strings.ToLower(strings.Join(e.cells[:], "\n") + "\n" + vmconfig.Inert(e.File, 300) + "\n" + vmconfig.Inert(mark.Note, labs.MaxNoteBytes) + "\n" + e.Fingerprint)
}

// compare orders two submissions by a column.
func (e *entry) compare(o *entry, by column) int {
	if e.Submission == nil || o.Submission == nil { // the file's name stands in for the student's
		switch by {
		case columnLab, columnVersion, columnTime, columnNumber:
			return compareTrue(e.Submission != nil, o.Submission != nil)
		}
	}
	switch by {
	case columnVersion:
		return cmp.Compare(e.Submission.Version, o.Submission.Version)
	case columnTime:
		return e.Submission.Created.Compare(o.Submission.Created)
	case columnNumber:
		return cmp.Compare(e.Submission.Sequence, o.Submission.Sequence)
	case columnSize:
		return cmp.Compare(e.size(), o.size())
	case columnState:
		return cmp.Compare(place(e.State), place(o.State))
	case columnNote:
		return cmp.Or(compareTrue(e.mark.Note != "", o.mark.Note != ""), strings.Compare(strings.ToLower(e.cells[by]), strings.ToLower(o.cells[by])))
	}
	return strings.Compare(strings.ToLower(e.cells[by]), strings.ToLower(o.cells[by]))
}

func place(s labs.SubmissionState) int {
	for i, o := range stateOrder {
		if o == s {
			return i
		}
	}
	return -1
}

// reason says why the state is what it is, and what else is odd; it may be empty.
func (e *entry) reason() string {
	text := ""
	if e.Reason != "" {
		text = vmconfig.Inert(lang.L(e.Reason), 800)
		first, size := utf8.DecodeRuneInString(text)
		text = string(unicode.ToUpper(first)) + text[size:]
		if !strings.HasSuffix(text, ".") {
			text += "."
		}
	}
	if e.Future {
		text = strings.TrimSpace(text + " " + lang.L("The student’s clock was ahead."))
	}
	return text
}

// tip is the tooltip of a row.
func (e *entry) tip() string {
	lines := []string{vmconfig.Inert(e.File, 160), lang.F("%s changed, in a file of %s", vmconfig.RoughSize(e.Changed), vmconfig.RoughSize(e.Bytes))}
	if e.Submission == nil {
		lines = lines[:1]
	}
	if why := e.reason(); why != "" {
		lines = append(lines, why)
	}
	if !e.mark.Opened.IsZero() {
		lines = append(lines, lang.F("Opened: %s", lang.Age(e.mark.Opened, time.Now())))
	}
	if e.mark.Note != "" {
		lines = append(lines, lang.F("Note: %s", vmconfig.Inert(e.mark.Note, 300)))
	}
	return strings.Join(lines, "\n")
}

// unopenable says why no machine can be made of it; empty: one can.
func (e *entry) unopenable() string {
	switch e.State {
	case labs.SubmissionDamaged:
		return lang.L("It cannot be opened.") + " " + e.reason()
	case labs.SubmissionOtherLab:
		return e.reason()
	}
	return ""
}

// submissionHeight is that of a row, in Fyne units.
const submissionHeight float32 = 30

// submissionRow is a line of the table. The list uses it for one submission after another.
type submissionRow struct {
	widget.BaseWidget
	list     *submissionList
	entry    *entry
	selected bool
	focused  bool
	hovered  bool

	opened *widgets.Picture
	cells  [columnCount]*widgets.Text
	state  *widgets.StateBadge
}

var (
	_ desktop.Mouseable      = (*submissionRow)(nil)
	_ desktop.Hoverable      = (*submissionRow)(nil)
	_ fyne.Tappable          = (*submissionRow)(nil)
	_ fyne.DoubleTappable    = (*submissionRow)(nil)
	_ fyne.SecondaryTappable = (*submissionRow)(nil)
)

func newSubmissionRow(l *submissionList) *submissionRow {
	r := &submissionRow{list: l, opened: widgets.NewIcon("check", theme.IconSmall, theme.ColorMuted), state: widgets.NewStateBadge(widgets.StateLook{}, theme.TextSmall+1)}
	for i := range r.cells {
		r.cells[i] = widgets.NewText("", theme.TextNormal, false, fynetheme.ColorNameForeground).Elided()
	}
	r.ExtendBaseWidget(r)
	return r
}

// set shows a submission; every property is set, because the row showed another one before.
func (r *submissionRow) set(e *entry, selected, focused bool) {
	if r.entry != e {
		widgets.HideTip(r)
	}
	r.entry, r.selected, r.focused = e, selected, focused
	show(r.opened, !e.mark.Opened.IsZero())
	for i, text := range e.cells {
		shade := fynetheme.ColorNameForeground
		if column(i) == columnStudent && e.Submission == nil || column(i) == columnNote {
			shade = theme.ColorMuted
		}
		r.cells[i].Set(text, shade)
	}
	r.state.Set(e.look)
	r.Refresh()
}

// MouseDown implements desktop.Mouseable: a press selects at once.
func (r *submissionRow) MouseDown(e *desktop.MouseEvent) {
	if r.entry != nil {
		widgets.HideTip(r)
		r.list.w.window.Canvas().Focus(r.list)
		r.list.choose(r.entry)
	}
}

// MouseUp implements desktop.Mouseable.
func (r *submissionRow) MouseUp(*desktop.MouseEvent) {}

// Tapped implements fyne.Tappable: MouseDown did the work; this keeps the list below from doing its own.
func (r *submissionRow) Tapped(*fyne.PointEvent) {}

// DoubleTapped implements fyne.DoubleTappable.
func (r *submissionRow) DoubleTapped(*fyne.PointEvent) { r.list.w.openChosen() }

// TappedSecondary implements fyne.SecondaryTappable.
func (r *submissionRow) TappedSecondary(e *fyne.PointEvent) {
	if r.entry != nil {
		widgets.ShowMenuAt(r.list.w.window.Canvas(), r.list.w.contextMenu(), e.AbsolutePosition)
	}
}

// MouseIn implements desktop.Hoverable.
func (r *submissionRow) MouseIn(*desktop.MouseEvent) {
	r.hovered = true
	if r.entry != nil {
		widgets.ShowTip(r, r.entry.tip())
	}
	r.Refresh()
}

// MouseMoved implements desktop.Hoverable.
func (r *submissionRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *submissionRow) MouseOut() {
	r.hovered = false
	widgets.HideTip(r)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *submissionRow) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(color.Transparent)
	back.CornerRadius = 4
	objects := []fyne.CanvasObject{back, r.opened, r.state}
	for i, c := range r.cells {
		if column(i) != columnState {
			objects = append(objects, c)
		}
	}
	v := &submissionRowRenderer{r, back, objects}
	v.paint()
	return v
}

type submissionRowRenderer struct {
	r       *submissionRow
	back    *canvas.Rectangle
	objects []fyne.CanvasObject
}

// MinSize implements fyne.WidgetRenderer.
func (v *submissionRowRenderer) MinSize() fyne.Size {
	return fyne.NewSize(560, submissionHeight)
}

// Layout implements fyne.WidgetRenderer.
func (v *submissionRowRenderer) Layout(size fyne.Size) {
	v.back.Resize(size)
	mark := v.r.opened.MinSize()
	v.r.opened.Resize(mark)
	v.r.opened.Move(fyne.NewPos((tableLeft-mark.Width)/2, (size.Height-mark.Height)/2))
	left, wide := places(size.Width)
	for i, c := range v.r.cells {
		o := fyne.CanvasObject(c)
		if column(i) == columnState {
			o = v.r.state
		}
		h := o.MinSize().Height
		o.Resize(fyne.NewSize(wide[i], h))
		o.Move(fyne.NewPos(left[i], (size.Height-h)/2))
	}
}

func (v *submissionRowRenderer) paint() {
	v.back.FillColor, v.back.StrokeColor = color.Transparent, color.Transparent
	switch {
	case v.r.selected:
		v.back.FillColor = theme.Color(theme.ColorSelected)
	case v.r.hovered:
		v.back.FillColor = theme.Color(fynetheme.ColorNameHover)
	}
	if v.r.selected && v.r.focused {
		v.back.StrokeColor, v.back.StrokeWidth = theme.Color(fynetheme.ColorNamePrimary), theme.FocusWidth
	}
	v.back.Refresh()
}

// Refresh implements fyne.WidgetRenderer.
func (v *submissionRowRenderer) Refresh() {
	v.paint()
	v.Layout(v.r.Size())
}

// Objects implements fyne.WidgetRenderer.
func (v *submissionRowRenderer) Objects() []fyne.CanvasObject { return v.objects }

// Destroy implements fyne.WidgetRenderer.
func (v *submissionRowRenderer) Destroy() {}
