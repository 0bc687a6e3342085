package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ErrConfig says that a lab's config cannot be used; the fault that wraps it says why.
var ErrConfig = errors.New("the lab's description is not valid")

// ErrNewer says that something was written in a later version of the format than this program knows.
var ErrNewer = errors.New("the lab was made by a newer version of Guesthouse: update this program first")

// Format is the version of the config that this program writes and reads.
const Format = 1

// MaxConfigBytes is the longest config.
const MaxConfigBytes = 1 << 20

// Config says what a lab is: all that the teacher signs. It is a value; its bytes are made by Encode once and kept from then on, because
// the lab's ID is their SHA-256. Texts are as the teacher wrote them: show them through vmconfig.Inert.
type Config struct {
	Format   int       `json:"format"`            // Format
	ID       uuid.UUID `json:"id"`                // the same in all versions of a lab
	Version  int       `json:"version"`           // from 1, larger in each later version
	Previous Digest    `json:"previous,omitzero"` // lab ID of the version before, zero in the first
	Course   Course    `json:"course"`
	// Name is the lab's short name: 1 to 4 parts of lower-case letters, digits and single hyphens inside, separated by slashes. It is its repository
	// in a registry.
	Name     string    `json:"name"`
	Title    string    `json:"title"`            // one line, 1 to MaxTitleBytes
	Language string    `json:"language"`         // BCP 47, of title and text
	Text     string    `json:"text,omitempty"`   // the task, Markdown, at most MaxTextBytes
	Created  time.Time `json:"created"`          // RFC 3339
	Expires  time.Time `json:"expires,omitzero"` // advice only: after it the lab may be of no use
	Machine  Machine   `json:"machine"`
	Needs    Needs     `json:"needs,omitzero"`
	Network  Network   `json:"network"`
	Disks    []Disk    `json:"disks"` // 1 to MaxDisks
	// Variables are the contents of the firmware's variable store, nil if it begins with the firmware's own; only with UEFI.
	Variables *Variables `json:"variables,omitempty"`
	Picture   Digest     `json:"picture,omitzero"` // of a PNG, at most MaxPictureBytes
	// Checkpoints limits what students save, nil: no limit.
	Checkpoints *Checkpoints `json:"checkpoints,omitempty"`
	// Submit limits what students hand in, nil: DefaultGrowthMiB.
	Submit *Submit `json:"submit,omitempty"`
}

// Course is whose lab it is.
type Course struct {
	Name string `json:"name"` // for people, one line of 1 to MaxCourseBytes
	Key  string `json:"key"`  // minisign's public key: the second line of its .pub file
}

// Machine is the virtual machine, in the terms of vmconfig.Machine. What is not here a lab cannot ask for: no device, path or script of the host.
type Machine struct {
	Arch       string `json:"arch"`         // x86_64
	Chipset    string `json:"chipset"`      // q35 or pc
	Firmware   string `json:"firmware"`     // bios or uefi
	SecureBoot bool   `json:"secureBoot"`   // only with uefi and q35
	TPM        bool   `json:"tpm"`          // an emulated security chip, empty at the beginning
	OS         string `json:"os,omitempty"` // osinfo-db id, a URL; empty when unknown
	CPUs       int    `json:"cpus"`         // 1 to 64
	MemoryMiB  int64  `json:"memoryMiB"`    // 16 to 1048576
	Video      string `json:"video"`        // one of Videos
	Sound      string `json:"sound,omitempty"`
	Clipboard  bool   `json:"clipboard,omitempty"` // a channel for text between guest and host
}

// Videos and Sounds are the graphics cards and sound devices that a lab can have, by libvirt's names.
var (
	Videos = []string{"virtio", "vga", "qxl", "bochs", "cirrus", "none"}
	Sounds = []string{"", "ich6", "ich9", "ac97", "es1370", "sb16", "usb", "virtio"}
)

// Needs are what the lab needs of a host, as the teacher declares it. They are advice before a launch.
type Needs struct {
	MemoryMiB int64  `json:"memoryMiB,omitempty"` // free memory
	DiskMiB   int64  `json:"diskMiB,omitempty"`   // what the student's changes may take beside the base
	Program   string `json:"program,omitempty"`   // oldest version of the program, such as 1.4
}

// NetworkMode says what the guest can reach.
type NetworkMode string

// The networks that a lab can ask for. No mode lets anything but the student's own host in.
const (
	NetworkIsolated NetworkMode = "isolated" // nothing outside the host
	NetworkInternet NetworkMode = "internet" // out through the host's address translation
	NetworkNone     NetworkMode = "none"     // no network card
)

