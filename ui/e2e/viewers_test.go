package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
	"golang.org/x/sys/unix"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

// The screen on which the viewers are compared: the guest's and what a window needs beside it.
const (
	benchWidth  = 1920
	benchHeight = 1200
)

// viewer is a program that shows a machine's screen: ours or a peer.
type viewer struct {
	name    string
	command func(m *shownMachine) *exec.Cmd
}

const ours = "guesthouse"

var (
	guesthouseConsole = viewer{ours, func(m *shownMachine) *exec.Cmd {
		return exec.Command(programPath(m.t), "--connect", m.host.URI, "console", m.name)
	}}
	remoteViewer = viewer{"remote-viewer", func(m *shownMachine) *exec.Cmd {
		return exec.Command(hosttest.Tool(m.t, "remote-viewer"), fmt.Sprintf("vnc://127.0.0.1:%d", m.port))
	}}
	virtViewer = viewer{"virt-viewer", func(m *shownMachine) *exec.Cmd {
		return exec.Command(hosttest.Tool(m.t, "virt-viewer"), "--connect", m.host.URI, m.name)
	}}
	gvncviewer = viewer{"gvncviewer", func(m *shownMachine) *exec.Cmd {
		const firstPort = 5900
		return exec.Command(hosttest.Tool(m.t, "gvncviewer"), fmt.Sprintf("127.0.0.1:%d", m.port-firstPort))
	}}
	// Raw is what costs TigerVNC least on one computer.
	tigerVNC = viewer{"tigervnc-raw", func(m *shownMachine) *exec.Cmd {
		return exec.Command(hosttest.Tool(m.t, "xtigervncviewer"), "-PreferredEncoding=Raw", "-AutoSelect=0", "-RemoteResize=0",
			fmt.Sprintf("127.0.0.1::%d", m.port))
	}}
)

// gallery is a screen, a daemon and machines that run the display guest.
type gallery struct {
	*bench
	x    *xgb.Conn
	root xproto.Window
}

// Windows have no frame, lie in the corner and get the keyboard: what is compared is what they show.
const galleryManager = `<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew></focus>
  <theme><keepBorder>no</keepBorder></theme>
  <applications>
    <application class="*"><decor>no</decor><focus>yes</focus><position force="yes"><x>0</x><y>0</y></position></application>
  </applications>
</openbox_config>
`

func newGallery(b *testing.B) *gallery {
	b.Helper()
	h := hosttest.Start(b)
	config := filepath.Join(h.Dir, "openbox.xml")
	if err := os.WriteFile(config, []byte(galleryManager), 0o600); err != nil {
		b.Fatal(err)
	}
	n := &bench{screen: startScreenOf(b, h, benchWidth, benchHeight, "--config-file", config), b: b, host: h, uri: h.URI}
	n.xdotool("mousemove", strconv.Itoa(benchWidth-1), strconv.Itoa(benchHeight-1))
	n.mapFrame()
	n.env = append(n.env, "LIBGL_ALWAYS_SOFTWARE=1", "FYNE_SCALE=1", "GSETTINGS_BACKEND=memory", "NO_AT_BRIDGE=1", "LC_ALL=C.UTF-8")
	xgb.Logger.SetOutput(&bytes.Buffer{}) // it misses a cookie file
	x, err := xgb.NewConnDisplay(n.display)
	if err == nil {
		err = xtest.Init(x)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(x.Close)
	return &gallery{bench: n, x: x, root: xproto.Setup(x).DefaultScreen(x).Root}
}

// shownMachine is a running machine with the display guest.
type shownMachine struct {
	*gallery
	name   string
	guest  *guesttest.Screen
	port   int // of its VNC server
	qemu   int // process id
	centre image.Point
}

// A machine as other programs make them, or with the D-Bus display that ours have.
//
// QEMU's VNC server takes and returns a buffer of a whole picture for each raw update. Where the kernel is itself a guest without
// nested paging, new pages cost twenty times what filling them does, and QEMU would be busy with that instead of sending pictures: it
// keeps what it has, whoever looks.
const displayMachine = `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>%[1]s</name>
  <uuid>%[2]s</uuid>
  <memory unit='MiB'>%[3]d</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='%[4]s'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='unix'><source mode='bind' path='%[5]s'/></serial>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>%[6]s
    <video><model type='vga' vram='16384'/></video>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
    <qemu:env name='GLIBC_TUNABLES' value='glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=1073741824:glibc.malloc.arena_max=1'/>
  </qemu:commandline>
</domain>
`

// start starts a machine and waits until its guest obeys.
func (g *gallery) startMachine(name string, dbus bool) *shownMachine {
	g.b.Helper()
	m := &shownMachine{gallery: g, name: name}
	dir := filepath.Join(g.host.Dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		g.b.Fatal(err)
	}
	second := ""
	if dbus {
		second = "<graphics type='dbus' p2p='yes'/>"
	}
	port, file := filepath.Join(dir, "s"), filepath.Join(dir, "machine.xml")
	xml := fmt.Sprintf(displayMachine, name, machineID(name), guesttest.DisplayMemoryMiB, guesttest.DisplayDisk(g.b, dir), port, second)
	if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
		g.b.Fatal(err)
	}
	g.host.Virsh(g.b, "define", file)
	g.host.Virsh(g.b, "start", name)
	m.qemu = g.host.QEMUPID(name)
	display := regexp.MustCompile(`:(\d+)$`).FindStringSubmatch(g.host.Virsh(g.b, "domdisplay", name))
	if display == nil {
		g.b.Fatalf("machine %s has no VNC display", name)
	}
	number, _ := strconv.Atoi(display[1])
	m.port = 5900 + number
	m.guest = guesttest.OpenScreen(g.b, port)
	return m
}

