package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/hypervisor/hosttest"
)

// contender is a program that lists the machines of a connection: ours or its peer.
type contender struct {
	name    string
	title   string // of its window, as a regular expression
	command func(b *testing.B, uri string) *exec.Cmd
	list    func(window image.Rectangle) image.Rectangle // where names and states of machines are in its window
}

// contenders are compared in every benchmark, in this order, one after the other.
var contenders = []contender{
	{
		name: "guesthouse", title: "^Guesthouse",
		command: func(b *testing.B, uri string) *exec.Cmd {
			b.Helper()
			return exec.Command(programPath(b), "--connect", uri)
		},
		list: func(w image.Rectangle) image.Rectangle {
			return image.Rect(w.Min.X, w.Min.Y+w.Dy()/5, w.Min.X+w.Dx()/4, w.Max.Y)
		},
	},
	{
		name: "virt-manager", title: "^Virtual Machine Manager$",
		command: func(b *testing.B, uri string) *exec.Cmd {
			b.Helper()
			cmd := exec.Command(hosttest.Tool(b, "virt-manager"), "--no-fork", "--connect", uri)
			// Neither the user's settings nor assistive technology: both are slow to ask for without a session bus.
			cmd.Env = []string{"GSETTINGS_BACKEND=memory", "NO_AT_BRIDGE=1"}
			return cmd
		},
		list: func(w image.Rectangle) image.Rectangle {
			// Without the column of graphs on the right.
			return image.Rect(w.Min.X, w.Min.Y+w.Dy()/5, w.Min.X+w.Dx()/2, w.Max.Y)
		},
	},
}

// BenchmarkStart measures from the start of the process until the window is there, and until the list of
// machines has its final picture. Both programs read the same file of machines through the same daemon.
// One iteration is one start of each.
func BenchmarkStart(b *testing.B) {
	for _, count := range []int{10, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			bench := newBench(b, count)
			finals := make([]scene, len(contenders))
			for i, c := range contenders {
				finals[i] = bench.learn(c)
			}
			var window, shown samples
			for b.Loop() {
				for i, c := range contenders {
					w, s := bench.start(c, finals[i])
					window.add(c.name, w)
					shown.add(c.name, s)
				}
			}
			window.report(b, "window-s")
			shown.report(b, "shown-s")
		})
	}
}

// BenchmarkIdle measures what the programs need while nothing happens: processor time in percent of one
// processor (their own, and what they make the X server and the daemon do) and memory. One iteration is one
// look at each.
func BenchmarkIdle(b *testing.B) {
	for _, count := range []int{10, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			bench := newBench(b, count)
			var own, screen, daemon, pss, rss samples
			for b.Loop() {
				for _, c := range contenders {
					i := bench.idle(c)
					own.add(c.name, i.own)
					screen.add(c.name, i.screen)
					daemon.add(c.name, i.daemon)
					pss.add(c.name, i.pss)
					rss.add(c.name, i.rss)
				}
			}
			own.report(b, "cpu-%")
			screen.report(b, "xserver-%")
			daemon.report(b, "daemon-%")
			pss.report(b, "pss-MB")
			rss.report(b, "rss-MB")
		})
	}
}

// samples are measurements by contender.
type samples map[string][]float64

func (s *samples) add(name string, value float64) {
	if *s == nil {
		*s = samples{}
	}
	(*s)[name] = append((*s)[name], value)
}

// report reports each contender's median, and the first one's as a part of the second one's.
func (s samples) report(b *testing.B, unit string) {
	b.Helper()
	var medians []float64
	for _, c := range contenders {
		values := slices.Sorted(slices.Values(s[c.name]))
		medians = append(medians, values[len(values)/2])
		b.ReportMetric(medians[len(medians)-1], c.name+"-"+unit)
	}
	if medians[1] > 0 {
		what, _, _ := strings.Cut(unit, "-")
		b.ReportMetric(medians[0]/medians[1], what+"-ratio")
	}
	b.ReportMetric(0, "ns/op") // the sum of both programs' times says nothing
}

