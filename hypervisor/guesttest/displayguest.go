package guesttest

import (
	_ "embed"
	"errors"
	"fmt"
	"image"
	"image/color"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"guesthouse/hypervisor/hosttest"
)

//go:embed displayguest/guest.asm
var displayGuestSource []byte

// Display is what the display guest shows at rest: one colour with a block that has one of two colours.
var Display = struct {
	Size       image.Point
	Block      image.Rectangle
	Background color.RGBA
	Colours    [2]color.RGBA // the block's; the first one after booting
}{
	Size:       image.Pt(1920, 1080),
	Block:      image.Rect(128, 128, 192, 192),
	Background: color.RGBA{0x1F, 0x4B, 0x37, 0xFF},
	Colours:    [2]color.RGBA{{0xFF, 0x00, 0xFF, 0xFF}, {0xFF, 0xFF, 0x00, 0xFF}},
}

// Commands of the display guest, for Screen.Do and as keys of the keyboard.
const (
	ToggleBlock = 'a' // the block takes its other colour
	ShowSolid   = 'f' // the whole screen in another colour 30 times a second
	ShowDesktop = 'g' // cells of colour with dots like text, moving 30 times a second
	ShowNoise   = 's' // noise on the whole screen 30 times a second
	ShowVideo   = 'v' // noise in a thirty-sixth of the screen 30 times a second
	ShowNothing = 'd' // rest
)

// DisplayMemoryMiB is the memory that the display guest needs: it keeps the moving pictures ready.
const DisplayMemoryMiB = 64

// DisplayDisk makes, in dir, the raw disk image of a guest that boots in a second from BIOS on a standard VGA, shows
// Display and obeys one-letter commands from keyboard and first serial port. It is for measuring displays.
func DisplayDisk(t testing.TB, dir string) string {
	t.Helper()
	source, disk := filepath.Join(dir, "display.asm"), filepath.Join(dir, "display.img")
	write(t, source, displayGuestSource)
	d := Display
	args := []string{"-f", "bin", "-o", disk}
	for name, value := range map[string]int{
		"WIDTH": d.Size.X, "HEIGHT": d.Size.Y, "BLOCK_X": d.Block.Min.X, "BLOCK_Y": d.Block.Min.Y, "BLOCK_SIZE": d.Block.Dx(),
		"BACKGROUND": rgb(d.Background), "COLOUR1": rgb(d.Colours[0]), "COLOUR2": rgb(d.Colours[1]),
	} {
		args = append(args, fmt.Sprintf("-D%s=%d", name, value))
	}
	run(t, dir, nil, hosttest.Tool(t, "nasm"), append(args, source)...)
	// The BIOS makes up a geometry from the size, and knows one only for whole cylinders.
	if err := os.Truncate(disk, 1<<20); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	return disk
}

func rgb(c color.RGBA) int { return int(c.R)<<16 | int(c.G)<<8 | int(c.B) }

// Screen is a running display guest, seen through its serial port on a unix socket. Its methods are for one goroutine.
type Screen struct {
	t    testing.TB
	port net.Conn
	said chan saying
}

// saying is a letter that the guest has sent, and when it came.
type saying struct {
	letter byte
	at     time.Time
}

// OpenScreen connects to the serial port at the unix socket and waits until the guest obeys.
func OpenScreen(t testing.TB, socket string) *Screen {
	t.Helper()
	s := &Screen{t: t, said: make(chan saying, 1000)}
	if err := hosttest.Poll(hosttest.Patience, func() (err error) {
		s.port, err = net.Dial("unix", socket)
		return err
	}); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	t.Cleanup(func() { s.port.Close() })
	go s.listen()
	// It may have said that it is ready before somebody listened.
	if err := hosttest.Poll(hosttest.Patience, func() error { return s.try(ShowNothing, time.Second) }); err != nil {
		t.Fatalf("guesttest: the display guest does not answer: %v", err)
	}
	return s
}

// listen reads until the port is closed.
func (s *Screen) listen() {
	defer close(s.said)
	var letter [1]byte
	for {
		if _, err := s.port.Read(letter[:]); err != nil {
			return
		}
		s.said <- saying{letter[0], time.Now()}
	}
}

// Do sends a command and waits until the guest has done it; one that asks for a moving picture is done before the first
// picture moves.
func (s *Screen) Do(command byte) {
	s.t.Helper()
	if err := s.try(command, hosttest.Patience); err != nil {
		s.t.Fatalf("guesttest: command %c: %v", command, err)
	}
}

// Done waits until the guest has done a command that came by its keyboard, and returns when it said so.
func (s *Screen) Done(command byte) time.Time {
	s.t.Helper()
	at, err := s.await(command, hosttest.Patience)
	if err != nil {
		s.t.Fatalf("guesttest: key %c: %v", command, err)
	}
	return at
}

func (s *Screen) try(command byte, patience time.Duration) error {
	if _, err := s.port.Write([]byte{command}); err != nil {
		return err
	}
	_, err := s.await(command, patience)
	return err
}

func (s *Screen) await(command byte, patience time.Duration) (time.Time, error) {
	end := time.After(patience)
	for {
		select {
		case said, open := <-s.said:
			switch {
			case !open:
				return time.Time{}, hosttest.Stop(errors.New("the serial port was closed"))
			case said.letter == command:
				return said.at, nil
			case said.letter == 'F':
				return time.Time{}, hosttest.Stop(fmt.Errorf("the guest finds no mode of %v", Display.Size))
			}
		case <-end:
			return time.Time{}, fmt.Errorf("no answer within %v", patience)
		}
	}
}
