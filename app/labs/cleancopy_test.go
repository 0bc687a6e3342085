package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"guesthouse/hypervisor/guestfs"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// stand puts programs in the place of those that clean. They write into the disk that they are given, as the real ones do, which need a kernel of the host and minutes; those are
// tested in hypervisor/guestfs.
func (r *room) stand(t *testing.T, sysprep, sparsify string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"virt-sysprep": sysprep, "virt-sparsify": sparsify} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nset -e\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.findCleaner = func() (*guestfs.Tool, error) { return guestfs.Find(dir) }
}

// TestPublishClean: what is published is a cleaned copy. The machine stays as it is, and when cleaning fails or is cancelled there is no lab.
func TestPublishClean(t *testing.T) {
	r := openRoom(t)
	job, id := r.Launch(r.publish(t, numbered(2), func(s *Spec) { s.Config.Name = "source" }), LaunchOptions{Name: "Teacher"})
	done(t, job)
	before := r.content(t, id)
	options := func(name string, clean bool, published *lab.Digest) PublishOptions {
		return PublishOptions{
			Config: lab.Config{Course: lab.Course{Name: "Networks"}, Name: name, Title: "Title", Language: "en"},
			Clean:  clean, Done: func(d lab.Digest) { *published = d },
		}
	}
	publish := func(name string, clean bool) ([]byte, error) {
		t.Helper()
		var published lab.Digest
		if err := r.PublishMachine(id, options(name, clean, &published)).Wait(within(t)); err != nil {
			return nil, err
		}
		bases, err := r.Library().Bases(published)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(bases[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		return data, nil
	}
	nothing := func(what, name string) {
		t.Helper()
		if _, err := r.Library().Resolve(name); !errors.Is(err, ErrNoLab) {
			t.Errorf("%s: there is a lab: %v", what, err)
		}
		staging, err := r.Library().Staging()
		if err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(staging); err != nil || len(left) > 0 {
			t.Errorf("%s: left are %v, %v", what, left, err)
		}
		if !slices.Equal(r.content(t, id), before) {
			t.Fatalf("%s: the machine changed", what)
		}
	}
	config := r.machines.Snapshot().Get(id).Config

	r.findCleaner = func() (*guestfs.Tool, error) { return guestfs.Find(t.TempDir()) }
	if reason := r.CleanRefusal(config); !strings.Contains(reason, "guestfs-tools") {
		t.Errorf("without the programs: %q", reason)
	}
	_, err := publish("none", true)
	if !errors.Is(err, guestfs.ErrMissing) {
		t.Errorf("without the programs: %v", err)
	}
	nothing("without the programs", "none")
	if data, err := publish("plain", false); err != nil || !slices.Equal(data, before) {
		t.Errorf("as it is: %v", err)
	}

	const list = "if [ \"$1\" = --list-operations ]; then echo 'logfiles * Remove logs'; exit; fi\n"
	r.stand(t, list+"printf cleaned | dd of=\"$4\" conv=notrunc status=none\n", "for disk; do :; done\nprintf sparse | dd of=\"$disk\" conv=notrunc bs=1 seek=100 status=none\n")
	if reason := r.CleanRefusal(config); reason != "" {
		t.Errorf("with the programs: %q", reason)
	}
	want := slices.Clone(before)
	copy(want, "cleaned")
	copy(want[100:], "sparse")
	if data, err := publish("cleaned", true); err != nil || !slices.Equal(data, want) {
		t.Errorf("cleaned: %v", err)
	}
	nothing("after all", "other")

	r.stand(t, list+"echo broken >&2\nexit 1\n", "")
	if _, err := publish("failed", true); !errors.Is(err, guestfs.ErrTool) || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a failure: %v", err)
	}
	nothing("a failure", "failed")

	began := filepath.Join(t.TempDir(), "began")
	hosttest.Run(t, "mkfifo", began)
	r.stand(t, list+fmt.Sprintf("echo >'%s'\nexec sleep 1000\n", began), "")
	var published lab.Digest
	job = r.PublishMachine(id, options("cancelled", true, &published))
	if _, err := os.ReadFile(began); err != nil {
		t.Fatal(err)
	}
	job.Cancel()
	if err := job.Wait(within(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancel: %v", err)
	}
	nothing("a cancel", "cancelled")

	windows := vmconfig.Machine{OSID: "http://microsoft.com/win/10"}
	if reason := r.CleanRefusal(&windows); !strings.Contains(reason, "Linux") {
		t.Errorf("Windows: %q", reason)
	}
}
