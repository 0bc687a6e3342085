package domxml

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"guesthouse/vmconfig"
)

// Edit returns the description xml with what differs between from and to changed, and everything else byte for byte
// as it was. from is what Parse read from xml before the user changed it. It changes name, title, notes, group, memory, CPUs, the OS id and the
// file in a drive, and adds displays behind those that there are, a graphics card and a tablet; another difference, or a machine whose own layout forbids a change (memory or CPUs given per NUMA cell), is an error
// that wraps ErrNotEditable. Faulty values are returned as vmconfig.Faults.
func Edit(xml string, from, to vmconfig.Machine) (string, error) {
	if err := to.ValidateChange(from, vmconfig.Limits{}).Err(); err != nil {
		return "", err
	}
	if what := fixedDifference(from, to); what != "" {
		return "", fmt.Errorf("%w: %s", ErrNotEditable, what)
	}
	t, err := parseTree(xml)
	if err != nil {
		return "", err
	}
	e := editor{t}
	if to.Name != from.Name {
		e.setElement("name", to.Name)
	}
	if to.Title != from.Title {
		e.setElement("title", to.Title)
	}
	if to.Notes != from.Notes {
		e.setElement("description", to.Notes)
	}
	if to.MemoryBytes != from.MemoryBytes {
		err = e.setMemory(to.MemoryBytes)
	}
	if err == nil && to.CPUs != from.CPUs {
		err = e.setCPUs(to.CPUs)
	}
	e.setMetadata(from, to)
	if err == nil {
		err = e.addScreen(from, to)
	}
	for i := range to.Disks {
		if d := to.Disks[i]; err == nil && d != from.Disks[i] {
			if d.Format == "" && d.Device != vmconfig.DeviceDisk {
				d.Format = "raw"
			}
			err = e.setSource(d.Target, Source{Path: d.Path, Format: d.Format})
		}
	}
	if err != nil {
		return "", err
	}
	return e.finish()
}

// Source is the image behind a drive.
type Source struct {
	Path   string // absolute; empty takes the medium out
	Format string // qcow2, raw
	// Chain are the images below it, from the nearest to the base. When it is given, libvirt is told the whole chain and looks into
	// no image; when it is nil, libvirt reads the images' headers.
	Chain []Layer
}

// Layer is one image of a backing chain.
type Layer struct{ Path, Format string }

// SetSources returns the description xml with the images of the drives named by their targets (vda, sda) replaced, and everything else byte for
// byte as it was. The error wraps ErrNotEditable when a target does not exist or is not a drive of files.
func SetSources(xml string, sources map[string]Source) (string, error) {
	t, err := parseTree(xml)
	if err != nil {
		return "", err
	}
	e := editor{t}
	for target, s := range sources {
		if err := e.setSource(target, s); err != nil {
			return "", err
		}
	}
	return e.finish()
}

// SetLab returns the description xml as that of a machine of another lab, or another version of its lab, with everything else byte for byte as it was. The error wraps
// ErrNotEditable when the machine was not launched from one.
func SetLab(xml string, lab vmconfig.Lab) (string, error) {
	t, err := parseTree(xml)
	if err != nil {
		return "", err
	}
	e := editor{t}
	element := e.root.child("metadata").childNS(vmconfig.MetadataNamespace, "machine").childNS(vmconfig.MetadataNamespace, "lab")
	if element == nil {
		return "", fmt.Errorf("%w: the machine is no lab's", ErrNotEditable)
	}
	for name, value := range map[string]string{"id": lab.ID, "name": lab.Name, "version": strconv.Itoa(lab.Version)} {
		e.setAttr(element, name, value)
	}
	return e.finish()
}

