package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/guesttest"
)

// The bars of the console, measured against other viewers of the same guest on the same screen, one after the other.
// Each benchmark reports what it judges as WHAT-ratio:PEER, or as an absolute figure, beside WHAT-bar, its limit;
// packaging/testing/bars makes a table of that. Nothing fails because it is slow.

// bars collects measurements by viewer.
type bars struct {
	b      *testing.B
	names  []string
	values map[string]map[string][]float64 // by unit and viewer
}

func newBars(b *testing.B) *bars {
	b.Helper()
	return &bars{b: b, values: map[string]map[string][]float64{}}
}

func (r *bars) add(viewer, unit string, value float64) {
	if !slices.Contains(r.names, viewer) {
		r.names = append(r.names, viewer)
	}
	if r.values[unit] == nil {
		r.values[unit] = map[string][]float64{}
	}
	r.values[unit][viewer] = append(r.values[unit][viewer], value)
}

// report reports every viewer's mean and returns ours.
func (r *bars) report(unit string) map[string]float64 {
	means := map[string]float64{}
	for _, name := range r.names {
		if values := r.values[unit][name]; len(values) > 0 {
			means[name] = mean(values)
			r.b.ReportMetric(means[name], name+"-"+unit)
		}
	}
	r.b.ReportMetric(0, "ns/op") // the sum of all viewers' times says nothing
	return means
}

// atMost reports ours as a part of the peer's, and the bar.
func (r *bars) atMost(limit float64, unit, peer string) {
	r.b.Helper()
	means, what := r.report(unit), what(unit)
	r.b.ReportMetric(means[ours]/means[peer], what+"-ratio:"+peer)
	r.b.ReportMetric(limit, what+"-bar")
}

// below reports ours, and the bar for it.
func (r *bars) below(limit float64, unit string) {
	r.b.Helper()
	r.report(unit)
	r.b.ReportMetric(limit, what(unit)+"-bar")
}

func what(unit string) string {
	name, _, _ := strings.Cut(unit, "-")
	return name
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

const (
	videoTime = 4 * time.Second
	beginTime = time.Second // for a new picture to come and everything to settle
)

// BenchmarkVideo measures what 30 changed pictures a second at 1920x1080 cost the viewer and the X server together, in percent of one
// processor: as measured, divided by the pictures that were really seen in a second, times 30. Beside it is reported what was measured.
func BenchmarkVideo(b *testing.B) {
	for _, pattern := range []struct {
		name    string
		command byte
	}{{"solid", guesttest.ShowSolid}, {"desktop", guesttest.ShowDesktop}, {"noise", guesttest.ShowNoise}} {
		b.Run(pattern.name, func(b *testing.B) {
			g, result := newGallery(b), newBars(b)
			g.wholeScreen("video")
			m := g.startMachine("video", false)
			for b.Loop() {
				for _, v := range []viewer{guesthouseConsole, tigerVNC, gvncviewer, remoteViewer} {
					s := m.show(v)
					s.settle()
					s.exact()
					m.guest.Do(pattern.command)
					time.Sleep(beginTime)
					spent := g.spend(s.pid, g.server, m.qemu)
					seen := s.countChanges(videoTime)
					percent := spent()
					m.guest.Do(guesttest.ShowNothing)
					s.end()
					const fps = 30 // a viewer that leaves pictures out shall gain nothing
					result.add(v.name, "cpu-%", (percent[0]+percent[1])*fps/max(seen, 1))
					result.add(v.name, "own-%", percent[0])
					result.add(v.name, "xserver-%", percent[1])
					result.add(v.name, "qemu-%", percent[2])
					result.add(v.name, "seen-fps", seen)
				}
			}
			result.atMost(0.8, "cpu-%", tigerVNC.name)
			for _, unit := range []string{"own-%", "xserver-%", "qemu-%", "seen-fps"} {
				result.report(unit)
			}
		})
	}
}

// spend returns a function that says what the processes have used since, in percent of one processor.
func (n *bench) spend(pids ...int) (percent func() []float64) {
	n.b.Helper()
	began, before := time.Now(), make([]float64, len(pids))
	for i, pid := range pids {
		before[i] = n.processorTime(pid)
	}
	return func() []float64 {
		n.b.Helper()
		used := make([]float64, len(pids))
		for i, pid := range pids {
			used[i] = 100 * (n.processorTime(pid) - before[i]) / time.Since(began).Seconds()
		}
		return used
	}
}

// countChanges looks at one pixel for some time and returns how often it changed in a second.
func (s *shown) countChanges(d time.Duration) float64 {
	began, last, changes := time.Now(), s.pixel(s.centre), 0
	for time.Since(began) < d {
		pause(2 * time.Millisecond)
		if now := s.pixel(s.centre); now != last {
			last = now
			changes++
		}
	}
	return float64(changes) / time.Since(began).Seconds()
}

// latencyViewers are compared in what a user feels.
var latencyViewers = []viewer{guesthouseConsole, remoteViewer, tigerVNC}

const (
	keysPerLook = 50
	keyA        = 38 // the X server's code of the key that means guesttest.ToggleBlock
)

// BenchmarkKeyToPixel measures from a key of the X server until the guest's answer is on the screen, at random moments. One iteration
// is 50 keys in each viewer: run it with -benchtime 2x or more.
func BenchmarkKeyToPixel(b *testing.B) {
	for _, kind := range machineKinds {
		b.Run(kind.name, func(b *testing.B) {
			g, result := newGallery(b), newBars(b)
			m := g.startMachine("keys", kind.dbus)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				for _, v := range latencyViewers {
					s := m.show(v)
					s.settle()
					for range keysPerLook {
						time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond))
						old, pressed := s.pixel(s.centre), time.Now()
						g.key(keyA)
						seen := s.changed(old)
						acted := m.guest.Done(guesttest.ToggleBlock)
						result.add(v.name, "key-ms", milliseconds(seen.Sub(pressed)))
						result.add(v.name, "guest-ms", milliseconds(acted.Sub(pressed)))
					}
					s.end()
				}
			}
			result.atMost(0.5, "key-ms", remoteViewer.name)
			result.report("guest-ms")
		})
	}
}

