package machines

import (
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// SavedStatePath returns where the user's own daemon keeps the machine's saved state (libvirt's driver.c: saveDir is
// $XDG_CONFIG_HOME/libvirt/qemu/save). known is false when that cannot be told: another daemon, or one with other folders.
func SavedStatePath(host hypervisor.Host, name string) (path string, known bool) {
	dir, known := daemonFolder(host, "save")
	return filepath.Join(dir, name+".save"), known
}

// TPMDir returns the folder in which the user's own daemon keeps the state of the machine's emulated TPM (libvirt's qemu_conf.c: swtpmStorageDir is
// $XDG_CONFIG_HOME/libvirt/qemu/swtpm); it is made when the machine starts for the first time. known is false when it cannot be told.
func TPMDir(host hypervisor.Host, id uuid.UUID) (path string, known bool) {
	dir, known := daemonFolder(host, "") // the one for TPMs comes with the first machine that has one
	if !known {
		return "", false
	}
	return filepath.Join(dir, "swtpm", id.String()), true
}

// daemonFolder returns a folder of the user's own daemon; known is false when the daemon is another one, or it is not there.
func daemonFolder(host hypervisor.Host, name string) (path string, known bool) {
	if !host.Session || !host.Local || host.Hypervisor != "QEMU" {
		return "", false
	}
	config, err := os.UserConfigDir() // $XDG_CONFIG_HOME or ~/.config
	if err != nil {
		return "", false
	}
	dir := filepath.Join(config, "libvirt", "qemu", name)
	_, err = os.Stat(dir)
	return dir, err == nil
}
