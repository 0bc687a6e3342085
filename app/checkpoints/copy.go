package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// Copy makes another machine out of a checkpoint, in a job, and returns its future UUID: with copies of the disks, firmware variables and TPM of that moment, and its
// settings. The disks of a linked copy keep only their changes to an image that all linked copies of the checkpoint share; neither needs the original. The copy is off, as the memory belongs to a machine with the original's addresses: what a running guest had not written is missing, as after a power cut.
// Errors: vmconfig.Faults for the name, ErrNoCheckpoint, ErrBroken, those of the hypervisor.
func (s *Service) Copy(id uuid.UUID, checkpointID, name string, linked bool) (*jobs.Job, uuid.UUID) {
	to := uuid.New()
	name = strings.TrimSpace(name)
	title := "Copying a checkpoint of " + s.machineName(id)
	return s.p.Jobs.Start(title, to.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "copying a checkpoint", func() error {
			source, err := s.copySource(ctx, id, checkpointID, linked)
			if err != nil {
				return err
			}
			return s.p.Machines.Copy(ctx, source, name, to, report)
		})
	}), to
}

// Source returns what a machine was at a checkpoint, to be copied while nobody works on it, and a PNG picture of its screen, nil if there is none. Errors: ErrNoCheckpoint, ErrBroken.
func (s *Service) Source(ctx context.Context, id uuid.UUID, checkpointID string) (machines.CopySource, []byte, error) {
	source, err := s.copySource(ctx, id, checkpointID, false)
	if err != nil {
		return source, nil, err
	}
	picture, err := os.ReadFile(pictureFile(s.p.Machines.CheckpointDir(id), checkpointID))
	if errors.Is(err, os.ErrNotExist) {
		return source, nil, nil
	}
	return source, picture, err
}

func (s *Service) copySource(ctx context.Context, id uuid.UUID, checkpointID string, linked bool) (machines.CopySource, error) {
	t, err := s.look(ctx, id)
	if err != nil {
		return machines.CopySource{}, err
	}
	snapshot, err := t.find(checkpointID)
	if err != nil {
		return machines.CopySource{}, err
	}
	c := s.inspect(t, snapshot)
	switch {
	case !c.Copyable && c.Problem != "":
		return machines.CopySource{}, &Reason{Text: c.Problem, Err: ErrBroken}
	case !c.Copyable:
		return machines.CopySource{}, &Reason{Text: "It does not hold all disks of the machine.", Err: hypervisor.ErrUnsupported}
	case !s.p.Conn.Host().Local:
		return machines.CopySource{}, &Reason{Text: "A checkpoint can only be copied on the computer that has it.", Err: hypervisor.ErrUnsupported}
	}
	description, ok := snapshotInactive(snapshot.XML)
	if !ok {
		return machines.CopySource{}, &Reason{Text: "The settings of this checkpoint cannot be read.", Err: ErrBroken}
	}
	config, err := domxml.Parse(description)
	if err != nil {
		return machines.CopySource{}, err
	}
	source := machines.CopySource{Description: description}
	if linked { // nothing changes in a snapshot, and no other one of the machine has this name and was made at that moment
		source.Base = fmt.Sprintf("%s %s %d", id, snapshot.Name, snapshot.Created.Unix())
	}
	inside := snapshot.Name
	if snapshot.External { // the whole files, which nobody writes to any more
		inside = ""
	}
	for _, d := range writable(config.Disks) {
		source.Disks = append(source.Disks, machines.DiskImage{Target: d.Target, Path: d.Path, Format: d.Format, Snapshot: inside})
	}
	if r := t.records[snapshot.Name]; r != nil {
		if r.VariablesBytes > 0 {
			source.Variables = r.variablesFile(t.dir)
		}
		if r.TPMBytes > 0 {
			source.TPM, source.TPMName = r.tpmFile(t.dir), r.TPM
		}
	} else if config.Firmware == vmconfig.FirmwareUEFI && config.NVRAM != "" { // a kind of checkpoint that does not keep them: the present ones are the best there is
		if _, err := os.Stat(config.NVRAM); err == nil {
			source.Variables = filepath.Clean(config.NVRAM)
		} else if !errors.Is(err, os.ErrNotExist) {
			return source, err
		}
	}
	return source, nil
}
