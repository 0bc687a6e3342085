package e2e

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/ui/probe"
)

// TestTextConsole talks to a real guest over its serial port in the console's window: typing, pasting, copying, going to the screen and back,
// a restart and a restore that leave what was said to be read and hear what is typed, the mouse, and much output, during which the window answers.
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

	t.Log("what is pasted reaches it too, and what it said can be copied")
	paste := func(text string) {
		p.clip(text)
		p.xdotool("key", "ctrl+shift+v")
	}
	paste("ping pasted\n")
	p.waitText(console, `^pong pasted$`)
	p.clickAt(p.aim(console, "pong pasted"), 3)
	p.click(console, "Select all")
	p.waitNoText(console, `^Select all$`)
	p.xdotool("key", "ctrl+shift+c")
	s.eventually("the copied text", func() error {
		if got := s.run("xclip", "-selection", "clipboard", "-out"); !strings.Contains(got, "\npong pasted") {
			return fmt.Errorf("the clipboard holds %q", got)
		}
		return nil
	})

	t.Log("what is typed while the clipboard's owner does not answer waits, and arrives")
	p.silentClipboard()
	p.xdotool("key", "ctrl+shift+v")
	say("ping waited")
	p.waitText(console, `^The program that owns the clipboard does not answer\.`)
	p.waitText(console, `^pong waited$`)

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
	// The line of the first run is still there, and what is typed before the guest listens is lost, as on any serial port.
	s.eventually("the guest of the second run", func() error {
		w, err := p.window(console)
		if err != nil {
			return err
		}
		again := slices.IndexFunc(w.Texts, func(t probe.Text) bool { return strings.Contains(t.Text, "connected again at") })
		if again < 0 || !slices.ContainsFunc(w.Texts[again:], func(t probe.Text) bool { return t.Text == "GUEST READY" }) {
			return errors.New("it is not ready")
		}
		return nil
	})
	say("hold") // no counting between the answers
	say("ping again")
	p.waitText(console, `^pong again$`)
	paste("ping pasted again\n")
	p.waitText(console, `^pong pasted again$`)

	t.Log("after a restore the first that is typed arrives whole")
	h.Virsh(t, "managedsave", name)
	p.waitText(console, `^Saved$`)
	p.click(console, "Resume")
	p.waitText(console, `^Connected$`)
	say("ping restored")
	p.waitText(console, `^pong restored$`)

	t.Log("a program in the guest that asks for the mouse gets it")
	sayMode := func(name, sequence string) { // the guest says it back
		p.write("ping " + name)
		p.xdotool("key", "Escape")
		say(sequence)
		p.waitText(console, "^pong "+name+"$")
	}
	sayMode("mouse", "[?1000;1006h")
	p.clickAt(p.aim(console, "pong mouse"), 1)
	say("")
	p.waitText(console, `^unknown command "\\x1b\[<0;\d+;\d+M\\x1b\[<0;\d+;\d+m"$`)
	sayMode("nothing", "[?1000;1006l")

	t.Log("the window answers while the guest prints 2 MiB")
	say("print 2048")
	p.waitText(console, `^\d{7} the quick brown fox`)
	for range 3 {
		p.click(console, "Keys")
		p.waitText(console, `^Ctrl\+Alt\+F2$`)
		p.xdotool("key", "Escape")
		p.waitNoText(console, `^Ctrl\+Alt\+F2$`)
	}
	p.waitText(console, `^printed 2048$`)
	say("ping last")
	p.waitText(console, `^pong last$`)
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
