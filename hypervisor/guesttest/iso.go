package guesttest

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"guesthouse/hypervisor/hosttest"
)

// kernelDir is where "packaging/setup test" puts the distribution's kernel (packaging/testing/fetch-kernel).
const kernelDir = "/var/cache/guesthouse-test/kernel-3"

// defaultLabel is the volume id of the test guest's ISO.
const defaultLabel = "GUESTHOUSE_TEST"

//go:embed guestinit/*.go
var initSource embed.FS

// Quiet and without what only costs time under emulation. 8250.nr_uarts gives each of a PC's four ports its place. With fewer, the
// port that ACPI names first takes ttyS0, and of two ISA ports QEMU names the second one first.
const grubConfig = `set timeout=0
insmod all_video
set gfxpayload=800x600x32
linux /boot/vmlinuz console=ttyS0 quiet panic=10 nokaslr mitigations=off no_timer_check tsc=reliable audit=0 8250.nr_uarts=4 vt.global_cursor_default=0
initrd /boot/initrd
boot
`

// ISO returns the path of the test guest's bootable CD image, for BIOS and UEFI. It is made once and then
// kept in the test cache; treat it as read-only.
func ISO(t testing.TB) string {
	t.Helper()
	return ISOLabelled(t, defaultLabel)
}

// ISOLabelled is ISO with a volume id of the test's choice (ISO 9660: at most 32 characters), by which
// osinfo-db recognises operating systems.
func ISOLabelled(t testing.TB, label string) string {
	t.Helper()
	cache := hosttest.CacheDir(t)
	unlock := lock(t, filepath.Join(cache, "guest.lock"))
	defer unlock()

	version, err := os.ReadFile(filepath.Join(kernelDir, "version"))
	if err != nil {
		t.Fatalf("guesttest: no kernel for the test guest (%v): run packaging/setup test", err)
	}
	path := filepath.Join(cache, "guest-"+fingerprint(t, string(version), label)+".iso")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	build := t.TempDir()
	part := path + ".part"
	makeISO(t, build, makeInitramfs(t, build), label, part)
	if err := os.Rename(part, path); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	return path
}

// lock makes test processes take turns; the guest is made by the first one.
func lock(t testing.TB, path string) (unlock func()) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	for {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		t.Fatalf("guesttest: lock %s: %v", path, err)
	}
	return func() { file.Close() }
}

// fingerprint names everything that the ISO is made of.
func fingerprint(t testing.TB, parts ...string) string {
	t.Helper()
	hash := sha256.New()
	for _, part := range append(parts, grubConfig, strings.Join(guestModules, " ")) {
		fmt.Fprintf(hash, "%d %s\n", len(part), part)
	}
	for name, text := range initFiles(t) {
		fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:6])
}

func makeISO(t testing.TB, build, initramfs, label, target string) {
	t.Helper()
	boot := filepath.Join(build, "iso", "boot")
	if err := os.MkdirAll(filepath.Join(boot, "grub"), 0o755); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	kernel, err := os.ReadFile(filepath.Join(kernelDir, "vmlinuz"))
	if err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	write(t, filepath.Join(boot, "vmlinuz"), kernel)
	write(t, filepath.Join(boot, "grub", "grub.cfg"), []byte(grubConfig))
	if err := os.Rename(initramfs, filepath.Join(boot, "initrd")); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
	run(t, build, nil, hosttest.Tool(t, "grub-mkrescue"), "--output="+target, "--locales=", "--themes=", "--fonts=",
		"-volid", label, filepath.Join(build, "iso"))
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatalf("guesttest: %v", err)
	}
}

func run(t testing.TB, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("guesttest: %s: %v\n%s", filepath.Base(name), err, out)
	}
}
