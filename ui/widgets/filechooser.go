package widgets

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/userdirs"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

// FileQuery says which file is looked for.
type FileQuery struct {
	Title string // "Choose a disc image"
	// Folder is where to begin; empty, or one that is gone, means the user's folder for downloads, or the home folder where there is none.
	Folder string
	// Suffixes are the endings of the files that are shown, lower case with the dot; none shows all. The user can show all too.
	Suffixes []string
	// All is what the check box for every file says, "Show all files" when empty.
	All string
	// Open is what the button says, "Open" when empty.
	Open string
	// TakeFolder is what the button says that chooses the folder that is shown; empty: only a file can be chosen.
	TakeFolder string
}

// FileChooser lets the user choose a file of this computer. Folders are read in the background, so a dead network drive does
// not stop the window. The field filters the list, or takes a path; Up and Down move through the list, Enter opens, and Backspace in the empty
// field goes to the folder above.
type FileChooser struct {
	dispatch dispatch.Dispatcher
	query    FileQuery
	chosen   func(path string)
	modal    *Modal

	folder   string
	all      []FileEntry
	shown    []FileEntry
	selected int // index in shown, -1 for none
	seq      int // number of the reading: the result of an earlier one is dropped
	cancel   func()

	place  *Text
	up     *Button
	field  *Entry
	list   *fileList
	empty  *Text
	every  *widget.Check
	open   *Button
	reason error
}

// FileEntry is one line of a folder.
type FileEntry struct {
	Name   string
	Folder bool
	Bytes  int64
}

// mostEntries bounds how much of a folder is read.
const mostEntries = 5000

// ChooseFile opens a chooser over w. chosen is called once with the absolute path of a file, or of a folder where the query takes one, unless the user gives up.
func ChooseFile(w fyne.Window, d dispatch.Dispatcher, q FileQuery, chosen func(path string)) *FileChooser {
	c := &FileChooser{dispatch: d, query: q, chosen: chosen, selected: -1}
	c.place = NewText("", theme.TextNormal, true, fynetheme.ColorNameForeground).Elided()
	c.up = NewIconButton("chevron-up", lang.L("Folder above"), c.goUp)
	home := NewIconButton("user", lang.L("Home folder"), func() { c.read(homeFolder()) })
	c.field = NewEntry()
	c.field.SetPlaceHolder(lang.L("Search this folder, or type a path"))
	c.field.OnChanged = func(string) { c.filter() }
	c.field.OnKey = c.key
	c.list = &fileList{key: c.key}
	c.list.Length = func() int { return len(c.shown) }
	c.list.CreateItem = func() fyne.CanvasObject { return newFileRow(c) }
	c.list.UpdateItem = func(i widget.ListItemID, o fyne.CanvasObject) { o.(*fileRow).show(i) }
	c.list.HideSeparators = true
	c.list.ExtendBaseWidget(c.list)
	c.empty = NewText("", theme.TextNormal, false, theme.ColorMuted)
	text := q.All
	if text == "" {
		text = lang.L("Show all files")
	}
	c.every = widget.NewCheck(text, func(bool) { c.filter() })
	show(c.every, len(q.Suffixes) > 0)
	open := q.Open
	if open == "" {
		open = lang.L("Open")
	}
	c.open = NewButton("", open, StylePrimary, c.openSelected)
	cancel := NewButton("", lang.L("Cancel"), StylePlain, func() { c.modal.Close() })

	size := w.Canvas().Size()
	strut := Space(min(620, max(300, size.Width-120)), min(300, max(120, size.Height-270)))
	content := container.NewVBox(
		container.NewBorder(nil, nil, container.NewHBox(c.up, home), nil, c.place),
		c.field,
		container.NewStack(tinted(theme.ColorSurface), strut, c.list, container.NewCenter(c.empty)),
		c.every)
	buttons := []*Button{cancel, c.open}
	if q.TakeFolder != "" {
		buttons = []*Button{cancel, NewButton("", q.TakeFolder, StylePlain, c.takeFolder), c.open}
	}
	c.modal = NewModal(w, "folder", fynetheme.ColorNamePrimary, q.Title, content, 0, buttons...).FocusOn(c.field)
	c.modal.OnClosed = c.stop
	c.modal.Show()
	c.readFirst(func() []string {
		return []string{q.Folder, userdirs.Folder(os.Getenv, "XDG_DOWNLOAD_DIR", "Downloads"), homeFolder()}
	})
	return c
}

