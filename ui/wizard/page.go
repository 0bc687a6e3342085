package wizard

import (
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// Page is one step of the wizard.
type Page int

// The pages, in order.
const (
	PageSystem Page = iota
	PageHardware
	PageDisk
	PageSummary
	pageCount
)

// Title is the page's name as the step rail shows it.
func (p Page) Title() string {
	switch p {
	case PageSystem:
		return lang.L("Name and system")
	case PageHardware:
		return lang.L("Hardware")
	case PageDisk:
		return lang.L("Disk")
	default:
		return lang.L("Summary")
	}
}

// fields lists the fields of a page from top to bottom: the order in which the first faulty one is looked for.
func (p Page) fields() []vmconfig.Field {
	switch p {
	case PageSystem:
		return []vmconfig.Field{vmconfig.FieldISO, vmconfig.FieldName, vmconfig.FieldOS}
	case PageHardware:
		return []vmconfig.Field{vmconfig.FieldMemory, vmconfig.FieldCPUs, vmconfig.FieldFirmware}
	case PageDisk:
		return []vmconfig.Field{vmconfig.FieldDiskSize, vmconfig.FieldDiskPath, fieldDiskMode}
	default:
		return nil
	}
}

// pageOf returns the page that shows a field; the summary for one that no page shows.
func pageOf(f vmconfig.Field) Page {
	for p := PageSystem; p < PageSummary; p++ {
		for _, own := range p.fields() {
			if own == f {
				return p
			}
		}
	}
	return PageSummary
}

// Mark is the sign beside a page in the step rail.
type Mark int

// The marks. A page that was not visited yet has none.
const (
	MarkNone Mark = iota
	MarkCurrent
	MarkDone
	MarkFaulty
)

// Page returns the page that is shown.
func (m *Model) Page() Page { return m.page }

// Mark returns the sign of a page.
func (m *Model) Mark(p Page) Mark {
	switch {
	case m.tried[p] && len(m.Faults(p)) > 0:
		return MarkFaulty
	case p == m.page:
		return MarkCurrent
	case p < m.reached:
		return MarkDone
	default:
		return MarkNone
	}
}

// Next goes one page on. When the page has faults it stays, all of them are shown from now on, and first is
// the topmost faulty field.
func (m *Model) Next() (first vmconfig.Field, ok bool) {
	if m.page == PageSummary {
		return "", false
	}
	return m.GoTo(m.page + 1)
}

// Back goes one page back. Faults never hold the user there.
func (m *Model) Back() {
	if m.page > PageSystem {
		m.page--
	}
}

// GoTo shows a page. On the way forward it stops at the first page that has faults, as Next does.
func (m *Model) GoTo(target Page) (first vmconfig.Field, ok bool) {
	for m.page < target {
		m.tried[m.page] = true
		if faults := m.Faults(m.page); len(faults) > 0 {
			return faults[0].Field, false
		}
		m.page++
		m.reached = max(m.reached, m.page)
	}
	m.page = target
	return "", true
}

// Locate goes to the first page with faults, as Create does before it starts; ok when there is none.
func (m *Model) Locate() (first vmconfig.Field, ok bool) {
	for p := PageSystem; p < PageSummary; p++ {
		m.tried[p] = true
	}
	for p := PageSystem; p < PageSummary; p++ {
		if faults := m.Faults(p); len(faults) > 0 {
			m.page = p
			return faults[0].Field, false
		}
	}
	return "", true
}

// Visit goes back to a page that was shown before.
func (m *Model) Visit(p Page) { m.page = min(p, m.reached) }
