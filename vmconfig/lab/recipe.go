package lab

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"guesthouse/vmconfig"
)

// ErrRecipe says that a recipe cannot be used; the fault that wraps it says why.
var ErrRecipe = errors.New("the recipe is not valid")

// Limits of a recipe.
const (
	MaxRecipeBytes   = maxYAMLBytes
	maxCommandBytes  = 64 << 10
	maxPathBytes     = 1000
	minRecipeDisk    = 256 * vmconfig.MiB
	MaxFileBytes     = 512 * vmconfig.MiB // of a file that a recipe brings
	MaxAllFilesBytes = 2 * vmconfig.GiB   // of all of them
)

// Recipe says how a lab is made: what it begins with, and what is done in it. It is written in YAML.
type Recipe struct {
	Name     string `yaml:"name"`   // as Config.Name
	Course   string `yaml:"course"` // the course's name
	Title    string `yaml:"title"`
	Language string `yaml:"language"` // BCP 47; en where it is left out
	Text     string `yaml:"text"`     // the task, Markdown
	// TextFile is a file beside the recipe with the task, instead of Text.
	TextFile string        `yaml:"text-file"`
	Base     RecipeBase    `yaml:"base"`
	Disk     string        `yaml:"disk"` // size with a unit; of a base that has a size already, at least that
	Machine  RecipeMachine `yaml:"machine"`
	Network  RecipeNetwork `yaml:"network"`
	Files    []RecipeFile  `yaml:"files"`
	Commands []string      `yaml:"commands"` // run by the guest's shell as root, in this order
	Checks   []string      `yaml:"checks"`   // must succeed in the guest, after the commands
	// SubmitLimit is the most that a student may hand in, a size with a unit; empty: DefaultGrowthMiB.
	SubmitLimit string `yaml:"submit-limit"`
	// Checkpoints is the most that a student's machine may have; left out: any number.
	Checkpoints *int `yaml:"checkpoints"`
	// Expires is the day when the course ends, such as 2027-07-31; empty: not known.
	Expires string      `yaml:"expires"`
	User    *RecipeUser `yaml:"user"`
}

// RecipeBase is what a lab begins with: exactly one of its fields is set.
type RecipeBase struct {
	Debian *RecipeDebian `yaml:"debian"`
	Image  string        `yaml:"image"` // a disk image with cloud-init, beside the recipe or absolute
	Lab    string        `yaml:"lab"`   // a lab of the library, as “lab images” lists it
}

// RecipeDebian is a system made of Debian's packages.
type RecipeDebian struct {
	Suite    string   `yaml:"suite"`    // such as bookworm
	Packages []string `yaml:"packages"` // beside those that every lab has
	Mirror   string   `yaml:"mirror"`   // http or https address; empty: Debian's own
}

// RecipeMachine is the hardware.
type RecipeMachine struct {
	CPUs     int    `yaml:"cpus"`     // 1 where it is left out
	Memory   string `yaml:"memory"`   // a size with a unit; 1 GiB where it is left out
	Firmware string `yaml:"firmware"` // bios or uefi; bios where it is left out
	OS       string `yaml:"os"`       // osinfo-db id; empty: unknown, or the release of Debian
}

// RecipeNetwork is how the finished lab is connected. While it is being made it reaches the internet.
type RecipeNetwork struct {
	Mode  NetworkMode  `yaml:"mode"` // isolated where it is left out
	Ports []RecipePort `yaml:"ports"`
}

// RecipePort is a port of the guest that the student's computer opens.
type RecipePort struct {
	Name  string `yaml:"name"`
	Guest int    `yaml:"guest"`
}

// RecipeFile is a file that is brought into the guest.
type RecipeFile struct {
	From string `yaml:"from"` // in the recipe's folder or below it, with slashes
	To   string `yaml:"to"`   // absolute, in the guest
	Mode string `yaml:"mode"` // octal; 0644 where it is left out
}

// RecipeUser is an account for the student.
type RecipeUser struct {
	Name string `yaml:"name"`
	// PasswordHash is as in /etc/shadow (mkpasswd makes one); empty: no password is asked for at the console.
	PasswordHash string `yaml:"password-hash"`
}