// Folder returns the folder that is shown.
func (c *FileChooser) Folder() string { return c.folder }

// Entries returns what is shown of the folder.
func (c *FileChooser) Entries() []FileEntry { return slices.Clone(c.shown) }

// Field returns the text field.
func (c *FileChooser) Field() *Entry { return c.field }

func homeFolder() string {
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return string(filepath.Separator)
	}
	return home
}

func (c *FileChooser) stop() {
	c.seq++
	if c.cancel != nil {
		c.cancel()
	}
}

// read shows another folder once it is read.
func (c *FileChooser) read(folder string) { c.readFirst(func() []string { return []string{folder} }) }

// contents is what was read of a folder.
type contents struct {
	folder  string
	entries []FileEntry
}

// readFirst shows the first folder that can be read, or says why the last cannot. folders is called in the background.
func (c *FileChooser) readFirst(folders func() []string) {
	c.stop()
	seq := c.seq
	c.empty.SetText(lang.L("Reading the folder…"))
	c.empty.Show()
	c.cancel = dispatch.Background(c.dispatch, func(ctx context.Context) (found contents, err error) {
		for _, folder := range folders() {
			if !filepath.IsAbs(folder) {
				continue
			}
			found.folder = folder
			if found.entries, err = readFolder(ctx, folder); err == nil {
				break
			}
		}
		return found, err
	}, func(found contents, err error) {
		if seq != c.seq {
			return
		}
		c.folder, c.all, c.reason = found.folder, found.entries, err
		c.place.SetText(vmconfig.Inert(found.folder, 500))
		c.up.SetEnabled(filepath.Dir(found.folder) != found.folder, lang.L("This is the topmost folder."))
		if c.field.Text != "" {
			c.field.SetText("") // filters
		} else {
			c.filter()
		}
	})
}

// readFolder lists a folder: folders first, each kind by name. It waits.
func readFolder(ctx context.Context, folder string) ([]FileEntry, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(mostEntries)
	if len(names) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	list := make([]FileEntry, 0, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		info, err := os.Stat(filepath.Join(folder, name)) // follows links: what counts is what would be opened
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		list = append(list, FileEntry{Name: name, Folder: info.IsDir(), Bytes: info.Size()})
	}
	slices.SortFunc(list, func(a, b FileEntry) int {
		if a.Folder != b.Folder {
			if a.Folder {
				return -1
			}
			return 1
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return list, nil
}

// isPath reports whether the field holds a path and not words to search for.
func isPath(text string) bool { return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "~/") }

// filter shows what fits the field and the suffixes, and selects the first line.
func (c *FileChooser) filter() {
	query := strings.ToLower(c.field.Text)
	c.shown = c.shown[:0]
	for _, e := range c.all {
		name := strings.ToLower(e.Name)
		switch {
		case strings.HasPrefix(name, ".") && !strings.HasPrefix(query, "."):
		case !isPath(query) && !strings.Contains(name, query):
		case !e.Folder && !c.every.Checked && len(c.query.Suffixes) > 0 && !slices.Contains(c.query.Suffixes, filepath.Ext(name)):
		default:
			c.shown = append(c.shown, e)
		}
	}
	c.selected = -1
	if len(c.shown) > 0 {
		c.selected = 0
	}
	text := ""
	switch {
	case c.reason != nil:
		text = vmconfig.Inert(lang.F("The folder cannot be read: %s", c.reason), 90)
	case len(c.shown) == 0:
		text = lang.L("Nothing here that fits")
	}
	c.empty.SetText(text)
	show(c.empty, text != "")
	c.list.Refresh()
	c.list.ScrollToTop()
	c.open.SetEnabled(c.selected >= 0 || isPath(c.field.Text), lang.L("Select a file first."))
}

// key sees the keys of the field and of the list.
func (c *FileChooser) key(e *fyne.KeyEvent) bool {
	switch e.Name {
	case fyne.KeyUp:
		c.choose(c.selected - 1)
	case fyne.KeyDown:
		c.choose(c.selected + 1)
	case fyne.KeyPageUp:
		c.choose(max(0, c.selected-8))
	case fyne.KeyPageDown:
		c.choose(min(len(c.shown)-1, c.selected+8))
	case fyne.KeyReturn, fyne.KeyEnter:
		c.openSelected()
	case fyne.KeyBackspace:
		if c.field.Text != "" {
			return false
		}
		c.goUp()
	default:
		return false
	}
	return true
}

func (c *FileChooser) choose(i int) {
	if i >= 0 && i < len(c.shown) {
		c.selected = i
		c.list.Refresh()
		c.list.ScrollTo(i)
	}
}

func (c *FileChooser) goUp() {
	if c.folder != "" {
		c.read(filepath.Dir(c.folder))
	}
}

// openSelected takes the typed path or the selected line: a folder is shown, a file is chosen.
func (c *FileChooser) openSelected() {
	switch {
	case isPath(c.field.Text):
		c.openPath(c.field.Text)
	case c.selected >= 0 && c.selected < len(c.shown):
		e := c.shown[c.selected]
		c.take(filepath.Join(c.folder, e.Name), e.Folder)
	}
}

// openPath finds out in the background what a typed path is.
func (c *FileChooser) openPath(path string) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(homeFolder(), rest)
	}
	path = filepath.Clean(path)
	c.stop()
	seq := c.seq
	c.cancel = dispatch.Background(c.dispatch, func(context.Context) (bool, error) {
		info, err := os.Stat(path)
		return err == nil && info.IsDir(), err
	}, func(folder bool, err error) {
		switch {
		case seq != c.seq:
		case err != nil:
			c.empty.SetText(lang.F("There is no “%s”.", vmconfig.Inert(path, 60)))
			c.empty.Show()
			c.shown, c.selected = nil, -1
			c.list.Refresh()
		default:
			c.take(path, folder)
		}
	})
}

