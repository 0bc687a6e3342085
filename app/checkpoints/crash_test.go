package checkpoints

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
)

// Who is killed at a crash point.
const (
	victimProgram = "program"
	victimDaemon  = "daemon"
	victimQEMU    = "qemu"
	victimDisk    = "disk" // not killed but filled, until the operation has ended
)

// Operations that are cut off.
const (
	crashSave    = "save"    // of “late”
	crashRestore = "restore" // of “running”
	crashDelete  = "delete"  // of “late”
)

// TestCrashPoints cuts off save, restore and delete of a checkpoint at each of their writes, syncs and renames and in each of their calls to
// libvirt, by killing the program, libvirt's daemon or the machine's QEMU. Then the program starts anew: no checkpoint may be lost, the machine
// goes on or starts, what the program says is true, and nothing is left behind.
//
// It tries a few points, and all of them if GUESTHOUSE_CRASH_POINTS is "all", which takes a quarter of an hour. For daemon and QEMU those are the phases:
// each call to libvirt, and the time between two of them.
func TestCrashPoints(t *testing.T) {
	cutAll(t, victimProgram, victimDaemon, victimQEMU)
}

// TestDiskFullAtPoints fills the disk at the points of TestCrashPoints. The operation fails or does not, but what must hold there must hold here:
// the next start of the program finds room again, and nothing lost.
func TestDiskFullAtPoints(t *testing.T) {
	if onSmallDisk(t, 320) {
		cutAll(t, victimDisk)
	}
}

// cutAll cuts off each operation with each mechanism.
func cutAll(t *testing.T, victims ...string) {
	if out, err := exec.Command(hosttest.Tool(t, "strace"), "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("nobody may trace processes here, as in some containers: %v, %s", err, out)
	}
	var all crashCount
	for i, kind := range []crashSite{{firmware: vmconfig.FirmwareBIOS}, {firmware: vmconfig.FirmwareUEFI}, {firmware: vmconfig.FirmwareUEFI, external: true}} {
		name := string(kind.firmware)
		if kind.external {
			name = "external " + name
		}
		t.Run(name, func(t *testing.T) {
			s := &crashSite{t: t, firmware: kind.firmware, external: kind.external, broken: true}
			if s.external {
				open(t).needsExternal(t)
			}
			for j, operation := range []string{crashSave, crashRestore, crashDelete} {
				if !slices.ContainsFunc(victims, func(victim string) bool { return !spared(victim, 3*i+j) }) {
					continue
				}
				t.Run(operation, func(t *testing.T) {
					s.ready(t, operation)
					points := s.points(t, operation)
					for _, victim := range victims {
						t.Run(victim, func(t *testing.T) {
							var count crashCount
							for n, p := range chosen(points, victim, 3*i+j) {
								s.ready(t, operation)
								t.Run(fmt.Sprintf("%d %s", n+1, p.name), func(t *testing.T) { s.cut(t, operation, victim, p, &count) })
							}
							all.add(count)
							t.Logf("crash points: %v", count)
						})
					}
				})
			}
		})
	}
	t.Logf("crash points in all: %v", all)
}

// crashCount counts crash points.
type crashCount struct {
	tried    int
	losses   int // a checkpoint was lost or the machine did not go on
	untrue   int // the program said something that is not so
	littered int // something was left behind
}

func (c *crashCount) add(other crashCount) {
	c.tried += other.tried
	c.losses += other.losses
	c.untrue += other.untrue
	c.littered += other.littered
}

func (c crashCount) String() string {
	return fmt.Sprintf("%d tried, %d losses, %d with an untrue sentence, %d with something left behind", c.tried, c.losses, c.untrue, c.littered)
}

