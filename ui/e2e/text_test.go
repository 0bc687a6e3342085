package e2e

import (
	"fmt"
	"image"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// TestTextConsole talks to a real guest over its serial port in the console's window: typing, output, going to the screen and back, a reset,
// and a restart that leaves what was said to be read.
func TestTextConsole(t *testing.T) {
	const name = "Teller"
	h := hosttest.Start(t)
	s := startScreen(t, h)
	command(t, h, "vm", "create", name, "--memory", "256MiB", "--cpus", "1", "--no-disk", "--firmware", "bios",
		"--iso", guesttest.ISO(t), "--start")
	p := startProgram(t, h, s)
	p.waitText(manager, "^"+name+"$")
	p.click(manager, name)
	p.click(manager, "Show")
	console := "^" + name + ".* – "
	p.waitWindow(console)
	p.click(console, "Text")
	p.waitText(console, `^Connected$`)
	p.waitText(console, `^mem=\d+ disk=-1 `)

	t.Log("what is typed reaches the guest, and its answer is seen")
	say := func(command string) {
		p.write(command)
		p.xdotool("key", "ctrl+j") // the test guest wants a line feed
	}
	say("hold")
	p.waitText(console, `^hold mem=\d+$`)

	t.Log("the text is still there after a look at the screen")
	p.click(console, "Screen")
	p.waitPicture(console, guesttest.Picture.Block)
	p.click(console, "Text")
	p.waitText(console, `^hold mem=\d+$`)

	t.Log("the host key works here too")
	window := p.waitWindow(console)
	p.hostKey("f")
	s.eventually("full screen", func() error { return wantSize(p, console, image.Pt(screenWidth, screenHeight)) })
	p.hostKey("f")
	s.eventually("the old size", func() error { return wantSize(p, console, window.Size()) })

	t.Log("a restart of the machine shows as a line, and the text goes on below it")
	h.Virsh(t, "destroy", name)
	p.waitText(console, `^Off$`)
	p.waitText(console, `^hold mem=\d+$`)
	p.click(console, "Start")
	p.waitText(console, `connected again at`)
	p.waitText(console, `^GUEST READY$`)
	say("go")
	p.waitText(console, `^mem=\d+ disk=-1 `)
	p.checkLog()
}

// wantSize is nil when the window has this size on the X screen.
func wantSize(p *program, pattern string, want image.Point) error {
	w, err := p.window(pattern)
	if err != nil {
		return err
	}
	id, err := p.xID(w.Title)
	if err != nil {
		return err
	}
	place, err := p.place(id)
	if err == nil && place.Size() != want {
		err = fmt.Errorf("it has %v, not %v", place.Size(), want)
	}
	return err
}
