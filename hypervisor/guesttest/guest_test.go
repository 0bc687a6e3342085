package guesttest_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
)

const machineXML = `<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>%d</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>%s<boot dev='cdrom'/></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='%s'/><target dev='sda' bus='sata'/><readonly/></disk>
    <graphics type='vnc'><listen type='none'/></graphics>
    <graphics type='dbus' p2p='yes'/>
    <input type='tablet' bus='usb'/>
    <video><model type='virtio' heads='1'/></video>
    <serial type='pty'/><console type='pty'/>
  </devices>
</domain>`

const uefiLoader = `<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>` +
	`<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>%s</nvram>`

// start makes and starts a machine with the test guest and waits until it is up.
func start(t *testing.T, h *hosttest.Host, name, loader string) *guesttest.Console {
	t.Helper()
	disk := filepath.Join(h.DataDir, name+".qcow2")
	hosttest.Run(t, hosttest.Tool(t, "qemu-img"), "create", "-q", "-f", "qcow2", disk, "64M")
	file := filepath.Join(h.Dir, name+".xml")
	memory := guesttest.MinMemoryMiB
	if loader != "" {
		memory = guesttest.MinMemoryUEFIMiB
	}
	xml := fmt.Sprintf(machineXML, name, memory, loader, disk, guesttest.ISO(t))
	if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh(t, "define", file)
	h.Virsh(t, "start", name)
	console := guesttest.Open(t, h, name)
	console.WaitReady()
	return console
}

func screenshot(t *testing.T, h *hosttest.Host, name string) image.Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "screen.png")
	h.Virsh(t, "screenshot", name, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func same(a, b color.Color) bool {
	ar, ag, ab, _ := a.RGBA()
	br, bg, bb, _ := b.RGBA()
	return ar == br && ag == bg && ab == bb
}

// waitPixel waits until the machine's screen has a colour at a point given as fraction of its size.
func waitPixel(t *testing.T, h *hosttest.Host, name string, fx, fy float64, want color.Color) {
	t.Helper()
	if err := hosttest.Poll(hosttest.Patience, func() error {
		picture := screenshot(t, h, name)
		size := picture.Bounds().Size()
		x, y := int(fx*float64(size.X)), int(fy*float64(size.Y))
		if got := picture.At(x, y); !same(got, want) {
			return fmt.Errorf("pixel %d,%d of %v is %v, not %v", x, y, size, got, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestGuest(t *testing.T) {
	for firmware, loader := range map[string]string{"bios": "", "uefi": uefiLoader} {
		t.Run(firmware, func(t *testing.T) {
			h := hosttest.Start(t)
			if loader != "" {
				loader = fmt.Sprintf(loader, filepath.Join(h.DataDir, "vars.fd"))
			}
			name := "guest-" + firmware
			console := start(t, h, name, loader)

			mem, disk := console.Counters()
			nextMem, nextDisk := console.NextCounters()
			if nextMem != mem+1 || nextDisk != disk+1 {
				t.Fatalf("counters went from %d, %d to %d, %d", mem, disk, nextMem, nextDisk)
			}
			console.Ask("write 9 hello there", `^wrote 9 hello there$`)
			console.Ask("read 9", `^read 9 hello there$`)

			p := guesttest.Picture
			for _, point := range []struct {
				x, y float64
				want color.Color
			}{
				{0.2, 0.2, p.TopLeft},
				{0.8, 0.2, p.TopRight},
				{0.2, 0.8, p.BottomLeft},
				{0.8, 0.8, p.BottomRight},
				{0.5, 0.2, p.Cross},
				{0.2, 0.5, p.Cross},
				{0.5, 0.5, p.Block},
			} {
				waitPixel(t, h, name, point.x, point.y, point.want)
			}
			console.Skip()
			h.Virsh(t, "send-key", name, "30")
			console.WaitLine(`^key 30 down$`)
			console.WaitLine(`^key 30 up$`)
			waitPixel(t, h, name, 0.5, 0.5, p.BlockKey)
			console.WaitLine(` key=30 keys=1$`)

			held := console.Hold()
			console.Go()
			if mem, _ := console.NextCounters(); mem != held+1 {
				t.Fatalf("after %d came %d", held, mem)
			}

			h.Virsh(t, "shutdown", "--mode", "acpi", name)
			console.WaitLine(`^POWER BUTTON$`)
			h.WaitState(t, name, "shut off")
			h.Virsh(t, "start", name)
			console.Reopen()
			console.WaitReady()
			if _, again := console.NextCounters(); again <= nextDisk {
				t.Fatalf("the disk forgot: %d after %d", again, nextDisk)
			}
			console.Ask("read 9", `^read 9 hello there$`)
		})
	}
}
