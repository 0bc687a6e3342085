package console

import "guesthouse/hypervisor/keymap"

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
		{"Ctrl+Alt+Del", ctrlAltDel},
		{"Ctrl+Alt+Backspace", ctrlAltBackspace},
		{},
		{"Ctrl+Alt+F1", ctrlAltF(1)},
		{"Ctrl+Alt+F2", ctrlAltF(2)},
		{"Ctrl+Alt+F3", ctrlAltF(3)},
		{"Ctrl+Alt+F4", ctrlAltF(4)},
		{"Ctrl+Alt+F5", ctrlAltF(5)},
		{"Ctrl+Alt+F6", ctrlAltF(6)},
		{"Ctrl+Alt+F7", ctrlAltF(7)},
		{},
		{"Alt+Tab", []uint16{keymap.LeftAlt, keymap.Tab}},
		{"Alt+F4", []uint16{keymap.LeftAlt, keymap.F4}},
		{"Super", []uint16{keymap.LeftMeta}},
		{"Super+L", []uint16{keymap.LeftMeta, keymap.L}},
		{"Print Screen", []uint16{keymap.SysRq}},
		{"Alt+Print Screen", []uint16{keymap.LeftAlt, keymap.SysRq}},
		{"Right Ctrl", []uint16{keymap.RightCtrl}},
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
}

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
