package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/hypervisor/libvirtd"
)

func find(t *testing.T, needs []Need, name string) Need {
	t.Helper()
	for _, n := range needs {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("nothing is said about %s: %+v", name, needs)
	return Need{}
}

func TestGoodHost(t *testing.T) {
	host := hosttest.Start(t)
	needs := Check(context.Background(), Params{
		DataDir: filepath.Join(host.Dir, "not", "yet", "made"),
		Open: func(ctx context.Context) (hypervisor.Connection, error) {
			return libvirtd.Open(ctx, host.URI, libvirtd.Options{})
		},
	})
	for _, name := range []string{"QEMU", "Disk image tool", "libvirt", "libvirt service", "UEFI firmware (OVMF)", "Catalogue of operating systems (osinfo-db)"} {
		if n := find(t, needs, name); n.State != Pass || n.Fix != "" || n.Detail == "" {
			t.Errorf("%+v", n)
		}
	}
	for _, n := range needs {
		if n.State != Pass && n.Fix == "" {
			t.Errorf("%s does not pass and has no fix", n.Name)
		}
	}
}

// TestNoDBusDisplay: a QEMU whose package leaves that display out is found before a machine fails to start.
func TestNoDBusDisplay(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nif [ \"$1\" = -display ]; then printf 'Available display backend types:\\nnone\\ncurses\\n'; else echo 'QEMU emulator version 10.0.13'; fi\n"
	for _, name := range []string{"qemu-system-x86_64", "qemu-system-aarch64"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	if n := checkQEMU(t.Context()); n.State != Fail || !strings.Contains(n.Fix, "qemu-system-modules-opengl") {
		t.Errorf("%+v", n)
	}
}

func TestPoorHost(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	needs := Check(context.Background(), Params{
		DataDir: t.TempDir(),
		Open: func(context.Context) (hypervisor.Connection, error) {
			return nil, fmt.Errorf("%w: no daemon", hypervisor.ErrCannotStart)
		},
	})
	for _, name := range []string{"QEMU", "Disk image tool", "libvirt service"} {
		if n := find(t, needs, name); n.State != Fail || n.Fix == "" {
			t.Errorf("%+v", n)
		}
	}
	if n := find(t, needs, "UEFI firmware (OVMF)"); n.State != Warn {
		t.Errorf("%+v", n)
	}
}
