package libvirtd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"testing"
	"time"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

const textGuestXML = `<domain type='qemu'>
  <name>text</name><memory unit='MiB'>%d</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='cdrom'/></os><features><acpi/></features>
  <devices>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'/><target dev='sda' bus='sata'/><readonly/></disk>
    <graphics type='vnc'><listen type='none'/></graphics><video><model type='virtio'/></video>
    <serial type='pty'/><serial type='pty'/><console type='pty'><target type='serial'/></console><console type='pty'><target type='virtio'/></console>
  </devices>
</domain>`

// lines is what a console said, as far as it was looked at.
type lines struct {
	t    *testing.T
	news chan []byte
	text []byte
	end  error
}

func listen(t *testing.T, console io.Reader) *lines {
	l := &lines{t: t, news: make(chan []byte, 100)}
	go func() {
		defer close(l.news)
		for {
			b := make([]byte, 4096)
			n, err := console.Read(b)
			l.news <- b[:n]
			if err != nil {
				l.end = err
				return
			}
		}
	}()
	return l
}

// want waits for a text and forgets all up to it.
func (l *lines) want(pattern string) {
	l.t.Helper()
	wanted := regexp.MustCompile(pattern)
	limit := time.After(5 * time.Minute) // the guest boots by emulation
	for {
		if at := wanted.FindIndex(l.text); at != nil {
			l.text = l.text[at[1]:]
			return
		}
		select {
		case b, ok := <-l.news:
			if !ok {
				l.t.Fatalf("it ended (%v) before %q; last %q", l.end, pattern, l.text[max(0, len(l.text)-200):])
			}
			l.text = append(l.text, b...)
		case <-limit:
			l.t.Fatalf("never %q; last %q", pattern, l.text[max(0, len(l.text)-200):])
		}
	}
}

// wantEnd waits until the console has ended.
func (l *lines) wantEnd() error {
	l.t.Helper()
	limit := time.After(hosttest.Patience)
	for {
		select {
		case _, ok := <-l.news:
			if !ok {
				return l.end
			}
		case <-limit:
			l.t.Fatal("the console does not end")
		}
	}
}

// A real guest's serial line: it answers, has one user at a time, and ends with the machine.
func TestTextConsoleOfRealGuest(t *testing.T) {
	h := hosttest.Start(t)
	c, _ := open(t, h.URI)
	other, _ := open(t, h.URI)
	ctx := t.Context()
	id, err := c.Define(ctx, fmt.Sprintf(textGuestXML, guesttest.MinMemoryMiB, guesttest.ISO(t)))
	must(t, err)
	if _, err := c.OpenConsole(ctx, id, "", false); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("console of a machine that is off: %v", err)
	}
	must(t, c.Start(ctx, id))
	first, err := c.OpenConsole(ctx, id, "", false)
	must(t, err)
	defer first.Close()
	said := listen(t, first)
	said.want(`GUEST READY`)
	_, err = io.WriteString(first, "hold\n")
	must(t, err)
	said.want(`hold mem=\d+`)

	for _, device := range []string{"serial1", "console1"} { // the other lines of the same machine
		line, err := c.OpenConsole(ctx, id, device, false)
		must(t, err)
		must(t, line.Close())
	}

	if _, err := other.OpenConsole(ctx, id, "serial0", false); !errors.Is(err, hypervisor.ErrInUse) {
		t.Fatalf("a second user: %v", err)
	}
	taken, err := other.OpenConsole(ctx, id, "serial0", true)
	must(t, err)
	defer taken.Close()
	if err := said.wantEnd(); errors.Is(err, io.EOF) {
		t.Error("who was thrown out believes that the machine has closed the line")
	}
	heard := listen(t, taken)
	_, err = io.WriteString(taken, "go\n")
	must(t, err)
	heard.want(`go mem=\d+`)
	heard.want(`mem=\d+ disk=-1`)

	must(t, c.Reset(ctx, id)) // the line stays through a reset
	heard.want(`GUEST READY`)
	must(t, c.PowerOff(ctx, id))
	if err := heard.wantEnd(); !errors.Is(err, io.EOF) && !bytes.Contains([]byte(err.Error()), []byte("console")) {
		t.Errorf("power off ends it with %v", err)
	}
	must(t, c.Start(ctx, id))
	again, err := other.OpenConsole(ctx, id, "", false)
	must(t, err)
	must(t, again.Close())
	third, err := c.OpenConsole(ctx, id, "", false) // freed by Close
	must(t, err)
	must(t, third.Close())
}

// What is typed into a console that was opened while a saved machine's state was still being loaded reaches the guest, all of it.
func TestTextConsoleOfRestoredGuest(t *testing.T) {
	h := hosttest.Start(t)
	c, _ := open(t, h.URI)
	ctx := t.Context()
	id, err := c.Define(ctx, fmt.Sprintf(textGuestXML, guesttest.MinMemoryMiB, guesttest.ISO(t)))
	must(t, err)
	must(t, c.Start(ctx, id))
	console, err := c.OpenConsole(ctx, id, "", false)
	must(t, err)
	said := listen(t, console)
	said.want(`GUEST READY`)
	_, err = io.WriteString(console, "hold\n")
	must(t, err)
	said.want(`hold mem=\d+`)
	for i := range 3 {
		must(t, c.Save(ctx, id))
		_ = said.wantEnd()
		must(t, console.Close())
		started := make(chan error, 1)
		go func() { started <- c.Start(ctx, id) }()
		limit := time.Now().Add(hosttest.Patience)
		for console, err = c.OpenConsole(ctx, id, "", false); err != nil; console, err = c.OpenConsole(ctx, id, "", false) {
			if time.Now().After(limit) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		said = listen(t, console)
		_, err = fmt.Fprintf(console, "ping %d\n", i)
		must(t, err)
		said.want(fmt.Sprintf("pong %d\r", i))
		must(t, <-started)
	}
	must(t, console.Close())
}
