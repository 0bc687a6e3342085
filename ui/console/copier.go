package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"

	"guesthouse/ui/console/x11"
	"guesthouse/ui/lang"
)

// pngType is the MIME type of the pictures on the clipboard.
const pngType = "image/png"

// copier puts pictures on the clipboard, which the toolkit cannot: its clipboard takes text only.
type copier struct {
	system clipboardSystem
}

// clipboardSystem is whose clipboard the window's session has.
type clipboardSystem int

const (
	clipboardNone clipboardSystem = iota // no known one, as in tests
	clipboardX11
	clipboardWayland
)

// newCopier asks the window's native context which clipboard there is. It may be asked once the window is shown. UI goroutine.
func newCopier(w fyne.Window) copier {
	var c copier
	if native, ok := w.(driver.NativeWindow); ok {
		native.RunNative(func(context any) {
			switch context.(type) {
			case driver.X11WindowContext:
				c.system = clipboardX11
			case driver.WaylandWindowContext:
				c.system = clipboardWayland
			}
		})
	}
	return c
}

// able reports whether pictures can be copied here, and why not.
func (c copier) able() (ok bool, reason string) {
	switch c.system {
	case clipboardX11:
		return true, ""
	case clipboardWayland:
		if _, err := exec.LookPath("wl-copy"); err != nil {
			return false, lang.L("needs the package wl-clipboard")
		}
		return true, ""
	}
	return false, lang.L("this desktop’s clipboard takes no pictures")
}

var errNoClipboard = errors.New("this desktop's clipboard takes no pictures")

// copy puts a PNG on the clipboard and calls copied once it is there. With X11 it waits as long as the picture is on the clipboard.
func (c copier) copy(ctx context.Context, png []byte, copied func()) error {
	switch c.system {
	case clipboardX11:
		return x11.OwnClipboard(ctx, pngType, png, copied)
	case clipboardWayland:
		// wl-copy goes on in the background by itself and serves the picture there (wl-copy.1).
		cmd := exec.CommandContext(ctx, "wl-copy", "--type", pngType)
		cmd.Stdin = bytes.NewReader(png)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("wl-copy: %w", err)
		}
		copied()
		return nil
	}
	return errNoClipboard
}
