package checkpoints

import (
	"bytes"
	"errors"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// names lists a machine's checkpoints, each with its parent's name, and their current one.
func (f *fixture) names(t *testing.T, list []Checkpoint) string {
	t.Helper()
	byID := map[string]string{}
	var all []string
	for _, c := range list {
		byID[c.ID] = c.Name
		text := byID[c.Parent] + ">" + c.Name
		if c.Current {
			text += "*"
		}
		if c.Problem != "" {
			text += " (" + c.Problem + ")"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestTree makes a tree with branches, renames in it, and deletes a leaf, a middle, a branch and the root, with memory and without. What is left can be restored each time.
func TestTree(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		for _, running := range []bool{false, true} {
			name := string(firmware) + "-off"
			state := hypervisor.StateOff
			if running {
				name, state = string(firmware)+"-running", hypervisor.StateRunning
			}
			t.Run(name, func(t *testing.T) {
				f := open(t)
				id := f.create(t, name, firmware, false)
				if running {
					f.do(t, machines.ActionStart, id)
				}
				tree := func(want string) {
					t.Helper()
					list, err := f.List(within(t), id)
					if err != nil {
						t.Fatal(err)
					}
					if got := f.names(t, list); got != want {
						t.Fatalf("the tree is %s, want %s", got, want)
					}
				}
				save := func(name string) {
					t.Helper()
					done(t, f.Save(id, SaveOptions{Name: name, Description: "about " + name}))
				}
				restore := func(name string) {
					t.Helper()
					done(t, f.Restore(id, f.only(t, id, name).ID, RestoreOptions{}))
					f.state(t, id, state)
				}
				save("a")
				save("b")
				save("c")
				restore("b")
				save("d")
				save("e")
				restore("a")
				save("f")
				tree(">a a>b a>f* b>c b>d d>e")

				// Another name and description, for the current one and another.
				for _, was := range []string{"f", "b"} {
					c := f.only(t, id, was)
					if err := f.Describe(within(t), id, c.ID, SaveOptions{Name: was + "2", Description: "<&> new\nline"}); err != nil {
						t.Fatal(err)
					}
					if now := f.only(t, id, was+"2"); now.ID != c.ID || now.Description != "<&> new\nline" || !now.Created.Equal(c.Created) || now.State != c.State || now.SizeBytes != c.SizeBytes {
						t.Errorf("after renaming %+v is %+v", c, now)
					}
				}
				tree(">a a>b2 a>f2* b2>c b2>d d>e")
				var fault vmconfig.Fault
				for _, bad := range []string{"", "a", "A", "x/y", "\n"} {
					if err := f.Describe(within(t), id, f.idOf(t, id, "c"), SaveOptions{Name: bad}); !errors.As(err, &fault) {
						t.Errorf("renamed to %q: %v", bad, err)
					}
				}
				restore("b2")
				tree(">a a>b2* a>f2 b2>c b2>d d>e")

				if running && firmware == vmconfig.FirmwareUEFI { // deleting is possible while it runs: data inside the disks goes later
					done(t, f.Delete(id, f.idOf(t, id, "c")))
					save("c")
					restore("b2")
				}
				done(t, f.Delete(id, f.idOf(t, id, "e"))) // a leaf
				tree(">a a>b2* a>f2 b2>c b2>d")
				done(t, f.Delete(id, f.idOf(t, id, "b2"))) // a middle with two children, which is current
				tree(">a* a>c a>d a>f2")
				restore("d")
				save("g")
				tree(">a a>c a>d a>f2 d>g*")
				if err := f.Delete(id, f.idOf(t, id, "g"), "guesthouse-00000000").Wait(within(t)); !errors.Is(err, ErrNoCheckpoint) {
					t.Errorf("deleting one that is there and one that is not: %v", err)
				}
				tree(">a a>c a>d a>f2 d>g*")

				// The trash hides a middle and the current one; what comes after them moves up, and everything comes back as it was.
				list, err := f.List(within(t), id)
				if err != nil {
					t.Fatal(err)
				}
				gone := Branch(list, f.idOf(t, id, "d"))
				done(t, f.Trash(id, append(gone, f.only(t, id, "a"))))
				tree(">c >f2")
				if err := f.Restore(id, gone[0].ID, RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrNoCheckpoint) {
					t.Errorf("restoring from the trash: %v", err)
				}
				if o, err := f.Overview(within(t), id); err != nil || len(o.Trash) != 3 || !o.Changed || o.Trash[0].Deleted.IsZero() {
					t.Errorf("with three in the trash: %+v, %v", o, err)
				}
				if m := f.machines.Snapshot().Get(id); m.Checkpoint != "" {
					t.Errorf("the machine is said to be at %q", m.Checkpoint)
				}
				done(t, f.PutBack(id, []Checkpoint{{ID: f.trashed(t, id, "a").ID, Name: "a"}}))
				tree(">a* a>c a>f2")
				save("g")
				if err := f.PutBack(id, gone).Wait(within(t)); err == nil || !strings.Contains(err.Error(), "“g”") {
					t.Errorf("putting back what has the name of another: %v", err)
				}
				done(t, f.Delete(id, f.idOf(t, id, "g")))
				done(t, f.PutBack(id, gone))
				tree(">a a>c a>d a>f2 d>g*")
				restore("g")

				done(t, f.branch(t, id, "d"))
				tree(">a* a>c a>f2")
				restore("c")
				done(t, f.Delete(id, f.idOf(t, id, "a"))) // the root
				tree(">c* >f2")
				restore("f2")
				restore("c")
				done(t, f.branch(t, id, "f2"))
				done(t, f.branch(t, id, "c"))
				tree("")
				f.state(t, id, state)
				if running {
					f.do(t, machines.ActionPowerOff, id)
					save("last") // sweeps what deletions left while it ran
					done(t, f.Delete(id, f.idOf(t, id, "last")))
				}
				f.leftovers(t, id)
				f.intact(t, id)
			})
		}
	}
}

// branch deletes a checkpoint with all that came after it.
func (f *fixture) branch(t *testing.T, id uuid.UUID, name string) *jobs.Job {
	t.Helper()
	list, err := f.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	var gone []string
	for _, c := range Branch(list, f.idOf(t, id, name)) {
		gone = append(gone, c.ID)
	}
	return f.Delete(id, gone...)
}

// trashed returns the checkpoint of that name in the trash.
func (f *fixture) trashed(t *testing.T, id uuid.UUID, name string) Checkpoint {
	t.Helper()
	o, err := f.Overview(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Resolve(o.Trash, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTrashIsEmptied after seven days, at the next start of the program, and forgets what another program deleted.
func TestTrashIsEmptied(t *testing.T) {
	f := open(t)
	id := f.create(t, "old", vmconfig.FirmwareBIOS, false)
	for _, name := range []string{"old", "young", "foreign"} {
		done(t, f.Save(id, SaveOptions{Name: name}))
		done(t, f.Trash(id, []Checkpoint{f.only(t, id, name)}))
	}
	young := f.trashed(t, id, "young")
	dir := f.machines.CheckpointDir(id)
	trash := machines.ReadPointTrash(dir, nil)
	now := time.Now()
	trash[young.ID] = now.Add(3 * 24 * time.Hour)
	if err := trash.Write(dir); err != nil {
		t.Fatal(err)
	}
	f.host.Virsh(t, "snapshot-delete", "old", f.trashed(t, id, "foreign").ID)
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.purge(within(t), look, now.Add(TrashTime)); err != nil {
		t.Fatal(err)
	}
	if o, err := f.Overview(within(t), id); err != nil || len(o.Trash) != 1 || o.Trash[0].ID != young.ID || len(o.List) != 0 {
		t.Errorf("after a week: %+v, %v", o, err)
	}
	if trash := machines.ReadPointTrash(dir, nil); len(trash) != 1 {
		t.Errorf("the trash is %v", trash)
	}
	if left := f.host.Virsh(t, "snapshot-list", "old", "--name"); left != young.ID {
		t.Errorf("virsh lists %q", left)
	}
	// Another program gives the name to another one, which is not in the trash.
	trash = machines.PointTrash{young.ID: now.Add(-time.Hour)}
	if err := trash.Write(dir); err != nil {
		t.Fatal(err)
	}
	if o, err := f.Overview(within(t), id); err != nil || len(o.Trash) != 0 || len(o.List) != 1 {
		t.Errorf("with a younger one of that name: %+v, %v", o, err)
	}
}

// intact has qemu-img check the machine's disks.
func (f *fixture) intact(t *testing.T, id uuid.UUID) {
	t.Helper()
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range look.disks() {
		if unfit(d) {
			continue
		}
		if check, err := f.images.Check(within(t), d.Path); err != nil || check.Errors != 0 {
			t.Errorf("%s: %+v, %v", d.Path, check, err)
		}
	}
}

// TestPicture: a checkpoint of a running machine shows its screen, and the picture goes with it, whoever deletes it.
func TestPicture(t *testing.T) {
	f := open(t)
	id := f.create(t, "seen", vmconfig.FirmwareBIOS, false)
	done(t, f.Save(id, SaveOptions{Name: "off"}))
	f.do(t, machines.ActionStart, id)
	done(t, f.Save(id, SaveOptions{Name: "one"}))
	done(t, f.Save(id, SaveOptions{Name: "two"}))
	if c := f.only(t, id, "off"); c.Picture != "" {
		t.Errorf("a machine that is off has the picture %s", c.Picture)
	}
	one, two := f.only(t, id, "one").Picture, f.only(t, id, "two").Picture
	if two == "" {
		t.Error("the second one has no picture")
	}
	data, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := png.Decode(bytes.NewReader(data)); err != nil || m.Bounds().Dx() > pictureWidth || m.Bounds().Dy() > pictureHeight || m.Bounds().Dx() < 50 {
		t.Errorf("the picture is %v, %v", m, err)
	}
	done(t, f.Delete(id, f.idOf(t, id, "one")))
	f.host.Virsh(t, "snapshot-delete", "seen", f.idOf(t, id, "two"))
	done(t, f.Save(id, SaveOptions{Name: "three"}))
	for _, path := range []string{one, two} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}
