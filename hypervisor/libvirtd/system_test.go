package libvirtd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
)

// open connects to a host and starts to collect its events.
func open(t *testing.T, uri string) (*libvirtd.Conn, *events) {
	t.Helper()
	c, err := libvirtd.Open(t.Context(), uri, libvirtd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, collect(c)
}

// events is what a connection delivered and nobody looked for yet.
type events struct{ ch <-chan hypervisor.Event }

func collect(c *libvirtd.Conn) *events {
	ch := make(chan hypervisor.Event, 10000)
	go func() {
		defer close(ch)
		for e := range c.Events() {
			ch <- e
		}
	}()
	return &events{ch}
}

// want waits for an event of that kind, of that machine unless it is Nil.
func (e *events) want(t *testing.T, kind hypervisor.EventKind, id uuid.UUID) hypervisor.Event {
	t.Helper()
	limit := time.After(hosttest.Patience)
	for {
		select {
		case got, ok := <-e.ch:
			if !ok {
				t.Fatalf("events ended before kind %d", kind)
			}
			if got.Kind == kind && (id == uuid.Nil || got.Machine == id) {
				return got
			}
		case <-limit:
			t.Fatalf("no event of kind %d for %v", kind, id)
		}
	}
}

func find(t *testing.T, c *libvirtd.Conn, name string) hypervisor.Domain {
	t.Helper()
	list, err := c.Domains(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Name == name {
			one, err := c.Domain(t.Context(), d.UUID)
			if err != nil {
				t.Fatal(err)
			}
			if one != d {
				t.Errorf("the list says %+v, the machine %+v", d, one)
			}
			return d
		}
	}
	t.Fatalf("no machine %q in %+v", name, list)
	return hypervisor.Domain{}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const testDomain = `<domain type='test'><name>%s</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`

// The test driver: what virsh does shows as events, and what we do shows in virsh.
func TestDriverTest(t *testing.T) {
	h := hosttest.Start(t)
	c, ev := open(t, h.TestURI())
	ev.want(t, hypervisor.EventConnected, uuid.Nil)
	host := c.Host()
	if host.Hypervisor == "" || host.Libvirt == "" || host.CPUs < 1 || host.MemoryBytes < 1<<20 || !host.Local || host.MaxCPUs < 1 {
		t.Errorf("host %+v", host)
	}
	first := find(t, c, "test")
	if first.State != hypervisor.StateRunning || !first.Persistent {
		t.Errorf("%+v", first)
	}

	// Events of what others do.
	h.TestVirsh(t, "suspend", "test")
	if e := ev.want(t, hypervisor.EventState, first.UUID); e.Name != "test" {
		t.Errorf("%+v", e)
	}
	if d := find(t, c, "test"); d.State != hypervisor.StatePaused || d.Pause != hypervisor.PauseUser {
		t.Errorf("%+v", d)
	}
	must(t, c.Resume(t.Context(), first.UUID))
	if s := h.TestVirsh(t, "domstate", "test"); s != "running" {
		t.Errorf("virsh says %q", s)
	}

	// Define, rename, names that are taken, undefine.
	id, err := c.Define(t.Context(), fmt.Sprintf(testDomain, "Zwölf Äpfel"))
	must(t, err)
	ev.want(t, hypervisor.EventDefined, id)
	if d := find(t, c, "Zwölf Äpfel"); d.UUID != id || d.State != hypervisor.StateOff || d.StoppedBadly {
		t.Errorf("%+v", d)
	}
	_, err = c.Define(t.Context(), fmt.Sprintf(testDomain, "test"))
	if !errors.Is(err, hypervisor.ErrExists) {
		t.Errorf("name that is taken: %v", err)
	}
	must(t, c.Rename(t.Context(), id, "second"))
	if e := ev.want(t, hypervisor.EventDefined, id); e.Name != "second" {
		t.Errorf("%+v", e)
	}
	if err := c.Rename(t.Context(), id, "test"); !errors.Is(err, hypervisor.ErrExists) {
		t.Errorf("rename to a name that is taken: %v", err)
	}

	// Lifecycle and its refusals.
	must(t, c.Start(t.Context(), id))
	ev.want(t, hypervisor.EventState, id)
	if err := c.Start(t.Context(), id); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("second start: %v", err)
	}
	must(t, c.Pause(t.Context(), id))
	must(t, c.Resume(t.Context(), id))
	must(t, c.SendKeys(t.Context(), id, []uint{29, 56, 111}))
	stats, err := c.AllStats(t.Context())
	must(t, err)
	if len(stats) == 0 {
		t.Error("no statistics")
	}

	// Snapshots: a tree, the current one, revert, delete.
	for _, name := range []string{"one", "two", "three"} {
		must(t, c.CreateSnapshot(t.Context(), id, "<domainsnapshot><name>"+name+"</name><description>d "+name+"</description></domainsnapshot>",
			hypervisor.SnapshotFlags{}))
	}
	list, err := c.Snapshots(t.Context(), id)
	must(t, err)
	if len(list) != 3 || list[0].Name != "one" || list[2].Name != "three" || !list[2].Current || list[1].Parent != "one" ||
		list[1].Description != "d two" || list[0].State != hypervisor.StateRunning || list[0].Created.IsZero() {
		t.Errorf("%+v", list)
	}
	current, err := c.CurrentSnapshots(t.Context())
	must(t, err)
	if len(current) != 1 || current[id] != "three" {
		t.Errorf("%v", current)
	}
	must(t, c.RevertSnapshot(t.Context(), id, "one", hypervisor.RevertFlags{}))
	must(t, c.DeleteSnapshot(t.Context(), id, "two", false))
	list, err = c.Snapshots(t.Context(), id)
	must(t, err)
	if len(list) != 2 || list[1].Parent != "one" || !list[0].Current {
		t.Errorf("%+v", list)
	}
	for _, err := range []error{
		c.RevertSnapshot(t.Context(), id, "none", hypervisor.RevertFlags{}),
		c.DeleteSnapshot(t.Context(), id, "none", false),
	} {
		if !errors.Is(err, hypervisor.ErrNoSnapshot) {
			t.Errorf("missing snapshot: %v", err)
		}
	}

	// Saved state, power off, removal with snapshots.
	must(t, c.Save(t.Context(), id))
	if d := find(t, c, "second"); d.State != hypervisor.StateSaved {
		t.Errorf("%+v", d)
	}
	must(t, c.DiscardSaved(t.Context(), id))
	must(t, c.Start(t.Context(), id))
	must(t, c.PowerOff(t.Context(), id))
	if err := c.PowerOff(t.Context(), id); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("second power off: %v", err)
	}
	must(t, c.Undefine(t.Context(), id, false))
	ev.want(t, hypervisor.EventUndefined, id)
	if _, err := c.Domain(t.Context(), id); !errors.Is(err, hypervisor.ErrNotFound) {
		t.Errorf("removed machine: %v", err)
	}
	if err := c.Start(t.Context(), id); !errors.Is(err, hypervisor.ErrNotFound) {
		t.Errorf("start of a removed machine: %v", err)
	}

	// What virsh defines and removes shows.
	file := filepath.Join(h.Dir, "v.xml")
	must(t, os.WriteFile(file, []byte(fmt.Sprintf(testDomain, "virsh's")), 0o600))
	h.TestVirsh(t, "define", file)
	e := ev.want(t, hypervisor.EventDefined, uuid.Nil)
	h.TestVirsh(t, "undefine", "virsh's")
	ev.want(t, hypervisor.EventUndefined, e.Machine)

	var picture bytes.Buffer
	must(t, c.Screenshot(t.Context(), first.UUID, &picture))
	if _, err := png.Decode(&picture); err != nil {
		t.Errorf("screenshot: %v", err)
	}
}