// bench is a screen, a daemon and machines for both programs.
type bench struct {
	*screen
	b     *testing.B
	host  *hosttest.Host
	uri   string
	live  []byte // the screen's memory, mapped
	empty []byte // what it held before any program started
}

// off is VIR_DOMAIN_SHUTOFF: nothing runs, so that an idle program really has nothing to do.
const benchMachine = `<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
  <name>machine-%04d</name>
  <memory unit='MiB'>512</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64'>hvm</type><boot dev='hd'/></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='/none/machine-%[1]d.qcow2'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'><mac address='52:54:00:00:%02x:%02x'/><model type='virtio'/></interface>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <video><model type='virtio'/></video>
  </devices>
  <test:runstate>5</test:runstate>
</domain>
`

func newBench(b *testing.B, machines int) *bench {
	b.Helper()
	h := hosttest.Start(b)
	var text strings.Builder
	text.WriteString("<node>\n")
	for i := range machines {
		fmt.Fprintf(&text, benchMachine, i, i>>8, i&0xFF)
	}
	text.WriteString("</node>\n")
	file := filepath.Join(h.Dir, "machines.xml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	n := &bench{screen: startScreen(b, h), b: b, host: h, uri: "test+unix://" + file + "?socket=" + h.Socket}
	n.xdotool("mousemove", fmt.Sprint(screenWidth-1), fmt.Sprint(screenHeight-1))
	n.mapFrame()
	n.quiet(image.Rect(0, 0, screenWidth, screenHeight))
	n.empty = bytes.Clone(n.live)
	return n
}

// mapFrame maps the screen's memory, so that a look at it costs nothing but the comparison.
func (n *bench) mapFrame() {
	n.b.Helper()
	file, err := os.Open(n.frame)
	if err != nil {
		n.b.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		n.b.Fatal(err)
	}
	n.live, err = syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		n.b.Fatal(err)
	}
	live := n.live
	n.b.Cleanup(func() { _ = syscall.Munmap(live) })
}

// rows returns the pixels of a part of a picture of the screen, line by line (X11/XWDFile.h).
func rows(frame []byte, part image.Rectangle) [][]byte {
	field := func(n int) int { return int(binary.BigEndian.Uint32(frame[4*n:])) }
	const colourSize, pixel = 12, 4
	pixels, stride := frame[field(0)+field(19)*colourSize:], field(12)
	lines := make([][]byte, 0, part.Dy())
	for y := part.Min.Y; y < part.Max.Y; y++ {
		lines = append(lines, pixels[y*stride+part.Min.X*pixel:y*stride+part.Max.X*pixel])
	}
	return lines
}

func same(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// scene is the final picture of a part of the screen.
type scene struct {
	part   image.Rectangle
	pixels [][]byte
}

const (
	lookEvery = 2 * time.Millisecond
	quietTime = 5 * time.Second
	idleTime  = 20 * time.Second
)

// quiet waits until a part of the screen has not changed for some time.
func (n *bench) quiet(part image.Rectangle) {
	n.b.Helper()
	last := rows(bytes.Clone(n.live), part)
	since := time.Now()
	for end := time.Now().Add(hosttest.Patience); time.Since(since) < quietTime; time.Sleep(lookEvery) {
		if time.Now().After(end) {
			n.b.Fatalf("the picture in %v does not stand still", part)
		}
		if !same(last, rows(n.live, part)) {
			last, since = rows(bytes.Clone(n.live), part), time.Now()
		}
	}
}

// open starts a program; the returned function ends it and waits for the empty screen.
func (n *bench) open(c contender) (process *os.Process, end func()) {
	n.b.Helper()
	cmd := c.command(n.b, n.uri)
	cmd.Env = append(append(slices.Clone(n.env), "LIBGL_ALWAYS_SOFTWARE=1", "LC_ALL=C.UTF-8"), cmd.Env...)
	cmd.Dir = n.host.Home
	var problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &problems, &problems
	if err := cmd.Start(); err != nil {
		n.b.Fatal(err)
	}
	return cmd.Process, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if n.b.Failed() {
			n.b.Logf("%s wrote: %s", c.name, problems.String())
		}
		whole := image.Rect(0, 0, screenWidth, screenHeight)
		n.eventually("the empty screen", func() error {
			if !same(rows(n.empty, whole), rows(n.live, whole)) {
				return errors.New("something is on it")
			}
			return nil
		})
	}
}

