package console

import (
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/lang"
)

// combo is an entry of the menu "Send keys": keys that the host's desktop would catch.
type combo struct {
	label string
	keys  []uint16 // evdev codes, pressed in this order; nil: a separator
}

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

// combos is the menu.
func combos() []combo {
	return []combo{
		{lang.L("Ctrl+Alt+Del"), ctrlAltDel},
		{lang.L("Ctrl+Alt+Backspace"), ctrlAltBackspace},
		{},
		{lang.F("Ctrl+Alt+F%d", 1), ctrlAltF(1)},
		{lang.F("Ctrl+Alt+F%d", 2), ctrlAltF(2)},
		{lang.F("Ctrl+Alt+F%d", 3), ctrlAltF(3)},
		{lang.F("Ctrl+Alt+F%d", 4), ctrlAltF(4)},
		{lang.F("Ctrl+Alt+F%d", 5), ctrlAltF(5)},
		{lang.F("Ctrl+Alt+F%d", 6), ctrlAltF(6)},
		{lang.F("Ctrl+Alt+F%d", 7), ctrlAltF(7)},
		{},
		{lang.L("Alt+Tab"), []uint16{keymap.LeftAlt, keymap.Tab}},
		{lang.L("Alt+F4"), []uint16{keymap.LeftAlt, keymap.F4}},
		{lang.L("Super"), []uint16{keymap.LeftMeta}},
		{lang.L("Super+L"), []uint16{keymap.LeftMeta, keymap.L}},
		{lang.L("Print Screen"), []uint16{keymap.SysRq}},
		{lang.L("Alt+Print Screen"), []uint16{keymap.LeftAlt, keymap.SysRq}},
		{lang.L("Right Ctrl"), []uint16{keymap.RightCtrl}},
	}
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
