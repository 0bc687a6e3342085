package console

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/widgets"
)

func mustLayout(t *testing.T, name string) *keymap.Layout {
	t.Helper()
	l, err := readLayout(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPlanTyping(t *testing.T) {
	p := planTyping("aß\r\nb\rc\x07漢漢é", mustLayout(t, "de"))
	if p.lines != 3 || p.characters != 10 || len(p.strokes) != 6 || p.skipped != 4 || string(p.untypable) != "漢é" {
		t.Errorf("%+v", p)
	}
	if d := planTyping("A", mustLayout(t, "en-us")).duration(); d != 4*typingGap {
		t.Errorf("Shift and a key take %v", d)
	}
	if typingGap < 10*time.Millisecond {
		t.Error("faster than QEMU gives keys to the guest, which loses some")
	}
}

func TestReadLayoutStaysInItsFolder(t *testing.T) {
	for _, name := range []string{"", "../keymaps/de", "/etc/passwd", ".", "..", "none such"} {
		if _, err := readLayout(name); err == nil {
			t.Errorf("%q was read", name)
		}
	}
}

func TestHostLayout(t *testing.T) {
	names := layoutNames()
	for _, c := range []struct{ xkb, lang, want string }{
		{"de", "en_US.UTF-8", "de"},
		{"us,de", "", "en-us"},
		{"gb", "", "en-gb"},
		{"", "fr_FR.UTF-8", "fr"},
		{"", "de_CH.UTF-8", "de-ch"},
		{"", "de_AT.UTF-8", "de"},
		{"", "pt_BR", "pt-br"},
		{"", "C", "en-us"},
		{"unheard of", "sv_SE.UTF-8", "sv"},
	} {
		env := func(name string) string { return map[string]string{"LANG": c.lang}[name] }
		if got := hostLayout(names, c.xkb, env); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.xkb, c.lang, got, c.want)
		}
	}
	if got := hostLayout(nil, "de", func(string) string { return "" }); got != "" {
		t.Errorf("%q of none", got)
	}
}

func TestTypeText(t *testing.T) {
	k, guest := testKeyboard()
	counted := 0
	p := planTyping("Ä@\n", mustLayout(t, "de"))
	if err := k.typeText(t.Context(), p, time.Microsecond, func(n int) { counted = n }); err != nil || counted != 3 {
		t.Errorf("%v after %d", err, counted)
	}
	expect(t, guest.take(), "+2a +28 -28 -2a +b8 +10 -10 -b8 +1c -1c")

	ctx, cancel := context.WithCancel(t.Context())
	long := planTyping(strings.Repeat("A", 1000), mustLayout(t, "de"))
	if err := k.typeText(ctx, long, time.Microsecond, func(n int) {
		if n == 5 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) || !k.idle() {
		t.Errorf("%v, idle %v", err, k.idle())
	}
	if got := strings.Count(guest.take(), "+1e"); got < 5 || got > 6 {
		t.Errorf("typed %d", got)
	}
	if err := k.typeText(t.Context(), long, time.Microsecond, func(n int) {
		if n == 5 {
			k.setInput(&keyLog{})
		}
	}); !errors.Is(err, errTypingStopped) {
		t.Errorf("typed on for another guest: %v", err)
	}
}

func TestTypeClipboard(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.settings.Consoles = map[uuid.UUID]settings.Console{testID: {Layout: "fr"}}
	w := f.open()
	source := f.live(w, 0)
	fyne.CurrentApp().Clipboard().SetContent("")
	w.typeClipboard()
	if w.status.notice.text != "There is no text in the clipboard." {
		t.Errorf("%q", w.status.notice.text)
	}
	fyne.CurrentApp().Clipboard().SetContent(strings.Repeat("1 MB of text ", 80000))
	w.typeClipboard()
	if !strings.Contains(w.status.notice.text, "as a file") || widgets.ModalOpen(w.win) {
		t.Errorf("%q", w.status.notice.text)
	}
	fyne.CurrentApp().Clipboard().SetContent("aA漢")
	w.typeClipboard()
	f.until("the question", func() bool { return widgets.ModalOpen(w.win) })
	source.take()
	tapButton(t, w.win, "Type")
	f.until("typed", func() bool { return w.status.notice.text == "2 characters were typed." })
	expect(t, source.take(), "+10 -10 +2a +10 -10 -2a")

	fyne.CurrentApp().Clipboard().SetContent(strings.Repeat("slow ", 1000))
	w.typeClipboard()
	f.until("the question", func() bool { return widgets.ModalOpen(w.win) })
	tapButton(t, w.win, "Type")
	f.until("typing", func() bool { return w.status.notice.action == "Cancel" })
	w.status.notice.do()
	f.until("stopped", func() bool { return strings.HasPrefix(w.status.notice.text, "Typing was stopped") && w.typing == nil })
}

func press(to *keyRecorder, codes ...int) {
	for _, c := range codes {
		to.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: c + 8}})
	}
	for _, c := range codes {
		to.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: c + 8}})
	}
}

