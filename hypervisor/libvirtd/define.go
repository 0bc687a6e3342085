package libvirtd

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// Define implements hypervisor.Connection.
func (c *Conn) Define(ctx context.Context, description string) (uuid.UUID, error) {
	name, id, err := checkDescription(description)
	if err != nil {
		return uuid.Nil, &hypervisor.Error{Op: "define", Text: err.Error(), Kind: hypervisor.ErrInvalid}
	}
	d, err := write(ctx, c, "define", writeLimit, func(l *libvirt.Libvirt) (libvirt.Domain, error) {
		return l.DomainDefineXMLFlags(description, 0)
	})
	return uuid.UUID(d.UUID), c.taken(ctx, err, name, id)
}

// Rename implements hypervisor.Connection.
func (c *Conn) Rename(ctx context.Context, id uuid.UUID, name string) error {
	err := c.act(ctx, "rename", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		_, err := l.DomainRename(d, libvirt.OptString{name}, 0)
		return err
	})
	return c.taken(ctx, err, name, id)
}

// taken makes a refusal that another machine of this name exists for into ErrExists. libvirt has a number for that and does
// not use it: it says "operation failed" or "operation invalid".
func (c *Conn) taken(ctx context.Context, err error, name string, id uuid.UUID) error {
	var refused *hypervisor.Error
	if !errors.As(err, &refused) || !hasCode(err, libvirt.ErrOperationFailed, libvirt.ErrOperationInvalid) || name == "" {
		return err
	}
	other, e := read(ctx, c, "", func(l *libvirt.Libvirt) (libvirt.Domain, error) { return l.DomainLookupByName(name) })
	if e == nil && uuid.UUID(other.UUID) != id {
		refused.Kind = hypervisor.ErrExists
	}
	return err
}

// Undefine implements hypervisor.Connection.
func (c *Conn) Undefine(ctx context.Context, id uuid.UUID, keepVariables bool) error {
	variables := libvirt.DomainUndefineNvram
	if keepVariables {
		variables = libvirt.DomainUndefineKeepNvram
	}
	const old = libvirt.DomainUndefineManagedSave | libvirt.DomainUndefineSnapshotsMetadata
	steps := []libvirt.DomainUndefineFlagsValues{ // a driver refuses all when it does not know one
		old | variables | libvirt.DomainUndefineCheckpointsMetadata | libvirt.DomainUndefineTpm,
		old | variables | libvirt.DomainUndefineCheckpointsMetadata,
		old | variables,
		old,
		0,
	}
	return c.act(ctx, "remove", id, func(l *libvirt.Libvirt, d libvirt.Domain) (err error) {
		for _, flags := range steps {
			if err = l.DomainUndefineFlags(d, flags); !unsupported(err) {
				break
			}
		}
		return err
	})
}

// counts are elements of a description that must hold a whole number that is not negative; a negative one makes some
// libvirt daemons end (9.0 with vcpu).
var counts = map[string]bool{"vcpu": true, "memory": true, "currentMemory": true, "iothreads": true, "maxMemory": true}

// checkDescription reads name and UUID of a domain's description and refuses what must not reach the daemon.
func checkDescription(description string) (name string, id uuid.UUID, err error) {
	const limit = 4 << 20 // REMOTE_STRING_MAX
	if len(description) > limit {
		return "", id, fmt.Errorf("the description is larger than %d bytes", limit)
	}
	d := xml.NewDecoder(strings.NewReader(description))
	var path []string
	var text strings.Builder
	for {
		token, err := d.Token()
		if token == nil {
			if err != nil && !errors.Is(err, io.EOF) {
				return "", id, fmt.Errorf("the description is no XML: %w", err)
			}
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
			text.Reset()
			if len(path) == 2 && t.Name.Local == "vcpu" {
				for _, a := range t.Attr {
					if a.Name.Local == "current" && !isCount(a.Value) {
						return "", id, fmt.Errorf("vcpu current=%q is no count", a.Value)
					}
				}
			}
		case xml.CharData:
			if len(path) == 2 {
				text.Write(t)
			}
		case xml.EndElement:
			value := strings.TrimSpace(text.String())
			if len(path) == 2 {
				switch {
				case t.Name.Local == "name":
					name = text.String()
				case t.Name.Local == "uuid":
					id, _ = uuid.Parse(value)
				case counts[t.Name.Local] && !isCount(value):
					return "", id, fmt.Errorf("%s %q is no count", t.Name.Local, value)
				}
			}
			path = path[:len(path)-1]
		}
	}
	return name, id, nil
}

func isCount(s string) bool {
	_, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	return err == nil
}
