package console

import (
	"guesthouse/app/settings"
	"guesthouse/hypervisor/keymap"
)

var (
	ctrlAltDel       = []uint16{keymap.LeftCtrl, keymap.LeftAlt, keymap.Delete}
	ctrlAltBackspace = []uint16{keymap.LeftCtrl, keymap.LeftAlt, keymap.Backspace}
)

// ctrlAltF returns Ctrl+Alt+Fn, the way to a text console of Linux; n is 1 to 12.
func ctrlAltF(n int) []uint16 {
	code := uint16(keymap.F1 + n - 1)
	if n > 10 {
		code = uint16(keymap.F11 + n - 11)
	}
	return []uint16{keymap.LeftCtrl, keymap.LeftAlt, code}
}

// usualCombos is the menu of key combinations as long as the user has not changed it: keys that the host's desktop would catch.
func usualCombos() []settings.Combo {
	chords := [][]uint16{
		ctrlAltDel, ctrlAltBackspace,
		ctrlAltF(1), ctrlAltF(2), ctrlAltF(3), ctrlAltF(4), ctrlAltF(5), ctrlAltF(6), ctrlAltF(7),
		{keymap.LeftAlt, keymap.Tab},
		{keymap.LeftAlt, keymap.F4},
		{keymap.LeftMeta},
		{keymap.LeftMeta, keymap.L},
		{keymap.SysRq},
		{keymap.LeftAlt, keymap.SysRq},
		{keymap.RightCtrl},
	}
	combos := make([]settings.Combo, len(chords))
	for i, keys := range chords {
		combos[i] = settings.Combo{Label: chordName(keys), Keys: keys}
	}
	return combos
}

// combos is the menu of key combinations. What the file of settings has that no keyboard has is left out.
func combos(s settings.Settings) []settings.Combo {
	if len(s.Combos) == 0 {
		return usualCombos()
	}
	var list []settings.Combo
	for _, c := range s.Combos {
		if sendable(c.Keys) {
			list = append(list, c)
		}
	}
	return list
}

// chordLimit is the most keys of a combination: a keyboard reports six beside the modifiers.
const chordLimit = 8

// sendable reports whether every key of a combination exists, once.
func sendable(keys []uint16) bool {
	seen := map[uint16]bool{}
	for _, code := range keys {
		if _, ok := keymap.QnumFromEvdev(code); !ok || seen[code] {
			return false
		}
		seen[code] = true
	}
	return len(keys) > 0 && len(keys) <= chordLimit
}

// hostCommand is a command of the window for the host key together with a key.
type hostCommand int

const (
	cmdNone hostCommand = iota
	cmdFullScreen
	cmdScaling
	cmdAdjust
	cmdCheckpoint
	cmdPause
	cmdReset
	cmdShutdown
	cmdClose
	cmdScreenshot
	cmdToolbar
	cmdMinimise
	cmdHostKey
)

// hostCommands is the table of commands; they are those a user of VirtualBox knows.
var hostCommands = map[uint16]hostCommand{
	keymap.F:    cmdFullScreen,
	keymap.C:    cmdScaling,
	keymap.A:    cmdAdjust,
	keymap.T:    cmdCheckpoint,
	keymap.P:    cmdPause,
	keymap.R:    cmdReset,
	keymap.H:    cmdShutdown,
	keymap.Q:    cmdClose,
	keymap.E:    cmdScreenshot,
	keymap.Home: cmdToolbar,

	keymap.M:      cmdMinimise,
	keymap.Insert: cmdHostKey,
}

// isHostCommand reports whether the host key and this key are a command. Any goroutine.
func isHostCommand(code uint16) bool { return hostCommands[code] != cmdNone || hostChord(code) != nil }

// hostChord returns the keys that the host key together with code sends to the guest, nil for none.
func hostChord(code uint16) []uint16 {
	switch {
	case code == keymap.Delete:
		return ctrlAltDel
	case code == keymap.Backspace:
		return ctrlAltBackspace
	case code >= keymap.F1 && code <= keymap.F10:
		return ctrlAltF(int(code-keymap.F1) + 1)
	case code == keymap.F11, code == keymap.F12:
		return ctrlAltF(int(code-keymap.F11) + 11)
	}
	return nil
}
