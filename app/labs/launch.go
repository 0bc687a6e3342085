package labs

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
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
		if err := s.pickPorts(b.Machine.Forwards); err != nil {
			return err
		}
		return s.p.Machines.Make(ctx, report, b)
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

// Ports of this computer for labs are taken from these, below those that the kernel gives to outgoing connections (Linux: net.ipv4.ip_local_port_range begins at 32768).
const (
	firstPort = 20000
	lastPort  = 32000
)

// pickPorts fills in ports that nobody listens on and no other machine was given.
func (s *Service) pickPorts(forwards []vmconfig.Forward) error {
	s.ports.Lock()
	defer s.ports.Unlock()
	if s.picked == nil {
		s.picked = map[int]bool{}
	}
	for _, m := range s.p.Machines.Snapshot().Machines {
		if m.Config != nil {
			for _, f := range m.Config.Forwards {
				s.picked[f.Host] = true
			}
		}
	}
	start := rand.IntN(lastPort - firstPort) // another program of this user's picks elsewhere
	for i := range forwards {
		for n := range lastPort - firstPort {
			port := firstPort + (start+n)%(lastPort-firstPort)
			if s.picked[port] || !free(port) {
				continue
			}
			s.picked[port] = true
			forwards[i].Host = port
			break
		}
		if forwards[i].Host == 0 {
			return &Reason{Text: "No port of this computer is free for the lab's machine."}
		}
	}
	return nil
}

// free reports whether nobody listens on a port of this computer.
func free(port int) bool {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
