// Package doctor checks what the program needs from this computer.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/app/recording"
	"guesthouse/hypervisor"
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
	Name   string
	State  State
	Detail string // what was found, one sentence
	Fix    string // what to do; empty when it passes
}

// Params is what the checks work with.
type Params struct {
	// Open connects to the hypervisor, starting its service if need be.
	Open func(ctx context.Context) (hypervisor.Connection, error)
	// DataDir is where disks and checkpoints are kept.
	DataDir string
}

// Limits of the checks.
const (
	deadline  = 30 * time.Second
	lowSpace  = 20 * vmconfig.GiB // less free space than this is worth a word: one ordinary guest
	fullSpace = 1 * vmconfig.GiB
)

// Check makes all checks and returns them in a fixed order. It waits, at most for its deadline.
func Check(ctx context.Context, p Params) []Need {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	needs := []Need{checkKVM(), checkQEMU(ctx), checkQemuImg()}
	conn, err := p.Open(ctx)
	needs = append(needs, checkService(conn, err)...)
	needs = append(needs, checkFirmware(ctx, conn), checkTPM(), checkCatalogue(), checkRecording(), checkSpace(p.DataDir))
	if conn != nil {
		_ = conn.Close()
	}
	return needs
}

func checkKVM() Need {
	n := Need{Name: "Hardware acceleration (KVM)", State: Pass, Detail: "Works."}
	if machines.KVMWorks() {
		return n
	}
	n.State = Warn // machines run by emulation all the same
	_, err := os.Stat("/dev/kvm")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		n.Detail = "There is no /dev/kvm: machines are emulated, which is many times slower."
		n.Fix = "Turn virtualisation (Intel VT-x or AMD-V) on in the firmware set-up of this computer, then load the module kvm_intel or kvm_amd. Inside a virtual machine, turn nested virtualisation on."
	case !writable("/dev/kvm"):
		n.Detail = "You may not use /dev/kvm: machines are emulated, which is many times slower."
		n.Fix = "Add yourself to the group kvm (sudo adduser $USER kvm) and log in again."
	default:
		n.Detail = "/dev/kvm opens, but no machine can be made with it: machines are emulated, which is many times slower."
		n.Fix = "Close other virtualisation programs such as VirtualBox. Inside a virtual machine, turn nested virtualisation on."
	}
	return n
}

func writable(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func checkQEMU(ctx context.Context) Need {
	n := Need{Name: "QEMU", State: Fail, Fix: "Install the package qemu-system-x86."}
	program := "qemu-system-x86_64"
	if runtime.GOARCH == "arm64" {
		program, n.Fix = "qemu-system-aarch64", "Install the package qemu-system-arm."
	}
	path, err := exec.LookPath(program)
	if err != nil {
		n.Detail = program + " is not installed."
		return n
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		n.Detail = fmt.Sprintf("%s does not run: %v.", path, err)
		return n
	}
	version, _, _ := strings.Cut(string(out), "\n")
	if displays, err := exec.CommandContext(ctx, path, "-display", "help").Output(); err == nil && !slices.Contains(strings.Fields(string(displays)), "dbus") {
		n.Detail = vmconfig.Inert(version, 120) + " lacks its D-Bus display: machines that are made here do not start."
		n.Fix = "Install the package qemu-system-modules-opengl (on Fedora and Arch: qemu-ui-dbus)."
		return n
	}
	return Need{Name: n.Name, State: Pass, Detail: vmconfig.Inert(version, 120) + "."}
}

func checkQemuImg() Need {
	if path, err := exec.LookPath("qemu-img"); err == nil {
		return Need{Name: "Disk image tool", State: Pass, Detail: path + "."}
	}
	return Need{Name: "Disk image tool", State: Fail, Detail: "qemu-img is not installed.", Fix: "Install the package qemu-utils."}
}

// checkService tells libvirt's version apart from whether its service answers.
func checkService(conn hypervisor.Connection, err error) []Need {
	libvirt := Need{Name: "libvirt", State: Fail, Fix: "Install the packages libvirt-daemon and libvirt-daemon-driver-qemu."}
	service := Need{Name: "libvirt service", State: Fail}
	if err != nil {
		m := explain.Explain(err)
		service.Detail = m.Summary + " (" + m.Detail + ")"
		service.Fix = "Install the packages libvirt-daemon and libvirt-daemon-driver-qemu, or look at what the details name."
		if installed("libvirtd", "virtqemud") {
			libvirt = Need{Name: libvirt.Name, State: Pass, Detail: "Installed."}
		} else {
			libvirt.Detail = "Neither libvirtd nor virtqemud is installed."
		}
		return []Need{libvirt, service}
	}
	h := conn.Host()
	libvirt = Need{Name: libvirt.Name, State: Pass, Detail: "Version " + h.Libvirt + "."}
	service = Need{Name: service.Name, State: Pass, Detail: fmt.Sprintf("Answers on %s with %s %s.", h.URI, h.Hypervisor, h.Version)}
	return []Need{libvirt, service}
}

// installed reports whether one of the programs can be found; daemons live in sbin, which is not in every user's PATH.
func installed(programs ...string) bool {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			return true
		}
		for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
			if _, err := os.Stat(dir + program); err == nil {
				return true
			}
		}
	}
	return false
}

