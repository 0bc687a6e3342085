package build

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/labs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

//go:embed guest/guesthouse-build.service
var guestUnit []byte

// Where the partitions of a disk of Debian are, in sectors: GRUB's own for BIOS, GRUB in a file for UEFI, the root up to the last MiB.
const (
	biosFirst, biosSectors = 2048, 2048
	espFirst, espSectors   = biosFirst + biosSectors, 32768
	rootFirst              = espFirst + espSectors
	endSectors             = 2048
)

// namespace makes the UUIDs of file systems out of a lab's name, so that they are the same every time.
var namespace = uuid.MustParse("a3b6f5de-93f8-4a4e-8f0b-0a5b5c9f5b0e")

func fixedID(name, part string) uuid.UUID { return uuid.NewSHA1(namespace, []byte(name+"\n"+part)) }

// grubFolders have GRUB's modules, by the package that brings them.
var grubFolders = map[string]string{"grub-pc-bin": "/usr/lib/grub/i386-pc", "grub-efi-amd64-bin": "/usr/lib/grub/x86_64-efi"}

var diskTools = []tool{tarTool, mke2fsTool, debugfsTool, mformatTool, mcopyTool, mmdTool, mkimageTool}

// ext4Config keeps what a newer mke2fs switches on, and GRUB cannot read, out of the file system.
const ext4Config = `[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 16384
[fs_types]
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
		inode_size = 256
	}
`

// assemble makes a disk that starts from BIOS and UEFI out of archives of a root file system, the later ones over the earlier. dir is an empty folder for
// what it needs meanwhile; remove it with removeMapped. Nothing is mounted.
func assemble(ctx context.Context, mode rights, disk, dir, name string, size int64, epoch time.Time, archives []string) error {
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	rootID := fixedID(name, "root")
	file, err := os.OpenFile(disk, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return err
	}
	if err := fillRoot(ctx, mode, disk, dir, root, rootID, size, epoch, archives); err != nil {
		return err
	}
	boot, err := writeGRUB(ctx, file, dir, name, rootID, epoch)
	if err != nil {
		return err
	}
	sectors := size / sectorBytes
	err = writeGPT(file, sectors, fixedID(name, "disk"), boot, []partition{
		{kindBIOS, fixedID(name, "bios"), "BIOS boot", biosFirst, biosSectors},
		{kindESP, fixedID(name, "esp"), "EFI system", espFirst, espSectors},
		{kindRoot, rootID, "root", rootFirst, sectors - endSectors - rootFirst},
	})
	return errors.Join(err, file.Sync())
}

// fillRoot unpacks the archives and makes the root file system of them.
func fillRoot(ctx context.Context, mode rights, disk, dir, root string, id uuid.UUID, size int64, epoch time.Time, archives []string) error {
	config := filepath.Join(dir, "mke2fs.conf")
	if err := os.WriteFile(config, []byte(ext4Config), 0o600); err != nil {
		return err
	}
	options := []string{
		"--numeric-owner", "--same-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*", "--exclude=./dev/*", "--delay-directory-restore",
	}
	stamp := strconv.FormatInt(epoch.Unix(), 10)
	for _, archive := range archives {
		// Devices are made by the kernel at every start.
		err := run(ctx, mode.wrap(command{
			tool: tarTool, dir: dir, limit: time.Hour, args: append([]string{"--extract", "--file", archive, "--directory", root}, options...),
		}))
		if err != nil {
			return err
		}
	}
	kib := (size/sectorBytes - rootFirst - endSectors) * sectorBytes >> 10
	err := run(ctx, mode.wrap(command{
		tool: mke2fsTool, dir: dir, limit: time.Hour,
		args: []string{
			"-q", "-F", "-t", "ext4", "-T", "ext4", "-L", "root", "-U", id.String(), "-m", "1", "-d", root,
			"-E", fmt.Sprintf("offset=%d,hash_seed=%s,root_owner=0:0,lazy_itable_init=1,lazy_journal_init=0", int64(rootFirst)*sectorBytes, id),
			disk, strconv.FormatInt(kib, 10) + "k",
		},
		env: []string{"SOURCE_DATE_EPOCH=" + stamp, "E2FSPROGS_FAKE_TIME=" + stamp, "MKE2FS_CONFIG=" + config},
	}))
	var failed *toolError
	if errors.As(err, &failed) && strings.Contains(failed.messages, "Could not allocate") {
		return &labs.Reason{Text: fmt.Sprintf("The packages do not fit on a disk of %s. Give the recipe a larger “disk”.", vmconfig.FormatSize(size)), Err: err}
	}
	return err
}