// Network is how the guest is connected.
type Network struct {
	Mode NetworkMode `json:"mode"`
	// Ports are TCP ports of the guest that the student's host may open, at most MaxPorts; which port of the host is used is not the lab's matter.
	Ports []Port `json:"ports,omitempty"`
}

// Port is a service in the guest.
type Port struct {
	Name  string `json:"name"`  // lower-case letters, digits, hyphens, at most 32
	Guest int    `json:"guest"` // 1 to 65535
}

// Disk is one disk, whose content the index names.
type Disk struct {
	ID    string `json:"id"`    // lower-case letters, digits, hyphens, at most 32; unique, and the first one is booted from
	Bytes int64  `json:"bytes"` // a multiple of 512, at most MaxDiskBytes; all disks together at most MaxDisksBytes
	Bus   string `json:"bus"`   // virtio, sata, scsi or ide
	Index Digest `json:"index"`
}

// Variables are the contents of the firmware's variable store.
type Variables struct {
	Bytes int64  `json:"bytes"` // at most MaxVariablesBytes
	Index Digest `json:"index"`
}

// Checkpoints limits the checkpoints of a student's machine.
type Checkpoints struct {
	Max int `json:"max"` // 0 to 1000
}

// Submit limits what a student hands in.
type Submit struct {
	GrowthMiB int64 `json:"growthMiB"` // changed content, 1 to 1048576 MiB
}

// DefaultGrowthMiB is what a student may hand in where the lab says nothing.
const DefaultGrowthMiB = 1024

// Limits of a config.
const (
	MaxTitleBytes     = 256
	MaxCourseBytes    = 128
	MaxTextBytes      = 64 << 10
	MaxPictureBytes   = 1 << 20
	MaxPorts          = 16
	MaxDisks          = 8
	MaxDiskBytes      = int64(maxChunks) * ChunkSize // just below 2 TiB: a larger one's index would not fit in a blob
	MaxDisksBytes     = int64(16) << 40
	MaxVariablesBytes = int64(64) << 20
)

// Part is one piece of content that the config names by its index: a disk or the firmware's variables.
type Part struct {
	ID    string // the disk's, or VariablesID
	Bytes int64
	Index Digest
}

// VariablesID is the ID of the firmware's variables among the parts; no disk may have it.
const VariablesID = "variables"

// Parts returns the disks in their order, then the firmware's variables if there are any.
func (c *Config) Parts() []Part {
	parts := make([]Part, 0, len(c.Disks)+1)
	for _, d := range c.Disks {
		parts = append(parts, Part{d.ID, d.Bytes, d.Index})
	}
	if c.Variables != nil {
		parts = append(parts, Part{VariablesID, c.Variables.Bytes, c.Variables.Index})
	}
	return parts
}

// Growth returns how many bytes of changed content a student may hand in.
func (c *Config) Growth() int64 {
	if c.Submit == nil {
		return DefaultGrowthMiB << 20
	}
	return c.Submit.GrowthMiB << 20
}

// Expired reports whether the time is over that the teacher made the lab for. That is advice: it works as before.
func (c *Config) Expired(now time.Time) bool { return !c.Expires.IsZero() && now.After(c.Expires) }

// ParseDay reads a day such as 2027-07-31, and returns its end in the time of this computer.
func ParseDay(text string) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err == nil && (day.Year() < minYear || day.Year() > maxYear) {
		err = fmt.Errorf("the year %d is not from %d to %d", day.Year(), minYear, maxYear)
	}
	if err != nil {
		return time.Time{}, err
	}
	return day.AddDate(0, 0, 1).Add(-time.Second), nil
}

// ParseConfig reads a config that may be hostile and checks all of it. Errors wrap ErrConfig or ErrNewer and are sentences for the user.
func ParseConfig(data []byte) (*Config, error) {
	if len(data) > MaxConfigBytes {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrConfig, MaxConfigBytes)
	}
	// A later format may have other fields, so its number is looked at first.
	var head struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(data, &head) == nil && head.Format > Format {
		return nil, ErrNewer
	}
	var c Config
	if err := decodeStrict(data, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// Encode returns the config's bytes, whose SHA-256 is the lab's ID. It returns the faults of Validate if there are any.
func (c *Config) Encode() ([]byte, error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ") // people read it, and look at what a version changed
	if err := encoder.Encode(c); err != nil {
		return nil, err
	}
	if b.Len() > MaxConfigBytes {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrConfig, MaxConfigBytes)
	}
	return b.Bytes(), nil
}