// chosen returns the points for a victim. Without GUESTHOUSE_CRASH_POINTS it is one, and of daemon and QEMU only one gets it, the disk every fourth time; turn differs in each
// combination, so that together they are spread evenly over all points.
func chosen(points []crashPoint, victim string, turn int) []crashPoint {
	var fit []crashPoint
	for _, p := range points {
		if victim == victimProgram || victim == victimDisk || p.phase && (victim == victimDaemon || p.qemu) {
			fit = append(fit, p)
		}
	}
	switch {
	case allPoints():
		return fit
	case spared(victim, turn), len(fit) == 0:
		return nil
	}
	_, part := math.Modf(float64(turn+1) * (math.Sqrt(5) - 1) / 2) // multiples of the golden ratio fill the unit interval evenly
	return []crashPoint{fit[int(part*float64(len(fit)))]}
}

func allPoints() bool { return os.Getenv("GUESTHOUSE_CRASH_POINTS") == "all" }

// spared reports whether a victim has no turn when not all points are tried.
func spared(victim string, turn int) bool {
	return !allPoints() && (victim == victimDaemon && turn%2 == 0 || victim == victimQEMU && turn%2 != 0 || victim == victimDisk && turn%4 != 0)
}

// crashSite is a machine that runs, with the checkpoints “running” and, below it, “early”, of a paused machine: after a restore of that one its
// memory must be the same to the last byte.
type crashSite struct {
	t        *testing.T // the host lives as long as this test
	firmware vmconfig.Firmware
	external bool // another program has begun external snapshots of it
	host     *hosttest.Host
	id       uuid.UUID
	memory   string // what memoryNow said in “early”
	broken   bool   // there is no machine yet or the last point lost something: a new one is needed
}

const crashMachine = "crashing"

// ready makes the machine as it is before the operation.
func (s *crashSite) ready(t *testing.T, operation string) {
	t.Helper()
	if s.broken {
		s.host = hosttest.Start(s.t)
	}
	if !t.Run("ready", func(t *testing.T) {
		f := attach(t, s.host, s.host.URI)
		if s.broken {
			s.id = f.create(t, crashMachine, s.firmware, false)
			if s.external {
				s.host.Virsh(t, "snapshot-create-as", crashMachine, "theirs", "--disk-only")
			}
			s.fill(t, f, "0x41")
			f.do(t, machines.ActionStart, s.id)
			done(t, f.Save(s.id, SaveOptions{Name: "running"}))
			f.do(t, machines.ActionPause, s.id)
			s.memory = s.memoryNow(t)
			done(t, f.Save(s.id, SaveOptions{Name: "early"}))
			f.do(t, machines.ActionResume, s.id)
			s.broken = false
		}
		s.prepare(t, f, operation)
	}) {
		s.broken = true
		t.FailNow()
	}
}

// prepare sees to it that “late” exists if it is to be deleted and else does not.
func (s *crashSite) prepare(t *testing.T, f *fixture, operation string) {
	t.Helper()
	switch there := s.late(t, f); {
	case there && operation != crashDelete:
		done(t, f.Delete(s.id, f.idOf(t, s.id, "late")))
	case !there && operation == crashDelete:
		done(t, f.Save(s.id, SaveOptions{Name: "late"}))
	}
}

// base goes back to “early” from another disk, looks whether disk and memory came back, and leaves the machine running, ready for the operation.
func (s *crashSite) base(t *testing.T, f *fixture, operation string) {
	t.Helper()
	s.off(t, f)
	if operation != crashDelete {
		s.prepare(t, f, operation) // while the machine is off, so that nothing is left for later in the disk
	}
	s.fill(t, f, "0x42")
	done(t, f.Restore(s.id, f.idOf(t, s.id, "early"), RestoreOptions{}))
	f.state(t, s.id, hypervisor.StatePaused)
	if got := s.memoryNow(t); got != s.memory {
		t.Errorf("after restoring “early” the memory is not what was saved: %s, not %s", got, s.memory)
	}
	// qemu-io says that a pattern is another one, and ends well.
	if out := hosttest.Run(t, hosttest.Tool(t, "qemu-io"), "-U", "-r", "-f", "qcow2", "-c", "read -P 0x41 0 64k", s.disk(t, f)); strings.Contains(out, "failed") {
		t.Errorf("after restoring “early” the disk is not what was saved: %s", out)
	}
	f.do(t, machines.ActionResume, s.id)
	s.prepare(t, f, operation)
}

