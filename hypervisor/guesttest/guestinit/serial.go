//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// serial is the line to the test.
type serial struct {
	file *os.File
	mu   sync.Mutex
}

func openSerial(path string) *serial {
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		fmt.Println("serial:", err)
		return &serial{file: os.Stdout}
	}
	// Raw: no echo, and commands arrive as they are sent; but Enter, which a terminal sends as CR, ends a line as LF does.
	var t syscall.Termios
	err = ioctl(file, syscall.TCGETS, unsafe.Pointer(&t))
	t.Iflag, t.Oflag, t.Lflag = syscall.ICRNL, 0, 0
	t.Cc[syscall.VMIN], t.Cc[syscall.VTIME] = 1, 0
	if err == nil {
		err = ioctl(file, syscall.TCSETS, unsafe.Pointer(&t))
	}
	if err != nil {
		fmt.Println("serial:", err)
	}
	return &serial{file: file}
}

// line writes one line at once, so that lines of several goroutines do not mix.
func (s *serial) line(format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.file, format+"\r\n", values...)
}

// read hands every line that arrives to do, for ever.
func (s *serial) read(do func(line string)) {
	lines := bufio.NewScanner(s.file)
	for lines.Scan() {
		do(lines.Text())
	}
	s.line("serial: %v", lines.Err())
}

func ioctl(file *os.File, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}
