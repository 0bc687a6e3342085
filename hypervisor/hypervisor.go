// Package hypervisor is what the program needs from a hypervisor: types, events, errors and the
// Connection interface. hypervisor/libvirtd implements it with go-libvirt.
package hypervisor

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/google/uuid"
)

// State is the run state of a machine in the words of the command line (--json) and of the windows.
type State string

// Run states. Saved is an inactive machine with a saved memory image.
const (
	StateOff     State = "off"
	StateRunning State = "running"
	StatePaused  State = "paused"
	StateSaved   State = "saved"
	StateCrashed State = "crashed"
	StateUnknown State = "unknown"
)

// Active reports whether a QEMU process exists for the machine.
func (s State) Active() bool { return s == StateRunning || s == StatePaused }

// PauseReason says why a paused machine is paused, where it matters to the user.
type PauseReason string

// Reasons for a pause (libvirt virDomainPausedReason). PauseOther covers the rest.
const (
	PauseNone     PauseReason = ""
	PauseUser     PauseReason = "user"
	PauseIOError  PauseReason = "ioerror"  // a disk read or write failed
	PauseNoSpace  PauseReason = "enospc"   // a disk write failed because the host's disk is full
	PauseSnapshot PauseReason = "snapshot" // a checkpoint is being saved
	PauseSaving   PauseReason = "saving"
	PauseStarting PauseReason = "starting" // its process is there, but nothing was loaded into it yet
	PauseOther    PauseReason = "other"
)

// Domain is one machine as the hypervisor reports it in a list. The XML is read separately (DomainXML).
type Domain struct {
	UUID       uuid.UUID
	Name       string
	State      State
	Pause      PauseReason
	Persistent bool // false: it disappears when it stops
	// StoppedBadly is true when the machine is off because its process crashed or failed.
	StoppedBadly bool
}

// Host is what the hypervisor's host has to offer.
type Host struct {
	URI         string
	Hypervisor  string // "QEMU", "Test"
	Version     string // hypervisor version, "7.2.22"
	Libvirt     string // libvirt version, "9.0.0"
	CPUs        int    // online host CPUs
	MemoryBytes int64
	Session     bool   // a daemon of the user's own: files are the user's, networks are user-mode
	Local       bool   // reached over a unix socket of this computer
	KVM         bool   // libvirt offers <domain type="kvm">
	Arch        string // x86_64
	MaxCPUs     int    // most virtual CPUs of one machine
	CPU         string // model of the processor as libvirt names it: "EPYC-Rome"; empty when it says nothing
	// MachineTypes are the machine types that QEMU offers for Arch, with their aliases; empty when that is not known.
	MachineTypes []string
}

// Firmware describes one firmware set that the host offers (from QEMU's descriptors in
// /usr/share/qemu/firmware, docs/interop/firmware.json of QEMU).
type Firmware struct {
	Code, CodeFormat string // executable image
	Vars, VarsFormat string // template of the variables store
	SecureBoot       bool
	EnrolledKeys     bool
}

// Snapshot is libvirt's record of a snapshot of a machine (formatsnapshot.html).
type Snapshot struct {
	Name        string
	Description string
	Parent      string // name, empty for a root
	Created     time.Time
	State       State // state of the machine in the snapshot: off, running, paused
	External    bool  // memory or at least one disk is external
	// MemoryFile and Overlays are what an external one has brought: the file with the memory, empty if it has none, and by the disk's target (vda) the file that the
	// machine wrote to from then on. A disk that is not there was left out. libvirt deletes them with the snapshot.
	MemoryFile string
	Overlays   map[string]string
	DiskOnly   bool
	Current    bool
	XML        string
}

// EventKind says what changed.
type EventKind int

// Kinds of event. After EventConnected everything must be read again: events may have been missed.
const (
	EventConnected    EventKind = iota + 1 // the connection is (again) up
	EventDisconnected                      // the connection is down, Err says why; reconnecting goes on
	EventDefined                           // machine defined, renamed or redefined
	EventUndefined                         // machine removed
	EventState                             // machine changed its run state
	EventDevices                           // media, disks or metadata changed
	EventIOError                           // guest I/O failed; Pause has the reason
	EventViewer                            // a viewer connected to or left the display
	EventNotAnswering                      // no answer for 10 s; calls wait, EventAnswering or EventDisconnected follows
	EventAnswering                         // it answers again; nothing was missed
)

