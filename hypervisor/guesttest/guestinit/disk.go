//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	sector   = 512
	block    = 4096 // O_DIRECT wants aligned buffers; a page is aligned enough for every disk
	mark     = "GUEST DISK "
	fillFrom = 1 << 20 // "fill" writes behind the sectors that tests use
)

// disk keeps a counter in its first sector. Every access goes to the device itself, past the page
// cache: what a test reads is what the host stored. A nil disk is a missing one.
type disk struct {
	mu   sync.Mutex
	file *os.File
	page []byte // one aligned page
	size int64
}

func openDisk(path string) *disk {
	var file *os.File
	var err error
	for range 20 { // the driver finds the device a moment after it was loaded
		if file, err = os.OpenFile(path, os.O_RDWR|os.O_SYNC|syscall.O_DIRECT, 0); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return nil
	}
	page, err := syscall.Mmap(-1, 0, block, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	d := &disk{file: file, page: page}
	const blkGetSize64 = 0x80081272
	_ = ioctl(file, blkGetSize64, unsafe.Pointer(&d.size))
	return d
}

// increment adds one to the counter on the disk and returns it; -1 without a disk.
func (d *disk) increment() (int, error) {
	if d == nil {
		return -1, nil
	}
	text, err := d.readText(0)
	if err != nil {
		return -1, err
	}
	n := 0
	if rest, ok := strings.CutPrefix(text, mark); ok {
		if n, err = strconv.Atoi(rest); err != nil {
			return -1, err
		}
	}
	n++
	return n, d.writeText(0, mark+strconv.Itoa(n))
}

func (d *disk) readText(n int64) (string, error) {
	if d == nil {
		return "", fmt.Errorf("no disk")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.file.ReadAt(d.page[:sector], n*sector); err != nil {
		return "", err
	}
	text, _, _ := bytes.Cut(d.page[:sector], []byte{0})
	return string(text), nil
}

func (d *disk) writeText(n int64, text string) error {
	if d == nil {
		return fmt.Errorf("no disk")
	}
	if len(text) >= sector {
		return fmt.Errorf("text too long")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.page)
	copy(d.page, text)
	_, err := d.file.WriteAt(d.page[:sector], n*sector)
	return err
}

// fill writes so many MiB that are not zero, from 1 MiB on.
func (d *disk) fill(mebibytes int64) error {
	if d == nil {
		return fmt.Errorf("no disk")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for offset := int64(fillFrom); offset < fillFrom+mebibytes<<20; offset += block {
		for i := range d.page {
			d.page[i] = byte(int64(i) + offset>>12 + 1)
		}
		if offset+block > d.size {
			return fmt.Errorf("the disk ends at %d", d.size)
		}
		if _, err := d.file.WriteAt(d.page, offset); err != nil {
			return err
		}
	}
	return nil
}
