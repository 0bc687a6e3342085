package lab

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// testKeys makes a pair of keys.
func testKeys(t testing.TB) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// testConfig is a config with every field set.
func testConfig(t testing.TB) *Config {
	t.Helper()
	public, _ := testKeys(t)
	return &Config{
		Format: Format, ID: uuid.MustParse("7b0ff1f6-9d4c-4a3e-9a57-1d1c3c1f1a11"), Version: 2, Previous: Sum([]byte("previous")),
		Course: Course{"Networks – Prof. Weiß", public.String()}, Name: "networks/lab-3", Title: "Routing & <more>", Language: "de-CH",
		Text: "# Task\n\tconfigure it", Created: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC), Expires: time.Date(2027, 10, 1, 12, 0, 0, 0, time.UTC),
		Machine: Machine{"x86_64", "q35", "uefi", true, true, "http://debian.org/debian/12", 2, 2048, "virtio", "ich9", true},
		Needs:   Needs{4096, 2048, "1.4"},
		Network: Network{NetworkIsolated, []Port{{"web", 80}, {"ssh", 22}}},
		Disks:   []Disk{{"disk0", 10 << 30, "virtio", Sum([]byte("0"))}, {"disk1", 512, "sata", Sum([]byte("1"))}}, Variables: &Variables{528 << 10, Sum([]byte("v"))},
		Picture: Sum([]byte("picture")), Checkpoints: &Checkpoints{5}, Submit: &Submit{512},
	}
}

