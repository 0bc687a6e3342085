//go:build linux

// Command guestinit is the whole user space of the test guest: process 1 of a small Linux that shows a
// known picture, reports keys and pointer, and counts in memory and on disk. It speaks lines on the
// first serial port; guesttest documents them and is the other end.
//
// guesttest builds it alone, outside the module: standard library only.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tick is how often the guest counts.
const tick = 200 * time.Millisecond

// guest is the state that a checkpoint has to bring back.
type guest struct {
	port   *serial
	disk   *disk
	second *disk    // nil until a command found it
	view   *picture // nil: no framebuffer
	links  map[int64]*link

	mu      sync.Mutex
	counter int  // counts in memory
	held    bool // a held guest does not count
	lastKey int
	keys    int      // key presses so far
	ballast [][]byte // memory that "dirty" made busy
}

func main() {
	mountAll()
	loadModules("/modules")
	// Ctrl+Alt+Del is a key combination to report, not a reason to restart.
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF)
	signal.Ignore(syscall.SIGINT)

	g := &guest{port: openSerial("/dev/ttyS0"), links: map[int64]*link{}}
	g.disk = openDisk("/dev/vda")
	if err := g.show(); err != nil {
		g.port.line("no picture: %v", err)
	}
	watchInput(g)
	go g.port.read(g.command)
	g.port.line("GUEST READY")
	for range time.Tick(tick) {
		g.count()
	}
}

// show draws the picture on the screen that there is.
func (g *guest) show() error {
	view, err := openPicture("/dev/fb0")
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.view = view
	view.drawAll()
	g.port.line("picture %d %d", view.width, view.height)
	return nil
}

func mountAll() {
	for _, m := range []struct{ kind, path string }{
		{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"},
	} {
		_ = os.MkdirAll(m.path, 0o755)
		_ = syscall.Mount(m.kind, m.path, m.kind, 0, "")
	}
}

// count adds one to both counters and reports them.
func (g *guest) count() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held {
		return
	}
	g.counter++
	n, err := g.disk.increment()
	if err != nil {
		g.port.line("disk error: %v", err)
	}
	g.port.line("mem=%d disk=%d key=%d keys=%d", g.counter, n, g.lastKey, g.keys)
}

// command carries out one line from the serial port and answers it with one line.
func (g *guest) command(line string) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	number, text, _ := strings.Cut(rest, " ")
	n, numberErr := strconv.ParseInt(number, 10, 64)
	var err error
	switch word {
	case "":
	case "ping":
		g.port.line("pong %s", rest)
	case "hold", "go":
		g.mu.Lock()
		g.held = word == "hold"
		g.port.line("%s mem=%d", word, g.counter)
		g.mu.Unlock()
	case "write", "write2":
		if err = numberErr; err == nil {
			err = g.diskOf(word).writeText(n, text)
		}
		g.answer(err, "wrote %d %s", n, text)
	case "read", "read2":
		if err = numberErr; err == nil {
			text, err = g.diskOf(word).readText(n)
		}
		g.answer(err, "read %d %s", n, text)
	case "fill":
		if err = numberErr; err == nil {
			err = g.disk.fill(n)
		}
		g.answer(err, "filled %d", n)
	case "dirty":
		if err = numberErr; err == nil {
			g.dirty(n)
		}
		g.answer(err, "dirtied %d", n)
	case "graphics":
		loadModules("/graphics")
		err = g.show()
		g.answer(err, "graphics")
	case "net":
		if err = numberErr; err == nil {
			text, err = g.join(n)
		}
		g.answer(err, "net %d %s", n, text)
	case "send":
		if err = numberErr; err == nil {
			err = g.send(n, text)
		}
		g.answer(err, "sent %d %s", n, text)
	case "print":
		if err = numberErr; err == nil {
			g.print(n)
		}
		g.answer(err, "printed %d", n)
	case "poweroff":
		g.port.line("powering off")
		powerOff()
	case "reboot":
		g.port.line("rebooting")
		_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	default:
		g.port.line("unknown command %q", line)
	}
}

// diskOf returns the disk that a command is about: the second one if it ends in 2. That one may have been added while the guest runs.
func (g *guest) diskOf(word string) *disk {
	if !strings.HasSuffix(word, "2") {
		return g.disk
	}
	if g.second == nil {
		g.second = openDisk("/dev/vdb")
	}
	return g.second
}

func (g *guest) answer(err error, format string, values ...any) {
	if err != nil {
		g.port.line("error: %v", err)
		return
	}
	g.port.line(format, values...)
}

// dirty fills so many MiB of memory with bytes that do not compress, so that saving the machine takes a while.
func (g *guest) dirty(mebibytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	noise := uint64(0x9e3779b97f4a7c15)
	for range mebibytes {
		block := make([]byte, 1<<20)
		for i := 0; i+8 <= len(block); i += 8 {
			noise ^= noise << 13
			noise ^= noise >> 7
			noise ^= noise << 17
			for b := range 8 {
				block[i+b] = byte(noise >> (8 * b))
			}
		}
		g.ballast = append(g.ballast, block)
	}
}

// print writes so many KiB as numbered lines of 64 bytes.
func (g *guest) print(kibibytes int64) {
	for i := range kibibytes << 10 / 64 {
		g.port.line("%07d the quick brown fox jumps over the lazy dog 0123456789", i)
	}
}

// pressed notes a key press and shows it in the picture.
func (g *guest) pressed(key int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lastKey = key
	g.keys++
	if g.view != nil {
		g.view.drawBlock(g.keys%2 == 1)
	}
}

func powerOff() {
	syscall.Sync()
	if err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Println("power off:", err)
	}
}
