package libvirtd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
)

// Every way to a display works by itself, not only the one that is tried first.
func TestEveryWayToADisplay(t *testing.T) {
	h := hosttest.Start(t)
	c, err := Open(t.Context(), h.URI, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := c.current()
	if err != nil {
		t.Fatal(err)
	}
	type opener func(ctx context.Context, id uuid.UUID, v vnc) (net.Conn, error)
	ours := func(ctx context.Context, id uuid.UUID, v vnc) (net.Conn, error) { return passOurs(ctx, s, id, v.index) }
	theirs := func(ctx context.Context, id uuid.UUID, v vnc) (net.Conn, error) {
		return askForTheirs(ctx, s, id, v.index)
	}
	listening := func(ctx context.Context, _ uuid.UUID, v vnc) (net.Conn, error) {
		path, err := v.reach(ctx, s)
		return path.Conn, err
	}
	for name, tc := range map[string]struct {
		graphics string
		ways     map[string]opener
	}{
		"hidden": {
			`<graphics type='vnc'><listen type='none'/></graphics>`,
			map[string]opener{"ours": ours, "theirs": theirs},
		},
		"second": { // libvirt counts all displays
			`<graphics type='dbus' p2p='yes'/><graphics type='vnc'><listen type='none'/></graphics>`,
			map[string]opener{"ours": ours, "theirs": theirs},
		},
		"socket": {
			`<graphics type='vnc'><listen type='socket'/></graphics>`,
			map[string]opener{"ours": ours, "theirs": theirs, "socket": listening},
		},
		"address": {
			`<graphics type='vnc' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>`,
			map[string]opener{"ours": ours, "theirs": theirs, "address": listening},
		},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := c.Define(t.Context(), fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
				<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>%s<video><model type='vga'/></video></devices></domain>`, name, tc.graphics))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			text, err := c.DomainXML(t.Context(), id, true)
			if err != nil {
				t.Fatal(err)
			}
			v, err := findVNC(text)
			if err != nil {
				t.Fatal(err)
			}
			for way, open := range tc.ways {
				for range 3 {
					conn, err := open(t.Context(), id, v)
					if err != nil {
						t.Fatalf("%s: %v", way, err)
					}
					banner := make([]byte, 12)
					conn.SetReadDeadline(time.Now().Add(patience))
					_, err = io.ReadFull(conn, banner)
					conn.Close()
					if err != nil || string(banner) != "RFB 003.008\n" {
						t.Fatalf("%s: %q, %v", way, banner, err)
					}
				}
			}
		})
	}
}

func TestFindVNC(t *testing.T) {
	wrap := func(s string) string { return "<domain id='1'><devices>" + s + "</devices></domain>" }
	for text, want := range map[string]vnc{
		wrap(`<graphics type='vnc' port='5901' listen='127.0.0.1' passwd='x'/>`):                        {port: 5901, host: "127.0.0.1", password: "x"},
		wrap(`<graphics type='spice'/><graphics type='vnc' port='-1' autoport='yes'/>`):                 {index: 1},
		wrap(`<graphics type='vnc'><listen type='socket' socket='/run/x'/></graphics>`):                 {socket: "/run/x"},
		wrap(`<graphics type='vnc' port='70000'><listen type='address' address='::1'/></graphics>`):     {host: "::1"},
		wrap(`<graphics type='vnc' port='5900'><listen type='network' address='10.0.0.1'/></graphics>`): {port: 5900, host: "10.0.0.1"},
	} {
		if got, err := findVNC(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "<domain id='1'/>", wrap(`<graphics type='spice'/>`), "<domain><devices>"} {
		if _, err := findVNC(text); !errors.Is(err, hypervisor.ErrNoGraphics) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFindVNCOfMachineThatIsOff(t *testing.T) {
	if _, err := findVNC("<domain><devices><graphics type='vnc' port='5901'/></devices></domain>"); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Error(err)
	}
}

// A socket that stays silent, is closed or speaks something else is no display; what does speak keeps its greeting.
func TestWaitForBanner(t *testing.T) {
	for name, tc := range map[string]struct {
		say  string
		shut bool
		ok   bool
	}{
		"vnc": {say: "RFB 003.008\n", ok: true}, "part": {say: "RF", ok: true}, "web": {say: "HTTP/1.1"}, "closed": {shut: true},
	} {
		a, b := unixPair(t)
		io.WriteString(b, tc.say)
		if tc.shut {
			b.Close()
		}
		if err := waitForBanner(t.Context(), a); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
		if tc.ok {
			got := make([]byte, len(tc.say))
			if _, err := io.ReadFull(a, got); err != nil || string(got) != tc.say {
				t.Errorf("%s: then read %q, %v", name, got, err)
			}
		}
	}
	a, _ := unixPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitForBanner(ctx, a); err == nil {
		t.Error("silence was taken for a display")
	}
}

func unixPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "fl") //nolint:usetesting // unix socket paths are short
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close(); l.Close(); os.RemoveAll(dir) })
	return a, b
}

func TestPPM(t *testing.T) {
	b, err := ppmToPNG(append([]byte("P6\n2 1\n255\n"), 255, 0, 0, 0, 0, 255))
	if err != nil || !bytes.HasPrefix(b, []byte("\x89PNG")) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"P6", "P6\n-1 1\n255\n", "P6\n99999 99999\n255\n", "P6\n2 2\n255\nabc", "P6\n1 1\n65535\nabcdef"} {
		if _, err := ppmToPNG([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// Firmware comes from QEMU's descriptors; what is missing or for other machines is left out.
func TestFirmwares(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	code := filepath.Join(first, "code.fd")
	if err := os.WriteFile(code, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	write := func(dir, name, architecture, machine, executable, features string) {
		text := fmt.Sprintf(`{"interface-types":["uefi"],"mapping":{"device":"flash","executable":{"filename":%q,"format":"raw"},
			"nvram-template":{"filename":%q,"format":"raw"}},"targets":[{"architecture":%q,"machines":[%q]}],"features":[%s]}`,
			executable, code, architecture, machine, features)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(first, "60-plain.json", "x86_64", "pc-q35-*", code, "")
	write(first, "50-secure.json", "x86_64", "pc-q35-*", code, `"secure-boot","enrolled-keys"`)
	write(first, "10-arm.json", "aarch64", "virt-*", code, "")
	write(first, "20-old.json", "x86_64", "pc-i440fx-*", code, "")
	write(first, "30-gone.json", "x86_64", "pc-q35-*", code+".gone", "")
	write(first, "40-hidden.json", "x86_64", "pc-q35-*", code, "")
	if err := os.WriteFile(filepath.Join(second, "40-hidden.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	list := readFirmwares([]string{first, second, filepath.Join(first, "missing")})
	if len(list) != 2 || !list[0].SecureBoot || !list[0].EnrolledKeys || list[1].SecureBoot || list[1].Code != code || list[1].VarsFormat != "raw" {
		t.Errorf("%+v", list)
	}
	if real := readFirmwares([]string{"/usr/share/qemu/firmware"}); len(real) == 0 {
		if _, err := exec.LookPath("qemu-system-x86_64"); err == nil {
			t.Error("the installed firmware is not found")
		}
	}
}
