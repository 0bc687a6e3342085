package machines

import (
	"context"
	"testing"
	"time"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
	"guesthouse/vmconfig/guestos"
)

// patience bounds every wait of these tests; it is for hangs, not for speed.
const patience = 90 * time.Second

// fixture is a service on a libvirt of the test's own.
type fixture struct {
	*Service
	host *hosttest.Host
	jobs *jobs.Runner
	conn *libvirtd.Conn
	data string
}

// open starts a host and a service on its QEMU driver, or on libvirt's test driver.
func open(t *testing.T, testDriver bool) *fixture {
	t.Helper()
	return attach(t, hosttest.Start(t), testDriver)
}

// attach makes another service on a host, as a second program would.
func attach(t *testing.T, host *hosttest.Host, testDriver bool) *fixture {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", host.ConfigDir)
	t.Setenv(AccelVariable, "tcg")
	uri := host.URI
	if testDriver {
		uri = host.TestURI()
	}
	f := &fixture{host: host, jobs: jobs.NewRunner(), data: host.DataDir + "/guesthouse"}
	var err error
	if f.conn, err = libvirtd.Open(within(t), uri, libvirtd.Options{}); err != nil {
		t.Fatal(err)
	}
	images, err := diskimage.New()
	if err != nil {
		t.Fatal(err)
	}
	f.Service = New(Params{
		Conn: f.conn, Jobs: f.jobs, Images: images, DataDir: f.data,
		Guests: func() *guestos.Catalogue { return nil },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		f.jobs.Shutdown(within(t))
		cancel()
		<-ended
		f.conn.Close()
	})
	if err := f.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return f
}

// within returns a context for one step of a test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the inventory fulfils the condition.
func (f *fixture) eventually(t *testing.T, what string, holds func(*Snapshot) bool) {
	t.Helper()
	changed := make(chan struct{}, 1)
	stop := f.Subscribe(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	timeout := time.After(patience)
	for !holds(f.Snapshot()) {
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("never seen: %s", what)
		}
	}
}

// done waits for a job and fails the test when the job did.
func done(t *testing.T, j *jobs.Job) {
	t.Helper()
	if err := j.Wait(within(t)); err != nil {
		t.Fatalf("%s: %v", j.Status().Title, err)
	}
}
