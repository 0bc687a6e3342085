package console

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"guesthouse/hypervisor/keymap"
)

// Typing is held to the pace of QEMU's VNC server, which gives the guest a key event every 10 ms (its option key-delay-ms) and drops what
// does not fit into its queue: about forty characters a second.
const typingGap = 12 * time.Millisecond

// typingLimit is the most characters that are typed at once: about ten minutes. More should travel as a file.
const typingLimit = 25000

// layoutFolders is where QEMU's keyboard layouts may be.
var layoutFolders = []string{"/usr/share/qemu/keymaps", "/usr/local/share/qemu/keymaps", "/usr/share/qemu-kvm/keymaps"}

// errNoLayouts says that QEMU's keyboard layouts are not installed here.
var errNoLayouts = errors.New("QEMU’s keyboard layouts are not installed on this computer")

// layoutNames lists the layouts there are, in order. Not for the UI goroutine.
func layoutNames() []string {
	for _, folder := range layoutFolders {
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) == 0 {
			continue
		}
		var names []string
		for _, e := range entries {
			if e.Type().IsRegular() && !strings.Contains(e.Name(), ".") && e.Name() != "common" && e.Name() != "modifiers" {
				names = append(names, e.Name())
			}
		}
		slices.Sort(names)
		return names
	}
	return nil
}

// readLayout reads a layout by its name. Not for the UI goroutine.
func readLayout(name string) (*keymap.Layout, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, errNoLayouts
	}
	for _, folder := range layoutFolders {
		file, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		defer file.Close()
		return keymap.ParseLayout(file)
	}
	return nil, errNoLayouts
}

// qemuLayouts are QEMU's names of layouts where they differ from those of XKB, which are countries.
var qemuLayouts = map[string]string{
	"us": "en-us", "gb": "en-gb", "en": "en-us", "ara": "ar", "jp": "ja", "br": "pt-br", "ch": "de-ch", "dk": "da", "se": "sv", "si": "sl", "ee": "et",
	"ca": "fr-ca", "be": "fr-be", "latam": "es", "at": "de",
}

// hostLayout chooses among names the layout of this computer: that of the X server (XKB's name, "de,us"), else that of the language in the
// environment ("de_AT.UTF-8").
func hostLayout(names []string, xkb string, env func(string) string) string {
	locale := env("LC_ALL")
	for _, variable := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = env(variable)
		}
	}
	locale, _, _ = strings.Cut(locale, ".")
	language, country, _ := strings.Cut(locale, "_")
	first, _, _ := strings.Cut(xkb, ",")
	for _, want := range []string{first, language + "-" + strings.ToLower(country), strings.ToLower(country), language, "us"} {
		if q, ok := qemuLayouts[want]; ok {
			want = q
		}
		if want != "" && slices.Contains(names, want) {
			return want
		}
	}
	return ""
}

// plan is a text as keys.
type plan struct {
	strokes    [][]keymap.Stroke // per character that can be typed
	untypable  []rune            // the characters that cannot, each once, in order
	skipped    int               // how many of those there are in the text
	lines      int
	characters int
}

// planTyping turns text into keys of a layout. Line breaks of all kinds are one Enter; other control characters are left out.
func planTyping(text string, layout *keymap.Layout) plan {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	p := plan{lines: 1 + strings.Count(strings.TrimSuffix(text, "\n"), "\n")}
	for _, r := range text {
		p.characters++
		if s := layout.Strokes(r); s != nil {
			p.strokes = append(p.strokes, s)
			continue
		}
		p.skipped++
		if !slices.Contains(p.untypable, r) && unicode.IsPrint(r) && len(p.untypable) < 20 {
			p.untypable = append(p.untypable, r)
		}
	}
	return p
}

// duration is how long typing takes at least.
func (p plan) duration() time.Duration {
	events := 0
	for _, strokes := range p.strokes {
		for _, s := range strokes {
			events += len(eventsOf(s))
		}
	}
	return time.Duration(events) * typingGap
}

// errTypingStopped says that there was nobody to type for any more.
var errTypingStopped = errors.New("the connection to the guest ended")

// typeText plays a plan on a keyboard, and reports after each character how many were typed. It ends with ctx's error, or with
// errTypingStopped when the guest is not the one that it began with. Not for the UI goroutine.
func (k *keyboard) typeText(ctx context.Context, p plan, gap time.Duration, report func(done int)) error {
	to := k.recipient()
	pace := time.NewTicker(gap)
	defer pace.Stop()
	for done, strokes := range p.strokes {
		for _, s := range strokes {
			for _, e := range eventsOf(s) {
				select {
				case <-ctx.Done():
				case <-pace.C:
				}
				if err := ctx.Err(); err != nil { // also when its turn has come at the same moment
					k.releaseTyped(s)
					return err
				}
				if !k.typeKey(to, e.code, e.down) {
					return errTypingStopped
				}
			}
		}
		report(done + 1)
	}
	return nil
}

// keyEvent is a key that goes down or up.
type keyEvent struct {
	code uint16
	down bool
}

// eventsOf is a stroke with its modifiers.
func eventsOf(s keymap.Stroke) []keyEvent {
	var held []uint16
	if s.AltGr {
		held = append(held, keymap.RightAlt)
	}
	if s.Shift {
		held = append(held, keymap.LeftShift)
	}
	held = append(held, s.Key)
	var events []keyEvent
	for _, code := range held {
		events = append(events, keyEvent{code, true})
	}
	for _, code := range slices.Backward(held) {
		events = append(events, keyEvent{code, false})
	}
	return events
}

// recipient is who takes keys now.
func (k *keyboard) recipient() keyInput {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.input
}

// typeKey moves a key of a typed text, unless keys go to somebody else by now.
func (k *keyboard) typeKey(to keyInput, code uint16, down bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if to == nil || k.input != to {
		return false
	}
	if down || k.down[code] {
		k.send(code, down)
	}
	return true
}

// releaseTyped lets go of a stroke that was broken off.
func (k *keyboard) releaseTyped(s keymap.Stroke) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, code := range []uint16{s.Key, keymap.LeftShift, keymap.RightAlt} {
		if k.down[code] {
			k.send(code, false)
		}
	}
}
