package machines

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// Machine is what is known about one machine at one moment. It is immutable: never change a field.
type Machine struct {
	UUID         uuid.UUID
	Name         string
	State        hypervisor.State
	Pause        hypervisor.PauseReason
	StoppedBadly bool // off because its process crashed or failed
	Persistent   bool // false: it disappears when it stops
	// Since is when the machine came into this state; zero when that was before this program looked.
	Since time.Time
	// Config is nil until the description was read, and when it cannot be read (Problem says why).
	Config  *vmconfig.Machine
	Problem error
	// Unsavable says in a sentence why the state of the machine cannot be saved while it runs; empty when nothing is known to be in the way.
	Unsavable string
	// Checkpoint is the display name of the current checkpoint, empty for none.
	Checkpoint string
	// Busy says what an operation of this program does with the machine now ("Saving a checkpoint"); empty for nothing.
	Busy string
	// Offline is true when the connection is down: everything here is what was known last.
	Offline bool
}

// Snapshot is the whole inventory at one moment. It is immutable.
type Snapshot struct {
	// Connected is false before the first and after a lost connection; Machines then holds what was known last.
	Connected bool
	// Err says why there is no connection. While Connected it is hypervisor.ErrTimeout when the hypervisor has not answered for
	// a while.
	Err  error
	Host hypervisor.Host
	// Machines are in natural order of their names: vm2 before vm10.
	Machines []*Machine

	byID map[uuid.UUID]*Machine
}

// Get returns the machine with this UUID, or nil.
func (s *Snapshot) Get(id uuid.UUID) *Machine { return s.byID[id] }

// Find returns the machine with this name or, when no name fits, this UUID. The error wraps hypervisor.ErrNotFound.
func (s *Snapshot) Find(nameOrUUID string) (*Machine, error) {
	for _, m := range s.Machines {
		if m.Name == nameOrUUID {
			return m, nil
		}
	}
	if id, err := uuid.Parse(nameOrUUID); err == nil {
		if m := s.byID[id]; m != nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", hypervisor.ErrNotFound, vmconfig.Inert(nameOrUUID, 80))
}

// Action is something that can be done to a machine.
type Action string

// The actions. Start also resumes a saved machine; Save is libvirt's managed save ("save state").
const (
	ActionStart        Action = "start"
	ActionPause        Action = "pause"
	ActionResume       Action = "resume"
	ActionReset        Action = "reset"
	ActionShutdown     Action = "shutdown"
	ActionPowerOff     Action = "poweroff"
	ActionSave         Action = "save"
	ActionDiscardSaved Action = "discard-saved"
	ActionRename       Action = "rename"
	ActionDelete       Action = "delete"
	ActionEdit         Action = "edit"
	ActionShow         Action = "show"
	ActionCheckpoint   Action = "checkpoint"
	ActionRestore      Action = "restore"
)

// DiskMode says where a new machine's disk comes from.
type DiskMode string

// The three ways to a disk.
const (
	DiskCreate   DiskMode = "create"
	DiskExisting DiskMode = "existing" // used where it lies; not copied
	DiskNone     DiskMode = "none"
)

// Draft is what the user said about a machine to be created.
type Draft struct {
	Name        string
	OSID        string // osinfo id or short id; empty for unknown
	ISO         string // absolute path; empty for none
	MemoryBytes int64
	CPUs        int
	Firmware    vmconfig.Firmware
	DiskMode    DiskMode
	DiskBytes   int64  // DiskCreate
	DiskPath    string // DiskExisting, absolute
	DiskFormat  string // DiskExisting; empty: found out from the file
	Start       bool
	Notes       string
	Group       string
}

// Edit is a machine's description as it was loaded for editing.
type Edit struct {
	Machine vmconfig.Machine
	base    string // the XML it was read from
}

// FileFate is what deleting a machine does with one of its files.
type FileFate struct {
	Path  string
	Bytes int64  // room that it takes on the disk
	Kind  string // "disk", "firmware variables", "checkpoint"
	// Trash is true when the file goes to the trash, false when it stays where it is.
	Trash  bool
	Reason string // why it stays
}

// DeletePlan says what deleting a machine would do.
type DeletePlan struct {
	Machine     *Machine
	Files       []FileFate
	Checkpoints int
	SavedState  bool
}
