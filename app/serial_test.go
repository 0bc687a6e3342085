package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

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

// What it refuses; that it talks, TestTalk and the tests of hypervisor/libvirtd and ui/e2e show.
func TestSerialCommand(t *testing.T) {
	c := newTerminal(t)
	c.ok("vm", "create", "Talk", "--iso", guesttest.ISO(t), "--memory", "192MiB", "--cpus", "1", "--no-disk", "--firmware", "bios")
	if said := c.fails(4, "vm", "serial", "Talk"); !strings.Contains(said, "state") {
		t.Errorf("a machine that is off: %q", said)
	}
	c.ok("vm", "start", "Talk")
	c.fails(5, "vm", "serial", "Talk", "--device", "serial9")
	c.ok("vm", "poweroff", "Talk")
}