func TestConfigRoundTrip(t *testing.T) {
	c := testConfig(t)
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseConfig(data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if !reflect.DeepEqual(c, again) {
		t.Errorf("read back\n%+v\nnot\n%+v", again, c)
	}
	if second, _ := again.Encode(); !bytes.Equal(data, second) {
		t.Error("encoded again it is another text")
	}
	if strings.Contains(string(data), `\u00`) {
		t.Errorf("people cannot read it:\n%s", data)
	}
	if c.Growth() != 512<<20 || (&Config{}).Growth() != 1<<30 {
		t.Error("wrong growth")
	}
	if end := c.Expires; c.Expired(end) || !c.Expired(end.Add(1)) || (&Config{}).Expired(end) {
		t.Error("it expires at another time than it says")
	}
	if parts := c.Parts(); len(parts) != 3 || parts[0].ID != "disk0" || parts[2].ID != VariablesID {
		t.Errorf("parts %v", parts)
	}
}

// TestConfigFaults changes one thing and expects one fault of that field.
func TestConfigFaults(t *testing.T) {
	for _, test := range []struct {
		field  string
		change func(*Config)
	}{
		{"format", func(c *Config) { c.Format = 0 }},
		{"id", func(c *Config) { c.ID = uuid.Nil }},
		{"version", func(c *Config) { c.Version = 0 }},
		{"version", func(c *Config) { c.Version = 1 << 31 }},
		{"previous", func(c *Config) { c.Version = 1 }},
		{"course.name", func(c *Config) { c.Course.Name = "" }},
		{"course.name", func(c *Config) { c.Course.Name = "a\nb" }},
		{"course.name", func(c *Config) { c.Course.Name = strings.Repeat("x", 129) }},
		{"course.key", func(c *Config) { c.Course.Key += "\n" }},
		{"course.key", func(c *Config) { c.Course.Key = "AAAA" }},
		{"name", func(c *Config) { c.Name = "Lab" }},
		{"name", func(c *Config) { c.Name = "../lab" }},
		{"name", func(c *Config) { c.Name = "a//b" }},
		{"name", func(c *Config) { c.Name = "lab-" }},
		{"name", func(c *Config) { c.Name = "a/b/c/d/e" }},
		{"title", func(c *Config) { c.Title = " x" }},
		{"title", func(c *Config) { c.Title = "a\x1b[31m" }},
		{"title", func(c *Config) { c.Title = "a\xff" }},
		{"language", func(c *Config) { c.Language = "deutsch und englisch" }},
		{"text", func(c *Config) { c.Text = "a\rb" }},
		{"text", func(c *Config) { c.Text = "a\u0085b" }},
		{"text", func(c *Config) { c.Text = strings.Repeat("x", 64<<10+1) }},
		{"created", func(c *Config) { c.Created = time.Time{} }},
		{"expires", func(c *Config) { c.Expires = time.Unix(1, 0) }},
		{"machine.arch", func(c *Config) { c.Machine.Arch = "arm" }},
		{"machine.chipset", func(c *Config) { c.Machine.Chipset, c.Machine.SecureBoot = "pc-q35-7.2", false }},
		{"machine.firmware", func(c *Config) { c.Machine.Firmware, c.Machine.SecureBoot, c.Variables = "/etc/passwd", false, nil }},
		{"machine.secureBoot", func(c *Config) { c.Machine.Firmware, c.Variables = "bios", nil }},
		{"variables", func(c *Config) { c.Machine.Firmware, c.Machine.SecureBoot = "bios", false }},
		{"variables.bytes", func(c *Config) { c.Variables.Bytes = 64<<20 + 1 }},
		{"variables.index", func(c *Config) { c.Variables.Index = Digest{} }},
		{"machine.os", func(c *Config) { c.Machine.OS = "a b" }},
		{"machine.cpus", func(c *Config) { c.Machine.CPUs = 65 }},
		{"machine.memoryMiB", func(c *Config) { c.Machine.MemoryMiB = 1 << 21 }},
		{"machine.memoryMiB", func(c *Config) { c.Machine.MemoryMiB = -1 }},
		{"machine.video", func(c *Config) { c.Machine.Video = "vfio" }},
		{"machine.sound", func(c *Config) { c.Machine.Sound = "x" }},
		{"needs.memoryMiB", func(c *Config) { c.Needs.MemoryMiB = -1 }},
		{"needs.diskMiB", func(c *Config) { c.Needs.DiskMiB = 1 << 40 }},
		{"needs.program", func(c *Config) { c.Needs.Program = "newest" }},
		{"network.mode", func(c *Config) { c.Network.Mode = "bridge" }},
		{"network.ports", func(c *Config) { c.Network.Mode = NetworkNone }},
		{"network.ports", func(c *Config) { c.Network.Ports = make([]Port, 17) }},
		{"network.ports[1]", func(c *Config) { c.Network.Ports[1].Guest = 80 }},
		{"network.ports[0].guest", func(c *Config) { c.Network.Ports[0].Guest = 65536 }},
		{"network.ports[0].name", func(c *Config) { c.Network.Ports[0].Name = "a b" }},
		{"disks", func(c *Config) { c.Disks = nil }},
		{"disks", func(c *Config) { c.Disks = make([]Disk, 9) }},
		{"disks[0].id", func(c *Config) { c.Disks[0].ID = "../x" }},
		{"disks[1].id", func(c *Config) { c.Disks[1].ID = "disk0" }},
		{"disks[1].id", func(c *Config) { c.Disks[1].ID = "variables" }},
		{"disks[0].bytes", func(c *Config) { c.Disks[0].Bytes = 513 }},
		{"disks[0].bytes", func(c *Config) { c.Disks[0].Bytes = 16 << 40 }},
		{"disks[0].bytes", func(c *Config) { c.Disks[0].Bytes = -512 }},
		{"disks[0].bus", func(c *Config) { c.Disks[0].Bus = "usb" }},
		{"disks[0].index", func(c *Config) { c.Disks[0].Index = Digest{} }},
		{"checkpoints.max", func(c *Config) { c.Checkpoints.Max = -1 }},
		{"submit.growthMiB", func(c *Config) { c.Submit.GrowthMiB = 0 }},
	} {
		c := testConfig(t)
		test.change(c)
		fs := c.Validate()
		if len(fs) != 1 || string(fs[0].Field) != test.field || !errors.Is(fs, ErrConfig) || !strings.Contains(fs.Error(), test.field) {
			t.Errorf("%s: %q", test.field, fs)
		}
		if _, err := c.Encode(); err == nil {
			t.Errorf("%s: it is written", test.field)
		}
	}
	c := testConfig(t)
	c.Name, c.Machine.CPUs, c.Title = "", 0, ""
	if fs := c.Validate(); len(fs) != 3 {
		t.Errorf("not all faults at once: %q", fs)
	}
	var all vmconfig.Faults
	if _, err := ParseConfig([]byte(`{"format":1}`)); !errors.As(err, &all) || len(all) < 10 {
		t.Errorf("an empty one: %v", err)
	}
}

// TestConfigStrict edits the text.
func TestConfigStrict(t *testing.T) {
	data, err := testConfig(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, changed := range map[string]string{
		"unknown field":    strings.Replace(text, `"title"`, `"kernel": "/vmlinuz", "title"`, 1),
		"known, elsewhere": strings.Replace(text, `"title"`, `"cpus": 1, "title"`, 1),
		"other case":       strings.Replace(text, `"title"`, `"Title"`, 1),
		"twice":            strings.Replace(text, `"title"`, `"title": "x", "title"`, 1),
		"twice, escaped":   strings.Replace(text, `"title"`, `"t\u0069tle": "x", "title"`, 1),
		"null":             strings.Replace(text, `"secureBoot": true`, `"secureBoot": null`, 1),
		"trailing":         text + "{}",
		"garbage":          text + "x",
		"cut":              text[:len(text)/2],
		"no UTF-8":         strings.Replace(text, "Routing", "Rout\xffng", 1),
		"fraction":         strings.Replace(text, `"version": 2`, `"version": 2.5`, 1),
		"exponent":         strings.Replace(text, `"version": 2`, `"version": 2e0`, 1),
		"too large":        strings.Replace(text, `"version": 2`, `"version": 99999999999999999999`, 1),
		"wrong type":       strings.Replace(text, `"version": 2`, `"version": "2"`, 1),
		"deep":             strings.Replace(text, `"version": 2`, `"version": `+strings.Repeat("[", 1000)+strings.Repeat("]", 1000), 1),
		"long":             text + strings.Repeat(" ", MaxConfigBytes),
		"upper-case hex":   strings.Replace(text, Sum([]byte("0")).String(), strings.ToUpper(Sum([]byte("0")).String()), 1),
		"digest of zeros":  strings.Replace(text, Sum([]byte("0")).String(), Digest{}.String(), 1),
		"a list":           "[]",
		"empty":            "",
	} {
		if changed == text {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := ParseConfig([]byte(changed)); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		} else if len(err.Error()) > 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseConfig([]byte(strings.Replace(text, `"format": 1`, `"format": 2, "kernel": 1`, 1))); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer one: %v", err)
	}
}

// TestNamesDifferInMoreThanCase guards what decodeStrict relies on.
func TestNamesDifferInMoreThanCase(t *testing.T) {
	names := map[string]bool{}
	fieldNames(reflect.TypeFor[Config](), names)
	lower := map[string]bool{}
	for name := range names {
		lower[strings.ToLower(name)] = true
	}
	if len(names) < 30 || len(lower) != len(names) {
		t.Errorf("%d names, %d without their case", len(names), len(lower))
	}
}

func FuzzConfig(f *testing.F) {
	data, err := testConfig(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1,"disks":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			if !errors.Is(err, ErrConfig) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := again.Encode(); !bytes.Equal(text, second) {
			t.Fatal("not the same again")
		}
	})
}
