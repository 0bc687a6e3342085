// Package machines is what can be done to machines: the inventory that follows the hypervisor's events,
// and create, edit, lifecycle and delete on top of it. It knows no toolkit.
package machines

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/journal"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// Params is what a Service needs.
type Params struct {
	Conn   hypervisor.Connection
	Jobs   *jobs.Runner
	Guests func() *guestos.Catalogue // may load on the first call; may return nil when there is no database
	Images *diskimage.Tool           // nil when qemu-img is missing
	// DataDir is the folder of the program's own data ($XDG_DATA_HOME/guesthouse), absolute.
	DataDir string
	Accel   string // auto, kvm or tcg; empty is auto. GUESTHOUSE_ACCEL overrides it.
	Log     *slog.Logger
}

// Service knows the machines of one connection and acts on them. Unless a method says that it only reads memory, it
// may wait for the hypervisor and must not be called on the UI goroutine.
type Service struct {
	p        Params
	activity *sampler
	inv      *inventory
	locks    locks
	journal  *journal.Journal
	before   func(ctx context.Context, id uuid.UUID) error // see Before; nil: nothing
}

// Before has f called before a machine is started and before Operate gives it away, while nobody else can work on it; its error stops that. It is for another service's
// work that was interrupted and must be finished first. Call it before Run.
func (s *Service) Before(f func(ctx context.Context, id uuid.UUID) error) { s.before = f }

// ready calls what Before was given.
func (s *Service) ready(ctx context.Context, id uuid.UUID) error {
	if s.before == nil {
		return nil
	}
	return s.named(id, s.before(ctx, id))
}

// New returns the service of one connection. Nothing is read until Run.
func New(p Params) *Service {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		p:        p,
		activity: &sampler{period: samplePeriod, patience: samplePatience, read: p.Conn.AllStats},
		locks:    locks{dir: filepath.Join(p.DataDir, "locks")},
		journal:  journal.New(filepath.Join(p.DataDir, "journal")),
	}
	s.inv = newInventory(p.Conn, s.CheckpointDir)
	return s
}

// Run feeds the inventory from the hypervisor's events until ctx ends or the connection is closed. Call it once. At the start it
// also undoes or finishes creations and deletions that a crash interrupted, and empties the trash of what has lain there for seven days.
func (s *Service) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() {
		s.purgeTrash(time.Now())
		if s.AwaitConnection(ctx) == nil {
			s.recover(ctx)
			if err := s.sweepBases(ctx); err != nil {
				s.p.Log.Warn("images that linked copies shared are left", "error", err)
			}
		}
	})
	return s.inv.run(ctx)
}

// Ready waits until the first full list is in the inventory. When the connection failed instead, it returns why.
func (s *Service) Ready(ctx context.Context) error {
	select {
	case <-s.inv.ready:
	case <-s.inv.stopped:
	case <-ctx.Done():
		return ctx.Err()
	}
	if now := s.Snapshot(); !now.Connected {
		if now.Err != nil {
			return now.Err
		}
		return hypervisor.ErrDisconnected
	}
	return nil
}

// AwaitConnection waits until the list was read, however many attempts to connect that takes.
func (s *Service) AwaitConnection(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	defer s.Subscribe(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	for !s.Snapshot().Connected {
		select {
		case <-changed:
		case <-s.inv.stopped:
			return hypervisor.ErrDisconnected
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Snapshot returns the inventory as it is now. It only reads memory.
func (s *Service) Snapshot() *Snapshot { return s.inv.current.Load() }

// Subscribe calls f after the inventory changed. Many changes make few calls; f runs on an inner goroutine and must not block.
func (s *Service) Subscribe(f func()) (cancel func()) { return s.inv.changes.Subscribe(f) }

// Refresh reads the machine again, with its description and current checkpoint, and waits until the inventory shows it.
// It is for changes that have no event.
func (s *Service) Refresh(ctx context.Context, id uuid.UUID) { s.inv.refresh(ctx, id, true, true) }

// TryOperate is Operate without waiting: ok is false when someone else has the machine.
func (s *Service) TryOperate(ctx context.Context, id uuid.UUID, what string) (release func(), ok bool) {
	unlock, ok := s.locks.try(id)
	if !ok {
		return nil, false
	}
	return s.operating(ctx, id, what, unlock), true
}

// Operate gives the caller the machine for an operation of several steps: no other operation of this program, in
// this or another process, works on it until release. what is shown as Machine.Busy ("saving a checkpoint"). It waits for its turn until ctx ends.
func (s *Service) Operate(ctx context.Context, id uuid.UUID, what string) (release func(), err error) {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx, id); err != nil {
		unlock()
		return nil, err
	}
	return s.operating(ctx, id, what, unlock), nil
}

func (s *Service) operating(ctx context.Context, id uuid.UUID, what string, unlock func()) (release func()) {
	s.inv.busy(ctx, id, what)
	return func() {
		ctx := context.WithoutCancel(ctx)
		s.inv.refresh(ctx, id, true, true)
		s.inv.busy(ctx, id, "")
		unlock()
	}
}

// InsertMedia puts the image at path (absolute) into the removable drive target, at once and for later starts.
func (s *Service) InsertMedia(ctx context.Context, id uuid.UUID, target, path string) error {
	if err := vmconfig.CheckPath(path); err != nil {
		return err
	}
	return s.changeMedia(ctx, id, target, path)
}

// EjectMedia empties the removable drive target.
func (s *Service) EjectMedia(ctx context.Context, id uuid.UUID, target string) error {
	return s.changeMedia(ctx, id, target, "")
}

func (s *Service) changeMedia(ctx context.Context, id uuid.UUID, target, path string) error {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	defer s.inv.refresh(context.WithoutCancel(ctx), id, true, false)
	return s.named(id, s.p.Conn.ChangeMedia(ctx, id, target, path))
}

// SendKeys presses the keys (Linux evdev codes) together and lets them go.
func (s *Service) SendKeys(ctx context.Context, id uuid.UUID, codes []uint) error {
	return s.named(id, s.p.Conn.SendKeys(ctx, id, codes))
}

// OpenDisplay opens the machine's screen; see hypervisor.Connection.OpenGraphics.
func (s *Service) OpenDisplay(ctx context.Context, id uuid.UUID) (hypervisor.GraphicsPath, error) {
	path, err := s.p.Conn.OpenGraphics(ctx, id)
	return path, s.named(id, err)
}

// OpenConsole opens a text console of the machine; see hypervisor.Connection.OpenConsole.
func (s *Service) OpenConsole(ctx context.Context, id uuid.UUID, device string, force bool) (io.ReadWriteCloser, error) {
	console, err := s.p.Conn.OpenConsole(ctx, id, device, force)
	if err != nil {
		return nil, s.named(id, err)
	}
	return console, nil
}

// name returns what the machine is called in titles and messages, from memory.
func (s *Service) name(id uuid.UUID) string {
	if m := s.Snapshot().Get(id); m != nil {
		return vmconfig.Inert(m.Name, vmconfig.MaxNameBytes)
	}
	return "a machine"
}

// named says which machine an error is about.
func (s *Service) named(id uuid.UUID, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Machine: s.name(id), Err: err}
}

// Error is an error about one machine.
type Error struct {
	Machine string // name, inert
	Err     error
}

// Error puts the machine's name before the error's text.
func (e *Error) Error() string { return e.Machine + ": " + e.Err.Error() }

// Unwrap returns the error without the name.
func (e *Error) Unwrap() error { return e.Err }
