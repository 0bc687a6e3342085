package labs

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Add asks for the place of a lab, and brings it into the library.
func (w *Window) Add() {
	w.askPlace(placeQuestion{
		icon: "lab", title: lang.L("Add a lab"), button: lang.L("Add"),
		text: lang.L("Name the place that your teacher gave you, or choose the file or the folder on a stick."),
		do:   func(ref string) { w.fetch(ref, labs.AddOptions{}) },
	})
}

// LinkScheme begins a link to a lab; the place follows it.
const LinkScheme = "lab:"

// Offer asks whether the lab that the program was opened with is to be added: the path or address of a file, or a link. Nothing is read before the user has agreed.
func (w *Window) Offer(argument string) {
	ref, parsed, err := readArgument(argument)
	if err != nil {
		widgets.ShowError(w.window, widgets.ErrorText{Title: lang.L("This is no lab"), Summary: sentence(err)})
		return
	}
	text := lang.L("The file is read only if you agree.")
	place := parsed.Location
	switch parsed.Kind {
	case source.KindWeb, source.KindRegistry:
		text = lang.L("A link wants Guesthouse to fetch a lab from this place. Add it only if your teacher gave you the link.")
		place = parsed.String()
	case source.KindFolder:
		text = lang.L("The folder is read only if you agree.")
	}
	var m *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { m.Close() })
	add := widgets.NewButton("new", lang.L("Add"), widgets.StylePrimary, func() {
		m.Close()
		w.fetch(ref, labs.AddOptions{})
	})
	content := container.NewVBox(widgets.Paragraphs(text), placeBox(place))
	m = widgets.NewModal(w.window, "lab", fynetheme.ColorNamePrimary, lang.L("Add this lab?"), content, 480, cancel, add)
	if w.offer != nil { // a page that opens one link after the other does not fill the window
		w.offer.Close()
	}
	w.offer = m
	if parsed.Kind == source.KindWeb || parsed.Kind == source.KindRegistry {
		m.FocusOn(cancel) // a page may have opened the link without being asked
	}
	m.Show()
}

var (
	errLink = errors.New("a link to a lab can only lead to a web address or a registry")
	errName = errors.New("this names no place that a lab could come from")
)

// readArgument understands what the program was opened with. What a link leads to was written by somebody else: it may lead to the network only, never to a file of
// this computer.
func readArgument(argument string) (ref string, parsed source.Ref, err error) {
	ref = argument
	link := false
	if len(ref) > len(LinkScheme) && strings.EqualFold(ref[:len(LinkScheme)], LinkScheme) {
		ref, link = ref[len(LinkScheme):], true
		if !strings.Contains(ref, "://") { // some programs escape what follows the scheme
			if plain, err := url.PathUnescape(ref); err == nil {
				ref = plain
			}
		}
		if strings.HasPrefix(ref, "//") { // lab://server/name is what people write
			ref = ref[2:]
		}
	}
	parsed, err = source.Parse(ref)
	switch {
	case err != nil:
		return "", parsed, err
	case link && parsed.Kind != source.KindWeb && parsed.Kind != source.KindRegistry:
		return "", parsed, errLink
	case parsed.Kind == source.KindName:
		return "", parsed, errName
	case (parsed.Kind == source.KindFolder || parsed.Kind == source.KindFile) && !filepath.IsAbs(parsed.Location):
		return "", parsed, errName
	}
	return ref, parsed, nil
}

