package checkpoints

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// The matrix' kinds of machines.
const (
	matrixBIOS = "bios"
	matrixUEFI = "uefi"
	matrixTPM  = "uefi-tpm"
)

// What disks the matrix' machines have.
const (
	disksOne = "one"
	disksTwo = "two"
	disksCD  = "cd"  // one, and a disc that is in the drive at some of the checkpoints
	disksRaw = "raw" // one, and later a second one that cannot hold checkpoints
)

// What is done in the matrix.
const (
	opSave         = "save"
	opRestore      = "restore"
	opBranch       = "save from an older one"
	opRename       = "rename"
	opDeleteLeaf   = "delete a leaf"
	opDeleteMiddle = "delete a middle"
	opDeleteBranch = "delete a branch"
	opDeleteRoot   = "delete the root"
)

// The sentences of the refusals in the matrix.
const (
	sentenceSaved  = "The machine's state is saved. Start it, or discard the saved state, first."
	sentenceDelete = "The disk “%s” cannot hold checkpoints. Shut the machine down to delete this one."
	sentenceRaw    = "The disk “%s” is of format raw, which cannot hold checkpoints. Convert it to qcow2."
)

var (
	matrixKinds  = []string{matrixBIOS, matrixUEFI, matrixTPM}
	matrixStates = []hypervisor.State{hypervisor.StateRunning, hypervisor.StatePaused, hypervisor.StateSaved, hypervisor.StateOff}
	matrixDisks  = []string{disksOne, disksTwo, disksCD, disksRaw}
	matrixOps    = []string{opSave, opRestore, opBranch, opRename, opDeleteLeaf, opDeleteMiddle, opDeleteBranch, opDeleteRoot}
)

// matrixUsual are the stories of every day: with each mechanism each state, each kind of disks and each operation.
var matrixUsual = map[string][]string{
	"bios/running/raw":     {opSave, opRestore, opDeleteLeaf},
	"bios/paused/cd":       {opRestore, opDeleteLeaf},
	"bios/saved/one":       {opSave, opRestore},
	"bios/off/two":         matrixOps,
	"uefi-tpm/running/two": {opSave, opRestore},
	"uefi-tpm/paused/cd":   {opRestore},
	"uefi-tpm/saved/one":   {opRestore},
	"uefi/off/raw":         matrixOps,
}

// TestMatrix does everything that can be done with checkpoints, in every state of machines with every kind of firmware and disks. The counting guest, or what
// stands on the disks of a machine that is off, says after each step whether memory and disks are those of the model. Each combination of kind, state and
// disks is one story on a machine that has just booted.
//
// It tells a few stories, and all of them if GUESTHOUSE_MATRIX is "all", which takes half an hour.
func TestMatrix(t *testing.T) {
	all := os.Getenv("GUESTHOUSE_MATRIX") == "all"
	tried := 0
	for _, kind := range matrixKinds {
		t.Run(kind, func(t *testing.T) {
			site := &matrixSite{t: t, kind: kind}
			for _, disks := range matrixDisks {
				for _, state := range matrixStates {
					ops := matrixUsual[fmt.Sprintf("%s/%s/%s", kind, state, disks)]
					if all {
						ops = matrixOps
					}
					if len(ops) == 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s", state, disks), func(t *testing.T) {
						s := &story{site: site, state: state, disks: disks, ops: ops, boots: all}
						s.t, s.saved = t, map[string]moment{}
						defer func() {
							site.broken = t.Failed()
							tried += s.tried
						}()
						s.tell()
					})
				}
			}
		})
	}
	t.Logf("cells tried: %d of %d", tried, len(matrixKinds)*len(matrixStates)*len(matrixDisks)*len(matrixOps))
}

// matrixMachine is what the matrix' machines are called.
const matrixMachine = "matrix"

// matrixSite is a machine with the counting guest, which boots once: each story begins with its memory and disk as they were then.
type matrixSite struct {
	*fixture
	t      *testing.T // the host lives as long as this test
	kind   string
	id     uuid.UUID
	broken bool              // the last story failed: a new machine is needed
	xml    string            // the machine at the beginning of a story
	iso    string            // the guest's disc
	memory string            // file with the state of the guest that has booted; empty: it has not
	files  map[string][]byte // those of the machine, as they were then
}