// machineID makes an identifier from a name, so that settings can be written before the machine is made.
func machineID(name string) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", []byte(fmt.Sprintf("%6.6s", name)))
}

// wholeScreen writes the program's settings: the windows of these machines are as large as the screen, so that guest
// pixels are shown one by one as the other viewers do.
func (g *gallery) wholeScreen(names ...string) {
	g.b.Helper()
	var windows []string
	for _, name := range names {
		windows = append(windows, fmt.Sprintf(`"console:%s": {"width": %d, "height": %d}`, machineID(name), benchWidth, benchHeight))
	}
	dir := filepath.Join(g.host.ConfigDir, "guesthouse")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		g.b.Fatal(err)
	}
	text := fmt.Sprintf(`{"version": 1, "windows": {%s}}`, strings.Join(windows, ", "))
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(text), 0o600); err != nil {
		g.b.Fatal(err)
	}
}

// shown is a running viewer that shows its machine.
type shown struct {
	*shownMachine
	viewer viewer
	pid    int
	took   time.Duration // from the start of the process to the first picture
	end    func()
}

// show starts a viewer and waits for its picture. It must be pixel for pixel.
func (m *shownMachine) show(v viewer) *shown {
	m.b.Helper()
	cmd := v.command(m)
	cmd.Env = append(slices.Clone(m.env), cmd.Env...)
	cmd.Dir = m.host.Home
	var problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &problems, &problems
	began := time.Now()
	if err := cmd.Start(); err != nil {
		m.b.Fatal(err)
	}
	s := &shown{shownMachine: m, viewer: v, pid: cmd.Process.Pid}
	s.end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		m.eventually("the empty screen", func() error {
			if isBlock(m.pixel(m.centre)) {
				return errors.New("the picture is still there")
			}
			return nil
		})
	}
	s.took = m.awaitPicture(v.name, began)
	if m.b.Failed() {
		m.b.Logf("%s wrote: %s", v.name, problems.String())
	}
	return s
}

// awaitPicture waits for the block of the guest on the screen, and returns how long that was after began.
func (m *shownMachine) awaitPicture(who string, began time.Time) time.Duration {
	m.b.Helper()
	if m.centre == (image.Point{}) { // the first time nobody knows where it will be
		m.centre = image.Pt(guesttest.Display.Block.Min.X, guesttest.Display.Block.Min.Y)
	}
	first := m.centre
	for end := began.Add(hosttest.Patience); ; {
		if isBlock(m.pixel(first)) {
			return time.Since(began)
		}
		if block := m.findBlock(); !block.Empty() {
			took := time.Since(began)
			m.centre = block.Min.Add(block.Size().Div(2))
			return took
		}
		if time.Now().After(end) {
			m.save(filepath.Join(os.TempDir(), "missing.png"), image.Rect(0, 0, benchWidth, benchHeight))
			m.b.Fatalf("%s shows no picture", who)
		}
		pause(200 * time.Microsecond)
	}
}

// settle waits until the picture stands still where it is and checks that guest pixels are screen pixels.
func (s *shown) settle() {
	s.b.Helper()
	var last image.Rectangle
	since := time.Now()
	s.eventually("a picture that stands still", func() error {
		now := s.findBlock()
		if now != last || now.Empty() {
			last, since = now, time.Now()
		}
		if time.Since(since) < time.Second {
			return errors.New("it moves")
		}
		return nil
	})
	s.centre = last.Min.Add(last.Size().Div(2))
	if dir := os.Getenv("GUESTHOUSE_BENCH_PICTURES"); dir != "" {
		s.save(filepath.Join(dir, s.viewer.name+".png"), image.Rect(0, 0, benchWidth, benchHeight))
	}
}

