package machines

import (
	"os"
	"path/filepath"

	"guesthouse/hypervisor"
)

// screenshotDir is where a daemon of this computer has QEMU put screenshots (libvirt's driver.c: cacheDir).
func screenshotDir(host hypervisor.Host) string {
	if host.Session {
		if cache, err := os.UserCacheDir(); err == nil { // $XDG_CACHE_HOME or ~/.cache
			return filepath.Join(cache, "libvirt", "qemu")
		}
	}
	return "/var/cache/libvirt/qemu"
}

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
