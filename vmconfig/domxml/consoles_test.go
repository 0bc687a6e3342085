package domxml

import (
	"slices"
	"testing"

	"guesthouse/vmconfig"
)

func TestTextConsoles(t *testing.T) {
	for xml, want := range map[string][]vmconfig.TextConsole{
		``: nil,
		`<serial type='pty'/><console type='pty'><target type='serial' port='0'/></console>`: {{Device: "serial0", Kind: "serial", Backend: "pty"}},
		`<serial type='file'/><serial type='pty'><alias name='serial7'/></serial>`: {
			{Device: "serial0", Kind: "serial", Backend: "file"}, {Device: "serial7", Kind: "serial", Backend: "pty"},
		},
		`<console type='pty'><target type='serial'/></console><console type='unix'><target type='virtio' port='1'/></console><serial type='pty'/>`: {
			{Device: "serial0", Kind: "serial", Backend: "pty"}, {Device: "console1", Kind: "virtio", Backend: "unix"},
		},
	} {
		m, err := Parse("<domain><devices>" + xml + "</devices></domain>")
		if err != nil || !slices.Equal(m.Consoles, want) {
			t.Errorf("%s: %+v, %v", xml, m.Consoles, err)
		}
	}
	m := vmconfig.Machine{Consoles: []vmconfig.TextConsole{{Device: "a", Backend: "file"}, {Device: "b", Backend: "pty"}}}
	if list := m.TextConsoles(); len(list) != 1 || list[0].Device != "b" {
		t.Errorf("%+v", list)
	}
}
