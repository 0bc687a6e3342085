package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// abortPatience is how long a cancelled operation may take to end; an internal snapshot cannot be aborted, only awaited.
const abortPatience = 2 * time.Minute

// Save implements hypervisor.Connection.
func (c *Conn) Save(ctx context.Context, id uuid.UUID) error {
	return c.abortable(ctx, "save", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainManagedSave(d, 0)
	})
}

// SaveTo implements hypervisor.Connection.
func (c *Conn) SaveTo(ctx context.Context, id uuid.UUID, file string, paused bool) error {
	if !filepath.IsAbs(file) {
		return &hypervisor.Error{Op: "save", Text: "the file needs an absolute path", Kind: hypervisor.ErrInvalid}
	}
	return c.abortable(ctx, "save", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainSaveFlags(d, file, nil, restoreFlags(paused))
	})
}

// RestoreFrom implements hypervisor.Connection.
func (c *Conn) RestoreFrom(ctx context.Context, file string, paused bool) error {
	return c.RestoreFromXML(ctx, file, "", paused)
}

// RestoreFromXML is RestoreFrom with another description: disk paths and the like may differ from what SaveTo recorded, what the
// guest sees may not. Empty: as recorded.
func (c *Conn) RestoreFromXML(ctx context.Context, file, description string, paused bool) error {
	if description != "" {
		if _, _, err := checkDescription(description); err != nil {
			return &hypervisor.Error{Op: "restore", Text: err.Error(), Kind: hypervisor.ErrInvalid}
		}
	}
	return change(ctx, c, "restore", longLimit, func(l *libvirt.Libvirt) error {
		return l.DomainRestoreFlags(file, optional(description), restoreFlags(paused))
	})
}

// SavedXML reads the description that SaveTo recorded in file. Secrets are included.
func (c *Conn) SavedXML(ctx context.Context, file string) (string, error) {
	return read(ctx, c, "read the saved state", func(l *libvirt.Libvirt) (string, error) {
		return l.DomainSaveImageGetXMLDesc(file, uint32(libvirt.DomainXMLSecure))
	})
}

func restoreFlags(paused bool) uint32 {
	if paused {
		return uint32(libvirt.DomainSavePaused)
	}
	return uint32(libvirt.DomainSaveRunning)
}

// DiscardSaved implements hypervisor.Connection.
func (c *Conn) DiscardSaved(ctx context.Context, id uuid.UUID) error {
	return c.act(ctx, "discard the saved state", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainManagedSaveRemove(d, 0)
	})
}

// abortable runs a long operation on a link of its own. When ctx ends it aborts the machine's job and waits for the operation to
// end; the result is then ctx's error, or nil when the operation was quicker.
func (c *Conn) abortable(ctx context.Context, op string, id uuid.UUID, call func(*libvirt.Libvirt, libvirt.Domain) error) error {
	s, err := c.current()
	if err != nil {
		return err
	}
	k, err := s.lend(ctx)
	if err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() {
		result <- do(context.WithoutCancel(ctx), k, longLimit, func(l *libvirt.Libvirt) error {
			d, err := l.DomainLookupByUUID(libvirt.UUID(id))
			if err != nil {
				return err
			}
			return call(l, d)
		})
	}()
	select {
	case err = <-result:
	case <-ctx.Done():
		err = c.abort(ctx, s, id, result)
	}
	s.giveBack(k, err == nil)
	return named(op, err)
}

// abort asks until the operation has ended: there is nothing to abort before its job has begun.
func (c *Conn) abort(ctx context.Context, s *session, id uuid.UUID, result <-chan error) error {
	free := context.WithoutCancel(ctx)
	limit := time.After(abortPatience)
	for {
		_ = do(free, s.main, readLimit, func(l *libvirt.Libvirt) error { return l.DomainAbortJob(handle(id)) })
		select {
		case err := <-result:
			if err == nil || errors.Is(err, hypervisor.ErrDisconnected) {
				return err
			}
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("%w: it could not be cancelled", hypervisor.ErrTimeout)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Progress implements hypervisor.Connection.
func (c *Conn) Progress(ctx context.Context, id uuid.UUID) (p hypervisor.JobProgress, ok bool, err error) {
	type stats struct {
		kind   int32
		params []libvirt.TypedParam
	}
	s, err := read(ctx, c, "read the progress", func(l *libvirt.Libvirt) (stats, error) {
		kind, params, err := l.DomainGetJobStats(handle(id), 0)
		return stats{kind, params}, err
	})
	if err != nil || libvirt.DomainJobType(s.kind) != libvirt.DomainJobBounded && libvirt.DomainJobType(s.kind) != libvirt.DomainJobUnbounded {
		return p, false, err
	}
	for _, param := range s.params {
		n := number(param)
		switch param.Field {
		case "data_processed":
			p.ProcessedBytes = n
		case "data_remaining":
			p.RemainingBytes = n
		case "data_total":
			p.TotalBytes = n
		case "time_elapsed":
			p.Elapsed = time.Duration(min(n, int64(1<<40))) * time.Millisecond
		}
	}
	return p, true, nil
}
