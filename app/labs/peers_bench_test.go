package labs

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// courseDisk makes a file system of about 400 MB of this computer's own programs and texts, as a course's machine has, in a raw image of 2 GiB; and the same
// after an update: every twentieth program or library over 100 KB is another, and 20 MiB are added.
func courseDisk(b *testing.B) (first, second string) {
	b.Helper()
	dir := b.TempDir()
	tree := filepath.Join(dir, "tree")
	for _, from := range []string{"/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/share/doc"} {
		if err := os.MkdirAll(filepath.Join(tree, from), 0o755); err != nil {
			b.Fatal(err)
		}
		// The first files by name, until about 150 MB are there.
		script := fmt.Sprintf(`cd %q && find . -maxdepth 2 -type f -size -20M -print0 | sort -z | head -z -n 900 | tar --null -T - -cf - 2>/dev/null | tar -xf - -C %q`, from, filepath.Join(tree, from))
		command(b, "bash", "-c", script)
	}
	first, second = filepath.Join(dir, "first.raw"), filepath.Join(dir, "second.raw")
	command(b, "/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, first, "2G")
	n, added := 0, []byte(nil)
	err := filepath.WalkDir(tree, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := range data { // as large, as regular, and nothing of it was there before
			data[i] += byte(1 + i>>12)
		}
		if len(added) < 20<<20 {
			added = append(added, data[:min(len(data), 20<<20-len(added))]...)
		}
		if len(data) > 100<<10 {
			if n++; n%20 == 0 {
				return os.WriteFile(path, data, 0o600)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "added"), added, 0o600); err != nil {
		b.Fatal(err)
	}
	// A guest changes the file system that it has; making it anew would move everything.
	command(b, "cp", "--sparse=always", first, second)
	command(b, "bash", "-c", fmt.Sprintf(`cd %q && (find . -type f -newer %q | while read -r f; do echo "rm ${f#./}"; echo "write $f ${f#./}"; done) | /sbin/debugfs -w -f - %q >/dev/null 2>&1`, tree, first, second))
	return first, second
}

func command(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", name, err, out)
	}
}

func fileBytes(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// BenchmarkAgainstOVA compares what students download, the first time and for an update, with the files that courses hand out today: an OVA's stream-optimised VMDK, and
// a qcow2 image packed with zstd. Both are downloaded whole each time.
func BenchmarkAgainstOVA(b *testing.B) {
	first, second := courseDisk(b)
	var ova, packed [2]int64
	for i, raw := range []string{first, second} {
		vmdk, qcow2 := raw+".vmdk", raw+".qcow2"
		command(b, "qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, vmdk)
		command(b, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2)
		command(b, "zstd", "-q", "-10", "-T0", qcow2)
		ova[i], packed[i] = fileBytes(b, vmdk), fileBytes(b, qcow2+".zst")
	}
	for b.Loop() {
		teacher := New(Params{Dir: b.TempDir(), Keys: b.TempDir()})
		share := b.TempDir()
		var served atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.FileServer(http.Dir(share)).ServeHTTP(&counting{w, &served}, r)
		}))
		student := New(Params{Dir: b.TempDir(), Keys: b.TempDir()})
		id := uuid.New()
		quiet := func(jobs.Progress) {}
		var sizes [2]int64
		for i, raw := range []string{first, second} {
			staging, err := teacher.Staging()
			if err != nil {
				b.Fatal(err)
			}
			staged := filepath.Join(staging, "disk.raw")
			command(b, "cp", "--sparse=always", raw, staged)
			digest, err := teacher.Publish(b.Context(), Spec{Files: map[string]string{"disk0": staged}, Config: lab.Config{
				ID: id, Course: lab.Course{Name: "Course"}, Name: "course/lab", Title: "Lab", Language: "en",
				Machine: lab.Machine{Arch: "x86_64", Chipset: "q35", Firmware: "bios", CPUs: 1, MemoryMiB: 64, Video: "virtio"},
				Network: lab.Network{Mode: lab.NetworkIsolated}, Disks: []lab.Disk{{ID: "disk0", Bus: "virtio"}},
			}}, quiet)
			if err != nil {
				b.Fatal(err)
			}
			if err := pushTo(b.Context(), teacher, digest, share); err != nil {
				b.Fatal(err)
			}
			ref, err := source.Parse(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			place, err := source.OpenSource(b.Context(), ref, source.Options{})
			if err != nil {
				b.Fatal(err)
			}
			served.Store(0)
			if _, err := student.Add(b.Context(), place, AddOptions{Trust: func(context.Context, Question) (bool, error) { return true, nil }}, quiet); err != nil {
				b.Fatal(err)
			}
			sizes[i] = served.Load()
			place.Close()
		}
		server.Close()
		b.ReportMetric(float64(sizes[0])/float64(ova[0]), "first/OVA")
		b.ReportMetric(float64(sizes[0])/float64(packed[0]), "first/qcow2.zst")
		b.ReportMetric(float64(sizes[1])/float64(ova[1]), "update/OVA")
		b.ReportMetric(float64(sizes[1])/float64(packed[1]), "update/qcow2.zst")
		b.ReportMetric(float64(sizes[0])/1e6, "first-MB")
		b.ReportMetric(float64(sizes[1])/1e6, "update-MB")
		b.ReportMetric(float64(ova[0])/1e6, "OVA-MB")
	}
}

// counting counts what a server sends.
type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counting) Write(data []byte) (int, error) {
	c.sent.Add(int64(len(data)))
	return c.ResponseWriter.Write(data)
}

