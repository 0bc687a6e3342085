package machines

import (
	"os"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig"
)

// AccelVariable is the environment variable that overrides the choice of the accelerator: auto, kvm or tcg.
const AccelVariable = "GUESTHOUSE_ACCEL"

// The requests of /dev/kvm (linux/kvm.h): _IO(0xAE, 0x00) and _IO(0xAE, 0x01), and the one version there is.
const (
	kvmGetAPIVersion = 0xAE00
	kvmCreateVM      = 0xAE01
	kvmAPIVersion    = 12
)

// KVMWorks reports whether this computer can run a guest with hardware acceleration. That the device opens is no proof
// (nested hosts without the processor feature offer it too), so it makes an empty virtual machine.
func KVMWorks() bool {
	fd, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	version, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), kvmGetAPIVersion, 0)
	if errno != 0 || version != kvmAPIVersion {
		return false
	}
	vm, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), kvmCreateVM, 0)
	if errno != 0 {
		return false
	}
	unix.Close(int(vm))
	return true
}

// Accelerator tells how the processor of a new machine would be provided, so that a window can say beforehand that
// machines will be slow. It may open /dev/kvm: do not call it on the UI goroutine.
func (s *Service) Accelerator() vmconfig.Accel {
	choice := s.p.Accel
	if v := os.Getenv(AccelVariable); v != "" {
		choice = v
	}
	switch choice {
	case string(vmconfig.AccelKVM):
		return vmconfig.AccelKVM
	case string(vmconfig.AccelTCG):
		return vmconfig.AccelTCG
	}
	host := s.p.Conn.Host()
	if host.KVM && (!host.Local || KVMWorks()) {
		return vmconfig.AccelKVM
	}
	return vmconfig.AccelTCG
}