// settled waits until the program's list stands still and returns it.
func (n *bench) settled(c contender) scene {
	n.b.Helper()
	var place image.Rectangle
	n.eventually("a window of "+c.name, func() error {
		ids := strings.Fields(n.run("xdotool", "search", "--onlyvisible", "--name", c.title))
		if len(ids) != 1 {
			return fmt.Errorf("windows: %q", ids)
		}
		var err error
		place, err = n.place(ids[0])
		return err
	})
	part := c.list(place).Intersect(image.Rect(0, 0, screenWidth, screenHeight))
	n.quiet(part)
	return scene{part, rows(bytes.Clone(n.live), part)}
}

// learn finds out what the program's list looks like in the end. It also warms every cache.
func (n *bench) learn(c contender) scene {
	n.b.Helper()
	_, end := n.open(c)
	defer end()
	final := n.settled(c)
	if dir := os.Getenv("GUESTHOUSE_BENCH_PICTURES"); dir != "" {
		n.save(filepath.Join(dir, strings.ReplaceAll(n.b.Name(), "/", "-")+"-"+c.name+".png"), image.Rect(0, 0, screenWidth, screenHeight))
		n.save(filepath.Join(dir, strings.ReplaceAll(n.b.Name(), "/", "-")+"-"+c.name+"-list.png"), final.part)
	}
	return final
}

// start returns the seconds until something of the program is on the screen, and until its list is.
func (n *bench) start(c contender, final scene) (window, shown float64) {
	n.b.Helper()
	whole := image.Rect(0, 0, screenWidth, screenHeight)
	empty, now, part := rows(n.empty, whole), rows(n.live, whole), rows(n.live, final.part)
	began := time.Now()
	_, end := n.open(c)
	defer end()
	for ; !same(part, final.pixels); time.Sleep(lookEvery) {
		if window == 0 && !same(empty, now) {
			window = time.Since(began).Seconds()
		}
		if time.Since(began) > hosttest.Patience {
			n.b.Fatalf("%s never shows its list", c.name)
		}
	}
	return window, time.Since(began).Seconds()
}

// usage is what a program needs: processor time in percent of one processor, memory in MB.
type usage struct{ own, screen, daemon, pss, rss float64 }

func (n *bench) idle(c contender) usage {
	n.b.Helper()
	process, end := n.open(c)
	defer end()
	n.settled(c)
	pids := []int{process.Pid, n.server, n.host.DaemonPID()}
	var before, percent [3]float64
	began := time.Now()
	for i, pid := range pids {
		before[i] = n.processorTime(pid)
	}
	time.Sleep(idleTime)
	for i, pid := range pids {
		percent[i] = 100 * (n.processorTime(pid) - before[i]) / time.Since(began).Seconds()
	}
	return usage{
		own: percent[0], screen: percent[1], daemon: percent[2],
		pss: n.memory(process.Pid, "Pss:"), rss: n.memory(process.Pid, "Rss:"),
	}
}

// processorTime returns the seconds of processor time that all threads of a process have used, to the nanosecond: its CPU clock
// (clock_getcpuclockid(3); the number is made as the kernel's include/linux/posix-timers_types.h does). The times in /proc/PID/stat are
// guesses from where the timer's ticks found the process, up to three times too much for one that wakes by the same timer, as a toolkit's loop.
func (n *bench) processorTime(pid int) float64 {
	n.b.Helper()
	const scheduler = 2 // CPUCLOCK_SCHED
	var used unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|scheduler, &used); err != nil {
		n.b.Fatal(err)
	}
	return time.Duration(used.Nano()).Seconds()
}

// memory returns a line of smaps_rollup in MB. Pss counts memory shared with others in parts.
func (n *bench) memory(pid int, key string) float64 {
	n.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		n.b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, key); found {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				n.b.Fatal(err)
			}
			return kib * 1024 / 1e6
		}
	}
	n.b.Fatalf("no %s of process %d", key, pid)
	return 0
}
