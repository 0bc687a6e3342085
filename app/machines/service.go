// Package machines is what can be done to machines: the inventory that follows the hypervisor's events,
// and create, edit, lifecycle and delete on top of it. It knows no toolkit.
package machines

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
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

// Service knows the machines of one connection and acts on them.
type Service struct{ p Params }

func New(p Params) *Service { return &Service{p: p} }

func (s *Service) Run(ctx context.Context) error   { panic("later") }
func (s *Service) Ready(ctx context.Context) error { panic("later") }
func (s *Service) Snapshot() *Snapshot             { panic("later") }
func (s *Service) Subscribe(f func()) (cancel func()) {
	panic("later")
}
func (m *Machine) Can(a Action) (ok bool, reason string)               { panic("later") }
func (s *Service) Do(a Action, ids ...uuid.UUID) *jobs.Job             { panic("later") }
func (s *Service) NewDraft(osID string) Draft                          { panic("later") }
func (s *Service) Limits(ctx context.Context) (vmconfig.Limits, error) { panic("later") }
func (s *Service) CheckDraft(ctx context.Context, d Draft) vmconfig.Faults {
	panic("later")
}
func (s *Service) Create(d Draft) (*jobs.Job, uuid.UUID)                { panic("later") }
func (s *Service) Edit(ctx context.Context, id uuid.UUID) (Edit, error) { panic("later") }
func (s *Service) Apply(ctx context.Context, id uuid.UUID, e Edit, changed vmconfig.Machine) error {
	panic("later")
}
func (s *Service) Rename(ctx context.Context, id uuid.UUID, name string) error { panic("later") }
func (s *Service) DeletePlan(ctx context.Context, id uuid.UUID) (DeletePlan, error) {
	panic("later")
}
func (s *Service) Delete(id uuid.UUID, keepDisks bool) *jobs.Job                { panic("later") }
func (s *Service) Screenshot(ctx context.Context, id uuid.UUID) ([]byte, error) { panic("later") }
func (s *Service) InsertMedia(ctx context.Context, id uuid.UUID, target, path string) error {
	panic("later")
}
func (s *Service) EjectMedia(ctx context.Context, id uuid.UUID, target string) error { panic("later") }
func (s *Service) SendKeys(ctx context.Context, id uuid.UUID, codes []uint) error    { panic("later") }
func (s *Service) OpenDisplay(ctx context.Context, id uuid.UUID) (hypervisor.GraphicsPath, error) {
	panic("later")
}