// Event is one change. Machine is the zero UUID for EventConnected and EventDisconnected.
type Event struct {
	Kind    EventKind
	Machine uuid.UUID
	Name    string
	Pause   PauseReason
	Err     error
}

// StopReason, JobProgress and friends.

// JobProgress is the progress of the long operation that runs on a machine (virDomainGetJobStats).
type JobProgress struct {
	ProcessedBytes, RemainingBytes, TotalBytes int64
	Elapsed                                    time.Duration
}

// Stats is one sample of a running machine's counters. All counters only grow while it runs.
type Stats struct {
	UUID             uuid.UUID
	CPUTime          time.Duration
	MemoryBytes      int64 // current balloon size
	ResidentBytes    int64 // resident size of the process on the host
	DiskReadBytes    int64
	DiskWriteBytes   int64
	NetReceiveBytes  int64
	NetTransmitBytes int64
	Disks            []DiskStats // every drive that has counters, also removable ones
	NICs             []NICStats  // every adapter that has counters; user-mode networks have none
}

// DiskStats are the counters of one drive.
type DiskStats struct {
	Target                string // vda, sda
	ReadBytes, WriteBytes int64
}

// NICStats are the counters of one network adapter, as the guest sees them.
type NICStats struct {
	Name                        string // of the host's end: vnet0
	ReceiveBytes, TransmitBytes int64
}

// GraphicsPath is one way to the machine's screen.
type GraphicsPath struct {
	// Conn speaks RFB (RFC 6143). The caller closes it.
	Conn net.Conn
	// Password for security type 2; empty when the server asks for none.
	Password string
	// Local is true when the bytes do not leave this computer.
	Local bool
	// Host is the computer whose display this is, for its certificate: "localhost" when Local.
	Host string
	// NeedsTLS is true when the bytes would cross a network unprotected: only an encrypted session may be spoken.
	NeedsTLS bool
}

