package guestos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"guesthouse/vmconfig/safefile"
)

// entry is one <os> element as it stands in the database, before inheritance.
type entry struct {
	name, vendor, family, distro, version, codename string

	shortIDs, parents    []string
	released, eol        time.Time
	rolling              bool
	devices              map[string]bool
	firmwares            []firmware
	minimum, recommended map[string]Resources // by architecture
	media                []*mediaPattern
}

type firmware struct {
	arch, kind string
	supported  bool
}

// maxFile is the largest database file that is read; the real ones have up to 60 KiB.
const maxFile = 4 << 20

// defaultFolders are where libosinfo looks, in its order: what comes later replaces files of the same name (system, host, user).
func defaultFolders() []string {
	data := os.Getenv("XDG_DATA_DIRS")
	if data == "" {
		data = "/usr/local/share:/usr/share"
	}
	var folders []string
	for _, dir := range filepath.SplitList(data) {
		folders = append(folders, filepath.Join(dir, "osinfo"))
	}
	slices.Reverse(folders) // the first of XDG_DATA_DIRS is the most important one
	folders = append(folders, "/etc/osinfo")
	home, _ := os.UserHomeDir()
	for variable, fallback := range map[string]string{"XDG_DATA_HOME": ".local/share"} {
		if dir := os.Getenv(variable); filepath.IsAbs(dir) {
			folders = append(folders, filepath.Join(dir, "osinfo"))
		} else if home != "" {
			folders = append(folders, filepath.Join(home, fallback, "osinfo"))
		}
	}
	if dir, err := os.UserConfigDir(); err == nil {
		folders = append(folders, filepath.Join(dir, "osinfo"))
	}
	return folders
}

// Load reads the database from folders that hold an "os" folder each, or from the usual places when none is given. It reads about 800 files and
// takes some tenths of a second: call it once, in the background. The catalogue is never nil; with ErrNoDatabase it is empty.
func Load(dirs ...string) (*Catalogue, error) {
	if len(dirs) == 0 {
		dirs = defaultFolders()
	}
	paths := databaseFiles(dirs)
	entries, problems := readAll(paths)
	c := newCatalogue(entries, problems)
	if len(c.systems) == 0 {
		return c, fmt.Errorf("%w (looked in %s)", ErrNoDatabase, strings.Join(dirs, ", "))
	}
	return c, nil
}

// databaseFiles lists the files to read. A file in a later folder stands for that of the same relative name in an earlier one.
func databaseFiles(dirs []string) []string {
	byName := map[string]string{}
	for _, dir := range dirs {
		root := filepath.Join(dir, "os")
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // a folder that cannot be read holds no systems
			}
			if !d.IsDir() && strings.HasSuffix(path, ".xml") {
				if name, err := filepath.Rel(root, path); err == nil {
					byName[name] = path
				}
			}
			return nil
		})
	}
	paths := make([]string, 0, len(byName))
	for _, path := range byName {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// readAll reads the files on all CPUs. Elements of one id in several files add up.
func readAll(paths []string) (map[string]*entry, []error) {
	type result struct {
		entries map[string]*entry
		err     error
	}
	results := make([]result, len(paths))
	var next sync.Mutex
	at := 0
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8) {
		workers.Go(func() {
			for {
				next.Lock()
				i := at
				at++
				next.Unlock()
				if i >= len(paths) {
					return
				}
				results[i].entries, results[i].err = readFile(paths[i])
			}
		})
	}
	workers.Wait()
	all := map[string]*entry{}
	var problems []error
	for _, r := range results {
		if r.err != nil {
			problems = append(problems, r.err)
		}
		for id, e := range r.entries {
			if all[id] == nil {
				all[id] = e
			} else {
				all[id].merge(e)
			}
		}
	}
	return all, problems
}

func (e *entry) merge(other *entry) {
	for to, from := range map[*string]string{
		&e.name: other.name, &e.vendor: other.vendor, &e.family: other.family, &e.distro: other.distro,
		&e.version: other.version, &e.codename: other.codename,
	} {
		if *to == "" {
			*to = from
		}
	}
	for _, short := range other.shortIDs {
		if !slices.Contains(e.shortIDs, short) {
			e.shortIDs = append(e.shortIDs, short)
		}
	}
	e.parents = append(e.parents, other.parents...)
	e.firmwares = append(e.firmwares, other.firmwares...)
	e.media = append(e.media, other.media...)
	e.rolling = e.rolling || other.rolling
	if e.released.IsZero() {
		e.released = other.released
	}
	if e.eol.IsZero() {
		e.eol = other.eol
	}
	for device, supported := range other.devices {
		e.devices[device] = supported
	}
	for arch, r := range other.minimum {
		e.minimum[arch] = overlay(e.minimum[arch], r)
	}
	for arch, r := range other.recommended {
		e.recommended[arch] = overlay(e.recommended[arch], r)
	}
}

func readFile(path string) (map[string]*entry, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: too large", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	entries, err := readEntries(withoutTranslations(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}

// withoutTranslations drops the lines that are one whole translated name each. They are half of the database, and the XML decoder is what takes
// the time. Translations that are laid out in another way are skipped later.
func withoutTranslations(data []byte) []byte {
	kept := data[:0]
	for len(data) > 0 {
		line := data
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			line = data[:end+1]
		}
		data = data[len(line):]
		trimmed := bytes.TrimSpace(line)
		translated := false
		for _, tag := range []string{"name", "vendor"} {
			translated = translated || bytes.HasPrefix(trimmed, []byte("<"+tag+" xml:lang=")) &&
				bytes.HasSuffix(trimmed, []byte("</"+tag+">")) && bytes.Count(trimmed, []byte("<")) == 2
		}
		if !translated {
			kept = append(kept, line...)
		}
	}
	return kept
}

