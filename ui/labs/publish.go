package labs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynelang "fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"guesthouse/app/checkpoints"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Checkpoints is what publishing needs from checkpoints.Service.
type Checkpoints interface {
	Overview(ctx context.Context, id uuid.UUID) (checkpoints.Overview, error)
}

// PublishParams is what Publish works with.
type PublishParams struct {
	Services
	Window      fyne.Window
	Machine     uuid.UUID
	Checkpoints Checkpoints
}

// Publish asks over a window what a lab that is made of a machine is to be, and makes it. At its end it offers to send the lab. UI goroutine.
func Publish(p PublishParams) {
	all := p.Machines.Snapshot().Machines
	at := slices.IndexFunc(all, func(m *machines.Machine) bool { return m.UUID == p.Machine && m.Config != nil })
	if at < 0 {
		return
	}
	m := all[at]
	d := newDesk(p.Services, p.Window)
	type known struct {
		points  []checkpoints.Checkpoint
		images  []labs.Image
		courses map[string]bool
		dirty   string // why no copy can be cleaned; empty: it can
	}
	dispatch.Background(p.Dispatch, func(ctx context.Context) (k known, err error) {
		o, err := p.Checkpoints.Overview(ctx, p.Machine)
		if err != nil {
			return k, err
		}
		for _, c := range o.List {
			if c.Problem == "" || c.DisksUsable {
				k.points = append(k.points, c)
			}
		}
		k.dirty = p.Labs.CleanRefusal(m.Config)
		k.images, err = p.Library.Images()
		k.courses = map[string]bool{}
		for _, i := range k.images {
			if i.Config != nil {
				k.courses[i.Config.Course.Name] = p.Library.Teaches(i.Config.Course.Name)
			}
		}
		return k, err
	}, func(k known, err error) {
		if err != nil {
			d.showError(lang.F("“%s” cannot be published", shown(m.Name)), err)
			return
		}
		f := newForm(&d, m, k.points, slices.DeleteFunc(k.images, func(i labs.Image) bool { return i.Config == nil || !k.courses[i.Config.Course.Name] }))
		f.open(k.dirty)
	})
}

// form is the dialog that publishes a machine.
type form struct {
	*desk
	machine *machines.Machine
	points  []checkpoints.Checkpoint
	images  []labs.Image // of the courses that this user teaches
	modal   *widgets.Modal

	what     *widget.Select // now, or which checkpoint
	whatNote *widgets.FormField
	next     *widget.Select // a new lab, or the next version of which
	title    *widgets.Entry
	course   *widgets.Entry
	name     *widgets.Entry
	language *widgets.Entry
	text     *widgets.Entry
	network  *widgets.Choice
	ports    *widgets.Entry
	limit    *widgets.Entry
	keep     *widgets.Entry // most checkpoints
	expires  *widgets.Entry
	clean    *widget.Check
	fields   map[string]*widgets.FormField // by the field of a fault
	publish  *widgets.Button
	named    bool // the name was written by the user
	touched  map[string]bool
	filling  bool
	scroll   *container.Scroll
}

func newForm(d *desk, m *machines.Machine, points []checkpoints.Checkpoint, images []labs.Image) *form {
	prefs := d.Settings.Get()
	f := &form{desk: d, machine: m, points: points, images: newestOnly(images), fields: map[string]*widgets.FormField{}, touched: map[string]bool{}}
	entry := func(field, text string) *widgets.Entry {
		e := widgets.NewEntry()
		e.SetText(text)
		e.OnChanged = func(string) { f.changed(field) }
		e.OnFocus = func(on bool) {
			switch {
			case on && e == f.title: // what is above it has nothing that would lead there
				f.scrollTo(0)
			case on:
				f.reveal(e)
			}
		}
		return e
	}
	language := prefs.LastLanguage
	if language == "" {
		language, _, _ = strings.Cut(fynelang.SystemLocale().LanguageString(), "-")
	}
	f.title, f.course = entry("title", m.Name), entry("course.name", prefs.LastCourse)
	f.name, f.language = entry("name", ""), entry("language", language)
	f.ports, f.limit = entry("network.ports", ""), entry("submit.growthMiB", strconv.Itoa(lab.DefaultGrowthMiB))
	f.keep, f.expires = entry("checkpoints.max", ""), entry("expires", "")
	f.ports.SetPlaceHolder("web=80 ssh=22")
	f.text = widgets.NewMultiLineEntry(5)
	f.text.MostBytes = lab.MaxTextBytes
	f.text.SetPlaceHolder(lang.L("# What to do\n\nMarkdown: headings, lists and code are shown to the student beside the machine’s screen."))
	f.text.OnFocus = func(on bool) {
		if on {
			f.reveal(f.text)
		}
	}
	f.text.OnChanged = func(string) { f.changed("text") }
	f.network = widgets.NewChoice(networkLabels())
	f.network.OnFocus = func() { f.reveal(f.network.Box) }
	f.network.OnChanged = func() { f.changed("network.ports") }
	f.what = widget.NewSelect(f.sources(), nil)
	f.next = widget.NewSelect(f.successors(), nil)
	f.name.OnChanged = func(string) {
		if !f.filling {
			f.named = f.name.Text != ""
		}
		f.changed("name")
	}
	return f
}

