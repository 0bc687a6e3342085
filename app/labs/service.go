package labs

import (
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/journal"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/guestfs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// ServiceParams is what a Service needs.
type ServiceParams struct {
	Library  *Library
	Conn     hypervisor.Connection
	Machines *machines.Service
	// Checkpoints are published, and told of what happens to a machine's.
	Checkpoints *checkpoints.Service
	Jobs        *jobs.Runner
	Images      *diskimage.Tool // nil when qemu-img is missing
	DataDir     string          // the program's own data, absolute; on the file system of the machines' disks
	Log         *slog.Logger
}

// Service launches machines from the labs of a library and resets them. Unless a method says that it only reads memory, it may wait for the hypervisor and the disk and must
// not be called on the UI goroutine.
type Service struct {
	p       ServiceParams
	journal *journal.Journal
	ports   sync.Mutex
	picked  map[int]bool // ports that launches have taken

	findCleaner func() (*guestfs.Tool, error)
}

// NewService returns the service of one connection, and has its machines' service finish interrupted resets before a machine is used. It touches nothing else.
func NewService(p ServiceParams) *Service {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{p: p, journal: journal.New(filepath.Join(p.DataDir, "journal")), findCleaner: func() (*guestfs.Tool, error) { return guestfs.Find() }}
	p.Machines.Before(s.finishOpen)
	return s
}

// Library returns the labs on this computer.
func (s *Service) Library() *Library { return s.p.Library }

// Machines returns the machines that were launched from labs. It only reads memory.
func (s *Service) Machines() []*machines.Machine {
	var list []*machines.Machine
	for _, m := range s.p.Machines.Snapshot().Machines {
		if m.Config != nil && m.Config.Lab.ID != "" {
			list = append(list, m)
		}
	}
	return list
}

// LabOf returns the lab that a machine was launched from; ok is false when it is no lab's. It only reads memory.
func (s *Service) LabOf(id uuid.UUID) (lab.Digest, bool) {
	m := s.p.Machines.Snapshot().Get(id)
	if m == nil || m.Config == nil {
		return lab.Digest{}, false
	}
	digest, err := lab.ParseDigest(m.Config.Lab.ID)
	return digest, err == nil
}

// Reason is an error that carries its own sentence for the user.
type Reason = checkpoints.Reason

// machineName is what a machine is called in titles, from memory.
func (s *Service) machineName(id uuid.UUID) string {
	if m := s.p.Machines.Snapshot().Get(id); m != nil {
		return vmconfig.Inert(m.Name, vmconfig.MaxNameBytes)
	}
	return "a machine"
}

// machineNameFor is what a machine launched from a lab is called at first: its title, without the characters that no name can have, else the last part of its name.
func machineNameFor(c *lab.Config) string {
	title := strings.Map(func(r rune) rune {
		if vmconfig.CheckName("a"+string(r)+"a", nil) != nil {
			return ' '
		}
		return r
	}, c.Title)
	title = strings.Join(strings.Fields(title), " ")
	for len(title) > vmconfig.MaxNameBytes-len(" 1000") { // room for a number
		_, size := utf8.DecodeLastRuneInString(title)
		title = strings.TrimSpace(title[:len(title)-size])
	}
	if vmconfig.CheckName(title, nil) == nil {
		return title
	}
	return c.Name[strings.LastIndex(c.Name, "/")+1:]
}
