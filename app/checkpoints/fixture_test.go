package checkpoints

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// patience bounds every wait of these tests; it is for hangs, not for speed.
const patience = 5 * time.Minute

// fixture is the program without windows on a libvirt of the test's own.
type fixture struct {
	*Service
	machines *machines.Service
	host     *hosttest.Host
	jobs     *jobs.Runner
	conn     *libvirtd.Conn
	images   *diskimage.Tool
}

func open(t testing.TB) *fixture {
	t.Helper()
	host := hosttest.Start(t)
	return attach(t, host, host.URI)
}

// attach makes another program on a host.
func attach(t testing.TB, host *hosttest.Host, uri string) *fixture {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", host.ConfigDir)
	t.Setenv("XDG_CACHE_HOME", host.CacheDir)
	t.Setenv(machines.AccelVariable, "tcg")
	f := &fixture{host: host, jobs: jobs.NewRunner()}
	var err error
	if f.conn, err = libvirtd.Open(within(t), uri, libvirtd.Options{}); err != nil {
		t.Fatal(err)
	}
	if f.images, err = diskimage.New(); err != nil {
		t.Fatal(err)
	}
	data := host.DataDir + "/guesthouse"
	f.machines = machines.New(machines.Params{
		Conn: f.conn, Jobs: f.jobs, Images: f.images, DataDir: data,
		Guests: func() *guestos.Catalogue { return nil },
	})
	f.Service = New(Params{Conn: f.conn, Machines: f.machines, Jobs: f.jobs, DataDir: data, Images: f.images})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.machines.Run(ctx)
	}()
	t.Cleanup(func() {
		f.jobs.Shutdown(within(t))
		cancel()
		<-ended
		f.conn.Close()
	})
	if err := f.machines.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return f
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// done waits for a job and fails the test when the job did.
func done(t testing.TB, j *jobs.Job) {
	t.Helper()
	if err := j.Wait(within(t)); err != nil {
		t.Fatalf("%s: %v", j.Status().Title, err)
	}
}

// create makes a machine; with the test guest's disc unless it is never to be started.
func (f *fixture) create(t testing.TB, name string, firmware vmconfig.Firmware, start bool) uuid.UUID {
	t.Helper()
	d := draft(t, name, firmware, start)
	d.Start = start
	j, id := f.machines.Create(d)
	done(t, j)
	return id
}

// draft describes a machine; with guest it is one for the test guest, whose disc is in the drive sda.
func draft(t testing.TB, name string, firmware vmconfig.Firmware, guest bool) machines.Draft {
	t.Helper()
	memory := int64(64) // for the firmware alone
	switch {
	case guest && firmware == vmconfig.FirmwareUEFI:
		memory = guesttest.MinMemoryUEFIMiB
	case guest:
		memory = guesttest.MinMemoryMiB
	case firmware == vmconfig.FirmwareUEFI:
		memory = 128
	}
	d := machines.Draft{
		Name: name, MemoryBytes: memory * vmconfig.MiB, CPUs: 1, Firmware: firmware,
		DiskMode: machines.DiskCreate, DiskBytes: 64 * vmconfig.MiB,
	}
	if guest {
		d.ISO = guesttest.ISO(t)
	}
	return d
}

// addDisk gives a machine a second disk, vdb, of 4 MiB and returns its file; at once if the machine is active.
func (f *fixture) addDisk(t testing.TB, name, format string, active bool) string {
	t.Helper()
	path := filepath.Join(f.host.Dir, "second."+format)
	if err := f.images.Create(within(t), path, format, 4*vmconfig.MiB); err != nil {
		t.Fatal(err)
	}
	args := []string{"attach-disk", name, path, "vdb", "--config", "--subdriver", format}
	if active {
		args = append(args, "--live")
	}
	f.host.Virsh(t, args...)
	return path
}

func (f *fixture) do(t testing.TB, a machines.Action, id uuid.UUID) {
	t.Helper()
	done(t, f.machines.Do(a, id))
}

func (f *fixture) state(t testing.TB, id uuid.UUID, want hypervisor.State) {
	t.Helper()
	d, err := f.conn.Domain(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if d.State != want {
		t.Fatalf("the machine is %s (%s), not %s", d.State, d.Pause, want)
	}
}

// only returns the checkpoint with that name, which must exist once and be usable.
func (f *fixture) only(t testing.TB, id uuid.UUID, name string) Checkpoint {
	t.Helper()
	list, err := f.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Resolve(list, name)
	if err != nil {
		t.Fatalf("%v among %+v", err, list)
	}
	if c.Problem != "" {
		t.Fatalf("%s: %s", c.Name, c.Problem)
	}
	return c
}

func (f *fixture) canSave(t *testing.T, id uuid.UUID) (ok bool, reason string) {
	t.Helper()
	o, err := f.Overview(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return o.Refusal == "", o.Refusal
}

func (f *fixture) wouldLose(t *testing.T, id uuid.UUID) (bool, error) {
	t.Helper()
	o, err := f.Overview(within(t), id)
	return o.Changed, err
}

// quiet takes a job's progress and says nothing.
func quiet(jobs.Progress) {}

// idOf returns the ID of the checkpoint with that name, usable or not.
func (f *fixture) idOf(t testing.TB, id uuid.UUID, name string) string {
	t.Helper()
	list, err := f.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Resolve(list, name)
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}
