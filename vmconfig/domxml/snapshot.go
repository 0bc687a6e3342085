package domxml

import (
	"encoding/xml"
	"strings"
)

// Child returns where the first element of that name in a document's root begins and ends; both are where the root ends if there is none.
func Child(document, name string) (start, end int64, err error) {
	decoder := xml.NewDecoder(strings.NewReader(document))
	depth, inside := 0, false
	for {
		before := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil {
			return 0, 0, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 && e.Name.Local == name {
				start, inside = before, true
			}
		case xml.EndElement:
			switch {
			case depth == 2 && inside:
				return start, decoder.InputOffset(), nil
			case depth == 1:
				return before, before, nil
			}
			depth--
		}
	}
}

// SnapshotDomain cuts the machine's description at that moment out of a snapshot's (libvirt, formatsnapshot.html). A snapshot of a running machine has two: <domain>, the
// running one, and <inactiveDomain>.
func SnapshotDomain(text string) (string, bool) {
	start, end, err := Child(text, "domain")
	return text[start:end], err == nil && start < end
}