// fetch brings a lab into the library. What a person has to decide on the way is asked over the window.
func (w *Window) fetch(ref string, o labs.AddOptions) {
	w.signIn(func(s source.Options, retry func(error) bool) {
		var job *jobs.Job
		options := o
		options.Trust = func(ctx context.Context, q labs.Question) (bool, error) {
			return w.trust(ctx, q, func() { job.Cancel() })
		}
		var key string // written on the job's goroutine before it ends
		fetch := labs.FetchOptions{AddOptions: options, Options: s, Done: func(d lab.Digest) { key = d.String() }}
		_, several := labs.ParseTopologyRef(ref)
		if several {
			job = w.Labs.FetchTopology(ref, fetch, func(name string) { key = severalKey(name) })
		} else {
			job = w.Labs.Fetch(ref, fetch)
		}
		w.follow(job, lang.L("The lab could not be added"), func() {
			w.fresh = key
			w.load()
		}, func(err error) bool {
			var labsThere *source.SeveralError
			switch {
			case errors.As(err, &labsThere) && len(labsThere.Choices) > 1 && !several:
				w.askWhich(labsThere.Choices, func(one source.Choice) {
					if parsed, err := source.Parse(ref); err == nil {
						parsed.Digest = one.Digest
						w.fetch(parsed.String(), o)
					}
				})
			case several: // what is agreed to would hold for all of its labs
				return retry(err)
			case errors.Is(err, labs.ErrOlder):
				w.askOlder(err, func() {
					o.Older = true
					w.fetch(ref, o)
				})
			case errors.Is(err, labs.ErrNameTaken):
				w.askOtherName(err, func(name string) {
					o.Name = name
					w.fetch(ref, o)
				})
			default:
				return retry(err)
			}
			return true
		})
	})
}

// askWhich asks which of the labs of a place is meant.
func (d *desk) askWhich(choices []source.Choice, do func(source.Choice)) {
	var labels []string
	for _, c := range choices {
		labels = append(labels, lang.F("%s, version %s", c.Title, c.Version))
	}
	labels = distinct(labels)
	choice := widgets.NewChoice(labels)
	var modal *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	ok := widgets.NewButton("new", lang.L("Add"), widgets.StylePrimary, func() {
		modal.Close()
		do(choices[max(0, slices.Index(labels, choice.Selected()))])
	})
	scroll := widgets.NewScroll(choice.Box)
	scroll.SetMinSize(fyne.NewSize(0, min(choice.Box.MinSize().Height, 300)))
	modal = widgets.NewModal(d.window, "lab", fynetheme.ColorNamePrimary, lang.L("Which lab?"), container.NewVBox(widgets.Paragraphs(lang.L("There are several labs at this place.")), scroll), 460, cancel, ok)
	modal.FocusOn(ok).Show()
}

// askOlder offers to take a version that is older than one that was here.
func (d *desk) askOlder(why error, do func()) {
	widgets.Confirm(d.window, lang.L("This version is older"), lang.L(explain.Explain(why).Summary), nil, lang.L("Add the older version"), true, do)
}

// askOtherName asks under which name a lab is to be kept whose own belongs to another one.
func (d *desk) askOtherName(why error, do func(name string)) {
	entry := widgets.NewEntry()
	field := widgets.NewFormField(lang.L("Name in this library"), entry, lang.L("Small letters, digits and hyphens, with up to three slashes, such as networks/firewalls-2"))
	var modal *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	ok := widgets.NewButton("", lang.L("Add"), widgets.StylePrimary, nil)
	check := func() bool {
		name := strings.TrimSpace(entry.Text)
		err := lab.CheckName(name)
		field.SetFault("")
		if err != nil && name != "" {
			field.SetFault(nameFault(name))
		}
		ok.SetEnabled(err == nil, lang.L("Write a name first."))
		modal.Relayout()
		return err == nil
	}
	ok.OnTapped = func() {
		if check() {
			modal.Close()
			do(strings.TrimSpace(entry.Text))
		}
	}
	entry.OnChanged = func(string) { check() }
	entry.OnSubmitted = func(string) { ok.Tapped(nil) }
	modal = widgets.NewModal(d.window, "rename", fynetheme.ColorNamePrimary, lang.L("The name belongs to another lab"),
		container.NewVBox(widgets.Paragraphs(sentence(why)), field), 480, cancel, ok)
	modal.FocusOn(entry)
	check()
	modal.Show()
}

// sentence is an error in words.
func sentence(err error) string {
	e := explain.Explain(err)
	return strings.TrimSpace(lang.L(e.Summary) + " " + lang.L(e.Remedy))
}

