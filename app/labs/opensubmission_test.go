package labs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"guesthouse/app/checkpoints"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig/lab"
)

// TestOpenHostileSubmission: content that is not what was signed, that is missing, or that is more than it says, is refused, and nothing of it stays.
func TestOpenHostileSubmission(t *testing.T) {
	c := openClassroom(t)
	l, dir := c.Library(), t.TempDir()
	id := c.publish(t, append(numbered(4), make([]byte, 512)...), func(s *Spec) { s.Config.Submit = &lab.Submit{GrowthMiB: 3} })
	const size = 4*mib + 512
	content, other := noise(1, mib), noise(2, mib)
	list := func(chunks ...lab.Change) []byte { return (&lab.Changes{Chunks: chunks}).Encode() }
	begin := func() *forgedSubmission { return forge(t, l, id, "Mallory") }

	lying := begin().part("system", size, list(lab.Change{Chunk: 1, Digest: lab.Sum(content)}))
	var b lab.PackBuilder
	b.Add(lab.Sum(content), lab.Compress(other), len(other)) // the name of one, the content of another
	var data bytes.Buffer
	data.ReadFrom(b.Reader())
	lying.packs = [][]byte{data.Bytes()}

	bomb := begin().part("system", size, list(lab.Change{Chunk: 1, Digest: lab.Sum(content)}))
	b.Reset()
	zeros := lab.Compress(make([]byte, mib))
	b.Add(lab.Sum(content), append(bytes.Clone(zeros), zeros...), mib) // two frames
	data = bytes.Buffer{}
	data.ReadFrom(b.Reader())
	bomb.packs = [][]byte{data.Bytes()}

	table := begin().chunk("system", size, 1, content)
	table.packs[0][8+4]++ // one entry more than there is
	for what, f := range map[string]*forgedSubmission{
		"other content":     lying,
		"two frames":        bomb,
		"table":             table,
		"missing":           begin().part("system", size, list(lab.Change{Chunk: 1, Digest: lab.Sum(content)}, lab.Change{Chunk: 2, Digest: lab.Sum(other)})).pack(content),
		"no packs":          begin().part("system", size, list(lab.Change{Chunk: 1, Digest: lab.Sum(content)})),
		"too short a chunk": begin().chunk("system", size, 1, content[:4096]),
		"too long a chunk":  begin().part("system", size, list(lab.Change{Chunk: 0, Digest: lab.Sum(other)}, lab.Change{Chunk: 4, Digest: lab.Sum(content)})).pack(content, other),
	} {
		job, _ := c.OpenSubmission(f.file(t, dir, what), OpenOptions{AnotherKey: true})
		err := job.Wait(within(t))
		if !errors.Is(err, lab.ErrSubmission) && !(what == "too long a chunk" && errors.Is(err, ErrGrowth)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	over := begin().part("system", size, list(lab.Change{Chunk: 0, Digest: lab.Sum(content)}, lab.Change{Chunk: 1, Digest: lab.Sum(content)}, lab.Change{Chunk: 2, Digest: lab.Sum(content)}, lab.Change{Chunk: 3, Digest: lab.Sum(other)})).pack(content)
	job, _ := c.OpenSubmission(over.file(t, dir, "over"), OpenOptions{AnotherKey: true})
	if err := job.Wait(within(t)); !errors.Is(err, ErrGrowth) {
		t.Errorf("more than the lab takes: %v", err)
	}
	// A lab's package is none of a student's.
	place := filepath.Join(dir, "lab.lab")
	done(t, c.Send(id, place, SendOptions{}))
	job, _ = c.OpenSubmission(place, OpenOptions{})
	if err := job.Wait(within(t)); !errors.Is(err, source.ErrNoPackage) {
		t.Errorf("a lab: %v", err)
	}
	if len(c.machines.Snapshot().Machines) > 0 {
		t.Errorf("machines are left: %v", c.host.Virsh(t, "list", "--all"))
	}
	if left, err := filepath.Glob(filepath.Join(c.p.DataDir, "images", "*")); err != nil || len(left) > 0 {
		t.Errorf("disks are left: %v, %v", left, err)
	}
	c.nothingLeft(t, 0)
	// What changes nothing but to zeros, and one chunk to what it was, is in order.
	fine := begin().part("system", size, list(lab.Change{Chunk: 0, Digest: lab.Digest{}}, lab.Change{Chunk: 2, Digest: lab.Sum(bytes.Repeat([]byte{2}, mib))}, lab.Change{Chunk: 3, Digest: lab.Digest{}}, lab.Change{Chunk: 4, Digest: lab.Sum(content[:512])})).
		pack(bytes.Repeat([]byte{2}, mib), content[:512])
	job, machine := c.OpenSubmission(fine.file(t, dir, "fine"), OpenOptions{AnotherKey: true})
	done(t, job)
	want := append(numbered(4), content[:512]...)
	clear(want[3*mib : 4*mib])
	if !bytes.Equal(c.content(t, machine), want) {
		t.Error("what was opened is another disk")
	}
}

// TestSubmitUEFI: a machine with UEFI firmware, and with more than one layer over the lab's disk, goes over with the firmware's variables.
func TestSubmitUEFI(t *testing.T) {
	c := openClassroom(t)
	id := c.publish(t, numbered(8), func(s *Spec) {
		s.Config.Machine.Firmware, s.Config.Machine.MemoryMiB, s.Config.Title = "uefi", 128, "Lab"
	})
	c.give(t, c.student, id)
	machine := launched(t, c.student, id)
	first := c.disk(machine)
	c.write(t, machine, 1, 101)
	c.write(t, machine, 2, 102)
	done(t, c.machines.Do(machines.ActionStart, machine))
	done(t, c.checkpoints.Save(machine, checkpoints.SaveOptions{Name: "Running"}))
	done(t, c.machines.Do(machines.ActionPowerOff, machine))
	m := c.machines.Snapshot().Get(machine).Config
	// One more layer, as other programs' snapshots make them.
	if err := os.Rename(first, first+".lower"); err != nil {
		t.Fatal(err)
	}
	if err := c.images.CreateOverlay(within(t), first, first+".lower", diskimage.FormatQcow2); err != nil {
		t.Fatal(err)
	}
	c.write(t, machine, 2, 112) // over what is below
	c.write(t, machine, 3, 113)
	if err := c.images.Write(within(t), m.Disks[0].Path, t.TempDir(), []diskimage.Piece{{Offset: 1 << 20, Bytes: 1 << 19}}); err != nil { // zeros over half of it
		t.Fatal(err)
	}
	receipt, file := c.handIn(t, c.student, machine, "Ada")
	job, opened := c.OpenSubmission(file, OpenOptions{})
	done(t, job)
	if !bytes.Equal(c.content(t, opened), c.content(t, machine)) {
		t.Error("the disk is not what the student had")
	}
	variables, err := os.ReadFile(m.NVRAM)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(c.machines.Snapshot().Get(opened).Config.NVRAM)
	if err != nil || !bytes.Equal(theirs, variables) {
		t.Errorf("the firmware's variables are not what the student had: %v", err)
	}
	if receipt.Changed < 3*mib || receipt.Changed > 3*mib+int64(len(variables)) {
		t.Errorf("%+v for variables of %d bytes", receipt, len(variables))
	}
	done(t, c.machines.Do(machines.ActionStart, opened))
	done(t, c.machines.Do(machines.ActionPowerOff, opened))
}