// machineKinds are machines as others make them, and with the D-Bus display that ours have.
var machineKinds = []struct {
	name string
	dbus bool
}{{"foreign", false}, {"own", true}}

const (
	quietBefore    = 10 * time.Second
	changesPerLook = 3
)

// BenchmarkIdleToPixel measures from a change on the guest's screen, after ten seconds in which nothing happened, until
// it is on the screen. One iteration is three changes in each viewer.
func BenchmarkIdleToPixel(b *testing.B) {
	for _, kind := range machineKinds {
		b.Run(kind.name, func(b *testing.B) {
			g, result := newGallery(b), newBars(b)
			m := g.startMachine("change", kind.dbus)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				for _, v := range latencyViewers[:2] {
					s := m.show(v)
					s.settle()
					for range changesPerLook {
						time.Sleep(quietBefore + rand.N(time.Second))
						old, began := s.pixel(s.centre), time.Now()
						m.guest.Do(guesttest.ToggleBlock)
						result.add(v.name, "change-ms", milliseconds(s.changed(old).Sub(began)))
					}
					s.end()
				}
			}
			result.atMost(0.15, "change-ms", remoteViewer.name)
		})
	}
}

// BenchmarkConsoleIdle measures what an open console of a guest that does nothing costs.
func BenchmarkConsoleIdle(b *testing.B) {
	g, result := newGallery(b), newBars(b)
	m := g.startMachine("idle", false)
	for b.Loop() {
		for _, v := range latencyViewers[:2] {
			s := m.show(v)
			s.settle()
			time.Sleep(beginTime)
			spent := g.spend(s.pid, g.server, m.qemu, g.host.DaemonPID())
			time.Sleep(idleTime)
			percent := spent()
			result.add(v.name, "idle-%", percent[0]+percent[1])
			result.add(v.name, "own-%", percent[0])
			result.add(v.name, "xserver-%", percent[1])
			result.add(v.name, "qemu-%", percent[2])
			result.add(v.name, "daemon-%", percent[3])
			result.add(v.name, "pss-MB", g.memory(s.pid, "Pss:"))
			s.end()
		}
	}
	result.below(1.5, "idle-%")
	for _, unit := range []string{"own-%", "xserver-%", "qemu-%", "daemon-%", "pss-MB"} {
		result.report(unit)
	}
}

