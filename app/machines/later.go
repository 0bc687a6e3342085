package machines

import (
	"context"
	"github.com/google/uuid"
	"guesthouse/app/jobs"
	"guesthouse/vmconfig"
	"time"
)

func (s *Service) purgeTrash(now time.Time)                            {}
func (s *Service) start(ctx context.Context, id uuid.UUID) error       { return s.p.Conn.Start(ctx, id) }
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
func (s *Service) Delete(id uuid.UUID, keepDisks bool) *jobs.Job { panic("later") }