// grubModules are what GRUB needs to find the root and follow its grub.cfg.
var grubModules = []string{"part_gpt", "ext2", "search", "search_fs_uuid", "normal", "configfile", "linux", "echo", "test", "serial", "terminal", "ls", "reboot", "halt"}

// writeGRUB puts GRUB into its partitions and returns the boot code for the first sector.
func writeGRUB(ctx context.Context, disk *os.File, dir, name string, root uuid.UUID, epoch time.Time) ([]byte, error) {
	early := filepath.Join(dir, "early.cfg")
	text := fmt.Sprintf("search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n", root)
	if err := os.WriteFile(early, []byte(text), 0o600); err != nil {
		return nil, err
	}
	image := func(format, file string, modules ...string) ([]byte, error) {
		path := filepath.Join(dir, file)
		err := run(ctx, command{
			tool: mkimageTool, dir: dir, limit: time.Minute,
			args: append(append([]string{"-O", format, "-o", path, "-c", early, "-p", "/boot/grub"}, modules...), grubModules...),
			env:  []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch.Unix(), 10)},
		})
		if err != nil {
			return nil, err
		}
		return os.ReadFile(path)
	}
	core, err := image("i386-pc", "core.img", "biosdisk")
	if err != nil {
		return nil, err
	}
	boot, err := os.ReadFile(filepath.Join(grubFolders["grub-pc-bin"], "boot.img"))
	if err != nil {
		return nil, err
	}
	if err := linkGRUB(boot, core); err != nil {
		return nil, err
	}
	if _, err := disk.WriteAt(core, biosFirst*sectorBytes); err != nil {
		return nil, err
	}
	if _, err := image("x86_64-efi", "BOOTX64.EFI", "efi_gop"); err != nil {
		return nil, err
	}
	esp, err := makeESP(ctx, dir, name, epoch)
	if err != nil {
		return nil, err
	}
	_, err = disk.WriteAt(esp, espFirst*sectorBytes)
	return boot[:440], err
}

// linkGRUB tells GRUB's first sectors where the next ones are, as grub-bios-setup does (grub/include/grub/i386/pc/boot.h).
func linkGRUB(boot, core []byte) error {
	const (
		kernelSector = 0x5c  // in boot.img, the first sector of core.img
		driveCheck   = 0x66  // in boot.img, a jump over a work-around that disks need
		blockList    = 0x1f4 // in core.img's first sector, where the rest of it is: its entry has the length already
	)
	if len(boot) != sectorBytes || len(core) < 2*sectorBytes || len(core) > biosSectors*sectorBytes {
		return fmt.Errorf("%w: GRUB for BIOS has an unknown form", ErrTools)
	}
	binary.LittleEndian.PutUint64(boot[kernelSector:], biosFirst)
	boot[driveCheck], boot[driveCheck+1] = 0x90, 0x90
	binary.LittleEndian.PutUint64(core[blockList:], biosFirst+1)
	return nil
}

