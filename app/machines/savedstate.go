package machines

import (
	"os"
	"path/filepath"

	"guesthouse/hypervisor"
)

// SavedStatePath returns where the user's own daemon keeps the machine's saved state (libvirt's driver.c: saveDir is
// $XDG_CONFIG_HOME/libvirt/qemu/save). known is false when that cannot be told: another daemon, or one with other folders.
func SavedStatePath(host hypervisor.Host, name string) (path string, known bool) {
	if !host.Session || !host.Local || host.Hypervisor != "QEMU" {
		return "", false
	}
	config, err := os.UserConfigDir() // $XDG_CONFIG_HOME or ~/.config
	if err != nil {
		return "", false
	}
	dir := filepath.Join(config, "libvirt", "qemu", "save")
	if _, err := os.Stat(dir); err != nil {
		return "", false
	}
	return filepath.Join(dir, name+".save"), true
}