// off ends the machine unless it is off.
func (s *crashSite) off(t *testing.T, f *fixture) {
	t.Helper()
	if d, err := f.conn.Domain(within(t), s.id); err != nil {
		t.Fatal(err)
	} else if d.State.Active() {
		f.do(t, machines.ActionPowerOff, s.id)
	}
}

func (s *crashSite) disk(t *testing.T, f *fixture) string {
	t.Helper()
	look, err := f.look(within(t), s.id)
	if err != nil {
		t.Fatal(err)
	}
	return look.disks()[0].Path
}

// fill writes a byte over the beginning of the disk of the machine, which is off.
func (s *crashSite) fill(t *testing.T, f *fixture, value string) {
	t.Helper()
	hosttest.Run(t, hosttest.Tool(t, "qemu-io"), "-f", "qcow2", "-c", "write -P "+value+" 0 64k", s.disk(t, f))
}

// memoryNow is a hash of most of the paused machine's memory.
func (s *crashSite) memoryNow(t *testing.T) string {
	t.Helper()
	const start, size = 1 << 20, 32 << 20
	file := filepath.Join(s.host.Dir, "memory")
	s.host.Virsh(t, "qemu-monitor-command", crashMachine, "--hmp", fmt.Sprintf("pmemsave %d %d %q", start, size, file))
	text, err := os.ReadFile(file)
	if err != nil || len(text) != size {
		t.Fatalf("%d bytes of memory, %v", len(text), err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// crashPoint is a moment of an operation.
type crashPoint struct {
	name  string
	event string        // the event that it follows
	nth   int           // which one of that name, from 1: qemu-img does not always write as often
	wait  time.Duration // how long after it
	phase bool          // it is in a call to libvirt, or the first one outside
	qemu  bool          // the machine has a QEMU then, as far as is known
}

// inCall are the parts of a call to libvirt after which it is cut off.
var inCall = []float64{0.02, 0.25, 0.5, 0.75}

// points runs the operation to its end and lists the moments at which it can be cut off.
func (s *crashSite) points(t *testing.T, operation string) []crashPoint {
	t.Helper()
	var points []crashPoint
	if !t.Run("whole", func(t *testing.T) {
		r := s.run(t, operation, nil, nil)
		if r.err != nil {
			t.Fatal(r.said)
		}
		seen := map[string]int{}
		for i, e := range r.events {
			seen[e.name]++
			p := crashPoint{name: e.name, event: e.name, nth: seen[e.name], qemu: e.qemu}
			call, isCall := strings.CutPrefix(e.name, "call ")
			if !isCall {
				p.phase = i == 0 || i == len(r.events)-1 || strings.HasPrefix(e.name, "back ")
				points = append(points, p)
				continue
			}
			next := r.events[i+1]
			p.phase, p.qemu = true, e.qemu || next.qemu
			for _, part := range inCall {
				p.name = fmt.Sprintf("in %s %d%%", call, int(100*part))
				p.wait = traceDelay + time.Duration(part*float64(max(next.at-e.at-traceDelay, 0)))
				points = append(points, p)
			}
		}
		f := attach(t, s.host, s.host.URI)
		if operation == crashRestore {
			s.base(t, f, operation)
		}
		s.prepare(t, f, operation)
	}) {
		t.FailNow()
	}
	return points
}

// cut cuts the operation off at the point, starts the program anew and looks at what became of everything.
func (s *crashSite) cut(t *testing.T, operation, victim string, p crashPoint, count *crashCount) {
	t.Helper()
	var untrue, litter []string
	cut := false
	defer func() {
		s.broken = t.Failed()
		for _, sentence := range untrue {
			t.Errorf("it is not true that %q", sentence)
		}
		for _, what := range litter {
			t.Errorf("left behind: %s", what)
		}
		for _, c := range []struct {
			number *int
			yes    bool
		}{{&count.tried, cut}, {&count.losses, s.broken}, {&count.untrue, len(untrue) > 0}, {&count.littered, len(litter) > 0}} {
			if c.yes {
				*c.number++
			}
		}
	}()
	qemu, free := s.host.QEMUPID(crashMachine), func() {}
	r := s.run(t, operation, &p, func(program int) {
		switch victim {
		case victimProgram:
			cut = syscall.Kill(program, syscall.SIGKILL) == nil
		case victimDaemon:
			s.host.KillDaemon(t)
			s.host.StartDaemon(t)
			cut = true
		case victimQEMU:
			pid := s.host.QEMUPID(crashMachine)
			cut = pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil
		case victimDisk:
			free = fill(t, 0)
			cut = true
		}
	})
	free()
	f := attach(t, s.host, s.host.URI)
	told, err := f.Recover(within(t))
	t.Logf("the program: %v (%s); the next start says %q", r.err, r.said, told)
	if err != nil {
		t.Errorf("recovering: %v", err)
	}
	if err := f.settle(within(t), s.id); err != nil {
		t.Errorf("libvirt is not done with the machine: %v", err)
	}

	s.goesOn(t, f, operation, victim, r.err)
	if now := s.host.QEMUPID(crashMachine); now != qemu && victim != victimQEMU &&
		(operation == crashDelete || operation == crashSave && s.firmware == vmconfig.FirmwareBIOS) {
		t.Error("the machine is another process now")
	}
	kept := []string{"running", "early"}
	late := s.late(t, f)
	if late {
		kept = append(kept, "late")
	}
	for _, name := range kept {
		f.only(t, s.id, name)
	}
	if r.err == nil && (operation == crashSave && !late || operation == crashDelete && late ||
		operation == crashRestore && !f.only(t, s.id, "running").Current) {
		untrue = append(untrue, "the operation ended well")
	}
	for _, sentence := range told {
		finished := strings.Contains(sentence, "has been finished")
		if operation == crashSave && (finished != late || !finished && !strings.Contains(sentence, "has been taken back")) ||
			operation == crashRestore && finished != f.only(t, s.id, "running").Current ||
			operation == crashRestore && strings.Contains(sentence, "used since") && s.host.QEMUPID(crashMachine) != qemu {
			untrue = append(untrue, sentence)
		}
	}

	if late && operation == crashSave {
		c := f.only(t, s.id, "late")
		done(t, f.Restore(s.id, c.ID, RestoreOptions{}))
		f.state(t, s.id, c.State) // off, if QEMU was killed before it was saved
	}
	s.off(t, f)
	if again, err := f.Recover(within(t)); err != nil || len(again) != 0 {
		t.Errorf("recovering again: %q, %v", again, err)
	}
	for _, name := range kept {
		f.only(t, s.id, name)
	}
	litter = s.litter(t, f, kept)
	if check, err := f.images.Check(within(t), s.disk(t, f)); err != nil || check.Errors != 0 {
		t.Errorf("the disk: %+v, %v", check, err)
	} else if check.Leaks != 0 {
		t.Logf("the disk: %+v", check)
	}
	s.base(t, f, operation)
}

// litter lists and removes what is left behind of checkpoints other than the named ones. The machine is off.
func (s *crashSite) litter(t *testing.T, f *fixture, names []string) (litter []string) {
	t.Helper()
	wanted := map[string]bool{"clean": true}
	for _, name := range names {
		wanted[f.only(t, s.id, name).ID] = true
	}
	look, err := f.look(within(t), s.id)
	if err != nil {
		t.Fatal(err)
	}
	for path, inside := range f.contents(look) {
		for snapshot := range inside {
			if !wanted[snapshot] {
				litter = append(litter, fmt.Sprintf("%s in %s", snapshot, path))
				if err := f.images.DeleteSnapshot(within(t), path, snapshot); err != nil {
					t.Error(err)
				}
			}
		}
	}
	beside, _ := filepath.Glob(filepath.Join(filepath.Dir(look.disks()[0].Path), "*."+machines.SnapshotPrefix+"*"))
	for _, path := range beside {
		_, end, _ := strings.Cut(filepath.Base(path), ".")
		id := end[:min(len(end), len(newID()))]
		if !wanted[id] && path != look.disks()[0].Path {
			litter = append(litter, path)
		}
	}
	variables, journal := filepath.Dir(look.config.NVRAM), filepath.Join(f.p.DataDir, "journal")
	for _, dir := range []string{look.dir, variables, journal} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			stem, _, _ := strings.Cut(e.Name(), ".")
			if dir == journal || dir == look.dir && !wanted[stem] || dir == variables && stem == "" { // a hidden file is a part
				path := filepath.Join(dir, e.Name())
				litter = append(litter, path)
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
			}
		}
	}
	return litter
}

// late reports whether that checkpoint is listed.
func (s *crashSite) late(t *testing.T, f *fixture) bool {
	t.Helper()
	var list []Checkpoint
	if err := hosttest.Poll(patience, func() (err error) {
		s.host.StartDaemon(t) // libvirt 9.0's sometimes crashes by itself when a client leaves
		list, err = f.List(within(t), s.id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Resolve(list, "late")
	return err == nil
}

// goesOn fails the test unless the machine is as the operation promises, and leaves it running.
func (s *crashSite) goesOn(t *testing.T, f *fixture, operation, victim string, jobErr error) {
	t.Helper()
	var d hypervisor.Domain
	err := hosttest.Poll(10*time.Second, func() (err error) {
		if d, err = f.conn.Domain(within(t), s.id); err == nil && d.State != hypervisor.StateRunning {
			err = fmt.Errorf("the machine is %s (%s)", d.State, d.Pause)
		}
		if err != nil && victim == victimQEMU && !d.State.Active() {
			return hosttest.Stop(err)
		}
		return err
	})
	switch {
	case err == nil:
	case victim == victimQEMU && !d.State.Active(),
		// It was told that going back failed.
		operation == crashRestore && (victim == victimDaemon || victim == victimDisk) && jobErr != nil && !d.State.Active():
		f.do(t, machines.ActionStart, s.id)
		f.state(t, s.id, hypervisor.StateRunning)
	default:
		t.Fatal(err)
	}
}

// traceDelay is how long strace holds the program after each system call, so that it is killed there and not later.
const traceDelay = 10 * time.Millisecond

// traceCalls are the system calls that change files.
const traceCalls = "write,pwrite64,pwritev,pwritev2,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,ftruncate,fallocate,mkdir,mkdirat"

// crashEvent is a system call of the program, or of a program that it runs, on a file of the host, or one of its marks.
type crashEvent struct {
	name string
	at   time.Duration // since the operation began
	qemu bool          // the machine has a QEMU then
}

// crashRun is one run of the operation in a process of its own.
type crashRun struct {
	events []crashEvent
	said   string // why the job failed, if it lived to say so
	err    error  // nil: the job did not fail
}

// run runs the operation in a process of its own and calls act with that one's ID at the point.
func (s *crashSite) run(t *testing.T, operation string, p *crashPoint, act func(program int)) (r crashRun) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	order, err := json.Marshal(crashOrder{Host: *s.host, Machine: s.id, Operation: operation, Marks: filepath.Join(dir, "marks")})
	if err != nil {
		t.Fatal(err)
	}
	trace, traceEnd, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	defer traceEnd.Close()
	buffer, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC) // a file that needs no disk, which may be full
	if err != nil {
		t.Fatal(err)
	}
	output := os.NewFile(uintptr(buffer), "output")
	defer output.Close()
	cmd := exec.CommandContext(within(t), hosttest.Tool(t, "strace"), "-f", "--seccomp-bpf", "-y", "-s", "200", "-o", "/dev/fd/3",
		"-e", "signal=none", "-e", "trace="+traceCalls, "-e", fmt.Sprintf("inject=%s:delay_exit=%d", traceCalls, traceDelay.Microseconds()),
		self, "-test.run=^TestCrashingProgram$", "-test.timeout=10m")
	cmd.Env = append(s.host.Env(), crashVariable+"="+string(order))
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, []*os.File{traceEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	traceEnd.Close()

	program, acted, began, nth := 0, false, time.Time{}, 0
	parser := traceParser{dir: s.host.Dir + "/", pending: map[string]string{}}
	for lines := bufio.NewScanner(trace); lines.Scan(); {
		name, ok := parser.parse(lines.Text())
		if !ok {
			continue
		}
		if pid, isBegin := strings.CutPrefix(name, "begin "); isBegin {
			program, _ = strconv.Atoi(pid)
			began = time.Now()
			continue
		}
		if program == 0 || name == "end" {
			continue
		}
		r.events = append(r.events, crashEvent{name, time.Since(began), s.host.QEMUPID(crashMachine) != 0})
		if p == nil || name != p.event {
			continue
		}
		if nth++; nth == p.nth {
			time.Sleep(p.wait) // not waiting for something: this is where in the call it is cut off
			act(program)
			acted = true
		}
	}
	if p != nil && !acted {
		t.Logf("it never came to %q for the %d. time", p.event, p.nth)
	}
	r.err = cmd.Wait()
	text, err := io.ReadAll(io.NewSectionReader(output, 0, math.MaxInt64))
	if err != nil {
		t.Fatal(err)
	}
	_, said, _ := strings.Cut(string(text), jobSays)
	r.said, _, _ = strings.Cut(strings.TrimSpace(said), "\n")
	if r.err != nil && r.said == "" && !acted {
		t.Fatalf("%v\n%s", r.err, text)
	}
	return r
}

// traceParser reads strace's lines.
type traceParser struct {
	dir     string            // only files in it count
	pending map[string]string // by thread: the beginning of a call whose line was broken off
}

var (
	traceLine  = regexp.MustCompile(`^(\d+) +(.*)$`)
	tracedCall = regexp.MustCompile(`^(\w+)\((.*)\) += \d+`)
	tracedMark = regexp.MustCompile(`/marks>, "(.*)\\n"`)
	tracedFile = regexp.MustCompile(`^\d+<([^>]*)>`)
	tracedName = regexp.MustCompile(`"(/[^"]*)"`)
	randomName = regexp.MustCompile(`-?[0-9a-f]{8,}(-[0-9a-f]{4,})*|\d{4,}`)
)

// parse returns a name for a successful call that counts.
func (p *traceParser) parse(line string) (name string, ok bool) {
	match := traceLine.FindStringSubmatch(line)
	if match == nil {
		return "", false
	}
	thread, text := match[1], match[2]
	if beginning, unfinished := strings.CutSuffix(text, "<unfinished ...>"); unfinished {
		p.pending[thread] = beginning
		return "", false
	}
	if strings.HasPrefix(text, "<... ") {
		_, rest, _ := strings.Cut(text, "resumed>")
		text = p.pending[thread] + rest
	}
	call := tracedCall.FindStringSubmatch(text)
	if call == nil {
		return "", false
	}
	if mark := tracedMark.FindStringSubmatch(call[2]); mark != nil {
		return mark[1], true
	}
	var path string
	if match := tracedFile.FindStringSubmatch(call[2]); match != nil {
		path = match[1]
	} else if all := tracedName.FindAllStringSubmatch(call[2], -1); len(all) > 0 {
		path = all[len(all)-1][1] // the new name
	}
	if !strings.HasPrefix(path, p.dir) {
		return "", false
	}
	return call[1] + " " + randomName.ReplaceAllString(filepath.Base(path), "#"), true
}

// crashVariable holds the crashOrder of a process that is to be killed.
const crashVariable = "GUESTHOUSE_TEST_CRASH"

// jobSays is before the error of that process's job.
const jobSays = "the job says:"

// crashOrder is what that process does.
type crashOrder struct {
	Host      hosttest.Host
	Machine   uuid.UUID
	Operation string
	Marks     string // file for marks, which strace shows
}

// TestCrashingProgram is a process of TestCrashPoints: the program that does one operation and may be killed.
func TestCrashingProgram(t *testing.T) {
	text := os.Getenv(crashVariable)
	if text == "" {
		t.Skip("only for TestCrashPoints")
	}
	var order crashOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		t.Fatal(err)
	}
	marks, err := os.OpenFile(order.Marks, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer marks.Close()
	f := attach(t, &order.Host, order.Host.URI)
	p := f.p
	p.Conn = markedConn{f.conn, marks}
	s := New(p)
	var begin func() *jobs.Job
	switch order.Operation {
	case crashSave:
		begin = func() *jobs.Job { return s.Save(order.Machine, SaveOptions{Name: "late"}) }
	case crashRestore:
		checkpoint := f.only(t, order.Machine, "running").ID
		begin = func() *jobs.Job { return s.Restore(order.Machine, checkpoint, RestoreOptions{}) }
	case crashDelete:
		checkpoint := f.only(t, order.Machine, "late").ID
		begin = func() *jobs.Job { return s.Delete(order.Machine, checkpoint) }
	}
	fmt.Fprintln(marks, "begin", os.Getpid())
	err = begin().Wait(within(t))
	fmt.Fprintln(marks, "end")
	if err != nil {
		fmt.Println(jobSays, err)
		t.Fail()
	}
}

// markedConn marks the beginning and the end of each call that changes something.
type markedConn struct {
	hypervisor.Connection
	marks *os.File
}

func (c markedConn) during(name string, call func() error) error {
	fmt.Fprintln(c.marks, "call", name)
	err := call()
	fmt.Fprintln(c.marks, "back from", name)
	return err
}

func (c markedConn) Define(ctx context.Context, xml string) (id uuid.UUID, err error) {
	err = c.during("Define", func() error {
		id, err = c.Connection.Define(ctx, xml)
		return err
	})
	return id, err
}

func (c markedConn) Start(ctx context.Context, id uuid.UUID) error {
	return c.during("Start", func() error { return c.Connection.Start(ctx, id) })
}

func (c markedConn) Resume(ctx context.Context, id uuid.UUID) error {
	return c.during("Resume", func() error { return c.Connection.Resume(ctx, id) })
}

func (c markedConn) PowerOff(ctx context.Context, id uuid.UUID) error {
	return c.during("PowerOff", func() error { return c.Connection.PowerOff(ctx, id) })
}

func (c markedConn) Save(ctx context.Context, id uuid.UUID) error {
	return c.during("Save", func() error { return c.Connection.Save(ctx, id) })
}

func (c markedConn) DiscardSaved(ctx context.Context, id uuid.UUID) error {
	return c.during("DiscardSaved", func() error { return c.Connection.DiscardSaved(ctx, id) })
}

func (c markedConn) SaveTo(ctx context.Context, id uuid.UUID, file string, paused bool) error {
	return c.during("SaveTo", func() error { return c.Connection.SaveTo(ctx, id, file, paused) })
}

func (c markedConn) RestoreFrom(ctx context.Context, file string, paused bool) error {
	return c.during("RestoreFrom", func() error { return c.Connection.RestoreFrom(ctx, file, paused) })
}

func (c markedConn) CreateSnapshot(ctx context.Context, id uuid.UUID, xml string, flags hypervisor.SnapshotFlags) error {
	return c.during("CreateSnapshot", func() error { return c.Connection.CreateSnapshot(ctx, id, xml, flags) })
}

func (c markedConn) RevertSnapshot(ctx context.Context, id uuid.UUID, name string, flags hypervisor.RevertFlags) error {
	return c.during("RevertSnapshot", func() error { return c.Connection.RevertSnapshot(ctx, id, name, flags) })
}

func (c markedConn) DeleteSnapshot(ctx context.Context, id uuid.UUID, name string, metadataOnly bool) error {
	return c.during("DeleteSnapshot", func() error { return c.Connection.DeleteSnapshot(ctx, id, name, metadataOnly) })
}
