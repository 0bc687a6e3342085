package build

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/lab"
)

// How long the guest may say nothing.
const (
	bootLimit = 20 * time.Minute // until its first word
	stepLimit = 2 * time.Hour    // of one step
	offLimit  = 10 * time.Minute // from its last word until it is off
)

const offPoll = 300 * time.Millisecond

// consoleTail is how much of what the guest's kernel said is shown when the guest never began.
const consoleTail = 2000

// maxReport is the longest line of the guest's report: the end of an output in base64.
const maxReport = 16 << 10

// guest is the machine in which the recipe's steps happen.
type guest struct {
	id        uuid.UUID
	disk      string // absolute path of the image with the changes
	variables string // of the firmware, "" for none
}

// start makes and starts a machine over a disk and a seed, both raw images that it does not change.
func (b *Builder) start(ctx context.Context, config *lab.Config, disk, seed, variables string) (guest, error) {
	g := guest{id: uuid.New()}
	blueprint := machines.Blueprint{
		Start: true, Bases: []string{disk, seed}, Variables: variables,
		Machine: vmconfig.Machine{
			UUID: g.id, Name: b.p.Machines.FreeName("Making " + config.Name[strings.LastIndex(config.Name, "/")+1:]),
			Notes: machineNotes,
			OSID:  config.Machine.OS, Arch: config.Machine.Arch, Chipset: config.Machine.Chipset, Firmware: vmconfig.Firmware(config.Machine.Firmware),
			SecureBoot: config.Machine.SecureBoot, TPM: config.Machine.TPM, CPUs: config.Machine.CPUs, MemoryBytes: config.Machine.MemoryMiB * vmconfig.MiB,
			Video: config.Machine.Video, Serials: 2, NICs: []vmconfig.NIC{{Kind: "user"}},
			Disks:    []vmconfig.Disk{{Device: vmconfig.DeviceDisk, Bus: config.Disks[0].Bus}, {Device: vmconfig.DeviceDisk, Bus: config.Disks[0].Bus}},
			Displays: []vmconfig.Display{{Kind: "vnc", Listen: "none"}, {Kind: "dbus", P2P: true}},
		},
	}
	if err := b.p.Machines.Make(ctx, func(jobProgress) {}, blueprint); err != nil {
		return g, err
	}
	text, err := b.p.Conn.DomainXML(ctx, g.id, false)
	if err != nil {
		return g, errors.Join(err, b.discard(ctx, g))
	}
	m, err := domxml.Parse(text)
	if err == nil && len(m.Disks) == 0 {
		err = errors.New("the machine has no disk")
	}
	if err != nil {
		return g, errors.Join(err, b.discard(ctx, g))
	}
	g.disk, g.variables = m.Disks[0].Path, m.NVRAM
	return g, nil
}

// discard removes the machine with all that it has, whatever state it is in.
func (b *Builder) discard(ctx context.Context, g guest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), offLimit)
	defer cancel()
	text, err := b.p.Conn.DomainXML(ctx, g.id, false)
	if errors.Is(err, hypervisor.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := b.p.Conn.PowerOff(ctx, g.id); err != nil && !errors.Is(err, hypervisor.ErrInvalidState) {
		return err
	}
	if err := b.p.Conn.Undefine(ctx, g.id, false); err != nil && !errors.Is(err, hypervisor.ErrNotFound) {
		return err
	}
	m, err := domxml.Parse(text)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range m.Disks {
		if d.Device == vmconfig.DeviceDisk && d.Path != "" {
			errs = append(errs, removeIfThere(d.Path))
		}
	}
	return errors.Join(errs...)
}

