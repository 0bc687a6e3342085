package build

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/labs"
	"guesthouse/vmconfig/lab"
)

// debianPackages are what every Debian lab has beside Debian's required ones: a kernel for virtual machines, what starts it, a network.
var debianPackages = []string{
	"ca-certificates", "dbus", "e2fsprogs", "initramfs-tools", "iproute2", "kmod", "login", "netbase", "passwd", "procps", "systemd-sysv", "udev", "zstd",
}

// cloudKernel is installed unless the recipe names another one. It is small, but has no drivers for graphics cards and sound.
const cloudKernel = "linux-image-cloud-amd64"

// packagesOf returns all that is installed, in a fixed order.
func packagesOf(d *lab.RecipeDebian) []string {
	list := append(slices.Clone(debianPackages), d.Packages...)
	if !slices.ContainsFunc(d.Packages, func(p string) bool { return strings.HasPrefix(p, "linux-image-") }) {
		list = append(list, cloudKernel)
	}
	if d.Suite != "bullseye" { // there it is a part of systemd
		list = append(list, "systemd-resolved")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tempDir is for the unpacked packages. Memory, which /tmp often is, would be too small.
const tempDir = "/var/tmp"

// bootstrapLimit is for slow mirrors and slow computers; the one who waits cancels.
const bootstrapLimit = 6 * time.Hour

// bootstrap writes an archive of a root file system of Debian.
func bootstrap(ctx context.Context, mode rights, d *lab.RecipeDebian, archive string, epoch time.Time, say func(string)) (err error) {
	// In a namespace of the user's, root is another user, who must get to the folder: no folder above it may be closed, as a home often is.
	temp, lock, err := makeFolder(tempDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeMapped(ctx, temp), lock.Close()) }()
	if err := os.Chmod(temp, 0o711); err != nil {
		return err
	}
	out, err := os.OpenFile(archive, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	args := []string{"--mode=" + string(mode), "--variant=minbase", "--format=tar", "--architectures=amd64", "--include=" + strings.Join(packagesOf(d), ","), "--", d.Suite, "-"}
	if d.Mirror != "" {
		args = append(args, d.Mirror)
	}
	err = run(ctx, command{
		tool: mmdebstrapTool, args: args, dir: "/", out: out, limit: bootstrapLimit,
		env: []string{"TMPDIR=" + temp, "SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch.Unix(), 10), "DEBIAN_FRONTEND=noninteractive"},
		line: func(line string) {
			if text, ok := strings.CutPrefix(line, "I: "); ok && strings.HasSuffix(text, "...") {
				say("Debian: " + strings.TrimSuffix(text, "..."))
			}
		},
	})
	var failed *toolError
	if errors.As(err, &failed) {
		return &labs.Reason{Text: fmt.Sprintf("Debian “%s” could not be installed:\n%s", d.Suite, failed.messages), Err: ErrBootstrap}
	}
	return err
}

var (
	unshareTool   = tool{"unshare", "util-linux"}
	newuidmapTool = tool{"newuidmap", "uidmap"}
	rmTool        = tool{"rm", "coreutils"}
	trueTool      = tool{"true", "coreutils"}
)

// rights are how files can belong to anybody here. The values are mmdebstrap's modes.
type rights string

const (
	rightsRoot rights = "root" // we are
	// A namespace that has all the user's subordinate users, in which root is the user.
	rightsNamespace rights = "unshare"
)

// wrap makes a command run with these rights.
func (m rights) wrap(c command) command {
	if m == rightsNamespace {
		c.args = append([]string{"--user", "--map-auto", "--map-root-user", "--", c.tool.path()}, c.args...)
		c.tool = unshareTool
	}
	return c
}

// findRights returns what works here.
func findRights(ctx context.Context) (rights, error) {
	if os.Geteuid() == 0 {
		return rightsRoot, nil
	}
	if err := run(ctx, rightsNamespace.wrap(command{tool: trueTool, dir: "/", limit: time.Minute})); err == nil {
		return rightsNamespace, nil
	} else if ctx.Err() != nil {
		return "", err
	}
	return "", &labs.Reason{Text: "Debian cannot be installed into a folder here. " + whyNoNamespace(), Err: ErrTools}
}

// whyNoNamespace says what has to be installed or allowed, as far as that can be told.
func whyNoNamespace() string {
	value := func(file string) string {
		data, _ := os.ReadFile("/proc/sys/" + file)
		return strings.TrimSpace(string(data))
	}
	switch {
	case newuidmapTool.path() == "":
		return "Install the package uidmap."
	case value("kernel/unprivileged_userns_clone") == "0":
		return "An administrator must allow user namespaces: sysctl kernel.unprivileged_userns_clone=1."
	case value("user/max_user_namespaces") == "0":
		return "An administrator must allow user namespaces: sysctl user.max_user_namespaces=10000."
	case value("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "An administrator must allow user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0."
	}
	return "An administrator must give you subordinate users: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 YOUR-NAME."
}

// removeMapped removes a folder in which there may be files of the user's subordinate users.
func removeMapped(ctx context.Context, dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	removed := run(context.WithoutCancel(ctx), rightsNamespace.wrap(command{tool: rmTool, args: []string{"-rf", "--one-file-system", "--", dir}, dir: "/", limit: 10 * time.Minute}))
	if again := os.RemoveAll(dir); again != nil {
		return errors.Join(again, removed)
	}
	return nil
}

// grubConfig starts the kernel that Debian's links name. Of 8250's ports the kernel would otherwise give the first name to the one that ACPI lists first.
const grubConfig = `set timeout=0
linux /vmlinuz root=UUID=%s ro quiet 8250.nr_uarts=4 console=tty0 console=ttyS0
initrd /initrd.img
boot
`

// writeConfig writes an archive of the files that make a computer of the packages.
func writeConfig(archive string, r *lab.Recipe, epoch time.Time) error {
	root := fixedID(r.Name, "root")
	host := path.Base(r.Name)
	const units = "/lib/systemd/system/"
	return writeTar(archive, epoch, []entry{
		{name: "etc/hostname", text: host + "\n"},
		{name: "etc/hosts", text: "127.0.0.1 localhost\n127.0.1.1 " + host + "\n::1 localhost ip6-localhost ip6-loopback\n"},
		{name: "etc/fstab", text: fmt.Sprintf("UUID=%s / ext4 errors=remount-ro 0 1\n", root)},
		{name: "etc/machine-id"},
		{name: "etc/resolv.conf", link: "../run/systemd/resolve/stub-resolv.conf"},
		{name: "etc/default/locale", text: "LANG=C.UTF-8\n"},
		{name: "etc/systemd/network/80-guest.network", text: "[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n"},
		{name: "etc/systemd/system/multi-user.target.wants/systemd-networkd.service", link: units + "systemd-networkd.service"},
		{name: "etc/systemd/system/multi-user.target.wants/systemd-resolved.service", link: units + "systemd-resolved.service"},
		{name: "etc/systemd/system/sockets.target.wants/systemd-networkd.socket", link: units + "systemd-networkd.socket"},
		{name: "etc/systemd/system/dbus-org.freedesktop.network1.service", link: units + "systemd-networkd.service"},
		{name: "etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service", link: units + "systemd-networkd-wait-online.service"},
		{name: "boot/grub/grub.cfg", text: fmt.Sprintf(grubConfig, root)},
	})
}

// entry is a file, or a link, of root's.
type entry struct{ name, text, link string }

// writeTar writes an archive. Folders above its entries come in it where the archive before it may lack them.
func writeTar(archive string, epoch time.Time, entries []entry) (err error) {
	file, err := os.OpenFile(archive, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := tar.NewWriter(file)
	made := map[string]bool{}
	write := func(h tar.Header, text string) error {
		h.ModTime, h.Format = epoch, tar.FormatPAX
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write([]byte(text))
		return err
	}
	for _, e := range entries {
		var above []string
		for dir := path.Dir(e.name); dir != "." && !made[dir]; dir = path.Dir(dir) {
			made[dir] = true
			above = append(above, dir)
		}
		for _, dir := range slices.Backward(above) {
			if err := write(tar.Header{Typeflag: tar.TypeDir, Name: "./" + dir + "/", Mode: 0o755}, ""); err != nil {
				return err
			}
		}
		h := tar.Header{Typeflag: tar.TypeReg, Name: "./" + e.name, Mode: 0o644, Size: int64(len(e.text))}
		if e.link != "" {
			h = tar.Header{Typeflag: tar.TypeSymlink, Name: "./" + e.name, Mode: 0o777, Linkname: e.link}
		}
		if err := write(h, e.text); err != nil {
			return err
		}
	}
	return w.Close()
}

// makeDebian makes the disk of a recipe whose base is Debian.
func makeDebian(ctx context.Context, mode rights, disk, dir string, r *lab.Recipe, epoch time.Time, say func(string)) error {
	system, config, work := filepath.Join(dir, "system.tar"), filepath.Join(dir, "config.tar"), filepath.Join(dir, "disk")
	if err := bootstrap(ctx, mode, r.Base.Debian, system, epoch, say); err != nil {
		return err
	}
	if err := writeConfig(config, r, epoch); err != nil {
		return err
	}
	say("Making the disk")
	if err := os.Mkdir(work, 0o700); err != nil {
		return err
	}
	if err := assemble(ctx, mode, disk, work, r.Name, r.Bytes(), epoch, []string{system, config}); err != nil {
		return err
	}
	return errors.Join(removeMapped(ctx, work), os.Remove(system), os.Remove(config))
}

// instanceID is cloud-init's name of one build.
func instanceID() string { return "guesthouse-" + uuid.NewString() }