func checkFirmware(ctx context.Context, conn hypervisor.Connection) Need {
	n := Need{Name: "UEFI firmware (OVMF)", State: Warn, Fix: "Install the package ovmf."}
	if conn == nil {
		n.Detail, n.Fix = "Could not be checked without the libvirt service.", "Mend the libvirt service first."
		return n
	}
	found, err := conn.Firmwares(ctx)
	if err != nil || len(found) == 0 {
		n.Detail = "Not installed: only BIOS machines can be made."
		return n
	}
	return Need{Name: n.Name, State: Pass, Detail: found[0].Code + "."}
}

func checkTPM() Need {
	n := Need{Name: "TPM emulator (swtpm)", State: Pass, Detail: "Installed."}
	if installed("swtpm") && installed("swtpm_setup") {
		return n
	}
	n.State, n.Detail, n.Fix = Warn, "Not installed: systems that need a TPM, such as Windows 11, cannot be made.", "Install the packages swtpm and swtpm-tools."
	return n
}

func checkRecording() Need {
	n := Need{Name: "Screen recording (ffmpeg)", State: Pass}
	path, err := recording.Find()
	if err != nil {
		n.State, n.Detail, n.Fix = Warn, "ffmpeg is not installed: screens cannot be recorded.", "Install the package ffmpeg."
		return n
	}
	n.Detail = path + "."
	return n
}

func checkCatalogue() Need {
	n := Need{Name: "Catalogue of operating systems (osinfo-db)", State: Warn, Fix: "Install the package osinfo-db."}
	c, err := guestos.Load()
	if err != nil || len(c.All()) == 0 {
		n.Detail = "Not installed: systems are not recognised, and every machine gets the same proposals."
		return n
	}
	return Need{Name: n.Name, State: Pass, Detail: fmt.Sprintf("Knows %d systems.", len(c.All()))}
}

func checkSpace(dir string) Need {
	n := Need{Name: "Free disk space", State: Pass}
	free, err := machines.FreeBytes(dir)
	if err != nil {
		n.State, n.Detail, n.Fix = Warn, fmt.Sprintf("Could not be read: %v.", err), "Check that "+dir+" can be created."
		return n
	}
	n.Detail = fmt.Sprintf("%s free for %s.", vmconfig.FormatSize(free/vmconfig.MiB*vmconfig.MiB), dir)
	switch {
	case free < fullSpace:
		n.State = Fail
	case free < lowSpace:
		n.State = Warn
	default:
		return n
	}
	n.Fix = "Delete what you do not need, or set XDG_DATA_HOME to a folder on a larger disk."
	return n
}
