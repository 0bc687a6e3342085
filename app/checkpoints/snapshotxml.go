package checkpoints

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// snapshotXML describes a snapshot to be taken now (libvirt, formatsnapshot.html). libvirt keeps a snapshot's name for ever, so the
// name that the user reads is the first line of the description.
func snapshotXML(n newCheckpoint) string {
	var b strings.Builder
	b.WriteString("<domainsnapshot>")
	writeHead(&b, n)
	b.WriteString("</domainsnapshot>")
	return b.String()
}

func writeHead(b *strings.Builder, n newCheckpoint) {
	element(b, "name", n.id)
	element(b, "description", n.text())
}

// text is the description that libvirt keeps.
func (n newCheckpoint) text() string {
	if n.description == "" {
		return n.name
	}
	return n.name + "\n" + n.description
}

// describedXML gives a snapshot's description another text and leaves every other byte as it is.
func describedXML(snapshot, text string) (string, error) {
	start, end, err := domxml.Child(snapshot, "description")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(snapshot[:start])
	element(&b, "description", text)
	b.WriteString(snapshot[end:])
	return b.String(), nil
}

func element(b *strings.Builder, name, text string) {
	b.WriteString("<" + name + ">")
	xml.EscapeText(b, []byte(text))
	b.WriteString("</" + name + ">")
}

// redefinitionXML describes a snapshot whose data exists already, for CreateSnapshot with Redefine. state is libvirt's word; memory is "no" or
// "internal".
func redefinitionXML(t *target, n newCheckpoint, state, memory string) string {
	var b strings.Builder
	b.WriteString("<domainsnapshot>")
	writeHead(&b, n)
	element(&b, "state", state)
	if n.parent != "" {
		b.WriteString("<parent>")
		element(&b, "name", n.parent)
		b.WriteString("</parent>")
	}
	element(&b, "creationTime", strconv.FormatInt(n.created.Unix(), 10))
	b.WriteString(`<memory snapshot="` + memory + `"/><disks>`)
	inside := map[string]bool{}
	for _, d := range t.disks() {
		inside[d.Target] = true
	}
	for _, d := range t.config.Disks {
		kind := "no"
		if inside[d.Target] {
			kind = "internal"
		}
		b.WriteString(`<disk name="`)
		xml.EscapeText(&b, []byte(d.Target))
		b.WriteString(`" snapshot="` + kind + `"/>`)
	}
	b.WriteString("</disks>")
	b.WriteString(t.xml)
	b.WriteString("</domainsnapshot>")
	return b.String()
}

// snapshotInactive is domxml.SnapshotDomain, but of a running machine the description that its next start would have used.
func snapshotInactive(text string) (string, bool) {
	const outer = "inactiveDomain"
	start, end, err := domxml.Child(text, outer)
	if err != nil || start == end {
		return domxml.SnapshotDomain(text)
	}
	inside, ok := strings.CutPrefix(strings.TrimSpace(text[start:end]), "<"+outer)
	inside, closed := strings.CutSuffix(inside, "</"+outer+">")
	return "<domain" + inside + "</domain>", ok && closed
}

// withDiscsOf puts those discs into the drives of a snapshot's machine that the machine has in them now, and leaves every other byte as it is.
func withDiscsOf(snapshot, description string) (string, error) {
	live, err := domxml.Parse(description)
	if err != nil {
		return "", err
	}
	start, end, err := domxml.Child(snapshot, "domain")
	if err != nil {
		return "", err
	}
	then, err := domxml.Parse(snapshot[start:end])
	if err != nil {
		return "", err
	}
	now := then
	now.Disks = slices.Clone(then.Disks)
	for i := range now.Disks {
		d := &now.Disks[i]
		if at := slices.IndexFunc(live.Disks, func(l vmconfig.Disk) bool { return l.Target == d.Target }); at >= 0 && d.Device != vmconfig.DeviceDisk {
			d.Path = live.Disks[at].Path
		}
	}
	edited, err := domxml.Edit(snapshot[start:end], then, now)
	if err != nil {
		return "", err
	}
	return snapshot[:start] + edited + snapshot[end:], nil
}

// renameDomain gives a machine's description another name.
func renameDomain(description, name string) (string, error) {
	then, err := domxml.Parse(description)
	if err != nil {
		return "", err
	}
	now := then
	now.Name = name
	return domxml.Edit(description, then, now)
}
