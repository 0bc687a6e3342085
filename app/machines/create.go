package machines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/journal"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/guestos"
	"guesthouse/vmconfig/safefile"
)

// ErrNoFirmware says that the host has no UEFI firmware. Its remedy is to install the package ovmf.
var ErrNoFirmware = errors.New("no UEFI firmware is installed (package ovmf)")

// ErrNoSecureBoot says that the host has UEFI firmware, but none that enforces Secure Boot.
var ErrNoSecureBoot = errors.New("no UEFI firmware with Secure Boot is installed (package ovmf)")

// ErrNoTPM says that the emulator of TPMs is missing. Its remedy is to install the package swtpm.
var ErrNoTPM = errors.New("no TPM can be emulated (packages swtpm and swtpm-tools)")

// ErrNoImageTool says that qemu-img is missing, so that no disk can be made.
var ErrNoImageTool = errors.New("disks cannot be made: qemu-img is not installed (package qemu-utils)")

// NewDraft returns a draft with what the guest OS database recommends; an unknown osID gives modest defaults. The name is
// one that no machine has. It only reads memory once the database is loaded.
func (s *Service) NewDraft(osID string) Draft {
	d := Draft{Name: "machine", DiskMode: DiskCreate}
	catalogue := s.guests()
	system, known := catalogue.Find(osID)
	defaults := catalogue.Defaults(system)
	if known {
		d.OSID, d.Name = system.ID, system.ShortID
	}
	d.MemoryBytes, d.CPUs, d.DiskBytes, d.Firmware = defaults.MemoryBytes, defaults.CPUs, defaults.DiskBytes, defaults.Firmware
	host := s.p.Conn.Host()
	if host.CPUs > 0 {
		d.CPUs = min(d.CPUs, host.CPUs)
	}
	d.Name = s.freeName(d.Name)
	return d
}

// freeName returns base or the first "base N" that no machine has.
func (s *Service) freeName(base string) string {
	name := base
	for n := 2; len(s.nameFaults(name, uuid.Nil)) > 0 && n < 10000; n++ {
		name = fmt.Sprintf("%s %d", base, n)
	}
	return name
}

func (s *Service) guests() *guestos.Catalogue {
	if s.p.Guests == nil {
		return nil
	}
	return s.p.Guests()
}

// CheckDraft returns everything that is wrong with the draft, each fault at its field. It reads the files that the draft names.
func (s *Service) CheckDraft(ctx context.Context, d Draft) vmconfig.Faults {
	_, faults := s.plan(ctx, d, uuid.New())
	return faults
}

// creation is a draft thought through: what will be made.
type creation struct {
	machine  vmconfig.Machine
	options  domxml.BuildOptions
	newDisk  string // path of the disk to be made; empty for none
	diskSize int64
	overlays []overlay // disks to be made over images that stay as they are
	// variables is a file with the firmware's variables at the first start; empty: the firmware's own.
	variables string
	fill      func(ctx context.Context, disks []string) error // of Blueprint, or nil
	start     bool
	then      func(ctx context.Context) error // called at last; when it fails the machine is undone as well. nil: nothing
}

// plan turns a draft into a machine and finds all faults.
func (s *Service) plan(ctx context.Context, d Draft, id uuid.UUID) (creation, vmconfig.Faults) {
	faults := s.nameFaults(d.Name, id)
	limits, err := s.Limits(ctx)
	if err != nil {
		s.p.Log.Warn("the host's limits are not known", "error", err)
	}
	c := creation{start: d.Start, machine: vmconfig.Machine{
		UUID: id, Name: d.Name, Notes: d.Notes, Group: d.Group, OSID: d.OSID, Arch: "x86_64", Chipset: "q35",
		Accel: s.Accelerator(), Firmware: d.Firmware, CPUs: d.CPUs, MemoryBytes: d.MemoryBytes,
		NICs: []vmconfig.NIC{{Kind: s.networkKind(), Source: s.networkName()}},
		Displays: []vmconfig.Display{
			{Kind: "vnc", Listen: "none"},
			{Kind: "dbus", P2P: true}, // its presence keeps the screen's refresh at 30 ms
		},
		Serials: 1, Clipboard: agentSaves(s.p.Conn.Host().Version),
	}}
	if c.machine.Firmware == "" {
		c.machine.Firmware = vmconfig.FirmwareBIOS
	}
	faults = append(faults, s.planDisk(ctx, &c, d)...)
	faults = append(faults, s.planISO(ctx, &c, d)...)
	faults = append(faults, s.planSystem(&c, d)...)
	faults = append(faults, s.planFirmware(ctx, &c)...)
	for _, f := range c.machine.Validate(limits) {
		if faults.For(f.Field) == "" { // one message a field is enough
			faults = append(faults, f)
		}
	}
	return c, faults
}