// newestOnly keeps the newest version of each lab.
func newestOnly(list []labs.Image) []labs.Image {
	var out []labs.Image
	for _, i := range list {
		at := slices.IndexFunc(out, func(o labs.Image) bool { return o.Config.ID == i.Config.ID })
		switch {
		case at < 0:
			out = append(out, i)
		case out[at].Config.Version < i.Config.Version:
			out[at] = i
		}
	}
	return out
}

func networkLabels() []string {
	return []string{
		lang.L("Isolated: the guest reaches only the student’s own computer"),
		lang.L("Internet: the guest reaches it through the student’s computer"),
		lang.L("None: the machine has no network card"),
	}
}

var networkModes = []lab.NetworkMode{lab.NetworkIsolated, lab.NetworkInternet, lab.NetworkNone}

// sources are what can be published, as the choice lists it.
func (f *form) sources() []string {
	var list []string
	if f.machine.State == hypervisor.StateOff {
		list = append(list, lang.L("The machine as it is now"))
	}
	for _, c := range f.points {
		list = append(list, lang.F("Checkpoint “%s”", vmconfig.Inert(c.Name, nameLength)))
	}
	return distinct(list)
}

// point is the checkpoint that is chosen; nil: the machine as it is now.
func (f *form) point() *checkpoints.Checkpoint {
	at := f.what.SelectedIndex()
	if f.machine.State == hypervisor.StateOff {
		at--
	}
	if at < 0 || at >= len(f.points) {
		return nil
	}
	return &f.points[at]
}

// successors are what the lab can be, as the choice lists it.
func (f *form) successors() []string {
	list := []string{lang.L("A new lab")}
	for _, i := range f.images {
		list = append(list, lang.F("Version %d of “%s”", i.Config.Version+1, vmconfig.Inert(i.Config.Title, nameLength)))
	}
	return distinct(list)
}

// distinct numbers labels that are the same: a choice tells them apart by nothing else.
func distinct(list []string) []string {
	seen := map[string]int{}
	for i, label := range list {
		if seen[label]++; seen[label] > 1 {
			list[i] = fmt.Sprintf("%s (%d)", label, seen[label])
		}
	}
	return list
}

