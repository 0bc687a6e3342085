package libvirtd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"guesthouse/hypervisor"
)

// Firmwares implements hypervisor.Connection. It reads this computer's files, so it serves local connections only.
func (c *Conn) Firmwares(context.Context) ([]hypervisor.Firmware, error) {
	if h := c.Host(); !h.Local {
		return nil, fmt.Errorf("%w: firmware of another computer", hypervisor.ErrUnsupported)
	}
	folders := []string{"/usr/share/qemu/firmware", "/etc/qemu/firmware"}
	if config, err := os.UserConfigDir(); err == nil {
		folders = append(folders, filepath.Join(config, "qemu", "firmware"))
	}
	return readFirmwares(folders), nil
}

// descriptor is QEMU's description of a firmware (docs/interop/firmware.json).
type descriptor struct {
	Interfaces []string `json:"interface-types"`
	Mapping    struct {
		Device     string `json:"device"`
		Executable file   `json:"executable"`
		Template   file   `json:"nvram-template"`
	} `json:"mapping"`
	Targets []struct {
		Architecture string   `json:"architecture"`
		Machines     []string `json:"machines"`
	} `json:"targets"`
	Features []string `json:"features"`
}

type file struct {
	Name   string `json:"filename"`
	Format string `json:"format"`
}

// readFirmwares reads descriptors in the order of their file names, which is the order of preference. A later folder replaces
// those of the same name in an earlier one, and an empty file hides them. What is not on the disk is not offered.
func readFirmwares(folders []string) []hypervisor.Firmware {
	paths := map[string]string{}
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") {
				paths[e.Name()] = filepath.Join(folder, e.Name())
			}
		}
	}
	names := make([]string, 0, len(paths))
	for name := range paths {
		names = append(names, name)
	}
	sort.Strings(names)
	var list []hypervisor.Firmware
	for _, name := range names {
		if f, ok := readFirmware(paths[name]); ok {
			list = append(list, f)
		}
	}
	return list
}

func readFirmware(name string) (hypervisor.Firmware, bool) {
	var none hypervisor.Firmware
	opened, err := os.Open(name)
	if err != nil {
		return none, false
	}
	defer opened.Close()
	var d descriptor
	if json.NewDecoder(io.LimitReader(opened, 1<<20)).Decode(&d) != nil {
		return none, false
	}
	m := d.Mapping
	if !slices.Contains(d.Interfaces, "uefi") || m.Device != "flash" || !d.serves("x86_64", "pc-q35-7.2") ||
		!present(m.Executable.Name) || !present(m.Template.Name) {
		return none, false
	}
	return hypervisor.Firmware{
		Code: m.Executable.Name, CodeFormat: m.Executable.Format,
		Vars: m.Template.Name, VarsFormat: m.Template.Format,
		SecureBoot:   slices.Contains(d.Features, "secure-boot"),
		EnrolledKeys: slices.Contains(d.Features, "enrolled-keys"),
	}, true
}

// serves tells whether the firmware is for a machine type; the descriptor has patterns like "pc-q35-*".
func (d descriptor) serves(architecture, machine string) bool {
	for _, t := range d.Targets {
		if t.Architecture != architecture {
			continue
		}
		for _, pattern := range t.Machines {
			if ok, err := path.Match(pattern, machine); err == nil && ok {
				return true
			}
		}
	}
	return false
}

func present(name string) bool {
	info, err := os.Stat(name)
	return err == nil && filepath.IsAbs(name) && info.Mode().IsRegular()
}