// makeESP returns a FAT file system with GRUB for UEFI in it.
func makeESP(ctx context.Context, dir, name string, epoch time.Time) ([]byte, error) {
	path, loader := filepath.Join(dir, "esp.img"), filepath.Join(dir, "BOOTX64.EFI")
	if err := os.Chtimes(loader, epoch, epoch); err != nil {
		return nil, err
	}
	id := fixedID(name, "fat")
	serial := fmt.Sprintf("%08x", binary.LittleEndian.Uint32(id[:]))
	for _, c := range []command{
		{tool: mformatTool, args: []string{"-C", "-i", path, "-T", strconv.Itoa(espSectors), "-N", serial, "-v", "EFI", "::"}},
		{tool: mmdTool, args: []string{"-i", path, "::EFI", "::EFI/BOOT"}},
		{tool: mcopyTool, args: []string{"-i", path, "-m", loader, "::EFI/BOOT/BOOTX64.EFI"}},
	} {
		c.dir, c.limit = dir, time.Minute
		c.env = []string{"TZ=UTC", "MTOOLS_SKIP_CHECK=1", "SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch.Unix(), 10)}
		if err := run(ctx, c); err != nil {
			return nil, err
		}
	}
	esp, err := os.ReadFile(path)
	if err == nil && len(esp) > espSectors*sectorBytes {
		err = fmt.Errorf("%w: the EFI system partition is too large", ErrTools)
	}
	return esp, err
}

// findRoot returns where the ext4 file system with the guest's system begins, in bytes.
func findRoot(disk io.ReaderAt) (int64, error) {
	list, err := readGPT(disk)
	if err != nil {
		return 0, err
	}
	for _, p := range list {
		if p.kind != kindRoot {
			continue
		}
		magic := make([]byte, 2)
		if _, err := disk.ReadAt(magic, p.first*sectorBytes+1024+56); err == nil && binary.LittleEndian.Uint16(magic) == 0xef53 {
			return p.first * sectorBytes, nil
		}
	}
	return 0, errors.New("no partition is a root with an ext4 file system")
}

// inject puts the unit that runs the recipe into a disk that is not in use.
func inject(ctx context.Context, disk, dir string) error {
	file, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer file.Close()
	root, err := findRoot(file)
	if err != nil {
		return &labs.Reason{Text: fmt.Sprintf("The recipe's steps cannot be put into this base: %s. A base must be a lab that was made by a recipe on Debian.", err), Err: ErrBase}
	}
	unit, commands := filepath.Join(dir, "unit"), filepath.Join(dir, "debugfs")
	if err := os.WriteFile(unit, guestUnit, 0o644); err != nil {
		return err
	}
	const folder, name, wants = "/etc/systemd/system", "guesthouse-build.service", "multi-user.target.wants"
	script := strings.Join([]string{
		"cd " + folder, "mkdir " + wants, "write unit " + name, "set_inode_field " + name + " uid 0", "set_inode_field " + name + " gid 0",
		"cd " + wants, "symlink " + name + " ../" + name, "",
	}, "\n")
	if err := os.WriteFile(commands, []byte(script), 0o600); err != nil {
		return err
	}
	target := fmt.Sprintf("%s?offset=%d", disk, root)
	if err := run(ctx, command{tool: debugfsTool, args: []string{"-w", "-f", commands, target}, dir: dir, limit: 10 * time.Minute}); err != nil {
		return err
	}
	// debugfs says nothing of what went wrong by its exit status.
	var written, link bytes.Buffer
	for question, answer := range map[string]*bytes.Buffer{"cat " + folder + "/" + name: &written, "stat " + folder + "/" + wants + "/" + name: &link} {
		if err := run(ctx, command{tool: debugfsTool, args: []string{"-R", question, target}, dir: dir, out: answer, limit: 10 * time.Minute}); err != nil {
			return err
		}
	}
	if !bytes.Equal(written.Bytes(), guestUnit) || !strings.Contains(link.String(), `"../`+name+`"`) {
		return &labs.Reason{Text: "The recipe's steps cannot be put into this base: its root file system is damaged, was not unmounted, or has no systemd.", Err: ErrBase}
	}
	return nil
}

// roundUp is the size of a disk in whole chunks.
func roundUp(bytes int64) int64 { return (bytes + lab.ChunkSize - 1) / lab.ChunkSize * lab.ChunkSize }