// exact fails the benchmark when the viewer scales the picture: then its figures say nothing beside the others'.
func (s *shown) exact() {
	s.b.Helper()
	if block := s.findBlock(); block.Size() != guesttest.Display.Block.Size() {
		s.save(filepath.Join(os.TempDir(), s.viewer.name+".png"), image.Rect(0, 0, benchWidth, benchHeight))
		s.b.Fatalf("%s shows the block of %v in %v", s.viewer.name, guesttest.Display.Block.Size(), block)
	}
}

// pixel returns the colour of a pixel on the screen, at no cost for the X server.
func (n *bench) pixel(at image.Point) color.RGBA {
	row := rows(n.live, image.Rect(at.X, at.Y, at.X+1, at.Y+1))[0]
	return color.RGBA{row[2], row[1], row[0], 0xFF}
}

func isBlock(c color.RGBA) bool { return slices.Contains(guesttest.Display.Colours[:], c) }

// findBlock returns where the guest's block is on the screen.
func (n *bench) findBlock() image.Rectangle {
	const step = 16 // smaller than the block at any scale of use
	width, height := benchWidth, benchHeight
	for y := step; y < height; y += step {
		row := rows(n.live, image.Rect(0, y, width, y+1))[0]
		for x := step; x < width; x += step {
			if pixel := row[4*x : 4*x+3]; isBlock(color.RGBA{pixel[2], pixel[1], pixel[0], 0xFF}) {
				return n.spread(image.Pt(x, y))
			}
		}
	}
	return image.Rectangle{}
}

// spread returns the rectangle of the colour around a point.
func (n *bench) spread(at image.Point) image.Rectangle {
	colour := n.pixel(at)
	r := image.Rectangle{at, at.Add(image.Pt(1, 1))}
	for r.Min.X > 0 && n.pixel(image.Pt(r.Min.X-1, at.Y)) == colour {
		r.Min.X--
	}
	for r.Max.X < benchWidth && n.pixel(image.Pt(r.Max.X, at.Y)) == colour {
		r.Max.X++
	}
	for r.Min.Y > 0 && n.pixel(image.Pt(at.X, r.Min.Y-1)) == colour {
		r.Min.Y--
	}
	for r.Max.Y < benchHeight && n.pixel(image.Pt(at.X, r.Max.Y)) == colour {
		r.Max.Y++
	}
	return r
}

// changed waits until the pixel at the block's centre is not old and returns when that was.
func (s *shown) changed(old color.RGBA) time.Time {
	s.b.Helper()
	for end := time.Now().Add(hosttest.Patience); s.pixel(s.centre) == old; pause(100 * time.Microsecond) {
		if time.Now().After(end) {
			s.b.Fatalf("%s does not show the change", s.viewer.name)
		}
	}
	return time.Now()
}

// pause sleeps as exactly as the system can; the language's own timers are good to a millisecond.
func pause(d time.Duration) {
	request := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&request, nil)
}

// key presses and releases a key on the screen.
func (g *gallery) key(code byte) {
	xtest.FakeInput(g.x, xproto.KeyPress, code, 0, g.root, 0, 0, 0)
	xtest.FakeInput(g.x, xproto.KeyRelease, code, 0, g.root, 0, 0, 0)
}

// button presses and releases a button of the mouse.
func (g *gallery) button(number byte) {
	xtest.FakeInput(g.x, xproto.ButtonPress, number, 0, g.root, 0, 0, 0)
	xtest.FakeInput(g.x, xproto.ButtonRelease, number, 0, g.root, 0, 0, 0)
}

// closeWindow asks a window to close, as its frame's button does.
func (g *gallery) closeWindow(id string) {
	g.b.Helper()
	window, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		g.b.Fatal(err)
	}
	name := "_NET_CLOSE_WINDOW"
	atom, err := xproto.InternAtom(g.x, false, uint16(len(name)), name).Reply()
	if err != nil {
		g.b.Fatal(err)
	}
	event := xproto.ClientMessageEvent{
		Format: 32, Window: xproto.Window(window), Type: atom.Atom,
		Data: xproto.ClientMessageDataUnionData32New(make([]uint32, 5)),
	}
	const mask = xproto.EventMaskSubstructureNotify | xproto.EventMaskSubstructureRedirect
	if err := xproto.SendEventChecked(g.x, false, g.root, mask, string(event.Bytes())).Check(); err != nil {
		g.b.Fatal(err)
	}
}
