package labs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
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

	"guesthouse/app/labs/source"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig/lab"
)

// crashPoints is how many points TestCrashPoints tries if not all.
const crashPoints = 12

// TestCrashPoints kills a program that adds or repairs a lab after each of its writes, syncs and renames. Nothing that looks finished may be
// wrong, and the next try must succeed. It tries a few points spread evenly, and all of them if GUESTHOUSE_CRASH_POINTS is "all".
func TestCrashPoints(t *testing.T) {
	strace := hosttest.Tool(t, "strace")
	if out, err := exec.Command(strace, "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("nobody may trace processes here, as in some containers: %v, %s", err, out)
	}
	ref, contents := stick(t)
	for _, repair := range []bool{false, true} {
		t.Run(map[bool]string{false: "add", true: "repair"}[repair], func(t *testing.T) {
			whole := t.TempDir()
			order := addOrder{whole, ref, prepare(t, whole, ref, repair)}
			events, err := runAdd(t, strace, order, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !repair {
				checkOrder(t, events)
			}
			checkPromise(t, whole, ref, contents)
			points := choose(events)
			killed, finished := 0, 0
			for _, p := range points {
				t.Run(fmt.Sprintf("%s %d", p.name, p.nth), func(t *testing.T) {
					dir := t.TempDir()
					order := addOrder{dir, ref, prepare(t, dir, ref, repair)}
					if _, err := runAdd(t, strace, order, &p); err != nil {
						killed++
					}
					bases, _ := filepath.Glob(filepath.Join(dir, "labs", "bases", "*", "base.raw"))
					finished += len(bases)
					checkPromise(t, dir, ref, contents)
				})
			}
			t.Logf("%d of %d points tried, killed at %d, where %d bases were finished", len(points), len(events), killed, finished)
			if killed < len(points)*3/4 {
				t.Error("most were not killed")
			}
		})
	}
}

// prepare makes a damaged lab in a folder if it is to be repaired, and returns its ID; else it does nothing.
func prepare(t *testing.T, dir string, ref source.Ref, repair bool) (id lab.Digest) {
	t.Helper()
	if !repair {
		return lab.Digest{}
	}
	place, err := source.OpenSource(t.Context(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	l := libraryAt(dir)
	id = add(t, l, place)
	hurt(t, l, id, "disk0", 4, false)
	return id
}

// choose returns all points, or a few that are spread evenly.
func choose(events []string) []crashPoint {
	seen := map[string]int{}
	points := make([]crashPoint, len(events))
	for i, name := range events {
		seen[name]++
		points[i] = crashPoint{name, seen[name]}
	}
	if os.Getenv("GUESTHOUSE_CRASH_POINTS") == "all" {
		return points
	}
	few := make([]crashPoint, 0, crashPoints)
	for i := range crashPoints {
		few = append(few, points[i*len(points)/crashPoints])
	}
	return few
}

// stick is a package in a folder.
func stick(t *testing.T) (source.Ref, map[string][]byte) {
	t.Helper()
	l := newLibrary(t)
	contents := map[string][]byte{"disk0": testDisk(0), lab.VariablesID: noise(9, 300<<10)}
	id := publish(t, l, testSpec("networks/lab-1"), contents)
	ref := source.Ref{Kind: source.KindFolder, Location: filepath.Join(t.TempDir(), "stick")}
	target, err := source.OpenTarget(t.Context(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	push(t, l, id, target)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	return ref, contents
}

// checkPromise looks at what a killed program left, and tries again.
func checkPromise(t *testing.T, dir string, ref source.Ref, contents map[string][]byte) {
	t.Helper()
	l := libraryAt(dir)
	bases, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw"))
	for _, path := range bases {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		x := &lab.Index{Bytes: int64(len(data))}
		for chunk := range slices.Chunk(data, lab.ChunkSize) {
			x.Chunks = append(x.Chunks, lab.ChunkDigest(chunk))
		}
		right := lab.Sum(x.Encode()).Hex() == filepath.Base(filepath.Dir(path))
		b := &base{dir: filepath.Dir(path), index: x}
		// One that is wrong was so before the repair, and that must show.
		if state, reason, err := b.look(); right != (state == baseGood) || err != nil {
			t.Errorf("LOST: a base is right: %v, and looks so: %v (%s), %v", right, state == baseGood, reason, err)
		}
	}
	list, err := l.Images()
	if err != nil {
		t.Error(err)
	}
	for _, image := range list {
		if _, err := l.load(image.ID); err != nil {
			t.Errorf("LOST: a lab is listed and not whole: %v", err)
		}
	}
	all, err := l.readNames()
	if err != nil {
		t.Error(err)
	}
	for name, id := range all {
		if _, err := l.load(id); err != nil {
			t.Errorf("LOST: %s means nothing: %v", name, err)
		}
	}
	place, err := source.OpenSource(t.Context(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	wantContent(t, l, add(t, l, place), contents)
	l.now = func() time.Time { return time.Now().Add(keepParts + time.Hour) }
	if _, err := l.GC(t.Context(), func() ([]string, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
	err = filepath.WalkDir(l.p.Dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && (strings.Contains(e.Name(), ".part") || strings.Contains(e.Name(), ".gone")) {
			t.Errorf("left behind: %s", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// checkOrder looks whether what the name of a base promises was on the disk before the name: a power failure forgets what was not synced.
func checkOrder(t *testing.T, events []string) {
	t.Helper()
	last := map[string]int{}
	for i, name := range events {
		last[name] = i
	}
	for _, pair := range [][2]string{
		{"pwrite64 base.raw.part", "fsync base.raw.part"},
		{"fchmod base.raw.part", "fsync base.raw.part"},
		{"fsync base.raw.part", "renameat base.raw"},
		{"renameat base.json", "renameat base.raw"},
		{"renameat base.raw", "renameat #"}, // then the image
		{"fsync .#.part", "renameat #"},
		{"renameat #", "renameat names.json"},
	} {
		before, ok := last[pair[0]]
		after, okToo := last[pair[1]]
		if !ok || !okToo || before > after {
			t.Errorf("%q is not before %q in %q", pair[0], pair[1], events)
		}
	}
	// The folder's entry too.
	if i := slices.Index(events, "renameat #"); i < 0 || !slices.Contains(events[i:], "fsync images") {
		t.Error("the name of an image may be forgotten")
	}
	for i, name := range events {
		if name == "renameat base.raw" && !slices.Contains(events[i:min(i+4, len(events))], "fsync #") {
			t.Errorf("the name of a base may be forgotten: %q", events[i:])
		}
	}
}

// crashPoint is the moment after a system call.
type crashPoint struct {
	name string
	nth  int // which one of that name, from 1
}

const (
	addVariable = "GUESTHOUSE_TEST_ADD"
	traceCalls  = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fallocate,fchmod,fchmodat,mkdir,mkdirat"
	traceDelay  = 5 * time.Millisecond // how long strace holds a thread after each call, so that it is killed there
)

var (
	traceLine  = regexp.MustCompile(`^(\d+) +(.*)$`)
	tracedCall = regexp.MustCompile(`^(\w+)\((.*)\) += \d+`)
	tracedMark = regexp.MustCompile(`"begin (\d+)\\n"`)
	tracedFile = regexp.MustCompile(`^\d+<([^>]*)>`)
	tracedName = regexp.MustCompile(`"([^"]*)"`)
	randomName = regexp.MustCompile(`[0-9a-f]{64}|\d{4,}`)
)

// addOrder is what a program of its own does.
type addOrder struct {
	Dir    string
	Ref    source.Ref
	Repair lab.Digest `json:",omitzero"` // the lab; zero: add
}

// addCommand is a program that does so.
func addCommand(t *testing.T, do addOrder, before ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	order, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	arguments := slices.Concat(before, []string{self, "-test.run=^TestAddingProgram$", "-test.timeout=5m"})
	cmd := exec.CommandContext(t.Context(), arguments[0], arguments[1:]...)
	cmd.Env = append(os.Environ(), addVariable+"="+string(order))
	return cmd
}

// TestAddingProgram is that program.
func TestAddingProgram(t *testing.T) {
	text := os.Getenv(addVariable)
	if text == "" {
		t.Skip("only for other tests")
	}
	var order addOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		t.Fatal(err)
	}
	place, err := source.OpenSource(t.Context(), order.Ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	fmt.Println("begin", os.Getpid())
	if l := libraryAt(order.Dir); order.Repair.IsZero() {
		add(t, l, place)
	} else if err := l.Repair(t.Context(), order.Repair, place, nil); err != nil {
		t.Fatal(err)
	}
}

// runAdd runs that program under strace and kills it after the point. It returns the calls that changed files of the library.
func runAdd(t *testing.T, strace string, do addOrder, p *crashPoint) (events []string, err error) {
	t.Helper()
	return runTraced(t, strace, do.Dir, p, func(before ...string) *exec.Cmd { return addCommand(t, do, before...) })
}

// runTraced runs a program, which prints "begin " and its process number when it begins, under strace and kills it after the point. It returns the calls that changed files below dir.
func runTraced(t *testing.T, strace, dir string, p *crashPoint, command func(before ...string) *exec.Cmd) (events []string, err error) {
	t.Helper()
	trace, traceEnd, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	cmd := command(strace, "-f", "--seccomp-bpf", "-y", "-s", "200", "-o", "/dev/fd/3", "-e", "signal=none", "-e", "trace="+traceCalls,
		"-e", fmt.Sprintf("inject=%s:delay_exit=%d", traceCalls, traceDelay.Microseconds()))
	cmd.ExtraFiles = []*os.File{traceEnd}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	traceEnd.Close()
	program, nth := 0, 0
	pending := map[string]string{}
	for lines := bufio.NewScanner(trace); lines.Scan(); {
		match := traceLine.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		thread, text := match[1], match[2]
		if beginning, unfinished := strings.CutSuffix(text, "<unfinished ...>"); unfinished {
			pending[thread] = beginning
			continue
		}
		if _, rest, ok := strings.Cut(text, "resumed>"); ok && strings.HasPrefix(text, "<... ") {
			text = pending[thread] + rest
		}
		call := tracedCall.FindStringSubmatch(text)
		if call == nil {
			continue
		}
		if mark := tracedMark.FindStringSubmatch(call[2]); mark != nil {
			program, _ = strconv.Atoi(mark[1])
		}
		path := ""
		if file := tracedFile.FindStringSubmatch(call[2]); file != nil {
			path = file[1]
		}
		if names := tracedName.FindAllStringSubmatch(call[2], -1); len(names) > 0 && strings.HasPrefix(names[len(names)-1][1], "/") {
			path = names[len(names)-1][1] // the new name
		}
		if program == 0 || !strings.HasPrefix(path, dir+"/") {
			continue
		}
		name := call[1] + " " + randomName.ReplaceAllString(filepath.Base(path), "#")
		events = append(events, name)
		if p != nil && name == p.name {
			if nth++; nth == p.nth {
				syscall.Kill(program, syscall.SIGKILL)
			}
		}
	}
	return events, cmd.Wait()
}

// TestProcesses adds the same lab from several processes at once.
func TestProcesses(t *testing.T) {
	ref, contents := stick(t)
	dir := t.TempDir()
	var commands []*exec.Cmd
	for range 3 {
		cmd := addCommand(t, addOrder{Dir: dir, Ref: ref})
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	for _, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	checkPromise(t, dir, ref, contents)
}
