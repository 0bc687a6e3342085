package labs

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// ErrElsewhere says that the hypervisor runs on another computer than the library.
var ErrElsewhere = errors.New("labs can only be launched on this computer")

// LaunchOptions say how a lab becomes a machine.
type LaunchOptions struct {
	Name  string // of the machine; empty: the lab's title
	Start bool
}

// Launch makes a machine from a lab of the library in a job, and returns its future UUID. Its disks are thin overlays over the lab's, so that takes the same moment whatever their
// size. When it fails or is cancelled nothing is left behind. Errors: ErrNoLab, ErrChanged when the lab was damaged on this computer, vmconfig.Faults for
// the name or what this computer cannot offer.
func (s *Service) Launch(id lab.Digest, o LaunchOptions) (*jobs.Job, uuid.UUID) {
	machine := uuid.New()
	title := "Launching a lab"
	if _, config, err := s.p.Library.readConfig(id); err == nil {
		title = "Launching " + vmconfig.Inert(config.Title, 60)
	}
	return s.p.Jobs.Start(title, machine.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.launch(ctx, id, machine, o, report)
	}), machine
}

func (s *Service) launch(ctx context.Context, id lab.Digest, machine uuid.UUID, o LaunchOptions, report func(jobs.Progress)) error {
	if !s.p.Conn.Host().Local {
		return &Reason{Text: "The hypervisor runs on another computer. Labs can only be launched on this one.", Err: ErrElsewhere}
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking the lab"})
	return s.p.Library.Using(ctx, id, func(config *lab.Config, bases []Base) error {
		b := s.blueprint(id, config, bases, machine, o)
		if len(b.Machine.Forwards) > 0 {
			s.ports.Lock()
			defer s.ports.Unlock()
			for i := range b.Machine.Forwards {
				port, err := freePort()
				if err != nil {
					return err
				}
				b.Machine.Forwards[i].Host = port
			}
		}
		return s.p.Machines.Make(ctx, b, report)
	})
}

// blueprint turns a lab into a machine.
func (s *Service) blueprint(id lab.Digest, c *lab.Config, bases []Base, machine uuid.UUID, o LaunchOptions) machines.Blueprint {
	name := strings.TrimSpace(o.Name)
	if name == "" {
		name = s.p.Machines.FreeName(machineNameFor(c))
	}
	b := machines.Blueprint{Start: o.Start, Machine: vmconfig.Machine{
		UUID: machine, Name: name, OSID: c.Machine.OS, Arch: c.Machine.Arch, Chipset: c.Machine.Chipset,
		Firmware: vmconfig.Firmware(c.Machine.Firmware), SecureBoot: c.Machine.SecureBoot, TPM: c.Machine.TPM,
		CPUs: c.Machine.CPUs, MemoryBytes: c.Machine.MemoryMiB * vmconfig.MiB, Video: c.Machine.Video, Sound: c.Machine.Sound, Clipboard: c.Machine.Clipboard,
		Serials: 1, Lab: vmconfig.Lab{ID: id.String(), Name: c.Name, Version: c.Version},
		Displays: []vmconfig.Display{{Kind: "vnc", Listen: "none"}, {Kind: "dbus", P2P: true}},
	}}
	// A lab cannot ask for the computer's own networks: whatever it says, the guest is behind address translation or alone.
	switch c.Network.Mode {
	case lab.NetworkIsolated:
		b.Machine.NICs = []vmconfig.NIC{{Kind: "user", Isolated: true}}
	case lab.NetworkInternet:
		b.Machine.NICs = []vmconfig.NIC{{Kind: "user"}}
	}
	for _, p := range c.Network.Ports {
		if len(b.Machine.NICs) > 0 {
			b.Machine.Forwards = append(b.Machine.Forwards, vmconfig.Forward{Guest: p.Guest})
		}
	}
	for i, base := range bases {
		if base.Part.ID == lab.VariablesID {
			b.Variables = base.Path
			continue
		}
		b.Machine.Disks = append(b.Machine.Disks, vmconfig.Disk{Device: vmconfig.DeviceDisk, Bus: c.Disks[i].Bus})
		b.Bases = append(b.Bases, base.Path)
	}
	return b
}

// freePort returns a TCP port of this computer that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
