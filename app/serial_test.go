package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"guesthouse/hypervisor/guesttest"
)

func TestTalk(t *testing.T) {
	guest, console := net.Pipe()
	heard := make(chan string, 1)
	go func() {
		b := make([]byte, 3)
		io.ReadFull(guest, b)
		heard <- string(b)
		guest.Write([]byte("hello\r\n"))
		guest.Close()
	}()
	var out bytes.Buffer
	if err := talk(t.Context(), console, strings.NewReader("ls\r"), &out, false); !errors.Is(err, errClosed) || out.String() != "hello\r\n" || <-heard != "ls\r" {
		t.Errorf("%v, %q", err, out.String())
	}

	guest, console = net.Pipe()
	go io.Copy(io.Discard, guest)
	if err := talk(t.Context(), console, strings.NewReader("ls\r\x1dmore"), io.Discard, true); err != nil {
		t.Errorf("leaving: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := talk(ctx, console, iotestBlock{}, io.Discard, false); err != nil {
		t.Errorf("cancelled: %v", err)
	}
}

// iotestBlock is a keyboard that nobody touches.
type iotestBlock struct{}

func (iotestBlock) Read([]byte) (int, error) { select {} }

func TestSerialCommand(t *testing.T) {
	c := newTerminal(t)
	c.ok("vm", "create", "Talk", "--iso", guesttest.ISO(t), "--memory", "192MiB", "--cpus", "1", "--no-disk", "--firmware", "bios")
	if said := c.fails(4, "vm", "serial", "Talk"); !strings.Contains(said, "state") {
		t.Errorf("a machine that is off: %q", said)
	}
	c.ok("vm", "start", "Talk")
	c.fails(5, "vm", "serial", "Talk", "--device", "serial9")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // the guest boots by emulation
	defer cancel()
	out := &untilText{want: "GUEST READY", found: cancel}
	if code := run(ctx, []string{"--connect", c.host.URI, "vm", "serial", "Talk"}, out, io.Discard); code != 0 || !strings.Contains(out.String(), out.want) {
		t.Errorf("exit code %d, output %q", code, out)
	}
	c.ok("vm", "poweroff", "Talk")
}

// untilText is an output that tells when a text has come. It can be read while the command still writes: one that is left does not wait for its
// output, which may be stuck.
type untilText struct {
	mu    sync.Mutex
	text  bytes.Buffer // not embedded: io.Copy would use its ReadFrom, past Write
	want  string
	found func()
}

func (u *untilText) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n, err := u.text.Write(p)
	if bytes.Contains(u.text.Bytes(), []byte(u.want)) {
		u.found()
	}
	return n, err
}

func (u *untilText) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.text.String()
}
