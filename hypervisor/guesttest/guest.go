// Package guesttest gives tests a real guest: a small Linux that boots in seconds without hardware
// acceleration, from BIOS or UEFI, shows a known picture, reports keys and pointer, and counts in memory
// and on disk, so that a restored checkpoint can prove that both came back.
//
// The guest speaks lines on its first serial port (Console reads them):
//
//	picture W H                        size of the framebuffer it draws on (Picture)
//	GUEST READY                        it counts and listens from now on
//	mem=17 disk=42 key=30 keys=3       five times a second: counter in memory, counter in the first sector of
//	                                   the first virtio disk (-1: no disk), last key and number of key presses
//	key 30 down, key 30 up             evdev codes
//	pointer 400 300 buttons 1          absolute pointer in guest pixels; button bits: left, right, middle
//	motion 3 -2 buttons 0              relative pointer
//	wheel -1
//	heard N TEXT                       a frame that came by network adapter N, which "net" brought up; it is "send" that sends them
//	POWER BUTTON                       then it powers off
//
// and answers commands, one a line, with one line each or with "error: ...":
//
//	ping TEXT                          "pong TEXT"
//	hold, go                           stop and go on counting: "hold mem=17"
//	write N TEXT, read N               text at the beginning of sector N of the disk: "wrote N TEXT", "read N TEXT"
//	write2 N TEXT, read2 N             the same on the second virtio disk
//	fill N                             write N MiB to the disk: "filled N"
//	dirty N                            make N MiB of memory busy: "dirtied N"
//	net N                              bring up the network adapter that the kernel calls ethN: "net N 52:54:00:12:34:56", its address
//	send N TEXT                        a frame to everybody in the network of adapter N: "sent N TEXT"
//	print N                            N KiB of output in numbered lines of 64 bytes, then "printed N"
//	poweroff, reboot
package guesttest

import (
	"image/color"
)

// Picture is what the guest draws on its whole screen, whatever its size: four quarters, a white cross of
// CrossWidth pixels between them, and in the middle a black block of BlockSize pixels that turns to BlockKey
// after an odd number of key presses.
var Picture = struct {
	TopLeft, TopRight, BottomLeft, BottomRight, Cross, Block, BlockKey color.RGBA
	CrossWidth, BlockSize                                              int
}{
	TopLeft:     color.RGBA{0xC8, 0x1E, 0x1E, 0xFF},
	TopRight:    color.RGBA{0x1E, 0xA0, 0x1E, 0xFF},
	BottomLeft:  color.RGBA{0x1E, 0x50, 0xC8, 0xFF},
	BottomRight: color.RGBA{0xE6, 0xC8, 0x1E, 0xFF},
	Cross:       color.RGBA{0xFF, 0xFF, 0xFF, 0xFF},
	Block:       color.RGBA{0x00, 0x00, 0x00, 0xFF},
	BlockKey:    color.RGBA{0xFF, 0x00, 0xFF, 0xFF},
	CrossWidth:  8,
	BlockSize:   96,
}

// Memory that the guest needs. On UEFI the boot loader finds no room for the kernel with less.
const (
	MinMemoryMiB     = 192 // BIOS
	MinMemoryUEFIMiB = 384
)