func (f *form) open(dirty string) {
	if len(f.sources()) == 0 {
		f.showError(lang.F("“%s” cannot be published", shown(f.machine.Name)), &labs.Reason{Text: lang.L("Shut the machine down, or save a checkpoint first."), Err: labs.ErrRunning})
		return
	}
	field := func(name, label string, control fyne.CanvasObject, hint string) *widgets.FormField {
		f.fields[name] = widgets.NewFormField(label, control, hint)
		return f.fields[name]
	}
	two := func(a, b fyne.CanvasObject) fyne.CanvasObject { return container.New(columns{}, a, b) }
	f.whatNote = widgets.NewFormField(lang.L("What is published"), f.what, "")
	f.what.SetSelectedIndex(0)
	f.what.OnChanged = func(string) { f.changed("") }
	f.next.SetSelectedIndex(0)
	f.next.OnChanged = func(string) { f.fill() }
	box := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap3))
	box.Add(widgets.Notice("warning", fynetheme.ColorNameWarning, lang.L("Everything on the machine’s disks goes with the lab, also what nobody sees any more: logs, command histories, passwords, keys and deleted files. Clean it up first.")))
	f.clean = widget.NewCheck(lang.L("Clean the copy"), nil)
	note := lang.L("Logs, histories, temporary files, the machine ID, SSH host keys and the content of deleted files go. Passwords, users and their files stay. It takes some minutes.")
	if dirty != "" {
		f.clean.Disable()
		note = lang.L(dirty)
	}
	box.Add(widgets.NewFormField(lang.L("Before it is published"), f.clean, note))
	if len(f.images) > 0 {
		box.Add(two(f.whatNote, widgets.NewFormField(lang.L("It becomes"), f.next, "")))
	} else {
		box.Add(f.whatNote)
	}
	box.Add(two(field("title", lang.L("Title"), f.title, lang.L("What students read in their library")), field("course.name", lang.L("Course"), f.course, lang.L("All labs of a course are signed with its key"))))
	box.Add(two(field("name", lang.L("Short name"), f.name, lang.L("Its name in registries and on the command line")), field("language", lang.L("Language"), f.language, lang.L("Of title and task: en, de, pt-BR …"))))
	box.Add(field("text", lang.L("Task"), f.text, ""))
	box.Add(widgets.NewFormField(lang.L("Network"), f.network.Box, ""))
	box.Add(two(field("network.ports", lang.L("Ports of the guest"), f.ports, lang.L("What the student’s own computer can reach, such as web=80")),
		field("submit.growthMiB", lang.L("Most that is handed in"), f.limit, lang.L("MiB of changes that a student may hand in"))))
	box.Add(two(field("checkpoints.max", lang.L("Most checkpoints"), f.keep, lang.L("That a student may keep; empty: any number")),
		field("expires", lang.L("End of the course"), f.expires, lang.L("Such as 2027-07-31, or empty. Students are told; the lab works on"))))
	f.scroll = widgets.NewScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, theme.Gap4), box))
	f.scroll.SetMinSize(fyne.NewSize(640, max(200, min(box.MinSize().Height, f.window.Canvas().Size().Height-200))))

	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { f.modal.Close() })
	f.publish = widgets.NewButton("lab", lang.L("Publish"), widgets.StylePrimary, f.accept)
	f.modal = widgets.NewModal(f.window, "lab", fynetheme.ColorNamePrimary, lang.F("Publish “%s” as a lab", shown(f.machine.Name)), f.scroll, 0, cancel, f.publish)
	f.modal.FocusOn(f.title)
	f.changed("")
	f.modal.Show()
}

// columns are two of the same width.
type columns struct{}

// MinSize implements fyne.Layout.
func (columns) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(2*max(a.Width, b.Width)+theme.Gap4, max(a.Height, b.Height))
}

// Layout implements fyne.Layout.
func (columns) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := (size.Width - theme.Gap4) / 2
	for i, obj := range o {
		obj.Move(fyne.NewPos(float32(i)*(width+theme.Gap4), 0))
		obj.Resize(fyne.NewSize(width, size.Height))
	}
}

// reveal scrolls a field that got the keyboard into view.
func (f *form) reveal(o fyne.CanvasObject) {
	if f.scroll == nil {
		return
	}
	driver := fyne.CurrentApp().Driver()
	top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(f.scroll).Y
	bottom := top + o.Size().Height + 2*theme.Gap6
	offset := f.scroll.Offset
	switch {
	case top < theme.Gap6:
		offset.Y += top - 2*theme.Gap6
	case bottom > f.scroll.Size().Height:
		offset.Y += bottom - f.scroll.Size().Height
	default:
		return
	}
	f.scrollTo(offset.Y)
}

func (f *form) scrollTo(y float32) {
	if f.scroll != nil {
		f.scroll.ScrollToOffset(fyne.NewPos(0, max(0, y)))
	}
}

