package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"guesthouse/app/labs"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// base makes the raw disk with which the guest begins.
func (b *Builder) base(ctx context.Context, spec *labs.Spec, disk, dir string, r *lab.Recipe, folder *os.Root, epoch time.Time, say func(string)) error {
	switch {
	case r.Base.Debian != nil:
		if err := need(append([]tool{mmdebstrapTool}, diskTools...), grubFolders); err != nil {
			return err
		}
		mode, err := findRights(ctx)
		if err != nil {
			return err
		}
		if err := makeDebian(ctx, mode, disk, dir, r, epoch, say); err != nil {
			return err
		}
		return inject(ctx, disk, dir)
	case r.Base.Lab != "":
		if err := need([]tool{debugfsTool}, nil); err != nil {
			return err
		}
		if err := b.copyLab(ctx, spec, disk, dir, r, say); err != nil {
			return err
		}
		return inject(ctx, disk, dir)
	}
	return b.copyImage(ctx, disk, r, folder, say)
}

// copyLab takes over the disk and the firmware's variables of a lab of the library.
func (b *Builder) copyLab(ctx context.Context, spec *labs.Spec, disk, dir string, r *lab.Recipe, say func(string)) error {
	refuse := func(format string, args ...any) error {
		return &labs.Reason{Text: fmt.Sprintf("The lab “%s” cannot be a base: ", describe(r.Base)) + fmt.Sprintf(format, args...) + ".", Err: ErrBase}
	}
	image, err := b.p.Library.Resolve(r.Base.Lab)
	if err != nil {
		return err
	}
	say("Copying the base")
	return b.p.Library.Using(ctx, image.ID, func(config *lab.Config, bases []labs.Base) error {
		switch {
		case len(config.Disks) != 1:
			return refuse("it has %d disks, and a base has one", len(config.Disks))
		case r.Disk != "" && r.Bytes() != config.Disks[0].Bytes:
			return refuse("its disk has %s and stays as large; leave “disk” out of the recipe", vmconfig.FormatSize(config.Disks[0].Bytes))
		case r.Machine.Firmware != config.Machine.Firmware && config.Variables != nil:
			return refuse("it needs the firmware %s", config.Machine.Firmware)
		}
		spec.Config.Machine.Chipset, spec.Config.Machine.SecureBoot, spec.Config.Machine.TPM = config.Machine.Chipset, config.Machine.SecureBoot, config.Machine.TPM
		spec.Config.Disks[0].Bus = config.Disks[0].Bus
		for _, base := range bases {
			if base.Part.ID != lab.VariablesID {
				if err := b.p.Images.CopyRaw(ctx, disk, base.Path, diskimage.FormatRaw, "", func(float64) {}); err != nil {
					return err
				}
				continue
			}
			data, err := os.ReadFile(base.Path)
			if err != nil {
				return err
			}
			path := filepath.Join(dir, lab.VariablesID+".raw")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				return err
			}
			spec.Files[lab.VariablesID] = path
		}
		return nil
	})
}

// copyImage takes over the disk of a cloud image and makes it as large as the recipe says.
func (b *Builder) copyImage(ctx context.Context, disk string, r *lab.Recipe, folder *os.Root, say func(string)) error {
	refuse := func(err error, format string, args ...any) error {
		return &labs.Reason{Text: fmt.Sprintf("The image “%s” cannot be a base: ", describe(r.Base)) + fmt.Sprintf(format, args...) + ".", Err: errors.Join(ErrBase, err)}
	}
	path := r.Base.Image
	if !filepath.IsAbs(path) {
		file, err := openBeside(folder, path, lab.MaxDiskBytes)
		if err != nil {
			return err
		}
		file.Close()
		if path, err = filepath.Abs(filepath.Join(folder.Name(), path)); err != nil {
			return err
		}
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return refuse(err, "%s", vmconfig.Inert(err.Error(), 300))
	}
	info, err := b.p.Images.Inspect(ctx, path, "")
	if err != nil {
		return refuse(err, "%s", vmconfig.Inert(err.Error(), 300))
	}
	if err := info.Standalone(); err != nil {
		return refuse(err, "it is only a part of a disk: %s", vmconfig.Inert(err.Error(), 300))
	}
	size := roundUp(max(info.VirtualBytes, r.Bytes()))
	if r.Disk != "" && r.Bytes() < info.VirtualBytes {
		return refuse(errSmaller, "it has %s, more than the recipe's “disk”", vmconfig.FormatSize(info.VirtualBytes))
	}
	say("Copying the base")
	if err := b.p.Images.CopyRaw(ctx, disk, path, info.Format, "", func(float64) {}); err != nil {
		return err
	}
	return os.Truncate(disk, size)
}
