package domxml

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// TestClone changes what makes a machine that machine, and nothing else.
func TestClone(t *testing.T) {
	const original = `<domain type='kvm'><name>first</name><uuid>11111111-1111-1111-1111-111111111111</uuid><genid>22222222-2222-2222-2222-222222222222</genid>
<os><loader type='pflash'>/code.fd</loader><nvram template='/vars.fd'>/nvram/first.fd</nvram></os>
<devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/images/first.raw'/><target dev='vda'/></disk>
<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface><odd:thing xmlns:odd='x'>kept</odd:thing></devices></domain>`
	id := uuid.MustParse("33333333-3333-3333-3333-333333333333")
	to := Identity{Name: "a & b", UUID: id, Sources: map[string]Source{"vda": {Path: "/images/copy.qcow2", Format: "qcow2"}}, NVRAM: "/nvram/copy.fd"}
	got, err := Clone(original, to)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(got)
	if err != nil || m.Name != "a & b" || m.UUID != id || m.NVRAM != "/nvram/copy.fd" || m.Disks[0].Path != "/images/copy.qcow2" || m.Disks[0].Format != "qcow2" || m.NICs[0].MAC != "" {
		t.Errorf("the copy is %+v, %v", m, err)
	}
	for _, want := range []string{"<odd:thing xmlns:odd='x'>kept</odd:thing>", "template='/vars.fd'", "<genid></genid>", "<model type='virtio'/>"} {
		if !strings.Contains(got, want) {
			t.Errorf("the copy lacks %s: %s", want, got)
		}
	}
	to.NVRAM = ""
	if _, err := Clone(original, to); !errors.Is(err, ErrNotEditable) {
		t.Errorf("a copy that shares the firmware's variables: %v", err)
	}
	to.NVRAM, to.Sources = "/nvram/copy.fd", map[string]Source{"vdz": {Path: "/x"}}
	if _, err := Clone(original, to); !errors.Is(err, ErrNotEditable) {
		t.Errorf("a drive that does not exist: %v", err)
	}
}
