package libvirtd

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/beevik/etree"
	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// ChangeMedia implements hypervisor.Connection.
func (c *Conn) ChangeMedia(ctx context.Context, id uuid.UUID, target, path string) error {
	const op = "change the medium"
	if path != "" && !filepath.IsAbs(path) {
		return &hypervisor.Error{Op: op, Text: "the medium needs an absolute path", Kind: hypervisor.ErrInvalid}
	}
	d, err := c.Domain(ctx, id)
	if err != nil {
		return err
	}
	// The running machine first: the guest may have locked the drive.
	if d.State.Active() {
		if err := c.changeMedia(ctx, id, target, path, true); err != nil {
			return named(op, err)
		}
	}
	if !d.Persistent {
		return nil
	}
	return named(op, c.changeMedia(ctx, id, target, path, false))
}

func (c *Conn) changeMedia(ctx context.Context, id uuid.UUID, target, path string, live bool) error {
	text, err := c.DomainXML(ctx, id, live)
	if err != nil {
		return err
	}
	disk, err := withMedium(text, target, path)
	if err != nil {
		return err
	}
	flags := libvirt.DomainDeviceModifyConfig
	if live {
		flags = libvirt.DomainDeviceModifyLive
	}
	return c.act(ctx, "", id, func(l *libvirt.Libvirt, d libvirt.Domain) error {
		return l.DomainUpdateDeviceFlags(d, disk, flags)
	})
}

// withMedium returns the removable drive of a description as a document, with path as its medium.
func withMedium(text, target, path string) (string, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return "", &hypervisor.Error{Text: err.Error(), Kind: hypervisor.ErrInvalid}
	}
	for _, disk := range doc.FindElements("/domain/devices/disk") {
		t := disk.SelectElement("target")
		if t == nil || t.SelectAttrValue("dev", "") != target {
			continue
		}
		device := disk.SelectAttrValue("device", "disk")
		if device != "cdrom" && device != "floppy" {
			return "", &hypervisor.Error{Text: fmt.Sprintf("%s is not a removable drive", target), Kind: hypervisor.ErrInvalid}
		}
		for _, name := range []string{"source", "backingStore"} {
			for _, e := range disk.SelectElements(name) {
				disk.RemoveChild(e)
			}
		}
		disk.CreateAttr("type", "file")
		if path != "" {
			disk.CreateElement("source").CreateAttr("file", path)
			driver := disk.SelectElement("driver")
			if driver == nil {
				driver = disk.CreateElement("driver")
				driver.CreateAttr("name", "qemu")
			}
			driver.CreateAttr("type", "raw") // a format is stated, never probed
		}
		alone := etree.NewDocument()
		alone.SetRoot(disk.Copy())
		return alone.WriteToString()
	}
	return "", &hypervisor.Error{Text: fmt.Sprintf("there is no drive %q", target), Kind: hypervisor.ErrInvalid}
}
