package manager

import (
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang/langtest"
	"guesthouse/vmconfig"
)

// TestEveryTextIsTranslatable looks at the window's pages, menus and dialogs in a made-up language.
func TestEveryTextIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	web := machine("web", hypervisor.StateRunning, func(m *machines.Machine) {
		m.Checkpoint, m.Since = "one", time.Now().Add(-time.Hour)
	})
	db := machine("db", hypervisor.StateOff)
	gone := machine("gone", hypervisor.StateOff, func(m *machines.Machine) { m.Problem = errors.New("0") })
	r := newRig(t, db, web, gone)
	names := []string{
		"web", "db", "gone", "one", "Guesthouse", "GiB", "UEFI", "VNC", "TPM", "CD", "DVD", "Checkpoint",
		"http", "debian", "org", "pc", "q", "x", "virtio", "vda", "sda", "qcow", "disks", "shared", "another", "machine", "uses", "it", // the last four are the fake service's
	}
	look := func(what string) {
		t.Helper()
		for _, text := range langtest.Untranslated(r.window, names...) {
			t.Errorf("%s: %q", what, text)
		}
	}

	r.backend.points = []checkpoints.Checkpoint{{ID: "1", Name: "one", Created: time.Now().Add(-48 * time.Hour), Current: true, SizeBytes: vmconfig.GiB}}
	r.selectNames("db")
	look("off")
	r.selectNames("web")
	look("running")
	r.selectNames("web", "db")
	look("two")
	r.selectNames("web")
	for what, menu := range map[string]*fyne.Menu{"row": r.m.contextMenu(), "more": r.m.moreMenu(), "stop": r.m.stopMenu(), "restore": r.m.restoreMenu()} {
		for _, text := range langtest.UntranslatedMenu(menu, names...) {
			t.Errorf("menu %s: %q", what, text)
		}
	}

	r.selectNames("db")
	r.m.remove()
	r.settle()
	look("delete")
	r.window.Canvas().Overlays().Remove(r.window.Canvas().Overlays().Top())
	for _, kept := range [][]displays.Kept{{{Machine: web.UUID}, {Machine: uuid.UUID{1}}, {Host: "debian", Fingerprint: "00:11"}}, nil} {
		r.backend.kept = kept
		r.m.showScreens()
		look("remembered screens")
		r.window.Canvas().Overlays().Remove(r.window.Canvas().Overlays().Top())
	}
	r.selectNames("gone")
	look("unreadable")
	r.publish()
	look("welcome")
	r.publishSnapshot(&machines.Snapshot{Err: hypervisor.ErrCannotStart})
	look("no connection")
}