// networkKind is user-mode networking for the user's own daemon and libvirt's default network otherwise.
func (s *Service) networkKind() string {
	if s.p.Conn.Host().Session {
		return "user"
	}
	return "network"
}

func (s *Service) networkName() string {
	if s.networkKind() == "network" {
		return "default"
	}
	return ""
}

// planSystem applies what the guest OS database knows: devices that the system has drivers for, its kind of clock.
func (s *Service) planSystem(c *creation, d Draft) vmconfig.Faults {
	var faults vmconfig.Faults
	catalogue := s.guests()
	system, known := catalogue.Find(d.OSID)
	if d.OSID != "" && !known && len(catalogue.All()) > 0 {
		shown := vmconfig.Inert(d.OSID, 80)
		faults = append(faults, vmconfig.Fault{
			Field: vmconfig.FieldOS, Value: shown, Message: fmt.Sprintf("The operating system “%s” is not known.", shown),
		})
	}
	defaults := catalogue.Defaults(system)
	defaults.Apply(&c.machine)
	c.options.LocalTime, c.options.HyperV = defaults.LocalTime, defaults.HyperV
	if known {
		c.machine.OSID = system.ID
	}
	if c.machine.Firmware == vmconfig.FirmwareUEFI {
		c.machine.SecureBoot = defaults.SecureBoot
		c.machine.TPM = defaults.TPM
		if c.machine.TPM && s.p.Conn.Host().Local && !haveTPM() {
			faults = append(faults, vmconfig.Fault{
				Field: vmconfig.FieldFirmware, Value: string(vmconfig.FirmwareUEFI), Err: ErrNoTPM,
				Message: fmt.Sprintf("%s asks for a security chip (TPM), which cannot be emulated here. Install the packages swtpm and swtpm-tools.", system.Name),
			})
		}
	}
	return faults
}