// fixedDifference names the first difference that Edit does not make.
func fixedDifference(from, to vmconfig.Machine) string {
	if len(from.Disks) != len(to.Disks) {
		return "the number of drives"
	}
	a, b := from, to
	a.Disks, b.Disks = slices.Clone(from.Disks), slices.Clone(to.Disks)
	for _, m := range []*vmconfig.Machine{&a, &b} {
		m.Name, m.Title, m.Notes, m.Group, m.OSID, m.MemoryBytes, m.CPUs = "", "", "", "", "", 0, 0
		m.Displays = append([]vmconfig.Display(nil), m.Displays[:min(len(m.Displays), len(from.Displays))]...) // more are added
		m.Tablet = m.Tablet || to.Tablet                                                                       // one is added
		if from.Video == "" || from.Video == noVideo {
			m.Video = "" // a card is added
		}
		for i := range m.Disks {
			m.Disks[i].Path, m.Disks[i].Format, m.Disks[i].Source = "", "", ""
		}
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if !reflect.DeepEqual(va.Field(i).Interface(), vb.Field(i).Interface()) {
			return strings.ToLower(va.Type().Field(i).Name)
		}
	}
	return ""
}

type editor struct{ *tree }

// finish makes the changes and reads the result again: a text that is no description never leaves this package.
func (e editor) finish() (string, error) {
	result, err := e.apply()
	if err != nil {
		return "", err
	}
	if _, err := parseTree(result); err != nil {
		return "", fmt.Errorf("the changed description is broken: %w", err)
	}
	return result, nil
}

// setElement sets the text of a child of <domain>; an empty text removes it. The schema takes the children in any order.
func (e editor) setElement(name, text string) {
	c := e.root.child(name)
	switch {
	case c != nil && text == "":
		e.remove(c)
	case c != nil:
		e.setText(c, text)
	case text != "":
		e.insert(e.root, e.head(), "<"+name+">"+escape(text)+"</"+name+">")
	}
}

// head returns the last of the elements that begin a description, where libvirt too writes title, description and metadata.
func (e editor) head() *element {
	var last *element
	for _, name := range []string{"name", "uuid", "genid", "title", "description"} {
		if c := e.root.child(name); c != nil && (last == nil || c.start > last.start) {
			last = c
		}
	}
	return last
}

func (e editor) setMemory(bytes int64) error {
	if e.root.child("cpu").child("numa") != nil {
		return fmt.Errorf("%w: the memory is given for each NUMA cell", ErrNotEditable)
	}
	if e.root.child("maxMemory") != nil {
		return fmt.Errorf("%w: the memory can be extended while the machine runs", ErrNotEditable)
	}
	memory := e.root.child("memory")
	if memory == nil {
		return fmt.Errorf("%w: the description has no memory", ErrNotEditable)
	}
	for _, name := range []string{"memory", "currentMemory"} {
		if c := e.root.child(name); c != nil {
			e.setText(c, strconv.FormatInt(bytes/vmconfig.KiB, 10))
			if unit := c.attr("unit"); unit != "" && unit != "KiB" {
				e.setAttr(c, "unit", "KiB")
			}
		}
	}
	return nil
}

func (e editor) setCPUs(n int) error {
	vcpu := e.root.child("vcpu")
	cpu := e.root.child("cpu")
	switch {
	case vcpu == nil:
		return fmt.Errorf("%w: the description has no CPUs", ErrNotEditable)
	case e.root.child("vcpus") != nil:
		return fmt.Errorf("%w: each CPU is described on its own", ErrNotEditable)
	case cpu.child("numa") != nil:
		return fmt.Errorf("%w: the CPUs are given for each NUMA cell", ErrNotEditable)
	}
	if vcpu.attr("current") != "" {
		e.setAttr(vcpu, "current", strconv.Itoa(n))
		if n <= readCount(vcpu.text()) {
			return nil // CPUs can be added up to the maximum, which stays
		}
	}
	e.setText(vcpu, strconv.Itoa(n))
	if topology := cpu.child("topology"); topology != nil {
		e.setTopology(topology, n)
	}
	return nil
}

