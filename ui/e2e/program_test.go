package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/hosttest"
	"guesthouse/ui/probe"
)

// program is the running program.
type program struct {
	*screen
	host   *hosttest.Host
	cmd    *exec.Cmd
	log    string // file with what it wrote to standard error
	exited chan error
}

// programPath returns the program under test.
func programPath(t testing.TB) string {
	t.Helper()
	path := os.Getenv("GUESTHOUSE_PROGRAM")
	if path == "" {
		t.Fatal("GUESTHOUSE_PROGRAM names no program: run make test-windows")
	}
	return path
}

// startProgram opens the program on the screen, and fails the test at its end when the program has
// reported a call from a wrong goroutine, a panic or a data race.
func startProgram(t testing.TB, h *hosttest.Host, s *screen, args ...string) *program {
	t.Helper()
	p := &program{screen: s, host: h, log: filepath.Join(h.Dir, "program.log"), exited: make(chan error, 1)}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	socket := p.socket()
	_ = os.Remove(socket)
	p.cmd = exec.Command(programPath(t), args...)
	p.cmd.Env = append(slices.Clone(s.env), "LIBGL_ALWAYS_SOFTWARE=1", "GUESTHOUSE_ACCEL=tcg", probe.Socket+"="+socket)
	if presenter := os.Getenv("GUESTHOUSE_PRESENTER"); presenter != "" && !slices.ContainsFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "GUESTHOUSE_PRESENTER=") }) {
		p.cmd.Env = append(p.cmd.Env, "GUESTHOUSE_PRESENTER="+presenter) // all tests can be run with either
	}
	p.cmd.Dir = h.Home
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			p.keepPicture()
		}
		_ = p.cmd.Process.Kill()
		p.checkLog()
	})
	return p
}

func (p *program) socket() string { return filepath.Join(p.host.Dir, "probe") }

// keepPicture saves the screen of a failed test where a person can find it.
func (p *program) keepPicture() {
	dir := os.Getenv("GUESTHOUSE_TEST_CACHE")
	if dir == "" {
		dir = os.TempDir()
	}
	path := filepath.Join(dir, strings.ReplaceAll(p.t.Name(), "/", "-")+".png")
	p.save(path, image.Rect(0, 0, screenWidth, screenHeight))
	p.t.Logf("picture of the screen: %s", path)
	if windows, err := p.windows(); err == nil {
		for _, w := range windows {
			p.t.Logf("window %q:", w.Title)
			for _, text := range w.Texts {
				p.t.Logf("  %+v", text)
			}
		}
	}
}

func (p *program) checkLog() {
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Error(err)
		return
	}
	for _, bad := range []string{"Error in Fyne call thread", "panic:", "DATA RACE", "fatal error:"} {
		if bytes.Contains(text, []byte(bad)) {
			p.t.Errorf("the program reported %q", bad)
		}
	}
	if p.t.Failed() {
		p.t.Logf("the program wrote:\n%s", text)
	}
}

func (p *program) waitExit() {
	p.t.Helper()
	select {
	case err := <-p.exited:
		p.exited <- err
	case <-time.After(hosttest.Patience):
		p.t.Fatal("the program does not end")
	}
}

// windows asks the program for its windows.
func (p *program) windows() ([]probe.Window, error) {
	select {
	case err := <-p.exited:
		p.exited <- err
		return nil, hosttest.Stop(fmt.Errorf("the program ended: %w", err))
	default:
	}
	conn, err := net.Dial("unix", p.socket())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(hosttest.Patience))
	var windows []probe.Window
	return windows, json.NewDecoder(conn).Decode(&windows)
}

// window returns the program's window whose title the pattern matches.
func (p *program) window(pattern string) (probe.Window, error) {
	windows, err := p.windows()
	if err != nil {
		return probe.Window{}, err
	}
	title := regexp.MustCompile(pattern)
	var titles []string
	for _, w := range windows {
		if title.MatchString(w.Title) {
			return w, nil
		}
		titles = append(titles, w.Title)
	}
	return probe.Window{}, fmt.Errorf("no window like %q among %q", pattern, titles)
}

// xID returns the X window of a title.
func (p *program) xID(title string) (string, error) {
	out := p.run("xdotool", "search", "--onlyvisible", "--name", "^"+regexp.QuoteMeta(title)+"$")
	ids := strings.Fields(out)
	if len(ids) == 0 || strings.HasPrefix(out, "xdotool:") {
		return "", fmt.Errorf("no X window is called %q", title)
	}
	return ids[len(ids)-1], nil
}

