package machines

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
)

// TestRecoverAfterLateConnection starts the program while the hypervisor does not answer: what an earlier run left is undone as soon as it does.
func TestRecoverAfterLateConnection(t *testing.T) {
	host := hosttest.Start(t)
	host.KillDaemon(t)
	conn := libvirtd.OpenLater(host.URI, libvirtd.Options{})
	s := New(Params{Conn: conn, Jobs: jobs.NewRunner(), DataDir: filepath.Join(host.DataDir, "guesthouse")})
	part := filepath.Join(s.imageDir(), "part.qcow2")
	if err := os.MkdirAll(s.imageDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(part, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.journal.Begin(createKind, host.URI, uuid.New(), createRecord{Disk: part}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
		conn.Close()
	}()
	if err := s.Ready(within(t)); err == nil {
		t.Fatal("it is connected to a dead daemon")
	}
	host.StartDaemon(t)
	if err := hosttest.Poll(patience, func() error {
		if _, err := os.Stat(part); err == nil {
			return errors.New("the disk is still there")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
