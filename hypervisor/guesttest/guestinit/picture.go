//go:build linux

package main

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// Colours as 0xRRGGBB; guesttest.Picture has the same.
const (
	topLeft     = 0xC81E1E // red
	topRight    = 0x1EA01E // green
	bottomLeft  = 0x1E50C8 // blue
	bottomRight = 0xE6C81E // yellow
	cross       = 0xFFFFFF
	blockRest   = 0x000000
	blockKey    = 0xFF00FF // after an odd number of key presses
)

const (
	crossWidth = 8
	blockSize  = 96
)

// picture draws straight into the framebuffer: four quarters, a cross between them, and a block in the
// middle that changes with every key press.
type picture struct {
	memory                       []byte
	width, height, stride, bytes int
}

// fbVar and fbFix are the beginnings of fb_var_screeninfo and fb_fix_screeninfo, linux/fb.h.
type fbVar struct {
	width, height, virtualWidth, virtualHeight, x, y, bits uint32
	_                                                      [33]uint32
}

type fbFix struct {
	id                            [16]byte
	start                         uint64
	length, kind, kindAux, visual uint32
	panX, panY, wrapY             uint16
	_                             uint16
	stride                        uint32
	_                             [36]byte
}

func openPicture(path string) (*picture, error) {
	// Graphics mode keeps the text console and its cursor off the picture.
	if tty, err := os.OpenFile("/dev/tty0", os.O_RDWR, 0); err == nil {
		const kdSetMode, kdGraphics = 0x4B3A, 1
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, tty.Fd(), kdSetMode, kdGraphics)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	const getVar, getFix = 0x4600, 0x4602
	var v fbVar
	var f fbFix
	if err := ioctl(file, getVar, unsafe.Pointer(&v)); err != nil {
		return nil, err
	}
	if err := ioctl(file, getFix, unsafe.Pointer(&f)); err != nil {
		return nil, err
	}
	if v.bits != 32 && v.bits != 24 {
		return nil, errors.New("the framebuffer has neither 24 nor 32 bits")
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, int(f.length), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &picture{
		memory: memory, width: int(v.width), height: int(v.height), stride: int(f.stride), bytes: int(v.bits / 8),
	}, nil
}

func (p *picture) drawAll() {
	midX, midY := p.width/2, p.height/2
	p.fill(0, 0, midX, midY, topLeft)
	p.fill(midX, 0, p.width, midY, topRight)
	p.fill(0, midY, midX, p.height, bottomLeft)
	p.fill(midX, midY, p.width, p.height, bottomRight)
	p.fill(midX-crossWidth/2, 0, midX+crossWidth/2, p.height, cross)
	p.fill(0, midY-crossWidth/2, p.width, midY+crossWidth/2, cross)
	p.drawBlock(false)
}

func (p *picture) drawBlock(key bool) {
	colour := uint32(blockRest)
	if key {
		colour = blockKey
	}
	x, y := p.width/2-blockSize/2, p.height/2-blockSize/2
	p.fill(x, y, x+blockSize, y+blockSize, colour)
}

func (p *picture) fill(x0, y0, x1, y1 int, colour uint32) {
	row := make([]byte, (x1-x0)*p.bytes)
	for i := 0; i < len(row); i += p.bytes {
		row[i], row[i+1], row[i+2] = byte(colour), byte(colour>>8), byte(colour>>16)
	}
	for y := y0; y < y1; y++ {
		copy(p.memory[y*p.stride+x0*p.bytes:], row)
	}
}