// rewind makes the machine as it is at the beginning of a story: off, or running.
func (s *matrixSite) rewind(t *testing.T, running bool) {
	t.Helper()
	if s.fixture == nil || s.broken {
		s.fixture, s.memory = open(s.t), ""
		s.make(t)
	}
	if running && s.memory == "" {
		s.boot(t)
	}
	for path, text := range s.files {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.define(t, s.xml)
	if running {
		s.host.Virsh(t, "restore", s.memory)
	}
}

// make makes the machine with its guest's disc in the drive.
func (s *matrixSite) make(t *testing.T) {
	t.Helper()
	firmware := vmconfig.FirmwareUEFI
	if s.kind == matrixBIOS {
		firmware = vmconfig.FirmwareBIOS
	}
	d := draft(t, matrixMachine, firmware, true)
	j, id := s.machines.Create(d)
	done(t, j)
	s.id, s.iso = id, d.ISO
	if s.kind == matrixTPM {
		s.addTPM(t, id)
	}
	s.settle(t)
}

// boot boots the guest, takes its disc out and keeps its state.
func (s *matrixSite) boot(t *testing.T) {
	t.Helper()
	s.insert(t, s.iso)
	s.do(t, machines.ActionStart, s.id)
	if !t.Run("boot", func(t *testing.T) {
		guest := guesttest.Open(t, s.host, matrixMachine)
		guest.WaitReady()
		guest.Hold()
	}) {
		s.broken = true
		t.FailNow()
	}
	s.insert(t, "")
	s.memory = filepath.Join(s.host.Dir, "booted")
	s.host.Virsh(t, "save", matrixMachine, s.memory)
	s.settle(t)
}

// settle takes the machine, which is off, as the beginning of stories.
func (s *matrixSite) settle(t *testing.T) {
	t.Helper()
	s.insert(t, "")
	xml, err := s.conn.DomainXML(within(t), s.id, false)
	if err != nil {
		t.Fatal(err)
	}
	s.xml, s.files = xml, map[string][]byte{}
	for _, path := range s.paths(t) {
		if text, err := os.ReadFile(path); err == nil {
			s.files[path] = text
		}
	}
}

// paths are the files of the machine: disk, firmware variables and state of the TPM.
func (s *matrixSite) paths(t *testing.T) []string {
	t.Helper()
	config, err := s.config(within(t), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return append(s.small(t), config.Disks[0].Path)
}

// small are the files of firmware and TPM.
func (s *matrixSite) small(t *testing.T) (paths []string) {
	t.Helper()
	config, err := s.config(within(t), s.id)
	if err != nil {
		t.Fatal(err)
	}
	if config.NVRAM != "" {
		paths = append(paths, config.NVRAM)
	}
	if dir, known := machines.TPMDir(s.conn.Host(), s.id); known && config.TPM {
		paths = append(paths, filepath.Join(dir, tpmStates[0]))
	}
	return paths
}

// insert puts a disc into the machine's drive; an empty path takes it out.
func (s *matrixSite) insert(t *testing.T, path string) {
	t.Helper()
	err := s.machines.EjectMedia(within(t), s.id, "sda")
	if path != "" {
		err = s.machines.InsertMedia(within(t), s.id, "sda", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// story is a walk along a path of its own.
type story struct {
	walk
	site   *matrixSite
	state  hypervisor.State // in which each operation finds the machine
	disks  string
	ops    []string
	boots  bool // a machine that is off boots once
	tried  int
	at     hypervisor.State // in which the machine is now
	deaf   bool             // the guest's terminal is another one since it was asked
	second vmconfig.Disk    // the second disk, once there was one
}

// tell tells the story.
func (s *story) tell() {
	off := s.state == hypervisor.StateOff
	s.site.rewind(s.t, !off || s.boots)
	s.fixture, s.id = s.site.fixture, s.site.id
	s.guest = guesttest.Open(s.t, s.host, matrixMachine)
	s.now.disk = map[int]string{}
	s.at = hypervisor.StateOff
	if !off || s.boots {
		s.at, s.deaf, s.now.running = hypervisor.StateRunning, true, true
		s.listen()
		s.now.mem = s.guest.Hold()
	}
	if off {
		s.to(hypervisor.StateOff)
	}
	if s.disks == disksTwo {
		s.addSecond("qcow2")
	}
	if s.disks == disksRaw {
		s.tellRaw()
	} else {
		s.tellWhole()
	}
	s.end()
}

// cell runs one cell of the matrix, if it is wanted.
func (s *story) cell(op string, work func()) {
	if !slices.Contains(s.ops, op) {
		return
	}
	s.t.Log(op)
	s.to(s.state)
	s.tried++
	work()
}

// tellWhole is the story of a machine all of whose disks can hold checkpoints.
func (s *story) tellWhole() {
	middle := "b"
	s.put("a")
	s.cell(opSave, func() {
		if s.state == hypervisor.StateSaved {
			s.refused(sentenceSaved)
		}
		s.save("a")
		s.check()
	})
	s.putAndSave("b")
	if slices.Contains(s.ops, opDeleteLeaf) {
		s.putAndSave("c")
	}
	s.cell(opRestore, func() {
		if s.boots && s.state == hypervisor.StateOff {
			s.bootAndWrite("x")
		} else {
			s.put("x")
		}
		s.restore("b")
	})
	s.cell(opBranch, func() {
		if s.current != "b" {
			s.restore("b")
		}
		s.putAndSave("d")
		s.restore("c")
		s.restore("d")
	})
	s.cell(opRename, func() {
		middle = s.rename("b")
		s.check()
	})
	s.cell(opDeleteLeaf, func() { s.gone("c", s.deleteOne) })
	s.cell(opDeleteMiddle, func() {
		s.gone(middle, s.deleteOne)
		s.restore("d")
	})
	s.cell(opDeleteBranch, func() {
		s.putAndSave("e", "f")
		s.gone("e", s.deleteBranch)
		s.restore("d")
	})
	s.cell(opDeleteRoot, func() {
		s.gone("a", s.deleteOne)
		s.restore("d")
	})
}

// tellRaw is the story of a machine that gets a disk which cannot hold checkpoints when it has some already.
func (s *story) tellRaw() {
	s.putAndSave("a", "b", "c")
	last := "c"
	if len(s.ops) == len(matrixOps) {
		s.restore("b")
		s.putAndSave("d", "e", "f")
		last = "d"
	}
	s.addSecond("raw")
	s.put("r")
	middle := "b"
	s.cell(opSave, func() {
		if s.state == hypervisor.StateSaved {
			s.refused(sentenceSaved)
			s.to(hypervisor.StateRunning)
		}
		s.refused(fmt.Sprintf(sentenceRaw, s.second.Path))
		s.check()
	})
	s.cell(opRename, func() {
		middle = s.rename("b")
		s.check()
	})
	s.cell(opDeleteLeaf, func() { s.gone("c", s.deleteOne) })
	s.cell(opDeleteMiddle, func() { s.gone(middle, s.deleteOne) })
	s.cell(opDeleteBranch, func() { s.gone("e", s.deleteBranch) })
	s.cell(opDeleteRoot, func() { s.gone("a", s.deleteOne) })
	s.cell(opRestore, func() {
		s.restore(last)
		if !holds(s.t, s.second, "r") {
			s.t.Error("the raw disk, which the machine has no more, is another one")
		}
	})
	s.cell(opBranch, func() {
		s.putAndSave("g")
		s.check()
	})
}

// end deletes what is left and looks whether anything else is.
func (s *story) end() {
	s.to(s.state)
	for _, name := range []string{"a", "b", "b2", "c", "d", "e", "f", "g"} {
		if _, there := s.saved[name]; there {
			s.deleteOne(name)
		}
	}
	s.check()
	s.to(hypervisor.StateOff)
	if told, err := s.Recover(within(s.t)); err != nil || len(told) != 0 {
		s.t.Errorf("there is something to recover: %q, %v", told, err)
	}
	s.leftovers(s.t, s.id)
	s.intact(s.t, s.id)
	if s.second.Path != "" {
		if err := os.Remove(s.second.Path); err != nil {
			s.t.Error(err)
		}
	}
}

// to brings the machine into a state.
func (s *story) to(want hypervisor.State) {
	s.t.Helper()
	step := func(a machines.Action, at hypervisor.State) {
		s.t.Helper()
		s.do(s.t, a, s.id)
		s.isNow(at)
	}
	if s.at == want {
		return
	}
	switch s.at {
	case hypervisor.StatePaused:
		step(machines.ActionResume, hypervisor.StateRunning)
	case hypervisor.StateSaved:
		if want != hypervisor.StateOff {
			step(machines.ActionStart, hypervisor.StateRunning)
			s.deaf = true
		}
	case hypervisor.StateOff:
		s.t.Fatal("a machine that is off is started by bootAndWrite only")
	}
	switch want {
	case hypervisor.StatePaused:
		step(machines.ActionPause, want)
	case hypervisor.StateSaved:
		step(machines.ActionSave, want)
	case hypervisor.StateOff:
		off := machines.ActionPowerOff
		if s.at == hypervisor.StateSaved {
			off = machines.ActionDiscardSaved
		}
		step(off, want)
		s.now.kept = s.keptNow()
	}
	s.now.running = want != hypervisor.StateOff
}

// isNow notes the state that the machine must be in now.
func (s *story) isNow(at hypervisor.State) {
	s.t.Helper()
	s.at = at
	s.fixture.state(s.t, s.id, at)
}

// listen brings the machine into the state in which the guest answers.
func (s *story) listen() {
	s.t.Helper()
	s.to(hypervisor.StateRunning)
	if s.deaf {
		s.guest.Continue()
		s.deaf = false
	}
}

// addSecond gives the machine a second disk, at once.
func (s *story) addSecond(format string) {
	s.t.Helper()
	active := s.at != hypervisor.StateOff
	if active {
		s.listen()
	}
	s.second = vmconfig.Disk{Path: s.addDisk(s.t, matrixMachine, format, active), Format: format}
	s.now.second = "none" // until put
	if !active {
		return
	}
	if err := hosttest.Poll(patience, func() error { // the guest finds it a moment later
		if answer := s.guest.Ask("read2 5", `^(read|error).*`)[1]; answer != "read" {
			return errors.New(answer)
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
}

// place is the sector that holds the story's values.
const place = 5

// put writes a letter to each disk; every other one is written with the disc out of the drive.
func (s *story) put(letter string) {
	s.t.Helper()
	if s.state == hypervisor.StateOff {
		for _, d := range s.present() {
			hosttest.Run(s.t, hosttest.Tool(s.t, "qemu-io"), "-f", d.Format, "-c", fmt.Sprintf("write -P %d %d 1", letter[0], place*512), d.Path)
		}
	} else {
		s.listen()
		s.write(letter)
	}
	s.note(letter)
	if s.disks == disksCD {
		if s.now.cd = s.site.iso; letter[0]%2 == 0 {
			s.now.cd = ""
		}
		s.site.insert(s.t, s.now.cd)
	}
}

// note tells the model what has been written.
func (s *story) note(letter string) {
	s.now.disk[place] = letter
	if s.now.second != "" {
		s.now.second = letter
	}
}

// write has the guest write.
func (s *story) write(letter string) {
	s.t.Helper()
	answer := fmt.Sprintf(`^wrote %d %s$`, place, letter)
	s.guest.Ask(fmt.Sprintf("write %d %s", place, letter), answer)
	if s.now.second != "" {
		s.guest.Ask(fmt.Sprintf("write2 %d %s", place, letter), answer)
	}
}

// read has the guest compare its disks with the model.
func (s *story) read() {
	s.t.Helper()
	s.guest.Ask(fmt.Sprintf("read %d", place), fmt.Sprintf(`^read %d %s$`, place, s.now.disk[place]))
	if s.now.second != "" {
		s.guest.Ask(fmt.Sprintf("read2 %d", place), fmt.Sprintf(`^read %d %s$`, place, s.now.second))
	}
}

// bootAndWrite boots the machine, which is off, and has the guest write.
func (s *story) bootAndWrite(letter string) {
	s.t.Helper()
	s.site.insert(s.t, s.site.iso)
	s.do(s.t, machines.ActionStart, s.id)
	s.guest.Reopen()
	s.guest.WaitReady()
	s.guest.Hold()
	s.isNow(hypervisor.StateRunning)
	s.read()
	s.write(letter)
	s.note(letter)
	s.to(hypervisor.StateOff)
	s.site.insert(s.t, s.now.cd)
}

// present are the disks that the machine has according to the model.
func (s *story) present() []vmconfig.Disk {
	s.t.Helper()
	config, err := s.config(within(s.t), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	disks := writable(config.Disks)
	if got, want := len(disks) == 2, s.now.second != ""; got != want || len(disks) > 2 {
		s.t.Fatalf("the machine has the disks %+v; the model has %+v", disks, s.now)
	}
	return disks
}

// holds reports whether a disk of a machine that is off holds a letter.
func holds(t *testing.T, d vmconfig.Disk, letter string) bool {
	t.Helper()
	// qemu-io says that a pattern is another one, and ends well.
	out := hosttest.Run(t, hosttest.Tool(t, "qemu-io"), "-r", "-f", d.Format, "-c", fmt.Sprintf("read -P %d %d 1", letter[0], place*512), d.Path)
	return !strings.Contains(out, "failed")
}

// keptNow is a hash of the files of firmware and TPM.
func (s *story) keptNow() string {
	s.t.Helper()
	var all []string
	for _, path := range s.site.small(s.t) {
		text, _ := os.ReadFile(path) // before the first start there is none
		all = append(all, fmt.Sprintf("%x", sha256.Sum256(text)))
	}
	return strings.Join(all, " ")
}

// check holds everything that can be seen against the model. A guest that has stood still runs then.
func (s *story) check() {
	s.t.Helper()
	s.fixture.state(s.t, s.id, s.at)
	s.compareList()
	disks := s.present()
	s.drive(false)
	if s.at == hypervisor.StateOff {
		for i, d := range disks {
			if want := []string{s.now.disk[place], s.now.second}[i]; !holds(s.t, d, want) {
				s.t.Fatalf("%s does not hold %q", d.Path, want)
			}
		}
		if kept := s.keptNow(); kept != cmp.Or(s.now.kept, kept) {
			s.t.Errorf("firmware variables and TPM are %s, not %s", kept, s.now.kept)
		}
		return
	}
	s.listen()
	s.drive(true)
	if mem := s.guest.Ask("hold", `^hold mem=(\d+)$`)[1]; mem != strconv.Itoa(s.now.mem) {
		s.t.Fatalf("the memory holds %s, not %d", mem, s.now.mem)
	}
	s.read()
}

// drive looks what disc is in the drive.
func (s *story) drive(live bool) {
	s.t.Helper()
	xml, err := s.conn.DomainXML(within(s.t), s.id, live)
	if err != nil {
		s.t.Fatal(err)
	}
	config, err := domxml.Parse(xml)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(config.Disks, func(d vmconfig.Disk) bool { return d.Target == "sda" })
	if i < 0 || config.Disks[i].Path != s.now.cd {
		s.t.Fatalf("in the drive (at this moment: %v) there is not %q: %+v", live, s.now.cd, config.Disks)
	}
}

// putAndSave makes checkpoints one after the other, each with its name on the disks.
func (s *story) putAndSave(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.put(name)
		s.save(name)
	}
}

// save saves a checkpoint. A machine whose state is saved must be started for it.
func (s *story) save(name string) {
	s.t.Helper()
	if s.state == hypervisor.StateSaved {
		s.to(hypervisor.StateRunning)
	} else {
		s.to(s.state)
	}
	if reason := s.greyed(); reason != "" {
		s.t.Fatalf("no checkpoint can be saved: %s", reason)
	}
	if s.at == hypervisor.StateOff {
		s.now.kept = s.keptNow()
	}
	done(s.t, s.Save(s.id, SaveOptions{Name: name}))
	s.deaf = s.at != hypervisor.StateOff
	s.isNow(s.at)
	kept := s.now.clone()
	kept.parent = s.current
	s.saved[name], s.current = kept, name
	if c := s.only(s.t, s.id, name); c.State != s.at {
		s.t.Errorf("the checkpoint's state is %s", c.State)
	}
}

// restore goes back to a checkpoint, from the story's state, and looks whether the guest goes on where it was.
func (s *story) restore(name string) {
	s.t.Helper()
	s.to(s.state)
	if ok, reason := s.machine().Can(machines.ActionRestore); !ok {
		s.t.Fatalf("no checkpoint can be restored: %s", reason)
	}
	c := s.only(s.t, s.id, name)
	done(s.t, s.Restore(s.id, c.ID, RestoreOptions{}))
	s.now, s.current = s.saved[name].clone(), name
	s.deaf = c.State != hypervisor.StateOff
	s.isNow(c.State)
	s.check()
	if c.State == hypervisor.StateOff {
		return
	}
	s.listen()
	s.guest.Go()
	if mem, _ := s.guest.NextCounters(); mem != s.now.mem+1 {
		s.t.Errorf("restored at %d the guest went on with %d", s.now.mem, mem)
	}
	s.now.mem = s.guest.Hold()
}

// rename gives a checkpoint another name, which it returns.
func (s *story) rename(name string) string {
	s.t.Helper()
	renamed := name + "2"
	if err := s.Describe(within(s.t), s.id, s.only(s.t, s.id, name).ID, SaveOptions{Name: renamed, Description: "described"}); err != nil {
		s.t.Fatal(err)
	}
	if c := s.only(s.t, s.id, renamed); c.Description != "described" {
		s.t.Errorf("it is described as %q", c.Description)
	}
	s.saved[renamed] = s.saved[name]
	delete(s.saved, name)
	for child, m := range s.saved {
		if m.parent == name {
			m.parent = renamed
			s.saved[child] = m
		}
	}
	if s.current == name {
		s.current = renamed
	}
	return renamed
}

// gone deletes a checkpoint, alone or with those after it, and looks whether the machine has noticed. QEMU deletes no snapshot inside the disks while another
// disk cannot hold any.
func (s *story) gone(name string, how func(string)) {
	s.t.Helper()
	s.to(s.state)
	if s.site.kind == matrixBIOS && s.state.Active() && s.disks == disksRaw && s.now.second != "" {
		s.unchanged(func() {
			err := s.Delete(s.id, s.idOf(s.t, s.id, name)).Wait(within(s.t))
			s.says("deleting", err, fmt.Sprintf(sentenceDelete, s.second.Path))
		})
		return
	}
	how(name)
	s.check()
}

// machine is what the windows know of the machine.
func (s *story) machine() *machines.Machine {
	s.t.Helper()
	s.machines.Refresh(within(s.t), s.id)
	m := s.machines.Snapshot().Get(s.id)
	if m == nil {
		s.t.Fatal("the machine is not listed")
	}
	return m
}

// greyed is why a window does not offer to save a checkpoint; empty: it does.
func (s *story) greyed() string {
	s.t.Helper()
	if ok, reason := s.machine().Can(machines.ActionCheckpoint); !ok {
		return reason
	}
	_, reason := s.canSave(s.t, s.id)
	return reason
}

// refused tries to save a checkpoint, alone and before going back to another, and expects a sentence, the same before and after, and nothing changed.
func (s *story) refused(sentence string) {
	s.t.Helper()
	s.unchanged(func() {
		s.t.Helper()
		if reason := s.greyed(); reason != sentence {
			s.t.Errorf("the window says %q, not %q", reason, sentence)
		}
		if _, reason := s.canSave(s.t, s.id); reason != sentence {
			s.t.Errorf("the overview says %q, not %q", reason, sentence)
		}
		s.says("saving", s.Save(s.id, SaveOptions{Name: "refused"}).Wait(within(s.t)), sentence)
		if s.current == "" {
			return
		}
		back := s.Restore(s.id, s.idOf(s.t, s.id, s.current), RestoreOptions{SaveFirst: true, SaveName: "refused"})
		s.says("saving and going back", back.Wait(within(s.t)), sentence)
	})
}

// says expects a refusal.
func (s *story) says(what string, err error, sentence string) {
	s.t.Helper()
	var r *machines.RefusedError
	if !errors.As(err, &r) || r.Reason != sentence {
		s.t.Errorf("%s says %v, not %q", what, err, sentence)
	}
}

// unchanged expects that what is tried changes nothing.
func (s *story) unchanged(try func()) {
	s.t.Helper()
	before := s.everything()
	try()
	if after := s.everything(); after != before {
		s.t.Errorf("something changed. Before:\n%s\nAfter:\n%s", before, after)
	}
}

// everything describes the machine and what belongs to its checkpoints.
func (s *story) everything() string {
	s.t.Helper()
	look, err := s.look(within(s.t), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	stamps, _ := stampDisks(look)
	var files []string
	for _, dir := range []string{look.dir, filepath.Join(s.p.DataDir, "journal")} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				files = append(files, fmt.Sprintf("%s %d %v", e.Name(), info.Size(), info.ModTime()))
			}
		}
	}
	return fmt.Sprintf("%+v\n%s\n%+v\n%v\n%q", look.domain, look.xml, look.snapshots, stamps, files)
}