// fill takes over what the version before said.
func (f *form) fill() {
	at := f.next.SelectedIndex() - 1
	if at < 0 || at >= len(f.images) {
		f.named = false
		f.changed("title")
		return
	}
	c := f.images[at].Config
	f.filling = true
	f.named = true
	f.title.SetText(c.Title)
	f.course.SetText(c.Course.Name)
	f.name.SetText(c.Name)
	f.language.SetText(c.Language)
	f.text.SetText(c.Text)
	f.network.SetSelected(networkLabels()[max(0, slices.Index(networkModes, c.Network.Mode))])
	var ports []string
	for _, p := range c.Network.Ports {
		ports = append(ports, fmt.Sprintf("%s=%d", p.Name, p.Guest))
	}
	f.ports.SetText(strings.Join(ports, " "))
	f.limit.SetText(strconv.FormatInt(c.Growth()>>20, 10))
	f.keep.SetText("")
	if c.Checkpoints != nil {
		f.keep.SetText(strconv.Itoa(c.Checkpoints.Max))
	}
	f.expires.SetText("")
	if !c.Expires.IsZero() {
		f.expires.SetText(c.Expires.Local().Format(time.DateOnly))
	}
	f.filling = false
	f.changed("")
}

// changed checks everything. A field that was not touched yet shows no fault.
func (f *form) changed(field string) {
	if f.filling || f.modal == nil {
		return
	}
	f.touched[field] = true
	if !f.named {
		f.filling = true
		f.name.SetText(slugs(f.course.Text, f.title.Text))
		f.filling = false
	}
	if field == "title" || field == "course.name" { // the short name follows
		f.touched["name"] = true
	}
	f.whatNote.SetHint("")
	if p := f.point(); p != nil && p.State.Active() {
		f.whatNote.SetHint(lang.L("Its disks are published, not its memory: what the guest had not written is missing, as after a power cut."))
	}
	_, faults := f.config()
	reason := ""
	for _, name := range []string{"title", "course.name", "name", "language", "text", "network.ports", "submit.growthMiB", "checkpoints.max", "expires"} {
		fault := faults[name]
		if fault != "" && reason == "" {
			reason = fault
		}
		if !f.touched[name] {
			fault = ""
		}
		f.fields[name].SetFault(fault)
	}
	f.publish.SetEnabled(reason == "", reason)
	f.scroll.Refresh()
}

// config is the lab as the form describes it, and what is wrong with it by the fields of lab.Config.
func (f *form) config() (lab.Config, map[string]string) {
	var c lab.Config
	faults := map[string]string{}
	c.Title, c.Course.Name, c.Name = strings.TrimSpace(f.title.Text), strings.TrimSpace(f.course.Text), strings.TrimSpace(f.name.Text)
	c.Language, c.Text = strings.TrimSpace(f.language.Text), f.text.Text
	for i, label := range networkLabels() {
		if f.network.Selected() == label {
			c.Network.Mode = networkModes[i]
		}
	}
	var err string
	if c.Network.Ports, err = parsePorts(f.ports.Text); err != "" {
		faults["network.ports"] = err
	}
	growth, bad := strconv.ParseInt(strings.TrimSpace(f.limit.Text), 10, 64)
	if bad != nil {
		growth = 0
	}
	c.Submit = &lab.Submit{GrowthMiB: growth}
	if text := strings.TrimSpace(f.keep.Text); text != "" {
		most, bad := strconv.Atoi(text)
		if bad != nil {
			most = -1
		}
		c.Checkpoints = &lab.Checkpoints{Max: most}
	}
	if text := strings.TrimSpace(f.expires.Text); text != "" {
		day, bad := lab.ParseDay(text)
		if bad != nil {
			faults["expires"] = lang.L("Write a day such as 2027-07-31.")
		}
		c.Expires = day
	}
	for _, fault := range c.Validate() {
		field := string(fault.Field)
		if strings.HasPrefix(field, "network.ports") {
			field = "network.ports"
		}
		if faults[field] == "" {
			faults[field] = faultText(field, &c, fault)
		}
	}
	return c, faults
}

