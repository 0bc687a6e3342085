package e2e

import (
	"fmt"
	"strconv"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// TestGuestFollowsTheWindow has a Linux guest with virtio graphics change its screen to what the window has room for: the guest says what
// it shows, and the picture is no longer scaled.
func TestGuestFollowsTheWindow(t *testing.T) {
	const name = "Lodger"
	h := hosttest.Start(t)
	s := startScreen(t, h)
	guest := runGuest(t, h, name, "bios")
	guest.WaitReady()
	guest.Ask("graphics", `^graphics$`)
	p := openConsole(t, h, s, name)
	console := consoleOf(name)
	before := p.waitText(console, `^(\d+) × (\d+)`)
	p.click(console, "View")
	p.click(console, "Guest follows the window")
	w, err := p.window(console)
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.xID(w.Title)
	if err != nil {
		t.Fatal(err)
	}
	p.run("xdotool", "windowsize", id, "700", "560")
	p.eventually("a screen of the window’s size", func() error {
		w, err := p.window(console)
		if err != nil {
			return err
		}
		now := p.waitText(console, `^(\d+) × (\d+)(.*)`) // behind the size it says how it is scaled
		width, _ := strconv.Atoi(now[1])
		if now[0] == before[0] || now[3] != "" || width > w.Width || width < w.Width-8 {
			return fmt.Errorf("it is %q, before %q, in a window of %d", now[0], before[0], w.Width)
		}
		return nil
	})
}