// ParseRecipe reads a recipe that may be hostile, checks all of it and fills in what was left out. The error is vmconfig.Faults with all that is wrong,
// each with its line, or a vmconfig.Fault; they wrap ErrRecipe.
func ParseRecipe(data []byte) (*Recipe, error) {
	check := &yamlCheck{what: "recipe", err: ErrRecipe}
	var r Recipe
	if err := parseYAML(data, &r, check); err != nil {
		return nil, err
	}
	r.fill()
	r.validate(check)
	if err := check.faults.Err(); err != nil {
		return nil, err
	}
	return &r, nil
}

// debianIDs are osinfo-db's names of releases.
var debianIDs = map[string]string{
	"bullseye": "http://debian.org/debian/11", "bookworm": "http://debian.org/debian/12", "trixie": "http://debian.org/debian/13",
}

// fill sets what was left out.
func (r *Recipe) fill() {
	set := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	set(&r.Language, "en")
	set(&r.Machine.Memory, "1 GiB")
	set(&r.Machine.Firmware, string(vmconfig.FirmwareBIOS))
	if r.Machine.CPUs == 0 {
		r.Machine.CPUs = 1
	}
	if r.Network.Mode == "" {
		r.Network.Mode = NetworkIsolated
	}
	if r.Base.Debian != nil {
		set(&r.Disk, "4 GiB")
		set(&r.Machine.OS, debianIDs[r.Base.Debian.Suite])
	}
	for i := range r.Files {
		set(&r.Files[i].Mode, "0644")
	}
}

var (
	suitePattern   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	packagePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]{0,98}[a-z0-9+]$`) // a hyphen at the end would remove the package
	userPattern    = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`)
	hashPattern    = regexp.MustCompile(`^\$[A-Za-z0-9]{1,4}\$[A-Za-z0-9./$,=+_-]{8,250}$`)
	modePattern    = regexp.MustCompile(`^[0-7]{3,4}$`)
	mirrorPattern  = regexp.MustCompile(`^[A-Za-z0-9:/._~%+-]{1,300}$`)
)

// Bytes returns the size of the disk, 0 when the recipe leaves it to the base.
func (r *Recipe) Bytes() int64 {
	bytes, _ := vmconfig.ParseSize(r.Disk)
	return (bytes + ChunkSize - 1) / ChunkSize * ChunkSize
}

// Config returns what the recipe says about the finished lab. Publishing fills in the rest.
func (r *Recipe) Config() Config {
	memory, _ := vmconfig.ParseSize(r.Machine.Memory)
	c := Config{
		Course: Course{Name: r.Course}, Name: r.Name, Title: r.Title, Language: r.Language, Text: r.Text,
		Machine: Machine{
			Arch: "x86_64", Chipset: "q35", Firmware: r.Machine.Firmware, OS: r.Machine.OS, CPUs: r.Machine.CPUs, MemoryMiB: memory / vmconfig.MiB, Video: "virtio",
		},
		Network: Network{Mode: r.Network.Mode},
		Disks:   []Disk{{ID: "disk0", Bus: "virtio"}},
	}
	for _, p := range r.Network.Ports {
		c.Network.Ports = append(c.Network.Ports, Port(p))
	}
	if r.SubmitLimit != "" {
		limit, _ := vmconfig.ParseSize(r.SubmitLimit)
		c.Submit = &Submit{GrowthMiB: limit / vmconfig.MiB}
	}
	if r.Checkpoints != nil {
		c.Checkpoints = &Checkpoints{Max: *r.Checkpoints}
	}
	if day, err := ParseDay(r.Expires); err == nil {
		c.Expires = day
	}
	return c
}

// Permissions returns the file's mode in the guest.
func (f RecipeFile) Permissions() uint32 {
	mode, _ := strconv.ParseUint(f.Mode, 8, 16)
	return uint32(mode)
}