// setTopology makes sockets × dies × clusters × cores × threads equal to n. Threads per core stay if n allows it, the rest become
// cores of one socket: editions of Windows use two sockets at most.
func (e editor) setTopology(topology *element, n int) {
	threads := readCount(topology.attr("threads"))
	if threads == 0 || n%threads != 0 {
		threads = 1
	}
	for name, value := range map[string]int{"sockets": 1, "dies": 1, "clusters": 1, "cores": n / threads, "threads": threads} {
		if topology.attr(name) != "" && topology.attr(name) != strconv.Itoa(value) {
			e.setAttr(topology, name, strconv.Itoa(value))
		}
	}
}

func (e editor) setMetadata(from, to vmconfig.Machine) {
	osChanged, groupChanged := to.OSID != from.OSID, to.Group != from.Group
	if !osChanged && !groupChanged {
		return
	}
	osMarkup := `<libosinfo:libosinfo xmlns:libosinfo='` + libosinfoNamespace + `'>` + lineBreak + `  ` +
		`<libosinfo:os id='` + escape(to.OSID) + `'/>` + lineBreak + `</libosinfo:libosinfo>`
	groupMarkup := `<` + ourPrefix + `:machine xmlns:` + ourPrefix + `='` + vmconfig.MetadataNamespace + `'>` + lineBreak + `  ` +
		`<` + ourPrefix + `:group>` + escape(to.Group) + `</` + ourPrefix + `:group>` + lineBreak + `</` + ourPrefix + `:machine>`
	metadata := e.root.child("metadata")
	if metadata == nil {
		inner := ""
		if osChanged && to.OSID != "" {
			inner += lineBreak + osMarkup
		}
		if groupChanged && to.Group != "" {
			inner += lineBreak + groupMarkup
		}
		if inner != "" {
			e.insert(e.root, e.head(), "<metadata>"+strings.ReplaceAll(inner, lineBreak, lineBreak+"  ")+lineBreak+"</metadata>")
		}
		return
	}
	if osChanged {
		e.setMetadatum(metadata, libosinfoNamespace, "libosinfo", "os", osMarkup, to.OSID, func(c *element) { e.setAttr(c, "id", to.OSID) })
	}
	if groupChanged {
		e.setMetadatum(metadata, vmconfig.MetadataNamespace, "machine", "group", groupMarkup, to.Group, func(c *element) { e.setText(c, to.Group) })
	}
}

// setMetadatum changes one value inside <metadata>: in its element if that exists, by inserting the element if not. Other values that
// an element of ours or of libosinfo carries stay.
func (e editor) setMetadatum(metadata *element, space, outer, inner, markup, value string, set func(*element)) {
	o := metadata.childNS(space, outer)
	i := o.childNS(space, inner)
	switch {
	case i != nil && value != "":
		set(i)
	case i != nil && len(o.children) == 1:
		e.remove(o)
	case i != nil:
		e.remove(i)
	case value == "":
	case o != nil:
		// The markup's inner line, with the prefix that the element uses here.
		line := strings.TrimSpace(strings.Split(markup, lineBreak)[1])
		written, _, _ := strings.Cut(strings.TrimPrefix(line, "<"), ":")
		if prefix, _, ok := strings.Cut(e.tag(o), ":"); ok {
			line = strings.ReplaceAll(strings.ReplaceAll(line, "<"+written+":", "<"+prefix+":"), "</"+written+":", "</"+prefix+":")
		} else {
			line = strings.ReplaceAll(strings.ReplaceAll(line, "<"+written+":", "<"), "</"+written+":", "</")
		}
		e.insert(o, nil, line)
	default:
		e.insert(metadata, nil, markup)
	}
}

// noVideo is how a description says that there is no graphics card: left out, libvirt adds one beside a display.
const noVideo = "none"