// reader walks the tokens of one file. The decoder's struct mapping would be shorter and several times slower.
type reader struct {
	*xml.Decoder
	depth int
}

// maxDepth is more than the schema allows.
const maxDepth = 64

func readEntries(data []byte) (map[string]*entry, error) {
	r := &reader{Decoder: xml.NewDecoder(bytes.NewReader(data))}
	entries := map[string]*entry{}
	for {
		token, err := r.RawToken()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "os" {
			id := attr(start, "id")
			e := &entry{devices: map[string]bool{}, minimum: map[string]Resources{}, recommended: map[string]Resources{}}
			if err := r.children(e.read(r)); err != nil {
				return nil, err
			}
			if id != "" && len(id) <= 256 {
				if entries[id] != nil {
					entries[id].merge(e)
				} else {
					entries[id] = e
				}
			}
		}
	}
}

// children calls f for each child of the element that was just begun, up to its end. f must consume the child up to its end.
func (r *reader) children(f func(xml.StartElement) error) error {
	if r.depth++; r.depth > maxDepth {
		return fmt.Errorf("elements are nested too deep")
	}
	defer func() { r.depth-- }()
	for {
		token, err := r.RawToken()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := f(token); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

func (r *reader) skip(xml.StartElement) error { return r.children(r.skip) }

// text returns the trimmed text of the element that was just begun.
func (r *reader) text() (string, error) {
	var b []byte
	for {
		token, err := r.RawToken()
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.CharData:
			b = append(b, token...)
		case xml.StartElement:
			if err := r.skip(token); err != nil {
				return "", err
			}
		case xml.EndElement:
			return string(bytes.TrimSpace(b)), nil
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

func translated(e xml.StartElement) bool {
	for _, a := range e.Attr {
		if a.Name.Space == "xml" && a.Name.Local == "lang" {
			return true
		}
	}
	return false
}

// read returns the function that reads the children of <os>.
func (e *entry) read(r *reader) func(xml.StartElement) error {
	return func(start xml.StartElement) error {
		if translated(start) {
			return r.skip(start)
		}
		switch start.Name.Local {
		case "name":
			return r.into(&e.name)
		case "vendor":
			return r.into(&e.vendor)
		case "family":
			return r.into(&e.family)
		case "distro":
			return r.into(&e.distro)
		case "version":
			return r.into(&e.version)
		case "codename":
			return r.into(&e.codename)
		case "short-id":
			text, err := r.text()
			if text != "" {
				e.shortIDs = append(e.shortIDs, text)
			}
			return err
		case "release-date":
			return r.date(&e.released)
		case "eol-date":
			return r.date(&e.eol)
		case "release-status":
			text, err := r.text()
			e.rolling = e.rolling || text == "rolling" || text == "snapshot" || text == "prerelease"
			return err
		case "derives-from", "clones":
			e.parents = append(e.parents, attr(start, "id"))
		case "firmware":
			e.firmwares = append(e.firmwares, firmware{attr(start, "arch"), attr(start, "type"), attr(start, "supported") != "false"})
		case "devices":
			return r.children(func(device xml.StartElement) error {
				if device.Name.Local == "device" {
					e.devices[attr(device, "id")] = attr(device, "supported") != "false"
				}
				return r.skip(device)
			})
		case "resources":
			return e.readResources(r, attr(start, "arch"))
		case "media":
			return e.readMedia(r, start)
		}
		return r.skip(start)
	}
}

// into stores an element's text unless there is one already.
func (r *reader) into(to *string) error {
	text, err := r.text()
	if *to == "" {
		*to = text
	}
	return err
}

func (r *reader) date(to *time.Time) error {
	text, err := r.text()
	if t, parseErr := time.Parse(time.DateOnly, text); parseErr == nil {
		*to = t
	}
	return err
}

func (r *reader) number(to *int64) error {
	text, err := r.text()
	if n, parseErr := strconv.ParseInt(text, 10, 64); parseErr == nil && n > 0 {
		*to = n
	}
	return err
}

func (e *entry) readResources(r *reader, arch string) error {
	return r.children(func(kind xml.StartElement) error {
		var cpus int64
		var found Resources
		err := r.children(func(value xml.StartElement) error {
			switch value.Name.Local {
			case "n-cpus":
				return r.number(&cpus)
			case "ram":
				return r.number(&found.MemoryBytes)
			case "storage":
				return r.number(&found.StorageBytes)
			}
			return r.skip(value)
		})
		if cpus < 1<<16 {
			found.CPUs = int(cpus)
		}
		switch kind.Name.Local {
		case "minimum":
			e.minimum[arch] = overlay(e.minimum[arch], found)
		case "recommended":
			e.recommended[arch] = overlay(e.recommended[arch], found)
		}
		return err
	})
}

func (e *entry) readMedia(r *reader, start xml.StartElement) error {
	m := &mediaPattern{arch: attr(start, "arch"), live: attr(start, "live") == "true"}
	found := false
	err := r.children(func(child xml.StartElement) error {
		if child.Name.Local != "iso" {
			return r.skip(child)
		}
		found = true
		return r.children(func(value xml.StartElement) error {
			switch value.Name.Local {
			case "volume-id":
				return r.into(&m.volume.source)
			case "system-id":
				return r.into(&m.system.source)
			case "publisher-id":
				return r.into(&m.publisher.source)
			case "application-id":
				return r.into(&m.application.source)
			case "volume-size":
				return r.number(&m.size)
			}
			return r.skip(value)
		})
	})
	if found {
		e.media = append(e.media, m)
	}
	return err
}
