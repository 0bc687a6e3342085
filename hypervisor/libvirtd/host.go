package libvirtd

import (
	"context"
	"encoding/xml"
	"fmt"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"

	"guesthouse/hypervisor"
)

// firstReadLimit is longer than readLimit: the first question for capabilities makes a fresh daemon try out every QEMU.
const firstReadLimit = time.Minute

// capabilities is the part of libvirt's capabilities (formatcaps.html) that is used.
type capabilities struct {
	Host struct {
		CPU struct {
			Arch  string `xml:"arch"`
			Model string `xml:"model"`
		} `xml:"cpu"`
	} `xml:"host"`
	Guests []struct {
		OSType string `xml:"os_type"`
		Arch   struct {
			Name     string   `xml:"name,attr"`
			Machines []string `xml:"machine"`
			Domains  []struct {
				Type     string   `xml:"type,attr"`
				Machines []string `xml:"machine"`
			} `xml:"domain"`
		} `xml:"arch"`
	} `xml:"guest"`
}

// readHost asks the daemon about itself and its host.
func (s *session) readHost(ctx context.Context) (hypervisor.Host, error) {
	d := s.dialer
	h := hypervisor.Host{URI: d.text, Local: d.local(), Session: d.path == "/session", Arch: "x86_64"}
	fail := func(what string, err error) (hypervisor.Host, error) {
		return h, fmt.Errorf("%w: %s: %w", hypervisor.ErrDisconnected, what, err)
	}
	var err error
	if h.Hypervisor, err = ask(ctx, s.main, readLimit, (*libvirt.Libvirt).ConnectGetType); err != nil {
		return fail("type", err)
	}
	if v, err := ask(ctx, s.main, readLimit, (*libvirt.Libvirt).ConnectGetLibVersion); err == nil {
		h.Libvirt = version(v)
	}
	err = do(ctx, s.main, readLimit, func(l *libvirt.Libvirt) error {
		_, memory, cpus, _, _, _, _, _, err := l.NodeGetInfo()
		h.CPUs, h.MemoryBytes = max(int(cpus), 1), int64(min(memory, 1<<42))<<10
		return err
	})
	if err != nil {
		return fail("host", err)
	}
	text, err := ask(ctx, s.main, firstReadLimit, (*libvirt.Libvirt).ConnectGetCapabilities)
	if err != nil {
		return fail("capabilities", err)
	}
	var c capabilities
	_ = xml.Unmarshal([]byte(text), &c) // what cannot be read is not offered
	if c.Host.CPU.Arch != "" {
		h.Arch = c.Host.CPU.Arch
	}
	h.CPU = c.Host.CPU.Model
	kind := ""
	for _, g := range c.Guests {
		if g.OSType != "hvm" || g.Arch.Name != h.Arch {
			continue
		}
		h.MachineTypes = append(h.MachineTypes, g.Arch.Machines...)
		for _, d := range g.Arch.Domains {
			h.MachineTypes = append(h.MachineTypes, d.Machines...)
			h.KVM = h.KVM || d.Type == "kvm"
			if kind == "" || d.Type == "kvm" {
				kind = d.Type
			}
		}
	}
	// QEMU's version is known once a QEMU was tried out; a host without any has none.
	if v, err := ask(ctx, s.main, readLimit, (*libvirt.Libvirt).ConnectGetVersion); err == nil && v > 0 {
		h.Version = version(v)
	}
	h.MaxCPUs = 1
	n, err := ask(ctx, s.main, readLimit, func(l *libvirt.Libvirt) (int32, error) {
		return l.ConnectGetMaxVcpus(optional(kind))
	})
	if err == nil {
		h.MaxCPUs = max(int(n), 1)
	}
	if !s.main.alive() {
		return h, s.main.lost()
	}
	return h, nil
}

// version writes libvirt's way to put a version into a number: major*1,000,000 + minor*1,000 + release.
func version(v uint64) string { return fmt.Sprintf("%d.%d.%d", v/1000000, v/1000%1000, v%1000) }

// optional is a string of the protocol that may be absent.
func optional(s string) libvirt.OptString {
	if s == "" {
		return nil
	}
	return libvirt.OptString{s}
}