// Connection is one hypervisor host. All methods may be called from any goroutine except the UI
// goroutine (they wait for the daemon); each honours ctx and has a deadline of its own. Errors wrap the sentinels of errors.go.
// After EventDisconnected calls fail with ErrDisconnected until EventConnected.
type Connection interface {
	// Host describes the host. It is read at connect and does not wait.
	Host() Host
	// Events delivers changes until Close; the channel is closed then. One consumer.
	// Events of one machine are coalesced when the consumer is slow; none is lost for good, since EventConnected asks for a re-read.
	Events() <-chan Event
	Close() error

	// Domains lists all machines with their state in one bulk call.
	Domains(ctx context.Context) ([]Domain, error)
	// Domain reads one machine.
	Domain(ctx context.Context, id uuid.UUID) (Domain, error)
	// DomainXML returns the persistent description (what the next start uses); live asks for the running one.
	// Secrets (VNC passwords) are included, so that a redefine does not erase them: never show or log it as it is.
	DomainXML(ctx context.Context, id uuid.UUID, live bool) (string, error)
	// Define creates or replaces the persistent description and returns the machine's UUID.
	Define(ctx context.Context, xml string) (uuid.UUID, error)
	// Undefine removes the machine's description with its saved state, snapshot metadata, checkpoint metadata, TPM state and,
	// unless keepVariables, the file with its firmware variables. Disk images stay.
	Undefine(ctx context.Context, id uuid.UUID, keepVariables bool) error
	Rename(ctx context.Context, id uuid.UUID, name string) error

	// Start boots an off machine, or resumes a saved one where it was.
	Start(ctx context.Context, id uuid.UUID) error
	Pause(ctx context.Context, id uuid.UUID) error
	Resume(ctx context.Context, id uuid.UUID) error
	Reset(ctx context.Context, id uuid.UUID) error
	// Shutdown presses the power button; the guest decides.
	Shutdown(ctx context.Context, id uuid.UUID) error
	// PowerOff ends the machine at once.
	PowerOff(ctx context.Context, id uuid.UUID) error
	// Save writes the memory to the machine's saved state and stops it. It runs on a connection of its own.
	// Cancelling ctx aborts it; the machine then runs on.
	Save(ctx context.Context, id uuid.UUID) error
	// DiscardSaved forgets the saved state.
	DiscardSaved(ctx context.Context, id uuid.UUID) error
	// SaveTo writes the memory to file (absolute, on the host) and stops the machine; Cancelling aborts as for Save.
	SaveTo(ctx context.Context, id uuid.UUID, file string, paused bool) error
	// RestoreFrom starts a machine from a file that SaveTo wrote. The file is kept.
	RestoreFrom(ctx context.Context, file string, paused bool) error
	// Progress reports the job that runs on the machine; ok is false when there is none.
	Progress(ctx context.Context, id uuid.UUID) (p JobProgress, ok bool, err error)

	// Snapshots lists a machine's snapshots, parents first, with their XML.
	Snapshots(ctx context.Context, id uuid.UUID) ([]Snapshot, error)
	// CurrentSnapshots returns the name of the current snapshot for every machine that has one (bulk, for the list).
	CurrentSnapshots(ctx context.Context) (map[uuid.UUID]string, error)
	// CreateSnapshot takes a snapshot described by xml. It runs on a connection of its own.
	CreateSnapshot(ctx context.Context, id uuid.UUID, xml string, flags SnapshotFlags) error
	// RevertSnapshot goes back to a snapshot.
	RevertSnapshot(ctx context.Context, id uuid.UUID, name string, flags RevertFlags) error
	// DeleteSnapshot deletes a snapshot; its children become children of its parent.
	DeleteSnapshot(ctx context.Context, id uuid.UUID, name string, metadataOnly bool) error

	// Screenshot writes a PNG picture of the first screen to w.
	Screenshot(ctx context.Context, id uuid.UUID, w io.Writer) error
	// SendKeys presses the keys (Linux evdev codes) together and releases them.
	SendKeys(ctx context.Context, id uuid.UUID, codes []uint) error
	// OpenGraphics opens the machine's VNC display: our own socketpair (procedure 249), a descriptor from libvirtd (343),
	// or the unix socket or address in its live description, in that order. On another computer it is the last, led there by SSH when
	// that is how its hypervisor is reached. A display that cannot be reached is a *GraphicsError, which is ErrNoGraphics when trying
	// again is of no use.
	OpenGraphics(ctx context.Context, id uuid.UUID) (GraphicsPath, error)
	// OpenConsole opens a text console of a running machine; device is its name in the live description (vmconfig.TextConsole), empty for
	// the first one. It runs on a connection of its own until Close, which returns at once and ends a Read or Write that waits. Read returns
	// io.EOF when the machine has closed the line. A console has one user: ErrInUse when there is another, whom force throws out.
	// ErrNoConsole when the machine has none (of that name), ErrInvalidState when it is off. ctx limits the opening only.
	OpenConsole(ctx context.Context, id uuid.UUID, device string, force bool) (io.ReadWriteCloser, error)
	// ChangeMedia inserts path (empty: ejects) into the removable drive target, live and persistent as far as each exists.
	ChangeMedia(ctx context.Context, id uuid.UUID, target, path string) error

	// AllStats samples all running machines in one bulk call that waits for none of them.
	AllStats(ctx context.Context) ([]Stats, error)
	// Firmwares lists the UEFI firmwares for x86_64, best first.
	Firmwares(ctx context.Context) ([]Firmware, error)
}

// SnapshotFlags choose how CreateSnapshot works (virDomainSnapshotCreateFlags).
type SnapshotFlags struct {
	DiskOnly   bool
	NoMetadata bool
	Redefine   bool
	Current    bool // with Redefine: make it the current one
	Atomic     bool
}

// RevertFlags choose how RevertSnapshot works (virDomainSnapshotRevertFlags).
type RevertFlags struct {
	Running, Paused, Force bool
}
