package guesttest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"guesthouse/hypervisor/hosttest"
)

const (
	// bootPatience covers firmware, boot loader and kernel under emulation on a busy computer.
	bootPatience = 5 * time.Minute
	// linePatience covers one answer of a guest that runs.
	linePatience = 2 * time.Minute
	// reopenEvery is how often the console looks for a machine that is off.
	reopenEvery = 200 * time.Millisecond
	// greetEvery is how long an answer to a greeting may take before the next one: longer than QEMU takes to notice an opened terminal.
	greetEvery = 3 * time.Second
)

// Console reads the test guest's serial line over the pseudo terminal in the machine's live description
// and writes commands to it. It follows the machine: when it stops and starts again, the console opens the
// new terminal by itself. Methods are for the test's own goroutine; a wait that ends in vain fails the test.
type Console struct {
	t       testing.TB
	host    *hosttest.Host
	machine string

	mu    sync.Mutex
	file  *os.File // nil: the machine is off
	lines []string
	seen  int           // lines before this one are consumed
	news  chan struct{} // closed and replaced at every change
}

// Open follows a machine with a serial port of type pty, whether it runs yet or not.
func Open(t testing.TB, host *hosttest.Host, machine string) *Console {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &Console{t: t, host: host, machine: machine, news: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.follow(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		c.closeFile()
		<-done
		if t.Failed() {
			t.Logf("last lines of %s:\n%s", machine, c.tail(30))
		}
	})
	return c
}

// follow opens the terminal again and again until ctx ends.
func (c *Console) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if file := c.openTerminal(); file != nil {
			c.read(ctx, file)
		}
		select {
		case <-ctx.Done():
		case <-time.After(reopenEvery):
		}
	}
}

func (c *Console) openTerminal() *os.File {
	path, err := c.host.TryVirsh("ttyconsole", c.machine)
	if err != nil || path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	return file
}

// read collects lines until the terminal closes, as it does when the machine stops.
func (c *Console) read(ctx context.Context, file *os.File) {
	c.change(func() { c.file = file })
	if ctx.Err() != nil {
		c.closeFile()
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		c.change(func() { c.lines = append(c.lines, strings.TrimRight(lines.Text(), "\r")) })
	}
	c.closeFile()
}

func (c *Console) closeFile() {
	c.change(func() {
		if c.file != nil {
			c.file.Close()
			c.file = nil
		}
	})
}

// change changes what mu guards and wakes whoever waits.
func (c *Console) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.news)
	c.news = make(chan struct{})
}

// wait calls check with mu held after every change until it is true.
func (c *Console) wait(patience time.Duration, what string, check func() bool) {
	c.t.Helper()
	end := time.After(patience)
	for {
		c.mu.Lock()
		ok, news := check(), c.news
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-end:
			c.t.Fatalf("machine %s: waited %v for %s; last lines:\n%s", c.machine, patience, what, c.tail(10))
		}
	}
}

func (c *Console) tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines[max(0, len(c.lines)-n):], "\n")
}

// Reopen forgets all lines so far and waits for the terminal that the machine has now. Call it after a
// restore or a restart, so that no line of the time before is taken for one of the time after. Where the guest runs already,
// use Continue.
func (c *Console) Reopen() {
	c.t.Helper()
	c.mu.Lock()
	old := c.file
	c.mu.Unlock()
	c.closeFile()
	c.wait(linePatience, "its serial terminal", func() bool { return c.file != nil && c.file != old })
	c.Skip()
}

// Continue is Reopen for a guest that runs already, after a restore: it returns when the guest hears and is heard. QEMU loses bytes
// in the moment in which it finds out that its terminal was opened (chardev/char-pty.c), so the guest is greeted until it has answered.
func (c *Console) Continue() {
	c.t.Helper()
	c.Reopen()
	end := time.Now().Add(linePatience)
	for n := 1; ; n++ {
		c.Send(fmt.Sprintf("ping %d", n))
		answer := regexp.MustCompile(fmt.Sprintf(`^pong %d$`, n))
		for asked := time.Now(); time.Since(asked) < greetEvery; time.Sleep(10 * time.Millisecond) {
			if c.heard(answer) {
				return
			}
		}
		if time.Now().After(end) {
			c.t.Fatalf("machine %s: does not answer; last lines:\n%s", c.machine, c.tail(10))
		}
	}
}

