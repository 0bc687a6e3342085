package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// What external checkpoints keep of a disk is the file that it was until then. The machine goes on in an overlay over it, so that image must not change any more.

// beside returns the path of a file that lies beside a disk and is called after it; the disk may be such a file itself.
func beside(disk, end string) string {
	name := filepath.Base(disk)
	stem, _, named := strings.Cut(name, "."+machines.SnapshotPrefix)
	if !named {
		stem = strings.TrimSuffix(name, filepath.Ext(name))
	}
	return filepath.Join(filepath.Dir(disk), stem+"."+end)
}

// overlayFile is the path of the overlay over a disk of the machine for the checkpoint id.
func overlayFile(machine uuid.UUID, d vmconfig.Disk, id string) string {
	return beside(d.Path, id+"-"+vmconfig.Slug(d.Target, machine)+"."+diskimage.FormatQcow2)
}

// bottom is the lowest image that an image lies upon. Each is read once: a long chain has many images that ask.
func (t *target) bottom(path string) string {
	if known, ok := t.bottoms[path]; ok {
		return known
	}
	images, _ := diskimage.Chain(path) // as far as it can be read
	lowest := images[len(images)-1]
	for _, image := range images {
		t.bottoms[image] = lowest
	}
	return lowest
}

// frozen are the files that are the machine's disks in external snapshots, which must not change any more.
func (t *target) frozen() map[string]bool {
	frozen := map[string]bool{}
	for _, snapshot := range t.snapshots {
		if snapshot.External {
			for _, path := range t.snapshotPaths(snapshot) {
				frozen[path] = true
			}
		}
	}
	return frozen
}

// protect sees to it that a machine whose restore failed does not go on in a file that a checkpoint needs as it is: libvirt 11.3 leaves it with that one when QEMU ends in the
// middle, and whoever started it would change the checkpoint. It gets an overlay.
func (m external) protect(ctx context.Context, id uuid.UUID) error {
	t, err := m.s.look(ctx, id)
	if err != nil || t.domain.State.Active() || m.s.images == nil {
		return err
	}
	frozen := t.frozen()
	now := t.config
	now.Disks = slices.Clone(t.config.Disks)
	for i := range now.Disks {
		d := &now.Disks[i]
		if !slices.Contains(t.disks(), *d) || !frozen[d.Path] {
			continue
		}
		overlay := overlayFile(id, *d, newID())
		if err := m.s.images.CreateOverlay(ctx, overlay, d.Path, d.Format); err != nil {
			return err
		}
		d.Path, d.Format = overlay, diskimage.FormatQcow2
	}
	edited, err := domxml.Edit(t.xml, t.config, now)
	if err != nil || edited == t.xml {
		return err
	}
	_, err = m.s.p.Conn.Define(ctx, edited)
	return err
}

// removeLeft removes the overlays that the machine had before a restore where libvirt does not know of them: those of protect.
func (m external) removeLeft(ctx context.Context, before *target) error {
	now, err := m.s.look(ctx, before.domain.UUID)
	if err != nil {
		return err
	}
	keep := now.frozen()
	for _, d := range now.disks() {
		keep[d.Path] = true
	}
	for _, snapshot := range now.snapshots {
		for _, path := range snapshot.Overlays {
			keep[path] = true
		}
	}
	for _, d := range before.disks() {
		if _, end, named := strings.Cut(filepath.Base(d.Path), "."+machines.SnapshotPrefix); named && strings.HasSuffix(end, "."+diskimage.FormatQcow2) && !keep[d.Path] {
			err = errors.Join(err, remove(d.Path))
		}
	}
	return err
}

// removeUnused removes an overlay that the machine does not use and that nothing was written to.
func (s *Service) removeUnused(t *target, overlay string) error {
	const written = vmconfig.MiB // a new overlay takes less than that
	used := slices.ContainsFunc(t.config.Disks, func(d vmconfig.Disk) bool {
		images, _ := diskimage.Chain(d.Path)
		return slices.Contains(images, overlay)
	})
	if used || machines.DiskUsage(overlay) >= written {
		s.p.Log.Warn("an overlay of a checkpoint that was not saved is left", "path", overlay)
		return nil
	}
	return remove(overlay)
}

// roomToMerge says whether what was written right after the snapshot fits into the images below, to which it is moved before its own file is removed.
func (m external) roomToMerge(t *target, snapshot hypervisor.Snapshot) error {
	if !m.s.p.Conn.Host().Local {
		return nil
	}
	held := t.snapshotPaths(snapshot)
	needs := map[string]int64{}
	for _, d := range t.disks() {
		images, _ := diskimage.Chain(d.Path)
		for i, path := range images[1:] {
			if slices.Contains(held, path) {
				needs[filepath.Dir(path)] += machines.DiskUsage(images[i])
			}
		}
	}
	for dir, bytes := range needs {
		if free, err := machines.FreeBytes(dir); err == nil && free < bytes {
			text := fmt.Sprintf("Deleting it needs up to %s for a while, and %s has only %s free. Nothing was changed.", vmconfig.RoughSize(bytes), vmconfig.Inert(dir, 200), vmconfig.RoughSize(free))
			return &Reason{Text: text, Err: hypervisor.ErrNoSpace}
		}
	}
	return nil
}
