package e2e

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"strconv"
	"testing"
	"time"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// TestConsoleIsReadyForTheClick rests the pointer on Show: the machine's screen is reached, but nothing shows until the click. Then the machine is
// switched off behind a window that waits.
func TestConsoleIsReadyForTheClick(t *testing.T) {
	const name = "Lodger"
	h := hosttest.Start(t)
	s := startScreen(t, h)
	runGuest(t, h, name, "bios").WaitReady()
	p := startProgram(t, h, s)
	console := "^" + name + ".* – "
	viewers := func() int {
		return bytes.Count([]byte(h.Virsh(t, "qemu-monitor-command", name, "--hmp", "info vnc")), []byte("Client:"))
	}
	expectViewers := func(want int) {
		t.Helper()
		p.eventually(fmt.Sprint(want, " viewers"), func() error {
			if got := viewers(); got != want {
				return fmt.Errorf("there are %d", got)
			}
			return nil
		})
	}
	noWindow := func() {
		t.Helper()
		w, err := p.window(console)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := p.xID(w.Title); err == nil {
			t.Errorf("X window %s shows before the click", id)
		}
	}
	p.waitText(manager, "^Show$") // the only machine is selected
	expectViewers(0)
	p.pointAt(p.aim(manager, "Show"))
	expectViewers(1)
	noWindow()
	p.xdotool("click", "1")
	p.waitWindow(console)
	p.waitPicture(console, guesttest.Picture.Block)
	expectViewers(1)
	p.hostKey("q")
	p.waitText(console, `^What should happen to “`+name+`”\?$`)
	p.keepRunning(console)

	// Again in the window of before, and for a machine that stops and is started meanwhile.
	p.pointAt(image.Pt(screenWidth-2, screenHeight-2))
	expectViewers(0)
	p.pointAt(p.aim(manager, "Show"))
	expectViewers(1)
	noWindow()
	h.Virsh(t, "destroy", name)
	p.click(manager, "Start")
	p.waitWindow(console)
	p.waitPicture(console, guesttest.Picture.Block)

	// A program in which a window was prepared for nothing ends like any other.
	p.hostKey("q")
	p.keepRunning(console)
	p.waitWindow(manager)
	p.keys("alt+F4")
	p.waitExit()
	p = startProgram(t, h, s)
	p.waitText(manager, "^Show$")
	expectViewers(0)
	p.pointAt(p.aim(manager, "Show"))
	expectViewers(1)
	p.keys("alt+F4")
	p.waitExit()
}

// TestLoopRests counts how often the UI's thread of a program with which nothing happens goes to sleep: the toolkit's own loop does so 60 times a second.
func TestLoopRests(t *testing.T) {
	h := hosttest.Start(t)
	p := startProgram(t, h, startScreen(t, h))
	p.waitText(manager, `^Welcome to Guesthouse$`)
	sleeps := func() int {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)) // the main thread's
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(status, []byte("\nvoluntary_ctxt_switches:"))
		count, _, _ := bytes.Cut(rest, []byte("\n"))
		n, err := strconv.Atoi(string(bytes.TrimSpace(count)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	p.eventually("a loop that rests", func() error {
		before := sleeps()
		time.Sleep(2 * time.Second)
		if n := sleeps() - before; n > 60 {
			return fmt.Errorf("%d times in two seconds", n)
		}
		return nil
	})
	if _, err := p.window(manager); err != nil { // and wakes
		t.Error(err)
	}
}