// heard consumes the lines so far up to one that the pattern matches.
func (c *Console) heard(pattern *regexp.Regexp) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.consume(pattern) != nil
}

// consume returns the match of the next line that the pattern matches, and consumes the lines up to it, or all. The caller holds mu.
func (c *Console) consume(pattern *regexp.Regexp) []string {
	for c.seen < len(c.lines) {
		line := c.lines[c.seen]
		c.seen++
		if match := pattern.FindStringSubmatch(line); match != nil {
			return match
		}
	}
	return nil
}

// Skip forgets all lines so far.
func (c *Console) Skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = len(c.lines)
}

// WaitReady waits until the guest has booted. It also returns when it is up already.
func (c *Console) WaitReady() {
	c.t.Helper()
	// A console that was opened late has missed the greeting, but the guest counts.
	c.waitLine(bootPatience, regexp.MustCompile(`^(GUEST READY|mem=\d+ .*)$`))
}

// WaitLine waits for the next line that the pattern matches, consumes the lines up to it and returns the
// match and its groups.
func (c *Console) WaitLine(pattern string) []string {
	c.t.Helper()
	return c.waitLine(linePatience, regexp.MustCompile(pattern))
}

func (c *Console) waitLine(patience time.Duration, pattern *regexp.Regexp) []string {
	c.t.Helper()
	var match []string
	c.wait(patience, fmt.Sprintf("a line like %q", pattern), func() bool {
		match = c.consume(pattern)
		return match != nil
	})
	return match
}

// Last returns the match and groups of the last line so far, not consumed yet, that the pattern matches; nil
// when there is none. It does not wait and consumes nothing.
func (c *Console) Last(pattern string) []string {
	wanted := regexp.MustCompile(pattern)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range slices.Backward(c.lines[c.seen:]) {
		if match := wanted.FindStringSubmatch(line); match != nil {
			return match
		}
	}
	return nil
}

// Counters waits for the next report and returns the counter in memory and the one on disk (-1: no disk).
func (c *Console) Counters() (mem, disk int) {
	c.t.Helper()
	c.Skip()
	return c.NextCounters()
}

// NextCounters is Counters for the next report that was not consumed yet.
func (c *Console) NextCounters() (mem, disk int) {
	c.t.Helper()
	match := c.WaitLine(`^mem=(\d+) disk=(-?\d+) `)
	mem, _ = strconv.Atoi(match[1])
	disk, _ = strconv.Atoi(match[2])
	return mem, disk
}

// Send writes one command to the guest without waiting for an answer.
func (c *Console) Send(command string) {
	c.t.Helper()
	c.wait(linePatience, "its serial terminal", func() bool { return c.file != nil })
	c.mu.Lock()
	file := c.file
	c.mu.Unlock()
	if file == nil {
		c.t.Fatalf("machine %s: its serial terminal went away", c.machine)
	}
	if _, err := file.WriteString(command + "\n"); err != nil {
		c.t.Fatalf("machine %s: send %q: %v", c.machine, command, err)
	}
}

// Ask sends a command and waits for an answer that the pattern matches; it returns the match and its groups.
func (c *Console) Ask(command, pattern string) []string {
	c.t.Helper()
	c.Skip()
	c.Send(command)
	return c.WaitLine(pattern)
}

// Hold stops the guest's counting and returns the last value of the counter in memory: the next report after
// Go has exactly one more, however often the machine was saved and restored in between.
func (c *Console) Hold() int {
	c.t.Helper()
	n, _ := strconv.Atoi(c.Ask("hold", `^hold mem=(\d+)$`)[1])
	return n
}

// Go ends Hold.
func (c *Console) Go() {
	c.t.Helper()
	c.Ask("go", `^go mem=\d+$`)
}