// haveTPM reports whether what is behind libvirt's TPM devices is installed on this computer; without it libvirt refuses a machine that has one.
func haveTPM() bool {
	for _, program := range []string{"swtpm", "swtpm_setup"} {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return true
}

// planFirmware chooses the UEFI firmware of the host: one that enforces Secure Boot where the system asks for it, else one that does not.
func (s *Service) planFirmware(ctx context.Context, c *creation) vmconfig.Faults {
	if c.machine.Firmware != vmconfig.FirmwareUEFI {
		return nil
	}
	firmwares, err := s.p.Conn.Firmwares(ctx)
	if len(firmwares) == 0 {
		if err == nil {
			err = ErrNoFirmware
		}
		return vmconfig.Faults{{
			Field: vmconfig.FieldFirmware, Value: string(vmconfig.FirmwareUEFI), Err: err,
			Message: "UEFI cannot be used: the host has no UEFI firmware. Install the package ovmf, or choose BIOS.",
		}}
	}
	i := slices.IndexFunc(firmwares, func(f hypervisor.Firmware) bool {
		return f.SecureBoot == c.machine.SecureBoot && (f.EnrolledKeys || !c.machine.SecureBoot)
	})
	if i < 0 && c.machine.SecureBoot {
		return vmconfig.Faults{{
			Field: vmconfig.FieldFirmware, Value: string(vmconfig.FirmwareUEFI), Err: ErrNoSecureBoot,
			Message: "The operating system asks for Secure Boot, but the host has no UEFI firmware for that. Install the package ovmf.",
		}}
	}
	f := firmwares[max(i, 0)]
	c.options.Firmware = &domxml.FirmwareFiles{
		Code: f.Code, CodeFormat: f.CodeFormat, Vars: f.Vars, VarsFormat: f.VarsFormat, SecureBoot: f.SecureBoot,
	}
	c.machine.NVRAM = filepath.Join(s.nvramDir(), vmconfig.Slug(c.machine.Name, c.machine.UUID)+"_VARS.fd")
	return nil
}

func (s *Service) imageDir() string { return filepath.Join(s.p.DataDir, "images") }
func (s *Service) nvramDir() string { return filepath.Join(s.p.DataDir, "nvram") }

// planDisk decides on the machine's disk.
func (s *Service) planDisk(ctx context.Context, c *creation, d Draft) vmconfig.Faults {
	disk := vmconfig.Disk{Device: vmconfig.DeviceDisk, Format: diskimage.FormatQcow2}
	if d.DiskMode != DiskNone && !s.p.Conn.Host().Local {
		return vmconfig.Faults{{Field: vmconfig.FieldDiskSize, Message: "Disks can only be made and used on this computer, but the hypervisor runs on another one."}}
	}
	switch d.DiskMode {
	case DiskNone:
		return nil
	case DiskExisting:
		path, format, fault := s.existingDisk(ctx, d)
		if fault != nil {
			return vmconfig.Faults{*fault}
		}
		disk.Path, disk.Format = path, format
	default:
		if err := vmconfig.CheckDiskSize(d.DiskBytes); err != nil {
			var fault vmconfig.Fault
			errors.As(err, &fault)
			return vmconfig.Faults{fault}
		}
		if s.p.Images == nil {
			return vmconfig.Faults{{Field: vmconfig.FieldDiskSize, Err: ErrNoImageTool, Message: "No disk can be made: qemu-img is not installed. Install the package qemu-utils."}}
		}
		c.newDisk = s.diskPath(c.machine.Name, c.machine.UUID, 0)
		c.diskSize = d.DiskBytes
		disk.Path = c.newDisk
	}
	c.machine.Disks = append(c.machine.Disks, disk)
	return nil
}

// existingDisk checks a disk image that is to be used where it lies.
func (s *Service) existingDisk(ctx context.Context, d Draft) (path, format string, fault *vmconfig.Fault) {
	refuse := func(err error, message string, args ...any) (string, string, *vmconfig.Fault) {
		return "", "", &vmconfig.Fault{
			Field: vmconfig.FieldDiskPath, Value: vmconfig.Inert(d.DiskPath, 200), Message: fmt.Sprintf(message, args...), Err: err,
		}
	}
	path, err := realFile(d.DiskPath)
	shown := vmconfig.Inert(path, 200)
	if err != nil {
		return refuse(err, "%s", fileSentence(d.DiskPath, err))
	}
	if other := s.userOf(path); other != nil {
		return refuse(nil, "“%s” is the disk of “%s”. Two machines on one disk destroy its content.", shown, vmconfig.Inert(other.Name, 64))
	}
	if s.p.Images == nil {
		return refuse(ErrNoImageTool, "The disk cannot be checked: qemu-img is not installed. Install the package qemu-utils.")
	}
	info, err := s.p.Images.Inspect(ctx, path, d.DiskFormat)
	if err != nil {
		return refuse(err, "“%s” cannot be used: %s.", shown, vmconfig.Inert(err.Error(), 300))
	}
	if info.LooksLike != "" {
		return refuse(diskimage.ErrWrongFormat, "“%s” was given as raw but begins like an image of the kind %s. Used as raw, the machine would see the container instead of the disk in it.",
			shown, vmconfig.Inert(info.LooksLike, 20))
	}
	if err := info.Standalone(); err != nil {
		return refuse(err, "“%s” holds only the changes to another image and cannot be used alone.", shown)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return refuse(err, "%s", fileSentence(path, err))
	}
	file.Close()
	return path, info.Format, nil
}

// planISO puts the installation disc into a drive. A machine without a disc gets an empty drive, to insert one later.
func (s *Service) planISO(ctx context.Context, c *creation, d Draft) vmconfig.Faults {
	drive := vmconfig.Disk{Device: vmconfig.DeviceCDROM, Format: diskimage.FormatRaw, ReadOnly: true}
	if d.ISO != "" {
		path, err := realFile(d.ISO)
		if err == nil {
			_, err = s.guests().DetectISO(ctx, path)
		}
		if err != nil && !errors.Is(err, guestos.ErrUnknownMedia) { // a system that nobody knows may be installed all the same
			return vmconfig.Faults{{
				Field: vmconfig.FieldISO, Value: vmconfig.Inert(d.ISO, 200), Message: fileSentence(d.ISO, err), Err: err,
			}}
		}
		drive.Path = path
	}
	c.machine.Disks = append(c.machine.Disks, drive)
	return nil
}

// realFile follows symbolic links to an ordinary, readable file, so that what is used and shown is the file itself.
func realFile(path string) (string, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return path, err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path, err
	}
	if err := vmconfig.CheckPath(resolved); err != nil {
		return resolved, err
	}
	file, _, err := safefile.Open(resolved)
	if err != nil {
		return resolved, err
	}
	return resolved, file.Close()
}

