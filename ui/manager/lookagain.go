package manager

import (
	"context"
	"time"

	"guesthouse/ui/dispatch"
)

// lookAgain is how often the selected machine is read anew: what other programs do to its checkpoints has no event.
const lookAgain = 5 * time.Second

// refreshSelected reads the single selected machine anew. When its current checkpoint is another one, the inventory's change has the list of checkpoints read as well.
func (m *Manager) refreshSelected() {
	one := m.single()
	if one == nil || one.Offline || one.Busy != "" || m.closing {
		return
	}
	id := one.UUID
	dispatch.Background(m.p.Dispatch, func(ctx context.Context) (struct{}, error) {
		m.p.Machines.Refresh(ctx, id)
		return struct{}{}, nil
	}, func(struct{}, error) {})
}
