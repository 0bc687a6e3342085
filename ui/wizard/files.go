package wizard

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// setISO takes the path of the disc and reads it in the background. A disc chosen later wins, whichever is read first.
func (w *wizard) setISO(path string) {
	seq, read := w.model.SetISO(path)
	if !w.readDisc.replace(seq) || !read {
		return
	}
	path = w.model.Draft().ISO
	w.readDisc.cancel = dispatch.Background(w.p.Dispatch, func(ctx context.Context) (guestos.Media, error) {
		if err := sleep(ctx, w.pause); err != nil {
			return guestos.Media{}, err
		}
		return detect(ctx, w.catalogue(), path)
	}, func(media guestos.Media, err error) {
		if !w.closed && w.model.ISORead(seq, media, err) {
			w.show()
		}
	})
}

// detect reads a disc. Without a catalogue every disc is unknown.
func detect(ctx context.Context, c Catalogue, path string) (guestos.Media, error) {
	if c == nil {
		return guestos.Media{}, guestos.ErrUnknownMedia
	}
	return c.DetectISO(ctx, path)
}

// inspection is what is known of a disk image after it was looked at.
type inspection struct {
	info    diskimage.Info
	refusal string
}

// setDiskPath takes the path of an existing disk image and inspects it in the background.
func (w *wizard) setDiskPath(path string) {
	seq, read := w.model.SetDiskPath(path)
	if !w.readFile.replace(seq) || !read {
		return
	}
	draft := w.model.Draft()
	w.readFile.cancel = dispatch.Background(w.p.Dispatch, func(ctx context.Context) (inspection, error) {
		if err := sleep(ctx, w.pause); err != nil {
			return inspection{}, err
		}
		return w.inspect(ctx, draft)
	}, func(found inspection, err error) {
		if !w.closed && w.model.DiskInspected(seq, found.info, found.refusal, err) {
			w.show()
		}
	})
}

// inspect looks at the disk of the draft: what the machine service says of it, then what kind of image it is.
func (w *wizard) inspect(ctx context.Context, d machines.Draft) (inspection, error) {
	found := inspection{refusal: w.p.Machines.CheckDraft(ctx, d).For(vmconfig.FieldDiskPath)}
	if found.refusal != "" || w.p.Images == nil {
		return found, ctx.Err()
	}
	var err error
	found.info, err = w.p.Images.Inspect(ctx, d.DiskPath, "")
	return found, err
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (w *wizard) chooseISO() {
	w.chooseFile(lang.L("Choose a disc image"), []string{".iso", ".img"}, vmconfig.FieldISO, w.setISO)
}

func (w *wizard) chooseDisk() {
	w.chooseFile(lang.L("Choose the disk of the machine"), []string{".qcow2", ".qcow", ".img", ".raw"}, vmconfig.FieldDiskPath, w.setDiskPath)
}

// chooseFile lets the user choose a file for a field, beginning in the folder of the last one.
func (w *wizard) chooseFile(title string, suffixes []string, f vmconfig.Field, chosen func(path string)) {
	q := widgets.FileQuery{Title: title, Suffixes: suffixes}
	if w.p.Settings != nil {
		q.Folder = w.p.Settings.Get().LastFolder
	}
	widgets.ChooseFile(w.win, w.p.Dispatch, q, func(path string) {
		chosen(path)
		w.rememberFolder(path)
		w.show()
		w.focus(f)
	})
}

func (w *wizard) rememberFolder(path string) {
	if w.p.Settings == nil {
		return
	}
	folder := filepath.Dir(path)
	dispatch.Run(w.p.Dispatch, func(context.Context) error {
		return w.p.Settings.Update(func(s *settings.Settings) { s.LastFolder = folder })
	}, nil)
}

// dropped takes a file that was dropped on the window: a disk image on the disk page, else the disc.
func (w *wizard) dropped(_ fyne.Position, uris []fyne.URI) {
	if len(uris) == 0 || uris[0].Scheme() != "file" || w.creation != nil {
		return
	}
	path := uris[0].Path()
	if w.model.Page() == PageDisk && !strings.EqualFold(filepath.Ext(path), ".iso") {
		w.model.SetDiskMode(machines.DiskExisting)
		w.setDiskPath(path)
	} else {
		w.setISO(path)
		w.model.Visit(PageSystem)
	}
	w.rememberFolder(path)
	w.show()
}