// fileSentence says why a file cannot be used.
func fileSentence(path string, err error) string {
	shown := vmconfig.Inert(path, 200)
	var fault vmconfig.Fault
	switch {
	case errors.As(err, &fault):
		return fault.Message
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("There is no file “%s”.", shown)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("“%s” cannot be opened: access is denied.", shown)
	case errors.Is(err, safefile.ErrNotRegular):
		return fmt.Sprintf("“%s” is not an ordinary file.", shown)
	case errors.Is(err, guestos.ErrNotISO):
		return fmt.Sprintf("“%s” cannot be inserted: %s.", shown, vmconfig.Inert(err.Error(), 200))
	case errors.Is(err, guestos.ErrTruncated):
		return fmt.Sprintf("“%s” ends early: its download or copy is not complete.", shown)
	}
	return fmt.Sprintf("“%s” cannot be opened: %s.", shown, vmconfig.Inert(err.Error(), 200))
}

// userOf returns the machine that has path as a drive that it writes to.
func (s *Service) userOf(path string) *Machine {
	for _, m := range s.Snapshot().Machines {
		if m.Config == nil {
			continue
		}
		for _, disk := range m.Config.Disks {
			if disk.Device == vmconfig.DeviceDisk && sameFile(disk.Path, path) {
				return m
			}
		}
	}
	return nil
}

// sameFile compares by name first and then, for links, by inode.
func sameFile(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// createKind marks the journal's records of machines that are being made.
const createKind = "create"

// createRecord is what the undo of an interrupted creation needs.
type createRecord struct {
	// Undo is set when the creation has failed. A machine that was registered before a crash is whole and stays: it may have been in use since.
	Undo bool   `json:"undo,omitempty"`
	Disk string `json:"disk,omitempty"`
	// Disks are those of a copy, and TPM the folder with the state of its TPM.
	Disks []string `json:"disks,omitempty"`
	TPM   string   `json:"tpm,omitempty"`
	NVRAM string   `json:"nvram,omitempty"`
}

// Create makes a machine in a job and returns its future UUID. Whatever fails, and on Cancel, nothing is left behind. The job's error is
// vmconfig.Faults when the draft is wrong.
func (s *Service) Create(d Draft) (*jobs.Job, uuid.UUID) {
	id := uuid.New()
	title := "Creating " + vmconfig.Inert(strings.TrimSpace(d.Name), vmconfig.MaxNameBytes)
	return s.p.Jobs.Start(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.create(ctx, d, id, report)
	}), id
}

func (s *Service) create(ctx context.Context, d Draft, id uuid.UUID, report func(jobs.Progress)) (err error) {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking"})
	c, faults := s.plan(ctx, d, id)
	if err := faults.Err(); err != nil {
		return err
	}
	if d.DiskMode == DiskExisting {
		unlock, err := s.claimDisk(ctx, id, c.machine.Disks[0].Path)
		if err != nil {
			return err
		}
		defer unlock()
	}
	return s.build(ctx, c, report)
}

