package libvirtd

import (
	"context"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// act looks the machine up, so that its name is right in events and texts, and changes it.
func (c *Conn) act(ctx context.Context, op string, id uuid.UUID, call func(l *libvirt.Libvirt, d libvirt.Domain) error) error {
	return change(ctx, c, op, writeLimit, func(l *libvirt.Libvirt) error {
		d, err := l.DomainLookupByUUID(libvirt.UUID(id))
		if err != nil {
			return err
		}
		return call(l, d)
	})
}

// Start implements hypervisor.Connection. A saved state that is damaged is ErrSavedDamaged, and nothing was done.
func (c *Conn) Start(ctx context.Context, id uuid.UUID) error {
	return change(ctx, c, "start", startLimit, func(l *libvirt.Libvirt) error {
		d, err := l.DomainLookupByUUID(libvirt.UUID(id))
		if err != nil {
			return err
		}
		if err := c.checkSaved(l, d); err != nil {
			return err
		}
		_, err = l.DomainCreateWithFlags(d, 0)
		if isCode(err, libvirt.ErrInternalError, libvirt.ErrOperationFailed) {
			if active, e := l.DomainIsActive(d); e == nil && active == 1 { // not every driver has a number for "runs already"
				err = libvirt.Error{Code: uint32(libvirt.ErrOperationInvalid), Message: err.Error()}
			}
		}
		return err
	})
}

// Pause implements hypervisor.Connection.
func (c *Conn) Pause(ctx context.Context, id uuid.UUID) error {
	return c.act(ctx, "pause", id, (*libvirt.Libvirt).DomainSuspend)
}

// Resume implements hypervisor.Connection.
func (c *Conn) Resume(ctx context.Context, id uuid.UUID) error {
	return c.act(ctx, "resume", id, (*libvirt.Libvirt).DomainResume)
}

// Reset implements hypervisor.Connection.
func (c *Conn) Reset(ctx context.Context, id uuid.UUID) error {
	return c.act(ctx, "reset", id, func(l *libvirt.Libvirt, d libvirt.Domain) error { return l.DomainReset(d, 0) })
}

// Shutdown implements hypervisor.Connection.
func (c *Conn) Shutdown(ctx context.Context, id uuid.UUID) error {
	return c.act(ctx, "shut down", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainShutdownFlags(d, libvirt.DomainShutdownDefault)
	})
}

// PowerOff implements hypervisor.Connection.
func (c *Conn) PowerOff(ctx context.Context, id uuid.UUID) error {
	return c.act(ctx, "power off", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainDestroyFlags(d, libvirt.DomainDestroyDefault)
	})
}

// maxKeys is how many keys one call may press (VIR_DOMAIN_SEND_KEY_MAX_KEYS), maxKeyCode the last of Linux's input codes.
const (
	maxKeys    = 16
	maxKeyCode = 0x2ff
	keyHold    = 50 // ms
)

// SendKeys implements hypervisor.Connection.
func (c *Conn) SendKeys(ctx context.Context, id uuid.UUID, codes []uint) error {
	keys := make([]uint32, 0, len(codes))
	for _, code := range codes {
		if code == 0 || code > maxKeyCode {
			return &hypervisor.Error{Op: "send keys", Text: "there is no such key", Kind: hypervisor.ErrInvalid}
		}
		keys = append(keys, uint32(code))
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return &hypervisor.Error{Op: "send keys", Text: "one to 16 keys can be pressed together", Kind: hypervisor.ErrInvalid}
	}
	return c.act(ctx, "send keys", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainSendKey(d, uint32(libvirt.KeycodeSetLinux), keyHold, keys, 0)
	})
}