// TestEditCombos: what is recorded is in the menu afterwards and arrives as exactly that combination.
func TestEditCombos(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	source := f.live(w, 0)
	w.editCombos()
	field, ok := w.win.Canvas().Focused().(*keyRecorder)
	if !ok {
		t.Fatalf("the focus is at %T", w.win.Canvas().Focused())
	}
	press(field, keymap.A)
	press(field, keymap.LeftCtrl, keymap.LeftShift, keymap.Esc)
	tapButton(t, w.win, "Add")
	tapButton(t, w.win, "Save")
	want := settings.Combo{Label: "Ctrl+Shift+Esc", Keys: []uint16{keymap.LeftCtrl, keymap.LeftShift, keymap.Esc}}
	f.until("saved", func() bool {
		list := f.get().Combos
		return len(list) == len(usualCombos())+1 && slices.Equal(list[len(list)-1].Keys, want.Keys) && list[len(list)-1].Label == want.Label
	})
	source.take()
	for _, item := range w.keysMenu().Items {
		if item.Label == want.Label {
			item.Action()
		}
	}
	expect(t, source.take(), "+1d +2a +1 -1 -2a -1d")

	w.editCombos()
	tapButton(t, w.win, "The usual ones")
	tapButton(t, w.win, "Save")
	f.until("reset", func() bool { return f.get().Combos == nil })
}

func TestChooseHostKey(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	w.chooseHostKey()
	field, ok := w.win.Canvas().Focused().(*keyRecorder)
	if !ok {
		t.Fatalf("the focus is at %T", w.win.Canvas().Focused())
	}
	press(field, keymap.A)
	if hostKeyFault(field.keys) == "" || hostKeyFault(nil) == "" || hostKeyFault([]uint16{keymap.F1}) == "" {
		t.Error("the guest loses a key that it needs")
	}
	press(field, keymap.LeftCtrl, keymap.LeftAlt, keymap.Space, keymap.B)
	press(field, keymap.Tab)
	press(field, keymap.LeftShift, keymap.Tab) // both lead elsewhere
	if _, takesTab := any(field).(fyne.Tabbable); takesTab {
		t.Error("the keyboard cannot leave the field")
	}
	tapButton(t, w.win, "Use it")
	f.until("saved", func() bool {
		return slices.Equal(f.get().HostKey, []uint16{keymap.LeftCtrl, keymap.LeftAlt, keymap.Space})
	})
	f.until("applied", func() bool { return w.hostKey == "Ctrl+Alt+Space" })

	w.chooseHostKey()
	press(w.win.Canvas().Focused().(*keyRecorder), keymap.Esc)
	w.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if widgets.ModalOpen(w.win) {
		t.Error("Escape does not close the question")
	}
}