// build makes what was planned. The machine must be locked.
func (s *Service) build(ctx context.Context, c creation, report func(jobs.Progress)) (err error) {
	say := func(text string) { report(jobs.Progress{Fraction: jobs.Unknown, Text: text}) }
	id := c.machine.UUID
	c.options.NoAgent = !agentFits(s.p.Conn.Host(), c.machine.Name)
	xml, err := domxml.Build(c.machine, c.options)
	if err != nil {
		return err
	}
	made := createRecord{Disk: c.newDisk, NVRAM: c.machine.NVRAM}
	for _, o := range c.overlays {
		made.Disks = append(made.Disks, o.path)
	}
	record, err := s.journal.Begin(createKind, s.p.Conn.Host().URI, id, made)
	if err != nil {
		return err
	}
	var undo jobs.Undo
	defer func() { err = s.endMaking(ctx, id, record, made, &undo, err) }()
	if c.newDisk != "" {
		say("Making the disk")
		if err := os.MkdirAll(s.imageDir(), 0o700); err != nil {
			return err
		}
		if err := s.p.Images.Create(ctx, c.newDisk, diskimage.FormatQcow2, c.diskSize); err != nil {
			return err
		}
		undo.Push(func(context.Context) error { return removeIfThere(c.newDisk) })
		if err := os.Chmod(c.newDisk, 0o600); err != nil {
			return err
		}
	}
	for _, o := range c.overlays {
		say("Making the disks")
		if err := s.makeOverlay(ctx, o); err != nil {
			return err
		}
		undo.Push(func(context.Context) error { return removeIfThere(o.path) })
	}
	if c.fill != nil {
		if err := c.fill(ctx, made.Disks); err != nil {
			return err
		}
	}
	if err := s.copySmallFiles(CopySource{Variables: c.variables}, made, &undo); err != nil {
		return err
	}
	say("Registering the machine")
	undo.Push(func(ctx context.Context) error { return s.erase(ctx, id) })
	if _, err := s.p.Conn.Define(ctx, xml); err != nil {
		return err
	}
	if err := s.verify(ctx, c.machine); err != nil {
		return err
	}
	if c.start {
		say("Starting the machine")
		if err := s.p.Conn.Start(ctx, id); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.then == nil {
		return record.End()
	}
	if err := c.then(ctx); err != nil {
		return err
	}
	if err := record.End(); err != nil { // the others are made, so that this one stays as well; recovery keeps what is registered
		s.p.Log.Warn("the journal cannot be written", "error", err)
	}
	return nil
}

// endMaking undoes what was made of a machine when err says that it failed, and forgets its record once nothing is left.
func (s *Service) endMaking(ctx context.Context, id uuid.UUID, record *journal.Record, made createRecord, undo *jobs.Undo, err error) error {
	failed := err != nil
	if failed {
		made.Undo = true
		if updateErr := record.Update(made); updateErr != nil { // a full disk, say; undoing makes room
			s.p.Log.Warn("the journal cannot be written", "error", updateErr)
		}
	}
	if err = undo.Finish(ctx, err); failed && !undo.Failed() {
		err = errors.Join(err, record.End())
	}
	s.inv.refresh(context.WithoutCancel(ctx), id, true, false)
	return err
}

// claimDisk makes sure, until unlock, that no other machine gets an existing disk, and asks the hypervisor once more whether one has it:
// as a drive, below a drive, or in a checkpoint.
func (s *Service) claimDisk(ctx context.Context, id uuid.UUID, path string) (unlock func(), err error) {
	unlock, err = s.locks.lock(ctx, uuid.NewSHA1(uuid.NameSpaceURL, []byte(path)))
	if err != nil {
		return nil, err
	}
	used, _, err := s.filesOfOthers(ctx, id)
	if name := userOfFile(path, used); err == nil && name != "" {
		err = vmconfig.Faults{{
			Field: vmconfig.FieldDiskPath, Value: vmconfig.Inert(path, 200),
			Message: fmt.Sprintf("“%s” needs the file “%s”. Two machines on one disk destroy its content.", name, vmconfig.Inert(path, 200)),
		}}
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// erase removes a machine that is being made, whether or not it was registered or started.
func (s *Service) erase(ctx context.Context, id uuid.UUID) error {
	d, err := s.p.Conn.Domain(ctx, id)
	if errors.Is(err, hypervisor.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.State != hypervisor.StateOff {
		if err := s.p.Conn.PowerOff(ctx, id); err != nil && !errors.Is(err, hypervisor.ErrInvalidState) {
			return err
		}
	}
	if err := s.p.Conn.Undefine(ctx, id, false); err != nil && !errors.Is(err, hypervisor.ErrNotFound) {
		return err
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
