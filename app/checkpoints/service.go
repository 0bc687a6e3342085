// Package checkpoints saves, restores and deletes checkpoints of machines. It picks the mechanism for each machine
// and never mixes two on one.
package checkpoints

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
)

// Errors of Resolve.
var (
	ErrNoCheckpoint = errors.New("no such checkpoint")
	ErrAmbiguous    = errors.New("several checkpoints have this name")
)

// Checkpoint is one saved state of a machine.
type Checkpoint struct {
	ID          string // unique within the machine
	Name        string // what the user reads
	Description string
	Parent      string // ID, empty for a root
	Created     time.Time
	State       hypervisor.State // state of the machine in the checkpoint: off, running or paused
	SizeBytes   int64            // room that it takes; an estimate
	Current     bool             // the machine's disks continue from this one
	Problem     string           // why it cannot be restored; empty when it can
	Foreign     bool             // made by another program
}

// Params is what a Service needs.
type Params struct {
	Conn     hypervisor.Connection
	Machines *machines.Service
	Jobs     *jobs.Runner
	DataDir  string // the program's own data, absolute
	Log      *slog.Logger
}

// SaveOptions describe a checkpoint to be saved. An empty Name becomes "Checkpoint N".
type SaveOptions struct{ Name, Description string }

// RestoreOptions say what happens before a restore: SaveFirst saves the present state as SaveName in the same job.
type RestoreOptions struct {
	SaveFirst bool
	SaveName  string
}

// Service saves and restores checkpoints of the machines of one connection.
type Service struct{ p Params }

func New(p Params) *Service { return &Service{p: p} }

func (s *Service) List(ctx context.Context, id uuid.UUID) ([]Checkpoint, error) { panic("later") }
func (s *Service) CanSave(ctx context.Context, id uuid.UUID) (ok bool, reason string) {
	panic("later")
}
func (s *Service) NextName(list []Checkpoint) string                         { panic("later") }
func (s *Service) Save(id uuid.UUID, o SaveOptions) *jobs.Job                { panic("later") }
func (s *Service) WouldLose(ctx context.Context, id uuid.UUID) (bool, error) { panic("later") }
func (s *Service) Restore(id uuid.UUID, checkpointID string, o RestoreOptions) *jobs.Job {
	panic("later")
}
func (s *Service) Delete(id uuid.UUID, checkpointID string) *jobs.Job             { panic("later") }
func (s *Service) Resolve(list []Checkpoint, idOrName string) (Checkpoint, error) { panic("later") }
func (s *Service) Recover(ctx context.Context) ([]string, error)                  { panic("later") }
func (s *Service) Subscribe(f func(id uuid.UUID)) (cancel func())                 { panic("later") }

// ErrBroken says that parts of a checkpoint are missing or damaged. Nothing was touched.
var ErrBroken = errors.New("parts of the checkpoint are missing or damaged")

// Reason is an error that carries its own sentence for the user.
type Reason struct {
	Text string
	Err  error // sentinel or cause, may be nil
}

// Error returns the sentence with its cause.
func (r *Reason) Error() string {
	if r.Err == nil {
		return r.Text
	}
	return r.Text + " (" + r.Err.Error() + ")"
}

// Unwrap returns the cause.
func (r *Reason) Unwrap() error { return r.Err }
