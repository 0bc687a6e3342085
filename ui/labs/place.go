package labs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// placeQuestion asks for a place that a lab comes from or goes to.
type placeQuestion struct {
	icon, title, text, button string
	place                     string // what stands there at first
	write                     bool   // it goes there
	file                      string // what it is called in a folder that is chosen, where it goes there
	do                        func(ref string)
}

// readPlace understands what was typed. note says what kind of place it is, fault what is wrong with it; both are empty while nothing was typed.
func readPlace(text string, write bool) (ref string, parsed source.Ref, note, fault string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", source.Ref{}, "", ""
	}
	if rest, ok := strings.CutPrefix(text, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			text = filepath.Join(home, rest)
		}
	}
	for _, scheme := range []string{"https://", "http://", "oci://", "file://"} {
		if strings.HasPrefix(scheme, text) { // somebody is typing
			return "", source.Ref{}, "", ""
		}
	}
	parsed, err := source.Parse(text)
	if err != nil {
		return "", parsed, "", err.Error() + "."
	}
	switch parsed.Kind {
	case source.KindName: // or the beginning of a server's
		return "", parsed, lang.L("This is no place. Begin a path with /, a web address with https://, and name the server of a registry."), ""
	case source.KindFolder, source.KindFile:
		if !filepath.IsAbs(parsed.Location) {
			return "", parsed, "", lang.L("Write the whole path: it begins with /.")
		}
		if parsed.Kind == source.KindFile {
			return text, parsed, lang.L("A .lab file on this computer"), ""
		}
		if _, several := labs.ParseTopologyRef(text); several && !write {
			return text, parsed, lang.L("A file that describes a lab of several machines"), ""
		}
		return text, parsed, lang.L("A folder on this computer"), ""
	case source.KindWeb:
		if write {
			return "", parsed, "", lang.L("A web server can only be read. Send the lab to a folder or file and copy that to the server.")
		}
		return text, parsed, lang.L("A web address"), ""
	}
	note = lang.F("The registry %s", shown(parsed.Location))
	if parsed.Tag != "" {
		note = lang.F("The registry %s, tag %s", shown(parsed.Location), shown(parsed.Tag))
	}
	return text, parsed, note, ""
}

// askPlace asks it.
func (d *desk) askPlace(q placeQuestion) {
	entry := widgets.NewEntry()
	entry.SetText(q.place)
	hint := lang.L("The path of a .lab or .yaml file or of a folder, a web address (https://…), or a registry (server/name:version)")
	if q.write {
		hint = lang.L("The path of a .lab file or folder, or a registry (server/name)")
	}
	entry.SetPlaceHolder(lang.L("Where?"))
	field := widgets.NewFormField(lang.L("Place"), entry, hint)
	var modal *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	ok := widgets.NewButton("", q.button, widgets.StylePrimary, nil)
	check := func() string {
		ref, _, note, fault := readPlace(entry.Text, q.write)
		if note == "" {
			note = hint
		}
		field.SetHint(note)
		field.SetFault(fault)
		reason := fault
		switch {
		case ref != "" || fault != "":
		case strings.TrimSpace(entry.Text) != "":
			reason = note
		default:
			reason = lang.L("Name a place first.")
		}
		ok.SetEnabled(ref != "", reason)
		modal.Relayout()
		return ref
	}
	ok.OnTapped = func() {
		if ref := check(); ref != "" {
			modal.Close()
			q.do(ref)
		}
	}
	choose := widgets.NewButton("folder", lang.L("Choose a file or folder…"), widgets.StylePlain, func() {
		d.choosePlace(q, func(path string) {
			entry.SetText(path)
			d.window.Canvas().Focus(entry)
		})
	})
	entry.OnChanged = func(string) { check() }
	entry.OnSubmitted = func(string) { ok.Tapped(nil) }
	content := container.NewVBox(widgets.Paragraphs(q.text), field, container.NewHBox(choose))
	modal = widgets.NewModal(d.window, q.icon, fynetheme.ColorNamePrimary, q.title, content, 520, cancel, ok)
	modal.FocusOn(entry)
	check()
	modal.Show()
}

// choosePlace lets the user choose a file or folder.
func (d *desk) choosePlace(q placeQuestion, chosen func(path string)) {
	suffixes := []string{".lab"}
	if !q.write {
		suffixes = append(suffixes, ".yaml", ".yml")
	}
	query := widgets.FileQuery{
		Title: lang.L("Choose a file or a folder"), Folder: d.Settings.Get().LastFolder, Suffixes: suffixes,
		Open: lang.L("Open"), TakeFolder: lang.L("Use this folder"),
	}
	widgets.ChooseFile(d.window, d.Dispatch, query, func(path string) {
		dispatch.Background(d.Dispatch, func(context.Context) (string, error) {
			folder := filepath.Dir(path)
			info, err := os.Stat(path)
			if err == nil && info.IsDir() {
				folder = path
				if q.write && !isPackage(path) {
					path = filepath.Join(path, q.file)
				}
			}
			_ = d.Settings.Update(func(s *settings.Settings) { s.LastFolder = folder }) // not worth a word when it fails
			return path, nil
		}, func(path string, _ error) {
			if strings.Contains(filepath.Base(path), "#") { // else what follows it would be a tag
				path += "#"
			}
			chosen(path)
		})
	})
}

// isPackage reports whether a folder holds labs already, so that another one belongs beside them.
func isPackage(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "oci-layout"))
	return err == nil
}

// signIn starts work with a place, and once more with a name and a password when the place wants them. try gets what to do about an error of its job.
func (d *desk) signIn(try func(o source.Options, retry func(error) bool)) {
	var with func(o source.Options)
	with = func(o source.Options) {
		try(o, func(err error) bool {
			if !errors.Is(err, source.ErrAuth) {
				return false
			}
			d.askSignIn(err, o.User, with)
			return true
		})
	}
	with(source.Options{})
}

// askSignIn asks for the name and the password that a place wants.
func (d *desk) askSignIn(why error, user string, do func(source.Options)) {
	name, password := widgets.NewEntry(), widgets.NewEntry()
	name.SetText(user)
	password.Password = true
	var modal *widgets.Modal
	ok := widgets.NewButton("", lang.L("Sign in"), widgets.StylePrimary, func() {
		modal.Close()
		do(source.Options{User: strings.TrimSpace(name.Text), Password: password.Text})
	})
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	check := func(string) { ok.SetEnabled(strings.TrimSpace(name.Text) != "", lang.L("Type a name first.")) }
	check("")
	name.OnChanged = check
	submit := func(string) { ok.Tapped(nil) }
	name.OnSubmitted, password.OnSubmitted = submit, submit
	content := container.NewVBox(widgets.Paragraphs(sentence(why)),
		widgets.NewFormField(lang.L("User name"), name, ""), widgets.NewFormField(lang.L("Password"), password, lang.L("It is used for this once and not kept.")))
	modal = widgets.NewModal(d.window, "lock", fynetheme.ColorNamePrimary, lang.L("The place wants to know who you are"), content, 460, cancel, ok)
	var focus fyne.Focusable = name
	if user != "" {
		focus = password
	}
	modal.FocusOn(focus).Show()
}
