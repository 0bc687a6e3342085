package e2e

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/hosttest"
)

const (
	screenWidth  = 1280
	screenHeight = 900
	toolTime     = 10 * time.Second // what a tool may take: xclip waits for ever for an owner of the clipboard that does not answer
)

// screen is a virtual X screen with a window manager. Its processes carry the host's folder in their
// environment, so they end with the host.
type screen struct {
	t       testing.TB
	display string
	env     []string
	frame   string // the file that is the screen's memory, in XWD format
	server  int    // process id of the X server
}

func startScreen(t testing.TB, h *hosttest.Host) *screen {
	t.Helper()
	return startScreenOf(t, h, screenWidth, screenHeight)
}

// startScreenOf is startScreen with a size and with further arguments of the window manager.
func startScreenOf(t testing.TB, h *hosttest.Host, width, height int, manager ...string) *screen {
	t.Helper()
	return startScreenWith(t, h, width, height, nil, manager)
}

// startScreenWith is startScreen with a size and with further arguments of the X server and of the window manager.
func startScreenWith(t testing.TB, h *hosttest.Host, width, height int, options, manager []string) *screen {
	t.Helper()
	dir, err := os.MkdirTemp(h.Dir, "screen")
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, env: h.Env(), frame: filepath.Join(dir, "Xvfb_screen0")}

	// The server takes the first free display and says which one.
	answer, say, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	server := exec.Command(hosttest.Tool(t, "Xvfb"), append([]string{
		"-displayfd", "3", "-fbdir", dir, "-nolisten", "tcp", "-noreset", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height),
	}, options...)...)
	server.ExtraFiles = []*os.File{say}
	s.start(server)
	s.server = server.Process.Pid
	say.Close()
	number, err := bufio.NewReader(answer).ReadString('\n') // all of it: a server that cannot say all ends
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	s.display = ":" + strings.TrimSpace(number)
	s.env = append(s.env, "DISPLAY="+s.display)

	s.start(exec.Command(hosttest.Tool(t, "openbox"), append([]string{"--sm-disable"}, manager...)...))
	s.eventually("a window manager", func() error {
		out := s.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")
		if !strings.Contains(out, "window id") {
			return errors.New(out)
		}
		return nil
	})
	return s
}

// start starts a process that runs until the test ends.
func (s *screen) start(cmd *exec.Cmd) {
	s.t.Helper()
	cmd.Env = s.env
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// run runs a tool on this screen and returns what it printed; errors are part of it.
func (s *screen) run(name string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, hosttest.Tool(s.t, name), args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s: %v: %s", name, err, out)
	}
	return strings.TrimSpace(string(out))
}

// eventually waits until look returns nil.
func (s *screen) eventually(what string, look func() error) {
	s.t.Helper()
	if err := hosttest.Poll(hosttest.Patience, look); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// picture reads the screen's memory (X11/XWDFile.h; Xvfb keeps it as it would dump it).
func (s *screen) picture() *image.RGBA {
	s.t.Helper()
	dump, err := os.ReadFile(s.frame)
	if err != nil {
		s.t.Fatal(err)
	}
	const fields = 25
	if len(dump) < 4*fields {
		s.t.Fatal("the screen's memory is too short")
	}
	field := func(n int) int { return int(binary.BigEndian.Uint32(dump[4*n:])) }
	header, width, height, stride, colours := field(0), field(4), field(5), field(12), field(19)
	const colourSize = 12
	pixels := dump[header+colours*colourSize:]
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		row := pixels[y*stride:]
		for x := range width {
			picture.SetRGBA(x, y, color.RGBA{R: row[4*x+2], G: row[4*x+1], B: row[4*x], A: 0xFF})
		}
	}
	return picture
}

// save writes what is on the screen, or a part of it, to a file.
func (s *screen) save(path string, part image.Rectangle) {
	s.t.Helper()
	file, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	picture := s.picture()
	if err := png.Encode(file, picture.SubImage(part.Intersect(picture.Bounds()))); err != nil {
		s.t.Fatal(err)
	}
}

// place is where a window's content is on the screen.
func (s *screen) place(id string) (image.Rectangle, error) {
	var x, y, width, height int
	for line := range strings.Lines(s.run("xwininfo", "-id", id)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			continue
		}
		switch key {
		case "Absolute upper-left X":
			x = n
		case "Absolute upper-left Y":
			y = n
		case "Width":
			width = n
		case "Height":
			height = n
		}
	}
	if width == 0 || height == 0 {
		return image.Rectangle{}, fmt.Errorf("window %s has no size", id)
	}
	return image.Rect(x, y, x+width, y+height), nil
}

// keys presses key combinations as xdotool names them: "Return", "ctrl+n".
func (s *screen) keys(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.xdotool("key", "--clearmodifiers", name)
	}
}

// write types text.
func (s *screen) write(text string) {
	s.t.Helper()
	s.xdotool("type", "--clearmodifiers", "--delay", "15", "--", text)
}

func (s *screen) xdotool(args ...string) {
	s.t.Helper()
	if out := s.run("xdotool", args...); strings.HasPrefix(out, "xdotool:") {
		s.t.Fatalf("xdotool %v: %s", args, out)
	}
}