// manyMachines is the address of a test driver with a thousand of them.
func manyMachines(tb testing.TB, h *hosttest.Host) string {
	tb.Helper()
	var text strings.Builder
	text.WriteString("<node>")
	for i := range 1000 {
		fmt.Fprintf(&text, testDomain, fmt.Sprintf("machine %04d", i))
	}
	text.WriteString("</node>")
	file := filepath.Join(h.Dir, "many.xml")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		tb.Fatal(err)
	}
	return "test+unix://" + file + "?socket=" + h.Socket
}

// A thousand machines are listed with few calls.
func TestThousandMachines(t *testing.T) {
	c, _ := open(t, manyMachines(t, hosttest.Start(t)))
	list, err := c.Domains(t.Context())
	must(t, err)
	if len(list) != 1000 {
		t.Fatalf("%d machines", len(list))
	}
	// All connections of a file share nothing, so changes must go where the list is read.
	must(t, c.PowerOff(t.Context(), list[500].UUID))
	if d, err := c.Domain(t.Context(), list[500].UUID); err != nil || d.State != hypervisor.StateOff {
		t.Errorf("%+v, %v", d, err)
	}
}

// From nothing to the list of a thousand machines, and the list again.
func BenchmarkThousandMachines(b *testing.B) {
	uri := manyMachines(b, hosttest.Start(b))
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			c, err := libvirtd.Open(b.Context(), uri, libvirtd.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := c.Domains(b.Context()); err != nil {
				b.Fatal(err)
			}
			c.Close()
		}
	})
	b.Run("list", func(b *testing.B) {
		c, err := libvirtd.Open(b.Context(), uri, libvirtd.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for b.Loop() {
			if _, err := c.Domains(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// useHost makes plain qemu:///session mean this host's daemon, started by the code under test.
func useHost(t *testing.T, h *hosttest.Host) {
	t.Helper()
	for _, entry := range h.Env() {
		if k, v, _ := strings.Cut(entry, "="); k == "HOME" || strings.HasPrefix(k, "XDG_") {
			t.Setenv(k, v)
		}
	}
}

// The session daemon is started when it is missing, and again when it has died.
func TestSessionDaemonIsStarted(t *testing.T) {
	h := hosttest.New(t)
	useHost(t, h)
	c, ev := open(t, "qemu:///session")
	ev.want(t, hypervisor.EventConnected, uuid.Nil)
	if h.DaemonPID() == 0 {
		t.Fatal("no daemon runs")
	}
	host := c.Host()
	if !host.Session || !host.Local || host.Hypervisor != "QEMU" || host.Arch == "" || host.MaxCPUs < 8 || host.Version == "" {
		t.Errorf("host %+v", host)
	}
	h.KillDaemon(t)
	e := ev.want(t, hypervisor.EventDisconnected, uuid.Nil)
	if !errors.Is(e.Err, hypervisor.ErrDisconnected) {
		t.Errorf("reason %v", e.Err)
	}
	ev.want(t, hypervisor.EventConnected, uuid.Nil)
	if _, err := c.Domains(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDaemonCannotStart(t *testing.T) {
	useHost(t, hosttest.New(t))
	broken := filepath.Join(t.TempDir(), "broken")
	must(t, os.WriteFile(broken, []byte("#!/bin/sh\necho out of order >&2\nexit 3\n"), 0o755))
	for path, text := range map[string]string{broken: "out of order", "/nonexistent/libvirtd": "no such file"} {
		_, err := libvirtd.Open(t.Context(), "qemu:///session", libvirtd.Options{DaemonPath: path})
		if !errors.Is(err, hypervisor.ErrCannotStart) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", path, err)
		}
	}
	c := libvirtd.OpenLater("qemu:///session", libvirtd.Options{DaemonPath: broken})
	defer c.Close()
	if e := <-c.Events(); e.Kind != hypervisor.EventDisconnected || !errors.Is(e.Err, hypervisor.ErrCannotStart) {
		t.Errorf("%+v", e)
	}
	if _, err := c.Domains(t.Context()); !errors.Is(err, hypervisor.ErrDisconnected) || !errors.Is(err, hypervisor.ErrCannotStart) {
		t.Errorf("%v", err)
	}
	// What is no socket is not talked to.
	if _, err := libvirtd.Open(t.Context(), "qemu:///session?socket=/etc/passwd", libvirtd.Options{}); !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Errorf("%v", err)
	}
}

// guest is a machine of 64 MiB with an empty disk: its firmware finds nothing to boot and waits.
const guestXML = `<domain type='qemu'><name>%s</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><target dev='sda' bus='sata'/><readonly/></disk>
%s<video><model type='vga'/></video></devices></domain>`

const hiddenVNC = `<graphics type='vnc'><listen type='none'/></graphics>`

func defineGuest(t *testing.T, h *hosttest.Host, c *libvirtd.Conn, name, graphics string) uuid.UUID {
	t.Helper()
	disk := filepath.Join(h.Dir, name+".qcow2")
	hosttest.Run(t, hosttest.Tool(t, "qemu-img"), "create", "-q", "-f", "qcow2", disk, "64M")
	id, err := c.Define(t.Context(), fmt.Sprintf(guestXML, name, disk, graphics))
	must(t, err)
	return id
}

func wantState(t *testing.T, c *libvirtd.Conn, name string, state hypervisor.State) {
	t.Helper()
	if d := find(t, c, name); d.State != state || d.StoppedBadly {
		t.Fatalf("%s is %+v, not %s", name, d, state)
	}
}

// wantBanner reads the greeting of an RFB server.
func wantBanner(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	must(t, conn.SetReadDeadline(time.Now().Add(hosttest.Patience)))
	b := make([]byte, 12)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "RFB 003.008\n" {
		t.Fatalf("banner %q, %v", b, err)
	}
}

// The whole life of a real machine.
func TestRealMachine(t *testing.T) {
	h := hosttest.Start(t)
	c, ev := open(t, h.URI)
	id := defineGuest(t, h, c, "life", hiddenVNC)
	ctx := t.Context()

	if _, err := c.OpenGraphics(ctx, id); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("display of a machine that is off: %v", err)
	}
	must(t, c.Start(ctx, id))
	ev.want(t, hypervisor.EventState, id)
	wantState(t, c, "life", hypervisor.StateRunning)
	if s := h.Virsh(t, "domstate", "life"); s != "running" {
		t.Errorf("virsh says %q", s)
	}
	must(t, c.Pause(ctx, id))
	wantState(t, c, "life", hypervisor.StatePaused)
	must(t, c.Resume(ctx, id))
	must(t, c.Reset(ctx, id))
	must(t, c.SendKeys(ctx, id, []uint{28}))

	must(t, hosttest.Poll(hosttest.Patience, func() error { // QEMU's counters lag behind its start
		stats, err := c.AllStats(ctx)
		if err != nil {
			return hosttest.Stop(err)
		}
		if len(stats) != 1 || stats[0].UUID != id || stats[0].CPUTime <= 0 || stats[0].MemoryBytes != 64<<20 || stats[0].ResidentBytes <= 0 {
			return fmt.Errorf("%+v", stats)
		}
		return nil
	}))
	if _, ok, err := c.Progress(ctx, id); ok || err != nil {
		t.Errorf("progress of nothing: %v, %v", ok, err)
	}

	var picture bytes.Buffer
	for range 100 { // data and answer of a stream come in any order
		picture.Reset()
		must(t, c.Screenshot(ctx, id, &picture))
	}
	if img, err := png.Decode(&picture); err != nil || img.Bounds().Dx() < 320 {
		t.Errorf("screenshot: %v", err)
	}

	path, err := c.OpenGraphics(ctx, id)
	must(t, err)
	if !path.Local || path.Password != "" {
		t.Errorf("%+v", path)
	}
	wantBanner(t, path.Conn)

	// Medium: live and persistent.
	iso := filepath.Join(h.Dir, "medium.iso")
	must(t, os.WriteFile(iso, make([]byte, 1<<20), 0o600))
	must(t, c.ChangeMedia(ctx, id, "sda", iso))
	for _, args := range [][]string{{"dumpxml", "life"}, {"dumpxml", "life", "--inactive"}} {
		if !strings.Contains(h.Virsh(t, args...), iso) {
			t.Errorf("virsh %v does not show the medium", args)
		}
	}
	must(t, c.ChangeMedia(ctx, id, "sda", ""))
	if strings.Contains(h.Virsh(t, "dumpxml", "life"), iso) {
		t.Error("the medium is still in")
	}
	for _, target := range []string{"vda", "sdz"} {
		if err := c.ChangeMedia(ctx, id, target, iso); !errors.Is(err, hypervisor.ErrInvalid) {
			t.Errorf("medium into %s: %v", target, err)
		}
	}

	// Save, start again where it was.
	must(t, c.Save(ctx, id))
	wantState(t, c, "life", hypervisor.StateSaved)
	must(t, c.Start(ctx, id))
	wantState(t, c, "life", hypervisor.StateRunning)

	// Save to a file, twice back from it.
	file := filepath.Join(h.Dir, "memory")
	must(t, c.SaveTo(ctx, id, file, true))
	wantState(t, c, "life", hypervisor.StateOff)
	text, err := c.SavedXML(ctx, file)
	if err != nil || !strings.Contains(text, id.String()) {
		t.Errorf("description in the saved file: %v", err)
	}
	must(t, c.RestoreFrom(ctx, file, true))
	wantState(t, c, "life", hypervisor.StatePaused)
	must(t, c.PowerOff(ctx, id))
	must(t, c.RestoreFrom(ctx, file, false))
	wantState(t, c, "life", hypervisor.StateRunning)

	// Checkpoints of the running machine.
	must(t, c.CreateSnapshot(ctx, id, "<domainsnapshot><name>one</name></domainsnapshot>", hypervisor.SnapshotFlags{}))
	must(t, c.PowerOff(ctx, id))
	must(t, c.RevertSnapshot(ctx, id, "one", hypervisor.RevertFlags{}))
	wantState(t, c, "life", hypervisor.StateRunning)
	list, err := c.Snapshots(ctx, id)
	must(t, err)
	if len(list) != 1 || !list[0].Current || list[0].State != hypervisor.StateRunning || list[0].External {
		t.Errorf("%+v", list)
	}

	// A machine with a checkpoint is removed completely.
	must(t, c.PowerOff(ctx, id))
	must(t, c.Undefine(ctx, id, false))
	if out := h.Virsh(t, "list", "--all", "--name"); out != "" {
		t.Errorf("virsh lists %q", out)
	}
}

// Displays: by our descriptor, by the daemon's, by socket, by address with password, and none.
func TestDisplays(t *testing.T) {
	h := hosttest.Start(t)
	c, _ := open(t, h.URI)
	for name, tc := range map[string]struct {
		graphics, password string
		none               bool
	}{
		"none":     {graphics: hiddenVNC},
		"socket":   {graphics: `<graphics type='vnc' passwd='secret'><listen type='socket'/></graphics>`},
		"loopback": {graphics: `<graphics type='vnc' autoport='yes' passwd='secret'><listen type='address' address='127.0.0.1'/></graphics>`},
		"nothing":  {none: true},
	} {
		t.Run(name, func(t *testing.T) {
			id := defineGuest(t, h, c, name, tc.graphics)
			must(t, c.Start(t.Context(), id))
			path, err := c.OpenGraphics(t.Context(), id)
			if tc.none {
				if !errors.Is(err, hypervisor.ErrNoGraphics) {
					t.Fatalf("got %v", err)
				}
				return
			}
			must(t, err)
			wantBanner(t, path.Conn)
			text, err := c.DomainXML(t.Context(), id, false)
			if err != nil || strings.Contains(tc.graphics, "secret") != strings.Contains(text, "secret") {
				t.Errorf("the password is missing in the description: %v", err)
			}
		})
	}
}

// The daemon dies: while idle, in a start, in a save. What is true afterwards is what we say.
func TestDaemonKilled(t *testing.T) {
	h := hosttest.New(t)
	useHost(t, h)
	c, ev := open(t, "qemu:///session")
	id := defineGuest(t, h, c, "victim", hiddenVNC)
	again := func() {
		t.Helper()
		h.KillDaemon(t)
		ev.want(t, hypervisor.EventDisconnected, uuid.Nil)
		ev.want(t, hypervisor.EventConnected, uuid.Nil)
	}
	// agree compares with virsh once both have the same daemon.
	agree := func() string {
		t.Helper()
		words := map[hypervisor.State]string{
			hypervisor.StateOff: "shut off", hypervisor.StateSaved: "shut off",
			hypervisor.StateRunning: "running", hypervisor.StatePaused: "paused",
		}
		state := ""
		if err := hosttest.Poll(hosttest.Patience, func() error {
			d, err := c.Domain(t.Context(), id)
			if err != nil {
				return err
			}
			out, err := h.TryVirsh("domstate", "victim")
			if err != nil {
				return err
			}
			if state = out; words[d.State] != state {
				return fmt.Errorf("we say %+v, virsh says %q", d, state)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return state
	}
	ev.want(t, hypervisor.EventConnected, uuid.Nil)

	must(t, c.Start(t.Context(), id))
	again()
	if s := agree(); s != "running" {
		t.Fatalf("idle: %q", s)
	}
	must(t, c.PowerOff(t.Context(), id))

	started := make(chan error, 1)
	go func() { started <- c.Start(context.Background(), id) }()
	again()
	if err := <-started; err != nil && !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Errorf("start: %v", err)
	}
	if agree() == "shut off" {
		must(t, c.Start(t.Context(), id))
	}

	saved := make(chan error, 1)
	go func() { saved <- c.Save(context.Background(), id) }()
	again()
	if err := <-saved; err != nil && !errors.Is(err, hypervisor.ErrDisconnected) {
		t.Errorf("save: %v", err)
	}
	if agree() == "shut off" {
		must(t, c.Start(t.Context(), id))
	} else {
		must(t, c.Save(t.Context(), id))
		wantState(t, c, "victim", hypervisor.StateSaved)
	}
}

// A cancelled save leaves the machine running or finishes; either way the answer is true.
func TestCancelledSave(t *testing.T) {
	h := hosttest.Start(t)
	c, _ := open(t, h.URI)
	id := defineGuest(t, h, c, "busy", hiddenVNC)
	must(t, c.Start(t.Context(), id))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Save(ctx, id) }()
	if err := hosttest.Poll(hosttest.Patience, func() error {
		if _, ok, err := c.Progress(t.Context(), id); !ok && err == nil && len(done) == 0 {
			return errors.New("no job yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	cancel()
	switch err := <-done; {
	case err == nil:
		wantState(t, c, "busy", hypervisor.StateSaved)
	case errors.Is(err, context.Canceled):
		wantState(t, c, "busy", hypervisor.StateRunning)
	default:
		t.Fatal(err)
	}
}

// A damaged saved state is neither resumed nor silently replaced by a fresh boot.
func TestDamagedSavedState(t *testing.T) {
	h := hosttest.New(t)
	useHost(t, h)
	c, _ := open(t, "qemu:///session")
	id := defineGuest(t, h, c, "damaged", hiddenVNC)
	must(t, c.Start(t.Context(), id))
	must(t, c.Save(t.Context(), id))
	file := filepath.Join(h.ConfigDir, "libvirt", "qemu", "save", "damaged.save")
	good, err := os.ReadFile(file)
	must(t, err)
	for _, bad := range [][]byte{nil, good[:50], good[:100], append([]byte("LibvirtQemudPart"), good[16:]...), make([]byte, 5000)} {
		must(t, os.WriteFile(file, bad, 0o600))
		if err := c.Start(t.Context(), id); !errors.Is(err, hypervisor.ErrSavedDamaged) {
			t.Fatalf("start with %d bytes of saved state: %v", len(bad), err)
		}
		wantState(t, c, "damaged", hypervisor.StateSaved)
	}
	must(t, os.WriteFile(file, good, 0o600))
	must(t, c.Start(t.Context(), id))
	wantState(t, c, "damaged", hypervisor.StateRunning)

	// A full disk is told as that, and the machine runs on.
	err = c.SaveTo(t.Context(), id, "/dev/full", false)
	t.Log(err)
	if !errors.Is(err, hypervisor.ErrNoSpace) {
		t.Errorf("full disk: %v", err)
	}
	wantState(t, c, "damaged", hypervisor.StateRunning)
}
