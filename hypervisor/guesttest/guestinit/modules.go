//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

const sysFinitModule = 313 // x86-64

// loadModules loads the kernel modules of a folder in the order of its file "order".
func loadModules(dir string) {
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		fmt.Println("modules:", err)
		return
	}
	for _, name := range strings.Fields(string(order)) {
		if err := loadModule(filepath.Join(dir, name)); err != nil {
			fmt.Println("module", name, err)
		}
	}
}

func loadModule(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	none := [1]byte{} // no parameters
	_, _, errno := syscall.Syscall(sysFinitModule, file.Fd(), uintptr(unsafe.Pointer(&none[0])), 0)
	if errno != 0 && errno != syscall.EEXIST {
		return errno
	}
	return nil
}