// takeFolder chooses the folder that is shown, once it is.
func (c *FileChooser) takeFolder() {
	if c.folder != "" && c.reason == nil {
		c.modal.Close()
		c.chosen(c.folder)
	}
}

func (c *FileChooser) take(path string, folder bool) {
	if folder {
		c.read(path)
		return
	}
	c.modal.Close()
	c.chosen(path)
}

// fileList is a list whose keys are the chooser's.
type fileList struct {
	widget.List
	key func(*fyne.KeyEvent) bool
}

// TypedKey implements fyne.Focusable.
func (l *fileList) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		DismissModal(l)
		return
	}
	l.key(e)
}

// fileRow is one line of the list.
type fileRow struct {
	widget.BaseWidget
	chooser *FileChooser
	index   int
	back    *Panel
	icon    *Picture
	name    *Text
	size    *Text
}

var (
	_ desktop.Mouseable   = (*fileRow)(nil)
	_ fyne.DoubleTappable = (*fileRow)(nil)
)

func newFileRow(c *FileChooser) *fileRow {
	r := &fileRow{
		chooser: c, back: NewPanel("", "", 6), icon: NewIcon("folder", theme.IconSmall, theme.ColorMuted),
		name: NewText("", theme.TextNormal, false, fynetheme.ColorNameForeground).Elided(),
		size: NewText("", theme.TextSmall, false, theme.ColorMuted),
	}
	r.ExtendBaseWidget(r)
	return r
}

func (r *fileRow) show(i int) {
	r.index = i
	if i < 0 || i >= len(r.chooser.shown) {
		return
	}
	e := r.chooser.shown[i]
	icon, size := "folder", ""
	if !e.Folder {
		icon, size = "disk", vmconfig.RoughSize(e.Bytes)
		if strings.EqualFold(filepath.Ext(e.Name), ".iso") {
			icon = "cd"
		}
	}
	r.icon.SetIcon(icon, theme.ColorMuted)
	r.name.SetText(vmconfig.Inert(e.Name, 255))
	r.size.SetText(size)
	r.back.SetFill("")
	if i == r.chooser.selected {
		r.back.SetFill(theme.ColorSelected)
	}
}

// CreateRenderer implements fyne.Widget.
func (r *fileRow) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewStack(r.back, container.NewPadded(
		container.NewBorder(nil, nil, r.icon, r.size, r.name))))
}

// MouseDown implements desktop.Mouseable: a click selects at once, without waiting for a second one.
func (r *fileRow) MouseDown(*desktop.MouseEvent) { r.chooser.choose(r.index) }

// MouseUp implements desktop.Mouseable.
func (r *fileRow) MouseUp(*desktop.MouseEvent) {}

// DoubleTapped implements fyne.DoubleTappable.
func (r *fileRow) DoubleTapped(*fyne.PointEvent) {
	r.chooser.choose(r.index)
	r.chooser.openSelected()
}