func (r *Recipe) validate(c *yamlCheck) {
	if err := CheckName(r.Name); err != nil {
		c.add("name", "“name” %s.", err)
	}
	c.line("course", r.Course, MaxCourseBytes)
	c.line("title", r.Title, MaxTitleBytes)
	c.language("language", r.Language)
	if r.Text != "" && r.TextFile != "" {
		c.add("text-file", "“text” and “text-file” cannot both be there.")
	}
	if r.TextFile != "" {
		c.beside("text-file", r.TextFile)
	}
	c.text("text", r.Text, MaxTextBytes)
	r.Base.validate(c)
	if r.Disk != "" {
		c.size("disk", r.Disk, minRecipeDisk, MaxDiskBytes)
	}
	c.size("machine.memory", r.Machine.Memory, minMemoryMiB*vmconfig.MiB, maxMemoryMiB*vmconfig.MiB)
	if r.SubmitLimit != "" {
		c.size("submit-limit", r.SubmitLimit, vmconfig.MiB, maxMemoryMiB*vmconfig.MiB)
	}
	if n := r.Checkpoints; n != nil && (*n < 0 || *n > maxMaximum) {
		c.add("checkpoints", "“checkpoints” must be from 0 to %d.", maxMaximum)
	}
	if _, err := ParseDay(r.Expires); r.Expires != "" && err != nil {
		c.add("expires", "“expires” must be a day such as 2027-07-31.")
	}
	// The rest of the hardware and the network are checked as the finished lab's.
	var fs faults
	config := r.Config()
	config.Machine.MemoryMiB = minMemoryMiB
	config.Machine.validate(&fs)
	config.Network.validate(&fs)
	for _, f := range fs.list {
		at := string(f.Field)
		c.add(at, "%s", strings.TrimPrefix(strings.Replace(f.Message, "The lab's field ", "", 1), " "))
	}
	if len(r.Files) > 0 || len(r.Commands) > 0 || len(r.Checks) > 0 {
		r.validateSteps(c)
	}
	if u := r.User; u != nil {
		if !userPattern.MatchString(u.Name) || u.Name == "root" {
			c.add("user.name", "“user.name” must be lower-case letters, digits, _ and -, at most 31, and not root.")
		}
		if u.PasswordHash != "" && !hashPattern.MatchString(u.PasswordHash) {
			c.add("user.password-hash", "“user.password-hash” must be a hash as “mkpasswd” prints it, not the password.")
		}
	}
}

func (b *RecipeBase) validate(c *yamlCheck) {
	given := 0
	for _, there := range []bool{b.Debian != nil, b.Image != "", b.Lab != ""} {
		if there {
			given++
		}
	}
	if given != 1 {
		c.add("base", "“base” must have exactly one of debian, image and lab.")
		return
	}
	switch {
	case b.Lab != "":
		c.text("base.lab", b.Lab, 300)
	case b.Image != "":
		if !filepath.IsAbs(b.Image) {
			c.beside("base.image", b.Image)
		}
		c.text("base.image", b.Image, maxPathBytes)
	default:
		if !suitePattern.MatchString(b.Debian.Suite) {
			c.add("base.debian.suite", "“base.debian.suite” must be the name of a release of Debian, such as bookworm.")
		}
		for i, name := range b.Debian.Packages {
			if !packagePattern.MatchString(name) {
				c.add(fmt.Sprintf("base.debian.packages[%d]", i), "“%s” is not the name of a package.", vmconfig.Inert(name, shownValue))
			}
		}
		if m := b.Debian.Mirror; m != "" {
			u, err := url.Parse(m)
			if err != nil || !mirrorPattern.MatchString(m) || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
				c.add("base.debian.mirror", "“base.debian.mirror” must be an address that begins with http:// or https://, without user and password.")
			}
		}
	}
}

func (r *Recipe) validateSteps(c *yamlCheck) {
	targets := map[string]bool{}
	for i, f := range r.Files {
		at := fmt.Sprintf("files[%d]", i)
		c.beside(at+".from", f.From)
		switch {
		case !path.IsAbs(f.To) || path.Clean(f.To) != f.To || f.To == "/" || len(f.To) > maxPathBytes || strings.ContainsFunc(f.To, unicode.IsControl):
			c.add(at+".to", "“%s.to” must be an absolute path in the guest, without “..” and double slashes.", at)
		case slices.Contains([]string{"proc", "sys", "dev", "run", "tmp"}, strings.Split(f.To, "/")[1]):
			c.add(at+".to", "“%s.to” is below %s, where nothing lasts.", at, strings.Join(strings.Split(f.To, "/")[:2], "/"))
		case targets[f.To]:
			c.add(at+".to", "“%s.to” is there twice.", at)
		}
		targets[f.To] = true
		if !modePattern.MatchString(f.Mode) {
			c.add(at+".mode", "“%s.mode” must be permissions in octal, such as 0755.", at)
		}
	}
	for _, list := range []struct {
		at    string
		lines []string
	}{{"commands", r.Commands}, {"checks", r.Checks}} {
		for i, text := range list.lines {
			at := fmt.Sprintf("%s[%d]", list.at, i)
			if strings.TrimSpace(text) == "" {
				c.add(at, "“%s” is empty.", at)
			}
			c.text(at, text, maxCommandBytes)
		}
	}
}