// addScreen adds what a machine needs to be seen and pointed at.
func (e editor) addScreen(from, to vmconfig.Machine) error {
	devices := e.root.child("devices")
	if devices == nil && (len(to.Displays) > len(from.Displays) || to.Tablet != from.Tablet || to.Video != from.Video) {
		return fmt.Errorf("%w: the description has no devices", ErrNotEditable)
	}
	after := devices.last()
	add := func(markup string) { e.insert(devices, after, markup) }
	if to.Tablet && !from.Tablet {
		add("<input type='tablet' bus='usb'/>")
	}
	for _, d := range to.Displays[len(from.Displays):] {
		add(displayMarkup(d))
	}
	if to.Video == from.Video || to.Video == "" {
		return nil
	}
	for _, c := range devices.all() {
		if model := c.child("model"); c.name == "video" && model != nil {
			e.setAttr(model, "type", to.Video)
			return nil
		}
	}
	add("<video>" + lineBreak + "  <model type='" + escape(to.Video) + "'/>" + lineBreak + "</video>")
	return nil
}

// displayMarkup writes a display as Build does.
func displayMarkup(d vmconfig.Display) string {
	tag := "<graphics type='" + escape(d.Kind) + "'"
	switch {
	case d.P2P:
		return tag + " p2p='yes'/>"
	case d.Listen == "address":
		return tag + " autoport='yes'>" + lineBreak + "  <listen type='address' address='127.0.0.1'/>" + lineBreak + "</graphics>"
	case d.Listen != "":
		return tag + ">" + lineBreak + "  <listen type='" + escape(d.Listen) + "'/>" + lineBreak + "</graphics>"
	}
	return tag + "/>"
}

func (e editor) setSource(target string, s Source) error {
	var disk *element
	for _, c := range e.root.child("devices").all() {
		if c.name == "disk" && c.child("target").attr("dev") == target && target != "" {
			disk = c
		}
	}
	if disk == nil {
		return fmt.Errorf("%w: there is no drive %q", ErrNotEditable, vmconfig.Inert(target, 20))
	}
	source, driver := disk.child("source"), disk.child("driver")
	if kind := disk.attr("type"); kind != "file" && kind != "" {
		// The children and attributes of another kind of source mean nothing for a file.
		e.setAttr(disk, "type", "file")
		if source != nil {
			e.remove(source)
			source = nil
		}
	}
	if s.Format != "" && s.Path != "" {
		if driver == nil {
			e.insert(disk, nil, "<driver name='qemu' type='"+escape(s.Format)+"'/>")
		} else if driver.attr("type") != s.Format {
			e.setAttr(driver, "type", s.Format)
		}
	}
	if s.Path == "" {
		if source != nil {
			e.remove(source)
		}
	} else if source != nil {
		e.setAttr(source, "file", s.Path)
		if source.attr("index") != "" {
			e.removeAttr(source, "index")
		}
	} else {
		e.insert(disk, driver, "<source file='"+escape(s.Path)+"'/>"+chainMarkup(s.Chain))
	}
	// The old image's chain says nothing about the new one.
	if chain := disk.child("backingStore"); chain != nil {
		e.remove(chain)
	}
	if source != nil && s.Path != "" && s.Chain != nil {
		e.insert(disk, source, strings.TrimPrefix(chainMarkup(s.Chain), lineBreak))
	}
	return nil
}

// chainMarkup writes a backing chain; the empty element at its end says that the base has nothing below it.
func chainMarkup(chain []Layer) string {
	if chain == nil {
		return ""
	}
	open, indent := "", lineBreak
	for _, l := range chain {
		open += indent + "<backingStore type='file'>" + indent + "  <format type='" + escape(l.Format) + "'/>" +
			indent + "  <source file='" + escape(l.Path) + "'/>"
		indent += "  "
	}
	open += indent + "<backingStore/>"
	for range chain {
		indent = strings.TrimSuffix(indent, "  ")
		open += indent + "</backingStore>"
	}
	return open
}
