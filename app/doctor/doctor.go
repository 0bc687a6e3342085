// Package doctor checks what the program needs from this computer.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/libvirtd"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// State is the outcome of one check.
type State string

// Outcomes. A warning leaves the program usable.
const (
	Pass State = "pass"
	Warn State = "warn"
	Fail State = "fail"
)

// Need is one checked need.
type Need struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"` // what was found
	Fix    string `json:"fix"`    // what to do; empty when it passes
}

// patience bounds each check.
const patience = 30 * time.Second

// Bounds on free space: below the first nothing useful can be made, below the second it becomes tight.
const (
	leastFree = 1 * vmconfig.GiB
	goodFree  = 10 * vmconfig.GiB
)

// Check checks every need of the connection uri, in a fixed order. It may take seconds; it starts the user's own daemon, which is
// what the program would do.
func Check(ctx context.Context, uri string) []Need {
	conn, err := connect(ctx, uri)
	if err == nil {
		defer conn.Close()
	}
	return []Need{
		checkKVM(), checkQEMU(ctx), checkImages(ctx), checkLibvirt(), checkDaemon(uri, conn, err),
		checkFirmware(ctx, conn), checkSystems(), checkSpace(),
	}
}

func connect(ctx context.Context, uri string) (hypervisor.Connection, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return libvirtd.Open(ctx, uri, libvirtd.Options{})
}

func checkKVM() Need {
	n := Need{Name: "KVM", State: Pass, Detail: "hardware acceleration works"}
	if machines.KVMWorks() {
		return n
	}
	n.State = Warn
	switch info, err := os.Stat("/dev/kvm"); {
	case err != nil:
		n.Detail = "/dev/kvm does not exist: machines are emulated and slow"
		n.Fix = "Switch on virtualisation (VT-x, AMD-V) in the computer's firmware and load the kernel module kvm_intel or kvm_amd."
	case info.Mode()&os.ModeDevice == 0:
		n.Detail = "/dev/kvm is no device"
		n.Fix = "Load the kernel module kvm_intel or kvm_amd."
	default:
		n.Detail = "/dev/kvm exists but cannot be used: machines are emulated and slow"
		n.Fix = "Add your user to the group kvm and log in again: sudo adduser \"$USER\" kvm"
	}
	return n
}

func checkQEMU(ctx context.Context) Need {
	n := Need{Name: "QEMU", State: Fail, Detail: "qemu-system-x86_64 is not installed", Fix: "sudo apt install qemu-system-x86"}
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return n
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		n.Detail = fmt.Sprintf("%s does not run: %v", path, err)
		n.Fix = "sudo apt install --reinstall qemu-system-x86"
		return n
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return Need{Name: n.Name, State: Pass, Detail: vmconfig.Inert(first, 100)}
}

func checkImages(ctx context.Context) Need {
	n := Need{Name: "disk images", State: Fail, Fix: "sudo apt install qemu-utils"}
	tool, err := diskimage.New()
	if err != nil {
		n.Detail = err.Error()
		return n
	}
	found, err := tool.Version(ctx)
	if err != nil {
		n.Detail = err.Error()
		return n
	}
	return Need{Name: n.Name, State: Pass, Detail: "qemu-img " + found}
}

// daemons are libvirt's daemons for QEMU: the modular one and the monolithic one.
var daemons = []string{"virtqemud", "libvirtd"}

func checkLibvirt() Need {
	for _, name := range daemons {
		for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin", "/sbin") {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return Need{Name: "libvirt", State: Pass, Detail: path}
			}
		}
	}
	return Need{
		Name: "libvirt", State: Fail, Detail: "neither virtqemud nor libvirtd is installed",
		Fix: "sudo apt install libvirt-daemon libvirt-daemon-driver-qemu",
	}
}

func checkDaemon(uri string, conn hypervisor.Connection, err error) Need {
	n := Need{Name: "session daemon"}
	switch {
	case err == nil:
		host := conn.Host()
		n.State = Pass
		n.Detail = fmt.Sprintf("%s answers: libvirt %s, %s %s", vmconfig.Inert(uri, 100), host.Libvirt, host.Hypervisor, host.Version)
		return n
	case errors.Is(err, hypervisor.ErrBadAddress):
		n.Fix = "Write the address as for example qemu:///session."
	case errors.Is(err, hypervisor.ErrDenied):
		n.Fix = "Use qemu:///session, or add your user to the group libvirt and log in again."
	default:
		n.Fix = "sudo apt install libvirt-daemon; then look at what “libvirtd --verbose” says."
	}
	n.State, n.Detail = Fail, vmconfig.Inert(err.Error(), 300)
	return n
}

func checkFirmware(ctx context.Context, conn hypervisor.Connection) Need {
	n := Need{Name: "OVMF", State: Warn, Fix: "sudo apt install ovmf"}
	if conn == nil {
		n.Detail, n.Fix = "not known without a connection", "Mend the session daemon first."
		return n
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	firmwares, err := conn.Firmwares(ctx)
	switch {
	case err != nil:
		n.Detail = vmconfig.Inert(err.Error(), 300)
	case len(firmwares) == 0:
		n.Detail = "no UEFI firmware: machines can only start with BIOS"
	default:
		return Need{Name: n.Name, State: Pass, Detail: vmconfig.Inert(firmwares[0].Code, 200)}
	}
	return n
}

func checkSystems() Need {
	n := Need{Name: "osinfo-db", State: Warn, Fix: "sudo apt install osinfo-db"}
	catalogue, err := guestos.Load()
	if err != nil || len(catalogue.All()) == 0 {
		n.Detail = "no operating system is recognised and defaults are general"
		return n
	}
	return Need{Name: n.Name, State: Pass, Detail: fmt.Sprintf("%d operating systems", len(catalogue.All()))}
}

func checkSpace() Need {
	n := Need{Name: "free space"}
	dir := os.Getenv("XDG_DATA_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			n.State, n.Detail, n.Fix = Fail, "there is no home folder", "Set HOME."
			return n
		}
		dir = filepath.Join(home, ".local", "share")
	}
	free, err := machines.FreeBytes(dir)
	if err != nil {
		n.State, n.Detail, n.Fix = Fail, err.Error(), "Make the folder readable."
		return n
	}
	n.Detail = fmt.Sprintf("%s in %s", vmconfig.FormatSize(free/vmconfig.MiB*vmconfig.MiB), dir)
	switch {
	case free < leastFree:
		n.State, n.Fix = Fail, "Make room: new machines and checkpoints do not fit."
	case free < goodFree:
		n.State, n.Fix = Warn, "Make room: a system needs about 10 GiB."
	default:
		n.State = Pass
	}
	return n
}
