package labs

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// send asks where a lab is to go, and writes it there.
func (d *desk) send(i labs.Image) {
	if i.Config == nil {
		return
	}
	name := strings.ReplaceAll(i.Config.Name, "/", "-") + "-" + strconv.Itoa(i.Config.Version) + ".lab"
	d.askPlace(placeQuestion{
		icon: "send", title: lang.F("Send “%s”", imageName(i)), button: lang.L("Send"), write: true, file: name,
		text: lang.L("Write it to a .lab file that you hand out, to a folder that a web server or a stick offers, or to a registry. Where an earlier version lies, only what changed is written."),
		do:   func(ref string) { d.sendTo(i, ref) },
	})
}

func (d *desk) sendTo(i labs.Image, ref string) {
	d.signIn(func(o source.Options, retry func(error) bool) {
		var pushed labs.Pushed // written on the job's goroutine before it ends
		options := labs.SendOptions{Options: o, Done: func(p labs.Pushed) { pushed = p }}
		d.follow(d.Labs.Send(i.ID, ref, options), lang.F("“%s” could not be sent", imageName(i)), func() { d.sent(i, ref, pushed) }, retry)
	})
}

// sent says what lies where now, and what the students need.
func (d *desk) sent(i labs.Image, ref string, p labs.Pushed) {
	place := ref
	if parsed, err := source.Parse(ref); err == nil {
		place = parsed.String()
		if parsed.Kind == source.KindFile || parsed.Kind == source.KindFolder {
			place = filepath.Clean(parsed.Location)
		}
	}
	size := lang.F("%s were written.", vmconfig.RoughSize(p.NewBytes))
	if p.KeptBytes > 0 {
		size = lang.F("%s were written; %s were there already.", vmconfig.RoughSize(p.NewBytes), vmconfig.RoughSize(p.KeptBytes))
	}
	var m *widgets.Modal
	shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { m.Close() })
	copyPlace := widgets.NewButton("copy", lang.L("Copy the place"), widgets.StylePlain, func() { copyText(place) })
	content := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), placeBox(place), widgets.Paragraphs(size,
		lang.L("Tell your students the place, and these words, which show that the lab is yours:")), wordsCard(fingerprint(i.Config)))
	m = widgets.NewModal(d.window, "success", fynetheme.ColorNameSuccess, lang.F("“%s” is sent", imageName(i)), content, 520, copyPlace, shut)
	m.Show()
}

// published says that a lab is in the library, and offers to send it.
func (d *desk) published(i labs.Image) {
	var m *widgets.Modal
	later := widgets.NewButton("", lang.L("Later"), widgets.StylePlain, func() { m.Close() })
	send := widgets.NewButton("send", lang.L("Send to…"), widgets.StylePrimary, func() {
		m.Close()
		d.send(i)
	})
	content := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), widgets.Paragraphs(
		lang.F("Version %d is in the library of this computer. Launch it there once before your students do.", i.Config.Version),
		lang.L("Students compare these words when they add the first lab of your course. Tell them in class, or on paper:")), wordsCard(fingerprint(i.Config)))
	m = widgets.NewModal(d.window, "lab", fynetheme.ColorNamePrimary, lang.F("“%s” is published", imageName(i)), content, 520, later, send)
	m.Show()
}

// findImage looks up a lab in the background.
func (d *desk) findImage(match func(labs.Image) bool, found func(labs.Image)) {
	dispatch.Background(d.Dispatch, func(context.Context) ([]labs.Image, error) { return d.Library.Images() }, func(list []labs.Image, _ error) {
		for _, i := range list {
			if i.Config != nil && match(i) {
				found(i)
				return
			}
		}
	})
}

func copyText(text string) { fyne.CurrentApp().Clipboard().SetContent(text) }