// ask opens a dialog for a job, from its goroutine, and waits for the answer. answered is false when the dialog was closed without one, the window closes, or ctx ends, which
// closes the dialog. unanswered is called on the UI goroutine before, but not when ctx ended.
func ask[T any](ctx context.Context, d *desk, open func(answer func(T)) *widgets.Modal, unanswered func()) (given T, answered bool) {
	type reply struct {
		given    T
		answered bool
	}
	replies := make(chan reply, 1)
	var modal *widgets.Modal // UI goroutine only
	d.Dispatch.Do(func() {
		var said reply
		if ctx.Err() != nil {
			return
		}
		if d.closing {
			unanswered()
			replies <- said
			return
		}
		modal = open(func(given T) { said = reply{given, true} })
		d.questions[modal] = true
		modal.OnClosed = func() {
			delete(d.questions, modal)
			if !said.answered {
				unanswered()
			}
			replies <- said
		}
	})
	select {
	case r := <-replies:
		return r.given, r.answered
	case <-ctx.Done():
		d.Dispatch.Do(func() {
			if modal != nil {
				modal.Close() // what it answers nobody hears
			}
		})
		return given, false
	}
}

// trust asks over the window whether a course's key is the teacher's, and waits for the answer; it is called on a goroutine of a job. no is called on the UI goroutine when the
// user says no: that ends the job without an error.
func (d *desk) trust(ctx context.Context, q labs.Question, no func()) (bool, error) {
	_, yes := ask(ctx, d, func(answer func(bool)) *widgets.Modal { return d.askTrust(q, func() { answer(true) }) }, no)
	switch {
	case yes:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	return false, context.Canceled // the job was cancelled just now
}

// askTrust shows the words of a new course's key.
func (d *desk) askTrust(q labs.Question, yes func()) *widgets.Modal {
	text := lang.F("“%s” belongs to the course “%s”, which is new on this computer. Compare these five words with those that your teacher told you, in class or on paper:", shown(q.Title), shown(q.Course))
	note := lang.L("If only one of them differs, or nobody has told you any words, say no and ask your teacher: somebody may have changed the lab on its way.")
	place := widgets.Muted(lang.F("It comes from %s.", vmconfig.Inert(q.Place, 200)))
	var m *widgets.Modal
	no := widgets.NewButton("", lang.L("No, do not add it"), widgets.StylePlain, func() { m.Close() })
	same := widgets.NewButton("check", lang.L("Yes, the words are the same"), widgets.StylePrimary, func() {
		yes()
		m.Close()
	})
	content := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), widgets.Paragraphs(text), wordsCard(vmconfig.Inert(q.Fingerprint, 100)), widgets.Paragraphs(note), place)
	m = widgets.NewModal(d.window, "lock", fynetheme.ColorNamePrimary, lang.L("Is this your teacher’s lab?"), content, 540, no, same)
	return m.FocusOn(no).Show()
}

// placeBox shows the whole of a place, however long it is.
func placeBox(place string) fyne.CanvasObject {
	label := widget.NewLabelWithStyle(vmconfig.Inert(place, 1000), fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	label.Wrapping = fyne.TextWrapBreak
	return container.NewStack(widgets.NewPanel(theme.ColorSurfaceRaised, theme.ColorOutline, theme.Radius), label)
}

// wordsCard shows the words of a key large, one beside the other.
func wordsCard(fingerprint string) fyne.CanvasObject {
	row := container.New(layout.NewCustomPaddedHBoxLayout(theme.Gap4))
	for _, word := range strings.Split(fingerprint, "-") {
		row.Add(widgets.NewText(word, 24, true, fynetheme.ColorNameForeground))
	}
	return container.NewStack(widgets.NewPanel(theme.ColorSurfaceRaised, theme.ColorOutline, theme.Radius),
		container.New(layout.NewCustomPaddedLayout(theme.Gap4, theme.Gap4, theme.Gap4, theme.Gap4), container.NewCenter(row)))
}