// waitWindow waits for a window, brings it to the front and returns where its content is on the screen.
func (p *program) waitWindow(pattern string) image.Rectangle {
	p.t.Helper()
	var place image.Rectangle
	p.eventually("window "+pattern, func() error {
		w, err := p.window(pattern)
		if err != nil {
			return err
		}
		id, err := p.xID(w.Title)
		if err != nil {
			return err
		}
		if active := p.run("xdotool", "getactivewindow"); active != id {
			p.run("xdotool", "windowactivate", id)
			return fmt.Errorf("window %q is not in front", w.Title)
		}
		place, err = p.place(id)
		return err
	})
	return place
}

// waitNoWindow waits until no window that can be seen has such a title.
func (p *program) waitNoWindow(pattern string) {
	p.t.Helper()
	p.eventually("no window "+pattern, func() error {
		w, err := p.window(pattern)
		if err == nil {
			_, err = p.xID(w.Title)
		}
		if err == nil {
			return fmt.Errorf("window %q is open", w.Title)
		}
		return nil
	})
}

// keepRunning answers a window's question about closing: the machine goes on.
func (p *program) keepRunning(console string) {
	p.t.Helper()
	p.click(console, "Keep it running in the background")
	p.click(console, "Close the window")
	p.waitNoWindow(console)
}

// find looks for an exact text in a window: what lies above the rest is what the user would hit.
func find(w probe.Window, text string) (probe.Text, error) {
	var found []probe.Text
	overlay := slices.ContainsFunc(w.Texts, func(t probe.Text) bool { return t.Overlay })
	for _, t := range w.Texts {
		if t.Text == text && t.Overlay == overlay {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		var all []string
		for _, t := range w.Texts {
			all = append(all, t.Text)
		}
		return probe.Text{}, fmt.Errorf("window %q shows no %q but %q", w.Title, text, all)
	}
	// A button before a heading of the same words.
	for _, t := range found {
		if strings.Contains(t.Widgets, "Button") {
			return t, nil
		}
	}
	return found[0], nil
}

// click presses the left button on a text, once it is there and enabled.
func (p *program) click(window, text string) {
	p.t.Helper()
	p.clickAt(p.aim(window, text), 1)
}

// aim returns where on the screen a text is, once it is there, enabled and at rest.
func (p *program) aim(window, text string) image.Point {
	p.t.Helper()
	place := p.waitWindow(window)
	var target image.Point
	p.eventually("click "+text, func() error {
		w, err := p.window(window)
		if err != nil {
			return err
		}
		t, err := find(w, text)
		if err != nil {
			return err
		}
		if t.Disabled {
			return fmt.Errorf("%q is disabled", text)
		}
		at := place.Min.Add(image.Pt(t.X+t.Width/2, t.Y+t.Height/2))
		// Two equal looks: a menu or dialog that still moves is not aimed at.
		if at != target {
			target = at
			return errors.New("it moves")
		}
		return nil
	})
	return target
}

// clickAt moves the mouse to a point of the screen and presses a button.
func (p *program) clickAt(at image.Point, button int) {
	p.t.Helper()
	p.pointAt(at)
	p.xdotool("click", fmt.Sprint(button))
}

func (p *program) pointAt(at image.Point) {
	p.t.Helper()
	p.xdotool("mousemove", fmt.Sprint(at.X-1), fmt.Sprint(at.Y), "mousemove", fmt.Sprint(at.X), fmt.Sprint(at.Y))
}

// waitText waits until a window shows a text that the pattern matches, and returns match and groups.
func (p *program) waitText(window, pattern string) []string {
	p.t.Helper()
	wanted := regexp.MustCompile(pattern)
	var match []string
	p.eventually("text "+pattern, func() error {
		w, err := p.window(window)
		if err != nil {
			return err
		}
		var all []string
		for _, t := range w.Texts {
			if match = wanted.FindStringSubmatch(t.Text); match != nil {
				return nil
			}
			all = append(all, t.Text)
		}
		return fmt.Errorf("window %q shows no %q but %q", w.Title, pattern, all)
	})
	return match
}

// waitNoText waits until a window shows no text that the pattern matches.
func (p *program) waitNoText(window, pattern string) {
	p.t.Helper()
	unwanted := regexp.MustCompile(pattern)
	p.eventually("no text "+pattern, func() error {
		w, err := p.window(window)
		if err != nil {
			return err
		}
		for _, t := range w.Texts {
			if unwanted.MatchString(t.Text) {
				return fmt.Errorf("window %q shows %q", w.Title, t.Text)
			}
		}
		return nil
	})
}
