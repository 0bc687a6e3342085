package machines

import "testing"

// TestOddNames takes machines with names that mean something to shells, XML, templates and libvirt's files from creation to deletion, judged by
// virsh.
func TestOddNames(t *testing.T) {
	f := open(t, false)
	names := []string{"a&b'c", "$(id);reboot", "{{.}} 机器"}
	for _, name := range names {
		d := draft(name)
		j, id := f.Create(d)
		done(t, j)
		if list := f.host.Virsh(t, "list", "--all", "--name"); list != name {
			t.Errorf("virsh calls %q %q", name, list)
		}
		if m, err := f.Snapshot().Find(name); err != nil || m.UUID != id {
			t.Errorf("%q is not in the list: %v", name, err)
		}
		done(t, f.Delete(id, false))
		if list := f.host.Virsh(t, "list", "--all", "--name"); list != "" {
			t.Errorf("after deleting %q virsh lists %q", name, list)
		}
	}
}
