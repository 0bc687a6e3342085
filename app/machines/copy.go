package machines

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/app/jobs"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// CopySource is a machine as it is copied: a description with the content that belongs to it.
type CopySource struct {
	Description string      // libvirt's
	Disks       []DiskImage // each gets a copy; other drives are shared, as discs are
	Variables   string      // file with the firmware's variables; empty: the copy starts with new ones
	TPM         string      // file with the state of the TPM; empty: the copy gets a new one
	TPMName     string      // what that file is called in the folder of a machine's TPM
	// Base makes the disks linked copies, which keep only what changes and share the rest with the other linked copies of the same Base: the name of the disks' content, which
	// must never name another one. Empty: they are whole.
	Base string
}

// DiskImage is an image, or a snapshot inside it unless that is empty.
type DiskImage struct{ Target, Path, Format, Snapshot string }

// Copy makes a machine of its own out of a source, which must stay as it is meanwhile. It is part of a job. Whatever fails, and on Cancel, nothing is left behind. The error
// is vmconfig.Faults when the name is wrong.
func (s *Service) Copy(ctx context.Context, source CopySource, name string, id uuid.UUID, report func(jobs.Progress)) (err error) {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.nameFaults(name, id).Err(); err != nil {
		return err
	}
	if s.p.Images == nil {
		return ErrNoImageTool
	}
	config, err := domxml.Parse(source.Description)
	if err != nil {
		return err
	}
	to := domxml.Identity{Name: name, UUID: id, Sources: map[string]domxml.Source{}}
	made := createRecord{}
	for i, d := range source.Disks {
		path := s.diskPath(name, id, i)
		disk := domxml.Source{Path: path, Format: diskimage.FormatQcow2}
		if source.Base != "" {
			disk.Chain = []domxml.Layer{{Path: s.basePath(source.Base, i), Format: diskimage.FormatQcow2}}
		}
		to.Sources[d.Target] = disk
		made.Disks = append(made.Disks, path)
	}
	if config.NVRAM != "" {
		to.NVRAM = filepath.Join(s.nvramDir(), vmconfig.Slug(name, id)+"_VARS.fd")
		made.NVRAM = to.NVRAM
	}
	if source.TPM != "" {
		made.TPM, _ = TPMDir(s.p.Conn.Host(), id)
	}
	xml, err := domxml.Clone(source.Description, to)
	if err != nil {
		return err
	}
	record, err := s.journal.Begin(createKind, s.p.Conn.Host().URI, id, made)
	if err != nil {
		return err
	}
	if source.Base != "" {
		defer func() {
			if err != nil {
				err = errors.Join(err, s.sweepBases(context.WithoutCancel(ctx)))
			}
		}()
		unlock, err := s.locks.lock(ctx, s.basesLock())
		if err != nil {
			return errors.Join(err, record.End())
		}
		defer unlock()
		if err := os.MkdirAll(s.basesDir(), 0o700); err != nil {
			return errors.Join(err, record.End())
		}
	}
	var undo jobs.Undo
	defer func() { err = s.endMaking(ctx, id, record, made, &undo, err) }()
	if err := os.MkdirAll(s.imageDir(), 0o700); err != nil {
		return err
	}
	for i, d := range source.Disks {
		progress := func(part float64) {
			report(jobs.Progress{Fraction: (float64(i) + part) / float64(len(source.Disks)), Text: "Copying the disks"})
		}
		path := made.Disks[i]
		if err := s.copyDisk(ctx, source.Base, i, d, path, progress); err != nil {
			return err
		}
		undo.Push(func(context.Context) error { return removeIfThere(path) }) // now that it is ours
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Registering the machine"})
	if err := s.copySmallFiles(source, made, &undo); err != nil {
		return err
	}
	undo.Push(func(ctx context.Context) error { return s.erase(ctx, id) })
	if _, err := s.p.Conn.Define(ctx, xml); err != nil {
		return err
	}
	want, err := domxml.Parse(xml)
	if err != nil {
		return err
	}
	if err := s.verify(ctx, want); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return record.End()
}

// copyDisk makes the nth disk of a copy at path, whole or linked to base.
func (s *Service) copyDisk(ctx context.Context, base string, n int, d DiskImage, path string, progress func(float64)) error {
	if base == "" {
		return s.p.Images.Copy(ctx, path, d.Path, d.Format, d.Snapshot, progress)
	}
	below := s.basePath(base, n)
	if err := s.makeBase(ctx, below, d, progress); err != nil {
		return err
	}
	return s.p.Images.CreateOverlay(ctx, path, below, diskimage.FormatQcow2)
}

// copySmallFiles copies the firmware's variables and the state of the TPM.
func (s *Service) copySmallFiles(source CopySource, made createRecord, undo *jobs.Undo) error {
	if made.NVRAM != "" {
		if err := os.MkdirAll(filepath.Dir(made.NVRAM), 0o700); err != nil {
			return err
		}
		undo.Push(func(context.Context) error { return removeIfThere(made.NVRAM) })
		if source.Variables != "" {
			if err := copyFile(source.Variables, made.NVRAM); err != nil {
				return err
			}
		}
	}
	if made.TPM == "" {
		return nil
	}
	undo.Push(func(context.Context) error { return os.RemoveAll(made.TPM) })
	return copyFile(source.TPM, filepath.Join(made.TPM, filepath.Clean("/"+source.TPMName)))
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return atomicfile.Write(to, data)
}
