package e2e

import (
	"fmt"
	"image"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// These tests are named for the rows of part E, "Console", of the acceptance list: what the tests of other managers assert. Rows that need
// no running program have theirs beside the code: "go test -run Accept ./..." runs them all.

// consoleOf matches the title of a machine's window.
func consoleOf(name string) string { return "^" + regexp.QuoteMeta(name) + `( \[.*\])? – ` }

// runGuest makes and starts a machine with the test guest, without waiting for it to boot.
func runGuest(t *testing.T, h *hosttest.Host, name, firmware string) *guesttest.Console {
	t.Helper()
	memory := guesttest.MinMemoryMiB
	if firmware == "uefi" {
		memory = guesttest.MinMemoryUEFIMiB
	}
	command(t, h, "vm", "create", name, "--memory", fmt.Sprint(memory, "MiB"), "--cpus", "1", "--disk", "1GiB", "--firmware", firmware,
		"--iso", guesttest.ISO(t), "--start")
	return guesttest.Open(t, h, name)
}

// openConsole opens only the window of one machine.
func openConsole(t *testing.T, h *hosttest.Host, s *screen, name string) *program {
	t.Helper()
	p := startProgram(t, h, s, "console", name)
	p.waitWindow(consoleOf(name))
	return p
}

// defineText gives libvirt a description.
func defineText(t *testing.T, h *hosttest.Host, text string) {
	t.Helper()
	file := filepath.Join(h.Dir, "machine.xml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
}

// TestAcceptE10NoDisplay: a running machine without a display says so, is given one by a click, and shows it after a restart.
func TestAcceptE10NoDisplay(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreen(t, h)
	define(t, h, "blind")
	h.Virsh(t, "start", "blind")
	p := openConsole(t, h, s, "blind")
	console := consoleOf("blind")
	p.waitText(console, `^This machine has no screen$`)
	p.click(console, "Add a VNC display")
	p.waitText(console, `^Restart the machine to see its screen$`)
	if text := h.Virsh(t, "dumpxml", "--inactive", "blind"); strings.Count(text, "type='vnc'") != 1 {
		t.Errorf("virsh has %s", text)
	}
	h.Virsh(t, "destroy", "blind")
	p.waitText(console, `^The machine is off$`)
	p.click(console, "Start")
	p.waitText(console, `^\d+ × \d+`) // the screen's size in the status line
	p.waitNoText(console, `^This machine has no screen$|^Restart`)

	// One that is off can be given a display as well.
	h.Virsh(t, "destroy", "blind")
	define(t, h, "dark")
	q := openConsole(t, h, s, "dark")
	q.click(consoleOf("dark"), "Add a VNC display")
	q.waitText(consoleOf("dark"), `^A VNC display was added\.$`)
	q.click(consoleOf("dark"), "Start")
	q.waitText(consoleOf("dark"), `^\d+ × \d+`)
}

// TestAcceptE9PictureReturns: the picture comes back by itself after start, resume, and restores of both kinds of checkpoint. While the
// machine is off the page offers Start (E2), and the keyboard gets there.
func TestAcceptE9PictureReturns(t *testing.T) {
	for _, firmware := range []string{"bios", "uefi"} { // checkpoints inside the disk, and in files beside it
		t.Run(firmware, func(t *testing.T) {
			h := hosttest.Start(t)
			s := startScreen(t, h)
			const name = "Returner"
			console := consoleOf(name)
			guest := runGuest(t, h, name, firmware)
			p := openConsole(t, h, s, name)
			guest.WaitReady()
			p.waitPicture(console, guesttest.Picture.Block)

			p.click(console, "Pause")
			p.waitText(console, `^Paused$`)
			h.WaitState(t, name, "paused")
			p.click(console, "Checkpoint")
			p.waitText(console, `^“Checkpoint 1” saved\.$`)
			p.click(console, "Resume")
			p.waitPicture(console, blockNow(t, guest))

			h.Virsh(t, "destroy", name)
			p.waitText(console, `^The machine is off$`)
			p.waitWindow(console)
			p.keys("Tab", "space") // nothing takes keys into the guest now: Tab leads to Start
			h.WaitState(t, name, "running")
			guest.Reopen()
			guest.WaitReady()
			p.waitPicture(console, guesttest.Picture.Block)
			p.click(console, "Restore")
			p.click(console, "Restore without saving")
			p.waitText(console, `^Paused$`) // as it was saved
			h.WaitState(t, name, "paused")
			p.click(console, "Resume")
			guest.Continue()
			guest.Counters()
			p.waitPicture(console, blockNow(t, guest))
		})
	}
}

// otherViewer is a VNC client of somebody else, which greets and asks for its share of the screen.
func otherViewer(t *testing.T, socket string, shared byte) (net.Conn, error) {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(hosttest.Patience))
	t.Cleanup(func() { conn.Close() })
	read := func(n int) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = readFull(conn, b)
		}
		return b
	}
	write := func(b ...byte) {
		if err == nil {
			_, err = conn.Write(b)
		}
	}
	read(12)
	write([]byte("RFB 003.008\n")...)
	read(int(read(1)[0]))
	write(1) // no authentication
	read(4)
	write(shared)
	read(24) // ServerInit without the name
	return conn, err
}

