package wizard

import (
	"context"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// Machines is what the wizard needs of the machine service (app/machines). Snapshot and NewDraft only read
// memory; the others wait and are called in the background.
type Machines interface {
	Snapshot() *machines.Snapshot
	NewDraft(osID string) machines.Draft
	Accelerator() vmconfig.Accel
	Limits(ctx context.Context) (vmconfig.Limits, error)
	CheckDraft(ctx context.Context, d machines.Draft) vmconfig.Faults
	Create(d machines.Draft) (*jobs.Job, uuid.UUID)
}

// Catalogue knows the operating systems (vmconfig/guestos). Only DetectISO waits.
type Catalogue interface {
	Find(id string) (*guestos.OS, bool)
	Search(query string, includeEOL bool) []*guestos.OS
	GuessFromName(name string) (*guestos.OS, bool)
	DetectISO(ctx context.Context, path string) (guestos.Media, error)
}

// Images reads the headers of disk image files (hypervisor/diskimage).
type Images interface {
	Inspect(ctx context.Context, path, format string) (diskimage.Info, error)
}

// Firmwares lists the UEFI firmwares of the host; a hypervisor.Connection is one.
type Firmwares interface {
	Firmwares(ctx context.Context) ([]hypervisor.Firmware, error)
}