// BenchmarkColdStart measures from the start of a viewer's process to its first picture. One iteration is three starts of each.
func BenchmarkColdStart(b *testing.B) {
	g, result := newGallery(b), newBars(b)
	m := g.startMachine("start", false)
	viewers := []viewer{guesthouseConsole, remoteViewer, virtViewer}
	for _, v := range viewers { // fills every cache
		s := m.show(v)
		s.settle()
		s.end()
	}
	for b.Loop() {
		for range 3 {
			for _, v := range viewers {
				s := m.show(v)
				result.add(v.name, "start-ms", milliseconds(s.took))
				s.settle()
				s.end()
			}
		}
	}
	result.atMost(1, "start-ms", remoteViewer.name)
}

// probed makes the program under test the one that says where things are in its windows, else built as the released one.
func probed(b *testing.B) {
	b.Helper()
	path := os.Getenv("GUESTHOUSE_PROBED_PROGRAM")
	if path == "" {
		b.Fatal("GUESTHOUSE_PROBED_PROGRAM names no program: run make bench")
	}
	b.Setenv("GUESTHOUSE_PROGRAM", path)
}

// openManager opens the manager window on machines that run.
func (g *gallery) openManager() *program {
	g.b.Helper()
	probed(g.b)
	p := startProgram(g.b, g.host, g.screen, "--connect", g.host.URI)
	p.waitWindow(manager)
	return p
}

// console is the pattern of the title of a machine's window.
func console(name string) string { return "^" + name + ".* – " }

// showMachine opens a machine's window by a click in the manager.
func (p *program) showMachine(name string) {
	p.t.Helper()
	p.waitText(manager, "^"+name+"$")
	p.click(manager, name)
	p.click(manager, "Show")
	p.waitWindow(console(name))
}

// leaveMachine closes a machine's window; the machine goes on.
func (p *program) leaveMachine(g *gallery, name string) {
	p.t.Helper()
	p.waitWindow(console(name)) // the picture may be there before the window's title is
	p.closeTitled(g, console(name))
	p.waitText(console(name), `^What should happen to “`+name+`”\?$`)
	p.keepRunning(console(name))
}

// closeTitled closes the window whose title matches.
func (p *program) closeTitled(g *gallery, pattern string) {
	p.t.Helper()
	p.eventually("the window to close", func() error {
		w, err := p.window(pattern)
		if err != nil {
			return err
		}
		id, err := p.xID(w.Title)
		if err == nil {
			g.closeWindow(id)
		}
		return err
	})
}

const (
	clicksPerLook = 5
	aimTime       = 200 * time.Millisecond // a hand takes longer from reaching a button to pressing it
	returnCode    = 36                     // X key code of Enter
)

// BenchmarkClick measures from a click on Show in the running manager to the first picture of the machine's screen. One iteration is five
// clicks. Reported beside it are the first click of a manager, for which a window must be made, and the Enter key, which nothing announces as
// the pointer's coming does a click.
func BenchmarkClick(b *testing.B) {
	g, result := newGallery(b), newBars(b)
	m := g.startMachine("click", false)
	p := g.openManager()
	p.showMachine(m.name)
	m.awaitPicture(ours, time.Now())
	s := &shown{shownMachine: m, viewer: guesthouseConsole}
	s.settle()
	p.leaveMachine(g, m.name)
	p.closeTitled(g, manager)
	p.waitExit()
	p = g.openManager()
	p.waitText(manager, "^"+m.name+"$")
	p.click(manager, m.name)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	opens := func(metric string, act func()) {
		old, began := s.pixel(s.centre), time.Now()
		if isBlock(old) {
			b.Fatal("the picture is there before it is asked for")
		}
		act()
		for !isBlock(s.pixel(s.centre)) {
			s.changed(s.pixel(s.centre))
		}
		result.add(ours, metric, milliseconds(time.Since(began)))
		p.leaveMachine(g, m.name)
	}
	click := func(metric string) {
		at := p.aim(manager, "Show")
		p.pointAt(at)
		time.Sleep(aimTime)
		opens(metric, func() { g.button(1) })
	}
	time.Sleep(beginTime)
	click("first-ms")
	for b.Loop() {
		for range clicksPerLook {
			click("click-ms")
			p.pointAt(p.aim(manager, m.name))
			time.Sleep(beginTime)
			opens("enter-ms", func() { g.key(returnCode) })
		}
	}
	result.report("first-ms")
	result.report("enter-ms")
	result.below(100, "click-ms")
}