func readFull(conn net.Conn, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := conn.Read(b[n:])
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// TestAcceptE12SecondViewer: another viewer shares the screen, or takes it over: then the window says so, tries again, and has the picture
// back when the other one goes. The machine has an awkward name. Closing all windows leaves no process behind.
func TestAcceptE12SecondViewer(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreen(t, h)
	const name = "subVm#Test.1"
	defineText(t, h, `<domain type='qemu'><name>`+name+`</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
		<devices><graphics type='vnc'><listen type='socket'/></graphics><video><model type='vga'/></video></devices></domain>`)
	h.Virsh(t, "start", name)
	match := regexp.MustCompile(`<listen type='socket' socket='([^']+)'`).FindStringSubmatch(h.Virsh(t, "dumpxml", name))
	if match == nil {
		t.Fatal("the display has no socket")
	}
	p := startProgram(t, h, s)
	p.click(manager, name)
	p.click(manager, "Show")
	console := consoleOf(name)
	p.waitWindow(console)
	p.waitText(console, `^\d+ × \d+`)

	t.Log("a viewer that shares disturbs nobody")
	if _, err := otherViewer(t, match[1], 1); err != nil {
		t.Fatal(err)
	}
	p.waitText(console, `^\d+ × \d+`)
	p.waitNoText(console, `^Disconnected$`)

	t.Log("one that wants the screen for itself gets it")
	alone, err := otherViewer(t, match[1], 0)
	if err != nil {
		t.Fatal(err)
	}
	p.waitText(console, `^Disconnected$`)
	p.waitText(console, `Another viewer`)
	p.click(console, "Reconnect now")
	p.waitText(console, `^Disconnected$`)
	alone.Close()
	p.waitNoText(console, `^Disconnected$`)
	p.waitText(console, `^\d+ × \d+`)

	t.Log("no process is left when all windows are closed")
	p.waitWindow(console)
	p.hostKey("q")
	p.keepRunning(console)
	p.waitWindow(manager)
	p.keys("alt+F4")
	p.waitExit()
	p.eventually("no process of the program", func() error {
		if left := processes(t, programPath(t)); len(left) > 0 {
			return fmt.Errorf("%q", left)
		}
		return nil
	})
	h.WaitState(t, name, "running")
}

// processes lists the command lines of all processes that run a program on this test's screen.
func processes(t *testing.T, path string) []string {
	t.Helper()
	var list []string
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if exe, err := os.Readlink(folder + "/exe"); err != nil || exe != path {
			continue
		}
		line, _ := os.ReadFile(folder + "/cmdline")
		list = append(list, strings.ReplaceAll(string(line), "\x00", " "))
	}
	return list
}

// TestAcceptE14ThreeConsoles: three machines in three windows of one program each take their own keys, and a guest that powers off changes
// just its own window.
func TestAcceptE14ThreeConsoles(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreen(t, h)
	names := []string{"One", "Two", "Three"}
	keys := []string{"a", "s", "d"}
	codes := []int{30, 31, 32}
	var guests []*guesttest.Console
	for _, name := range names {
		guests = append(guests, runGuest(t, h, name, "bios"))
	}
	p := startProgram(t, h, s)
	for _, name := range names {
		p.click(manager, name)
		p.click(manager, "Show")
		p.waitWindow(consoleOf(name))
	}
	for _, guest := range guests {
		guest.WaitReady()
	}
	press := func(i int) {
		t.Helper()
		p.waitWindow(consoleOf(names[i]))
		picture := p.waitPictureIn(consoleOf(names[i]))
		p.clickAt(picture.Min.Add(image.Pt(30, 30)), 1)
		p.keys(keys[i])
		guests[i].WaitLine(fmt.Sprintf(`^key %d up$`, codes[i]))
	}
	for _, guest := range guests {
		guest.Skip()
	}
	for range 2 {
		for i := range names {
			press(i)
		}
	}
	for i, guest := range guests {
		for j, code := range codes {
			if i != j && guest.Last(fmt.Sprintf(`^key %d `, code)) != nil {
				t.Errorf("%s got a key of %s", names[i], names[j])
			}
		}
	}
	guests[1].Send("poweroff")
	p.waitText(consoleOf("Two"), `^The machine is off$`)
	h.WaitState(t, "Two", "shut off")
	press(2)
	press(0)
	for _, i := range []int{0, 2} {
		if _, err := p.window(`^` + names[i] + ` – running`); err != nil {
			t.Error(err)
		}
	}
}

