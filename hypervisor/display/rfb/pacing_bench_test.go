package rfb_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/display/rfb"
)

// pace is a way of keeping QEMU's timer awake: see Client.Pace.
type pace struct {
	name                  string
	eager, eagerFor, idle time.Duration
}

const ms = time.Millisecond

var paces = []pace{
	{"other viewers", 0, 0, 0},
	{"25ms 3s 500ms", 25 * ms, 3000 * ms, 500 * ms},
	{"25ms 3s 200ms", 25 * ms, 3000 * ms, 200 * ms},
	{"25ms 3s 130ms", 25 * ms, 3000 * ms, 130 * ms}, // ours
	{"25ms 3s 100ms", 25 * ms, 3000 * ms, 100 * ms},
	{"25ms 3s 60ms", 25 * ms, 3000 * ms, 60 * ms},
	{"25ms always", 25 * ms, time.Hour, 25 * ms},
}

// sleeper is a QEMU with a guest that sleeps until a key comes, and its monitor.
func sleeper(b *testing.B, p pace) (*running, *guest, net.Conn) {
	g := bootSource(b, "testdata/toggle.S", "-monitor", "unix:"+filepath.Join(b.TempDir(), "m")+",server=on,wait=off")
	monitor, err := net.Dial("unix", strings.TrimSuffix(strings.TrimPrefix(g.cmd.Args[2], "unix:"), ",server=on,wait=off"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { monitor.Close() })
	c := g.connect(rfb.Options{Heartbeat: true})
	waitFor(b, "key numbers", func() bool { return c.Stats().ExtendedKeys })
	c.wait(b, "the picture", func(st state) bool { return st.size.X == 640 })
	c.Pace(p.eager, p.eagerFor, p.idle)
	return c, g, monitor
}

// report adds mean, median and 95th percentile in milliseconds.
func report(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	in := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
	b.ReportMetric(in(sum/time.Duration(len(times))), "ms-mean")
	b.ReportMetric(in(times[len(times)/2]), "ms-p50")
	b.ReportMetric(in(times[len(times)*95/100]), "ms-p95")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkKeyToPicture is the time from a key to the update that shows its effect, with a real QEMU and keys at random times. Run it
// with -benchtime 100x.
func BenchmarkKeyToPicture(b *testing.B) {
	for _, p := range paces {
		b.Run(p.name, func(b *testing.B) {
			c, _, _ := sleeper(b, p)
			var times []time.Duration
			for range b.N {
				time.Sleep(100*ms + rand.N(1400*ms))
				times = append(times, c.after(b, func() { c.Key(0x1e, 0, true) }))
				c.Key(0x1e, 0, false)
			}
			report(b, times)
		})
	}
}

// BenchmarkChangeAfterIdle is the time from a change on a screen on which nothing happened for ten seconds to the update that shows it.
func BenchmarkChangeAfterIdle(b *testing.B) {
	for _, p := range paces {
		b.Run(p.name, func(b *testing.B) {
			c, _, monitor := sleeper(b, p)
			var times []time.Duration
			for range b.N {
				time.Sleep(10*time.Second + rand.N(500*ms))
				times = append(times, c.after(b, func() { fmt.Fprintln(monitor, "sendkey a 1") }))
			}
			report(b, times)
		})
	}
}

// after does something and returns how long the next update takes.
func (r *running) after(b *testing.B, do func()) time.Duration {
	r.mu.Lock()
	changed, frames := r.changed, r.seen.frames
	r.mu.Unlock()
	start := time.Now()
	do()
	for limit := time.After(patience); ; {
		select {
		case <-changed:
		case <-limit:
			b.Fatal("the change is not shown")
		}
		r.mu.Lock()
		now := r.seen.frames
		changed = r.changed
		r.mu.Unlock()
		if now > frames {
			return time.Since(start)
		}
	}
}

// BenchmarkIdleScreen is what watching a screen costs on which nothing happens, in percent of one processor: QEMU's share and ours.
func BenchmarkIdleScreen(b *testing.B) {
	for _, p := range paces {
		b.Run(p.name, func(b *testing.B) {
			_, g, _ := sleeper(b, p)
			time.Sleep(5 * time.Second)
			const long = 10 * time.Second
			theirs, ours := processorTime(b, g.cmd.Process.Pid), processorTime(b, os.Getpid())
			for range b.N {
				time.Sleep(long)
			}
			percent := func(d time.Duration) float64 { return 100 * float64(d) / float64(long*time.Duration(b.N)) }
			b.ReportMetric(percent(processorTime(b, g.cmd.Process.Pid)-theirs), "%qemu")
			b.ReportMetric(percent(processorTime(b, os.Getpid())-ours), "%ours")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processorTime is what all threads of a process have used so far, in the scheduler's nanoseconds: the ticks of /proc/PID/stat are too
// coarse for threads that run a few microseconds at a time.
func processorTime(b *testing.B, pid int) (total time.Duration) {
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
	if err != nil || len(tasks) == 0 {
		b.Fatal("no times of process", pid, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // that thread has ended
		}
		ran, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(ran)
	}
	return total
}
