//go:build linux

package main

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Event types and codes of linux/input-event-codes.h.
const (
	evSyn, evKey, evRel, evAbs = 0, 1, 2, 3
	relX, relY, relWheel       = 0, 1, 8
	absX, absY                 = 0, 1
	keyPower                   = 116
	firstButton, lastButton    = 0x110, 0x117 // left, right, middle, ...
	absRange                   = 0x8000       // of QEMU's USB tablet
	eventSize                  = 24           // struct input_event on 64 bits
)

// watchInput follows the input devices that there are now, so that the guest is ready for the power button when it returns,
// and then those that appear later: USB devices take a moment.
func watchInput(g *guest) {
	known := map[string]bool{}
	followNew(g, known)
	go func() {
		for range time.Tick(tick) {
			followNew(g, known)
		}
	}()
}

func followNew(g *guest, known map[string]bool) {
	paths, _ := filepath.Glob("/dev/input/event*")
	for _, path := range paths {
		if known[path] {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		known[path] = true
		name, _ := os.ReadFile(filepath.Join("/sys/class/input", filepath.Base(path), "device/name"))
		g.port.line("input %s %q", filepath.Base(path), string(name))
		go follow(g, file)
	}
}

// pointer gathers what happened between two synchronisation events.
type pointer struct {
	x, y, dx, dy, wheel, buttons int
	absolute, changed            bool
}

func follow(g *guest, file *os.File) {
	defer file.Close()
	var p pointer
	event := make([]byte, eventSize)
	for {
		if _, err := io.ReadFull(file, event); err != nil {
			return
		}
		kind := binary.LittleEndian.Uint16(event[16:])
		code := int(binary.LittleEndian.Uint16(event[18:]))
		value := int(int32(binary.LittleEndian.Uint32(event[20:])))
		switch kind {
		case evKey:
			if code >= firstButton && code <= lastButton {
				p.button(code-firstButton, value != 0)
			} else {
				reportKey(g, code, value)
			}
		case evRel:
			p.moveBy(code, value)
		case evAbs:
			p.moveTo(g, code, value)
		case evSyn:
			p.report(g)
		}
	}
}

func reportKey(g *guest, code, value int) {
	switch value {
	case 0:
		g.port.line("key %d up", code)
	case 1:
		g.port.line("key %d down", code)
		g.pressed(code)
		if code == keyPower {
			g.port.line("POWER BUTTON")
			powerOff()
		}
	}
}

func (p *pointer) button(n int, down bool) {
	p.changed = true
	if down {
		p.buttons |= 1 << n
	} else {
		p.buttons &^= 1 << n
	}
}

func (p *pointer) moveBy(code, value int) {
	p.changed = true
	switch code {
	case relX:
		p.dx += value
	case relY:
		p.dy += value
	case relWheel:
		p.wheel += value
	}
}

func (p *pointer) moveTo(g *guest, code, value int) {
	if g.view == nil {
		return
	}
	p.changed, p.absolute = true, true
	switch code {
	case absX:
		p.x = value * g.view.width / absRange
	case absY:
		p.y = value * g.view.height / absRange
	}
}

func (p *pointer) report(g *guest) {
	if !p.changed {
		return
	}
	if p.absolute {
		g.port.line("pointer %d %d buttons %d", p.x, p.y, p.buttons)
	} else {
		g.port.line("motion %d %d buttons %d", p.dx, p.dy, p.buttons)
	}
	if p.wheel != 0 {
		g.port.line("wheel %d", p.wheel)
	}
	p.dx, p.dy, p.wheel, p.changed = 0, 0, 0, false
}