// follow reports the guest's steps until it has switched itself off. The error says which one failed, with the end of its output.
func (b *Builder) follow(ctx context.Context, g guest, steps []step, report func(done int, text string)) error {
	kernel := b.listen(ctx, g)
	defer kernel.close()
	port, err := b.p.Conn.OpenConsole(ctx, g.id, "serial1", false)
	if err != nil {
		return err
	}
	defer port.Close()
	lines, ended := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(port)
		scanner.Buffer(make([]byte, 0, maxReport), maxReport)
		for scanner.Scan() {
			select {
			case lines <- strings.TrimRight(scanner.Text(), "\r"):
			case <-ctx.Done():
				return
			}
		}
		ended <- scanner.Err()
	}()
	report(0, "Starting the guest")
	r := reader{steps: steps, report: report}
	limit := time.NewTimer(bootLimit)
	defer limit.Stop()
	for !r.over {
		select {
		case line, open := <-lines:
			if !open {
				if err := ctx.Err(); err != nil {
					return err
				}
				return &labs.Reason{Text: "The guest stopped while the lab was being made, " + r.where() + ". " + kernel.last(), Err: errors.Join(ErrGuest, <-ended)}
			}
			if err := r.read(line); err != nil {
				return err
			}
			limit.Reset(stepLimit)
		case <-limit.C:
			return &labs.Reason{Text: "The guest says nothing any more, " + r.where() + ". " + kernel.last(), Err: ErrGuest}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	report(len(steps), "Waiting until the guest is off")
	return b.awaitOff(ctx, g)
}

func (b *Builder) awaitOff(ctx context.Context, g guest) error {
	for end := time.Now().Add(offLimit); ; {
		d, err := b.p.Conn.Domain(ctx, g.id)
		if err != nil || d.State == hypervisor.StateOff {
			return err
		}
		if time.Now().After(end) {
			return &labs.Reason{Text: "The guest has done all steps, but does not switch itself off.", Err: ErrGuest}
		}
		select {
		case <-time.After(offPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reader understands what run.sh says. The guest may be anything, so it is believed no more than it can be.
type reader struct {
	steps  []step
	report func(done int, text string)
	begun  bool
	now    int // the step that is being done, or comes next
	over   bool
}

// where says how far the guest came.
func (r *reader) where() string {
	switch {
	case !r.begun:
		return "before the first step of the recipe"
	case r.now < len(r.steps):
		return "at “" + vmconfig.Inert(r.steps[r.now].title, 200) + "”"
	}
	return "after the last step"
}

// read takes one line of the report. A line that means nothing is passed over.
func (r *reader) read(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	r.begun = true
	number := func() (int, bool) {
		if len(words) < 2 {
			return 0, false
		}
		n, err := strconv.Atoi(words[1])
		return n, err == nil && n == r.now && n < len(r.steps)
	}
	switch words[0] {
	case "begin":
		if n, ok := number(); ok {
			r.report(n, r.steps[n].title)
		}
	case "done":
		n, ok := number()
		if !ok || len(words) < 3 {
			return nil
		}
		if words[2] == "0" {
			r.now++
			return nil
		}
		output := ""
		if len(words) > 3 {
			data, _ := base64.StdEncoding.DecodeString(words[3])
			output = strings.TrimSpace(string(data))
		}
		return stepError(r.steps[n], words[2], output)
	case "end":
		if len(words) == 2 && words[1] == "ok" && r.now == len(r.steps) {
			r.over = true
			return nil
		}
		return &labs.Reason{Text: "The guest gave up " + r.where() + ".", Err: ErrGuest}
	}
	return nil
}

// stepError says what failed and how.
func stepError(s step, status, output string) error {
	text := fmt.Sprintf("A step failed in the guest with exit status %s: %s.", vmconfig.Inert(status, 5), vmconfig.Inert(s.title, 200))
	if strings.Contains(strings.TrimSpace(s.what), "\n") {
		text += "\nAll of it:\n" + vmconfig.InertLines(strings.TrimSpace(s.what), 1000)
	}
	if output == "" {
		text += "\nIt printed nothing."
	} else {
		text += "\nThe end of its output:\n" + vmconfig.InertLines(output, 3000)
	}
	return &labs.Reason{Text: text, Err: ErrStep}
}

// kernelConsole keeps the end of what comes over the guest's first serial port.
type kernelConsole struct {
	port io.Closer
	done chan struct{}
	tail *tail
}

// listen opens the first serial port; without it only the text of an error is poorer.
func (b *Builder) listen(ctx context.Context, g guest) *kernelConsole {
	k := &kernelConsole{done: make(chan struct{}), tail: &tail{limit: consoleTail}}
	port, err := b.p.Conn.OpenConsole(ctx, g.id, "serial0", false)
	if err != nil {
		close(k.done)
		return k
	}
	k.port = port
	go func() {
		defer close(k.done)
		_, _ = io.Copy(k.tail, port)
	}()
	return k
}

// close stops listening. It may be called twice.
func (k *kernelConsole) close() {
	if k.port != nil {
		_ = k.port.Close()
	}
	<-k.done
}

// last stops listening and says what came last.
func (k *kernelConsole) last() string {
	k.close()
	text := strings.TrimSpace(k.tail.text())
	if text == "" {
		return "It showed nothing on its serial console."
	}
	return "The last on its serial console:\n" + vmconfig.InertLines(text, consoleTail)
}
