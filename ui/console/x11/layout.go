package x11

import (
	"bytes"
	"os"

	"github.com/jezek/xgb/xproto"
)

// KeyboardLayout is the name of the X server's keyboard layout as XKB has it ("us", or "de,us" for several), empty where there is none. It
// waits for the server, so it is not for the UI goroutine.
func KeyboardLayout() string {
	if os.Getenv("DISPLAY") == "" {
		return ""
	}
	x, err := connect()
	if err != nil {
		return ""
	}
	defer x.Close()
	const name, layout = "_XKB_RULES_NAMES", 2 // rules, model, layout, variant, options
	atom, err := xproto.InternAtom(x, true, uint16(len(name)), name).Reply()
	if err != nil || atom.Atom == 0 {
		return ""
	}
	root := xproto.Setup(x).DefaultScreen(x).Root
	const limit = 256 // in units of 4 bytes
	value, err := xproto.GetProperty(x, false, root, atom.Atom, xproto.AtomString, 0, limit).Reply()
	if err != nil {
		return ""
	}
	parts := bytes.Split(value.Value, []byte{0})
	if len(parts) <= layout {
		return ""
	}
	return string(parts[layout])
}
