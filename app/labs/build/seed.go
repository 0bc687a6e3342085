package build

import (
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/kdomanski/iso9660"

	"guesthouse/app/labs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
	"guesthouse/vmconfig/safefile"
)

//go:embed guest/run.sh
var guestScript []byte

// step is one thing that happens in the guest.
type step struct {
	kind  string // as in run.sh
	title string // what the user reads
	what  string // the command, or empty
}

// Labels of the disk that the guest gets for the build: cloud-init looks for its own, our unit for the other one.
const (
	cloudLabel = "CIDATA"
	unitLabel  = "GUESTBUILD"
)

// planOf returns the steps of a recipe, and the file that tells the guest of them.
func planOf(r *lab.Recipe) ([]step, string) {
	var steps []step
	var plan strings.Builder
	add := func(s step, file, mode, argument string) {
		encoded := "-"
		if argument != "" {
			encoded = base64.StdEncoding.EncodeToString([]byte(argument))
		}
		fmt.Fprintf(&plan, "%s %s %s %s\n", s.kind, file, mode, encoded)
		steps = append(steps, s)
	}
	add(step{kind: "network", title: "Waiting for the guest's network"}, "-", "-", "")
	if r.User != nil {
		add(step{kind: "user", title: "Making the account " + r.User.Name}, "user", "-", r.User.Name)
	}
	for i, f := range r.Files {
		add(step{kind: "file", title: fmt.Sprintf("File %d of %d: %s", i+1, len(r.Files), f.To)}, fileName('f', i), f.Mode, f.To)
	}
	for i, c := range r.Commands {
		add(step{kind: "run", title: fmt.Sprintf("Command %d of %d: %s", i+1, len(r.Commands), firstLine(c)), what: c}, fileName('c', i), "-", "")
	}
	for i, c := range r.Checks {
		add(step{kind: "run", title: fmt.Sprintf("Check %d of %d: %s", i+1, len(r.Checks), firstLine(c)), what: c}, fileName('k', i), "-", "")
	}
	add(step{kind: "clean", title: "Cleaning up in the guest"}, "-", "-", "")
	return steps, plan.String()
}

// fileName is short and plain: ISO 9660 keeps little of a name.
func fileName(kind byte, i int) string { return fmt.Sprintf("%c%d", kind, i) }

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return vmconfig.Inert(line, 60)
}

// cloudConfig runs the recipe when cloud-init has done its own work.
const cloudConfig = `#cloud-config
package_update: false
runcmd:
  - [mkdir, -p, /run/guesthouse-build]
  - [mount, -t, iso9660, -o, ro, /dev/disk/by-label/` + cloudLabel + `, /run/guesthouse-build]
  - [sh, /run/guesthouse-build/run.sh]
`

const cloudNetwork = `version: 2
ethernets:
  all:
    match: {name: "e*"}
    dhcp4: true
`

// writeSeed writes the disk from which the guest takes the recipe's steps, and cloud-init (NoCloud) its configuration if cloud is true.
func writeSeed(iso string, r *lab.Recipe, folder *os.Root, cloud bool) (steps []step, err error) {
	w, err := iso9660.NewWriter()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Cleanup()) }()
	add := func(name, text string) {
		err = errors.Join(err, w.AddFile(strings.NewReader(text), name))
	}
	steps, plan := planOf(r)
	add("plan", plan)
	add("run.sh", string(guestScript))
	if r.User != nil {
		add("user", r.User.PasswordHash)
	}
	for i, c := range r.Commands {
		add(fileName('c', i), c+"\n")
	}
	for i, c := range r.Checks {
		add(fileName('k', i), c+"\n")
	}
	label := unitLabel
	if cloud {
		label = cloudLabel
		add("user-data", cloudConfig)
		add("meta-data", fmt.Sprintf("instance-id: %s\nlocal-hostname: %s\n", instanceID(), path.Base(r.Name)))
		add("network-config", cloudNetwork)
	}
	if err != nil {
		return nil, err
	}
	var total int64
	for i, f := range r.Files {
		n, err := addFile(w, folder, f.From, fileName('f', i))
		if err != nil {
			return nil, err
		}
		if total += n; total > lab.MaxAllFilesBytes {
			return nil, &labs.Reason{Text: "The recipe's files have more than " + vmconfig.FormatSize(lab.MaxAllFilesBytes) + " in all.", Err: ErrFiles}
		}
	}
	file, err := os.OpenFile(iso, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return steps, w.WriteTo(file, label)
}

// addFile copies a file from the recipe's folder.
func addFile(w *iso9660.ImageWriter, folder *os.Root, from, name string) (int64, error) {
	file, err := openBeside(folder, from, lab.MaxFileBytes)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	counted := &counter{r: io.LimitReader(file, lab.MaxFileBytes)}
	err = w.AddFile(counted, name)
	return counted.n, err
}

type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// openBeside opens an ordinary file in the recipe's folder. What leads out of it, by a link too, is refused.
func openBeside(folder *os.Root, name string, limit int64) (*os.File, error) {
	refuse := func(why string, err error) (*os.File, error) {
		return nil, &labs.Reason{Text: fmt.Sprintf("The recipe's file “%s” %s.", vmconfig.Inert(name, 200), why), Err: errors.Join(ErrFiles, err)}
	}
	info, err := folder.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return refuse("is not there", err)
	case err != nil:
		return refuse("cannot be used: it must be in the recipe's folder, and a link must not lead out of it", err)
	case !info.Mode().IsRegular():
		return refuse("is not an ordinary file", safefile.ErrNotRegular)
	case info.Size() > limit:
		return refuse("is longer than "+vmconfig.FormatSize(limit), nil)
	}
	file, err := folder.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return refuse("cannot be opened", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() { // it was swapped meanwhile
		file.Close()
		return refuse("is not an ordinary file", errors.Join(err, safefile.ErrNotRegular))
	}
	return file, nil
}