// waitPictureIn is waitPicture for a block of either colour.
func (p *program) waitPictureIn(window string) image.Rectangle {
	p.t.Helper()
	var picture image.Rectangle
	p.eventually("the guest's picture", func() error {
		var err error
		_, picture, err = p.findPicture(window)
		return err
	})
	return picture
}

// pick chooses an item of a toolbar button's menu by the beginning of its label.
func (p *program) pick(window, button, item string) {
	p.t.Helper()
	p.click(window, button)
	label := p.waitText(window, `^`+regexp.QuoteMeta(item)+`.*$`)[0]
	p.click(window, label)
}

// TestAcceptE1E11Screen: the ways to show the screen, the window made to fit it, full screen with a toolbar that comes out at the top edge,
// screenshots, and what is said about the captured keyboard.
func TestAcceptE1E11Screen(t *testing.T) {
	h := hosttest.Start(t)
	s := startScreen(t, h)
	const name = "Viewed"
	console := consoleOf(name)
	guest := runGuest(t, h, name, "bios")
	p := openConsole(t, h, s, name)
	guest.WaitReady()
	p.waitPicture(console, guesttest.Picture.Block)
	size := p.waitText(console, `^(\d+) × (\d+)`)
	var native image.Point
	fmt.Sscan(size[1], &native.X)
	fmt.Sscan(size[2], &native.Y)

	shown := func(what string, check func(image.Point) bool) {
		t.Helper()
		p.eventually(what, func() error {
			picture := p.waitPictureIn(console).Size()
			if !check(picture) {
				return fmt.Errorf("%v of %v is shown as %v", what, native, picture)
			}
			return nil
		})
	}
	p.pick(console, "View", "Exact size")
	shown("exact size", func(at image.Point) bool { return at == native })
	p.pick(console, "View", "Whole multiples")
	shown("whole multiples", func(at image.Point) bool { return at.X%native.X == 0 && at.Y%native.Y == 0 })
	p.pick(console, "View", "Fit to the window")
	window := p.waitWindow(console)
	shown("fit", func(at image.Point) bool { return at.X >= window.Dx()-2 || at.Y > native.Y })
	if native.X < window.Dx() && native.Y < window.Dy()-100 {
		shown("enlarged", func(at image.Point) bool { return at.X > native.X })
	}
	p.pick(console, "View", "Fit the window to the guest’s screen")
	shown("resized to the guest", func(at image.Point) bool { return at == native })
	window = p.waitWindow(console)
	if window.Dx() < native.X || window.Dy() <= native.Y || window.Dy() > native.Y+150 {
		t.Errorf("the window is %v for a screen of %v", window, native)
	}

	t.Log("full screen")
	p.click(console, "Full screen")
	p.eventually("full screen", func() error {
		if at := p.waitWindow(console); at != image.Rect(0, 0, screenWidth, screenHeight) {
			return fmt.Errorf("the window is %v", at)
		}
		return nil
	})
	middle := image.Pt(screenWidth/2, screenHeight/2)
	p.pointAt(middle)
	p.waitNoText(console, `^Checkpoint$`)
	shown("full screen", func(at image.Point) bool { return at.X == screenWidth || at.Y == screenHeight })
	p.pointAt(image.Pt(screenWidth/2, 0))
	p.waitText(console, `^Checkpoint$`)
	p.pointAt(middle)
	p.waitNoText(console, `^Checkpoint$`)
	p.clickAt(middle, 1)
	p.xdotool("keydown", xRightCtrl, "key", "f", "keyup", xRightCtrl)
	p.waitText(console, `^Checkpoint$`)
	p.eventually("the old size", func() error {
		if at := p.waitWindow(console); at.Size() != window.Size() {
			return fmt.Errorf("the window was %v and is %v", window, at)
		}
		return nil
	})

	t.Log("a click gives the guest the keyboard, and the window says how it is freed")
	p.clickAt(p.waitPictureIn(console).Min.Add(image.Pt(30, 30)), 1)
	p.waitText(console, `^Keyboard captured – Right Ctrl frees it`)

	t.Log("a screenshot is a file")
	p.click(console, "Screenshot")
	p.waitText(console, `^Screenshot saved`)
	files, err := filepath.Glob(filepath.Join(h.Home, "Pictures", "viewed *.png"))
	if err != nil || len(files) != 1 {
		t.Fatalf("there are %q (%v)", files, err)
	}
	file, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if config, err := png.DecodeConfig(file); err != nil || config.Width != native.X || config.Height != native.Y {
		t.Errorf("the screenshot is %+v (%v)", config, err)
	}
}