// openConsoles opens a window for each machine and calls opened after each.
func (g *gallery) openConsoles(p *program, machines []*shownMachine, opened func()) {
	g.b.Helper()
	for _, m := range machines {
		p.showMachine(m.name)
		p.waitText(console(m.name), "^1920 × 1080")
		opened()
	}
}

func (g *gallery) startMachines(count int) []*shownMachine {
	g.b.Helper()
	var machines []*shownMachine
	for i := range count {
		machines = append(machines, g.startMachine(fmt.Sprintf("show%d", i+1), false))
	}
	return machines
}

const (
	fewConsoles  = 4
	settleMemory = 5 * time.Second
)

// BenchmarkMemory measures what each further window of a machine beside the manager needs of memory: the proportional
// share of the program, with what it shares with the X server counted by half. One iteration is four windows.
func BenchmarkMemory(b *testing.B) {
	g, result := newGallery(b), newBars(b)
	machines := g.startMachines(fewConsoles)
	p := g.openManager()
	for b.Loop() {
		var memory []float64 // after each window
		g.openConsoles(p, machines, func() {
			time.Sleep(settleMemory)
			memory = append(memory, g.memory(p.cmd.Process.Pid, "Pss:"))
		})
		for i := 1; i < len(memory); i++ {
			result.add(ours, "further-MB", memory[i]-memory[i-1])
		}
		result.add(ours, "first-MB", memory[0])
		for _, m := range machines {
			p.leaveMachine(g, m.name)
		}
	}
	result.below(20, "further-MB")
	result.report("first-MB")
}

const (
	manyConsoles = 8
	lookTime     = 10 * time.Second
)

// BenchmarkConsoles opens eight machines' windows beside the manager and measures, while a video plays in each, how long
// the windows take to answer: what ninety-nine of a hundred questions to the goroutine that serves all windows took.
func BenchmarkConsoles(b *testing.B) {
	g, result := newGallery(b), newBars(b)
	machines := g.startMachines(manyConsoles)
	p := g.openManager()
	for b.Loop() {
		g.openConsoles(p, machines, func() {})
		for _, m := range machines {
			m.guest.Do(guesttest.ShowVideo)
		}
		time.Sleep(beginTime)
		spent := g.spend(p.cmd.Process.Pid, g.server)
		var answers []float64
		for began := time.Now(); time.Since(began) < lookTime; pause(rand.N(50 * time.Millisecond)) {
			asked := time.Now()
			if _, err := p.windows(); err != nil {
				b.Fatal(err)
			}
			answers = append(answers, milliseconds(time.Since(asked)))
		}
		percent := spent()
		slices.Sort(answers)
		result.add(ours, "answer-ms", answers[len(answers)*99/100])
		result.add(ours, "median-ms", answers[len(answers)/2])
		result.add(ours, "slowest-ms", answers[len(answers)-1])
		result.add(ours, "own-%", percent[0])
		result.add(ours, "xserver-%", percent[1])
		for _, m := range machines {
			m.guest.Do(guesttest.ShowNothing)
			p.leaveMachine(g, m.name)
		}
	}
	result.below(100, "answer-ms")
	for _, unit := range []string{"median-ms", "slowest-ms", "own-%", "xserver-%"} {
		result.report(unit)
	}
}