func pushTo(ctx context.Context, l *Library, id lab.Digest, dir string) error {
	ref, err := source.Parse(dir)
	if err != nil {
		return err
	}
	target, err := source.OpenTarget(ctx, ref, source.Options{})
	if err != nil {
		return err
	}
	defer target.Close()
	_, err = l.Push(ctx, id, target, PushOptions{}, func(jobs.Progress) {})
	return err
}

// BenchmarkLaunch compares launching a lab, from the request until the machine runs, with virsh starting the same machine, for a small and a large disk; and measures a reset.
func BenchmarkLaunch(b *testing.B) {
	r := openRoom(b)
	ids := map[int64]lab.Digest{}
	for _, gib := range []int64{1, 20} {
		ids[gib] = r.publish(b, bytes.Repeat([]byte{1}, 64<<20), func(s *Spec) {
			if err := os.Truncate(s.Files["system"], gib<<30); err != nil {
				b.Fatal(err)
			}
			s.Config.Name = fmt.Sprintf("course/lab%d", gib)
		})
	}
	for b.Loop() {
		took := map[int64]time.Duration{}
		var start, reset time.Duration
		for range 5 {
			for gib, digest := range ids {
				began := time.Now()
				job, machine := r.Launch(digest, LaunchOptions{Start: true})
				done(b, job)
				took[gib] += time.Since(began)
				r.host.Virsh(b, "destroy", machine.String())
				began = time.Now()
				r.host.Virsh(b, "start", machine.String())
				start += time.Since(began)
				r.host.Virsh(b, "destroy", machine.String())
				began = time.Now()
				done(b, r.Reset(machine, ResetOptions{}))
				reset += time.Since(began)
				done(b, r.machines.Delete(machine, false))
			}
		}
		b.ReportMetric(took[1].Seconds()/5, "launch-1GiB-s")
		b.ReportMetric(took[20].Seconds()/5, "launch-20GiB-s")
		b.ReportMetric(took[20].Seconds()/took[1].Seconds(), "20GiB/1GiB")
		b.ReportMetric(start.Seconds()/10, "virsh-start-s")
		b.ReportMetric(reset.Seconds()/10, "reset-s")
	}
}