// faultText says what is wrong in the words of the form.
func faultText(field string, c *lab.Config, fault vmconfig.Fault) string {
	switch {
	case field == "title" && c.Title == "":
		return lang.L("Write a title first.")
	case field == "course.name" && c.Course.Name == "":
		return lang.L("Write the name of your course first.")
	case field == "name" && c.Name == "":
		return lang.L("Write a short name first.")
	case field == "name":
		return nameFault(c.Name)
	case field == "language":
		return lang.L("Write a code such as en, de or pt-BR.")
	case field == "text" && len(c.Text) > lab.MaxTextBytes:
		return lang.F("The task is longer than %s.", vmconfig.FormatSize(lab.MaxTextBytes))
	case field == "network.ports" && c.Network.Mode == lab.NetworkNone:
		return lang.L("A machine without a network card has no ports.")
	case field == "network.ports":
		return lang.L("Write each port as name=number, with small letters and a number up to 65535, each only once.")
	case field == "checkpoints.max":
		return lang.F("Write a number from 0 to %d.", 1000)
	case field == "submit.growthMiB":
		return lang.F("Write a number from 1 to %d.", 1<<20)
	}
	return fault.Message
}

// nameFault says what a short name must be.
func nameFault(string) string {
	return lang.L("Use small letters, digits and single hyphens, in 1 to 4 parts with slashes between them: networks/lab-3.")
}

// parsePorts reads "web=80 ssh=22".
func parsePorts(text string) (ports []lab.Port, fault string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' }) {
		name, number, ok := strings.Cut(word, "=")
		guest, err := strconv.Atoi(number)
		if !ok || err != nil {
			return nil, lang.L("Write each port as name=number, such as web=80.")
		}
		ports = append(ports, lab.Port{Name: name, Guest: guest})
	}
	return ports, ""
}

// slugs proposes a lab's name for its course and title.
func slugs(course, title string) string {
	parts := []string{slug(course), slug(title)}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "/")
}

// slugLength is the most letters of a part of a name.
const slugLength = 32

// slug is a text in small letters, digits and hyphens.
func slug(text string) string {
	text = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "ae", "Ö", "oe", "Ü", "ue", "ø", "o", "Ø", "o", "æ", "ae", "ł", "l").Replace(norm.NFC.String(text))
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // an accent
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	out := b.String()
	return strings.Trim(out[:min(len(out), slugLength)], "-")
}

// accept publishes.
func (f *form) accept() {
	config, faults := f.config()
	for field := range f.fields {
		if faults[field] != "" {
			return
		}
	}
	if at := f.next.SelectedIndex() - 1; at >= 0 && at < len(f.images) && f.images[at].Config.Name == config.Name && f.images[at].Config.Course.Name == config.Course.Name {
		config.ID = f.images[at].Config.ID
	}
	options := labs.PublishOptions{Config: config, Password: f.password, Clean: f.clean.Checked}
	if p := f.point(); p != nil {
		options.Checkpoint = p.ID
	}
	var id lab.Digest // written on the job's goroutine before it ends
	options.Done = func(d lab.Digest) { id = d }
	f.modal.Close()
	dispatch.Run(f.Dispatch, func(context.Context) error {
		return f.Settings.Update(func(s *settings.Settings) { s.LastCourse, s.LastLanguage = config.Course.Name, config.Language })
	}, nil) // not worth a word when it fails
	f.follow(f.Labs.PublishMachine(f.machine.UUID, options), lang.F("“%s” could not be published", shown(f.machine.Name)), func() {
		f.findImage(func(i labs.Image) bool { return i.ID == id }, f.published)
	}, nil)
}

// password asks for the password of the course's private key; it is called on a goroutine of a job. A key that is made here has none.
func (d *desk) password(ctx context.Context, first bool) (string, error) {
	if first {
		return "", nil
	}
	text, ok := ask(ctx, d, func(answer func(string)) *widgets.Modal {
		password := widgets.NewEntry()
		password.Password = true
		var modal *widgets.Modal
		ok := widgets.NewButton("", lang.L("Sign"), widgets.StylePrimary, func() {
			answer(password.Text)
			modal.Close()
		})
		cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
		password.OnSubmitted = func(string) { ok.Tapped(nil) }
		modal = widgets.NewModal(d.window, "lock", fynetheme.ColorNamePrimary, lang.L("The course’s key is protected"),
			container.NewVBox(widgets.NewFormField(lang.L("Password"), password, "")), 420, cancel, ok)
		return modal.FocusOn(password).Show()
	}, func() {})
	switch {
	case ok:
		return text, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return "", context.Canceled
}
