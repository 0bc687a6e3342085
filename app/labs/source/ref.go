package source

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry"

	"guesthouse/vmconfig"
)

// Kind is a kind of place.
type Kind int

// The kinds of places.
const (
	KindName     Kind = iota // a name in the library of this computer, such as course/lab:tag; no place
	KindFolder               // a folder with an OCI image layout
	KindFile                 // a .lab file
	KindWeb                  // a folder with an OCI image layout, or a .lab file, on a web server
	KindRegistry             // a repository of an OCI registry
)

// Ref is a place and what is meant there, as Parse understands it. The zero value is no reference.
type Ref struct {
	Kind Kind
	// Location is the path of a folder or file as it was written, a web address without name, password and tag, HOST[:PORT]/REPOSITORY of a registry,
	// or the name without tag.
	Location string
	// Tag chooses a package of the place; empty: Options.Tag, else the only one or the newest.
	Tag string
	// Digest chooses a package by the digest of its manifest (for a name: of whatever the library goes by); empty: not chosen so. It goes before Tag.
	Digest digest.Digest

	user *url.Userinfo // of a web address
}

const maxRef = 4096 // bytes; paths end there too

var (
	// tagPattern is what the OCI distribution specification allows as a tag.
	tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	// namePattern is a lab's name: one to four parts.
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(/[a-z0-9][a-z0-9-]*){0,3}$`)
	scheme      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// Parse understands a reference that a person typed. It looks at the text only. The first of these that fits counts:
//
//	http://… or https://…          a web share; it is a .lab file where the path ends in .lab, else a folder
//	oci://HOST/REPOSITORY          a registry
//	/…, ./…, ../…, file:///…       a path: a .lab file where it ends in .lab, else a folder
//	anything that ends in .lab     a .lab file
//	HOST/REPOSITORY                a registry; HOST has a dot or a port, or is localhost, as Docker tells it
//	anything else                  a name in the library
//
// A registry and a name take :TAG or @sha256:… at their end, the others #TAG or #sha256:…. Where a path has a # of its own in its last part, end it
// with # and nothing after it. The error is a sentence for the user.
func Parse(ref string) (Ref, error) {
	if ref == "" {
		return Ref{}, refuseRef(ref, "a reference is empty: name a folder, a .lab file, an address or a lab")
	}
	if len(ref) > maxRef || !utf8.ValidString(ref) || strings.ContainsFunc(ref, unicode.IsControl) {
		return Ref{}, refuseRef(ref, "has control characters or more than %d bytes", maxRef)
	}
	lower := strings.ToLower(ref)
	switch {
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"):
		return parseWeb(ref)
	case strings.HasPrefix(lower, "oci://"):
		return parseRegistry(ref, ref[len("oci://"):])
	case strings.HasPrefix(lower, "file://"):
		return parseFileURL(ref)
	case scheme.MatchString(ref):
		return Ref{}, refuseRef(ref, "begins with something other than https://, http://, oci:// or file://")
	case strings.HasPrefix(ref, "~"):
		return Ref{}, refuseRef(ref, "begins with ~: write the whole path")
	}
	if place, _, err := cutFragment(ref, ref); isPath(ref) || (err == nil && endsInLab(place)) {
		return parsePath(ref)
	}
	if host, _, ok := strings.Cut(ref, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return parseRegistry(ref, ref)
	}
	return parseName(ref)
}

// String is the reference in a form that Parse reads again, without a password.
func (r Ref) String() string {
	mark, end := "#", ""
	if r.Kind == KindName || r.Kind == KindRegistry {
		mark = ":"
	}
	switch {
	case r.Digest != "" && mark == ":":
		end = "@" + r.Digest.String()
	case r.Digest != "":
		end = "#" + r.Digest.String()
	case r.Tag != "":
		end = mark + r.Tag
	}
	place := r.Location
	switch {
	case r.Kind == KindRegistry:
		place = "oci://" + place
	case (r.Kind == KindFolder || r.Kind == KindFile) && !isPath(place):
		place = "./" + place
	}
	if end == "" && mark == "#" && strings.Contains(place, "#") {
		end = "#"
	}
	return place + end
}

func isPath(ref string) bool {
	for _, mark := range []string{"/", "./", "../"} {
		if strings.HasPrefix(ref, mark) {
			return true
		}
	}
	place, _, _ := strings.Cut(ref, "#")
	return place == "." || place == ".."
}

func endsInLab(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".lab") }

func refuseRef(ref, reason string, args ...any) error {
	return fmt.Errorf("%q %s", vmconfig.Inert(ref, 200), fmt.Sprintf(reason, args...))
}

// cutFragment takes #TAG or #sha256:… off the end of a place.
func cutFragment(ref, text string) (place string, chosen Ref, err error) {
	at := strings.LastIndexByte(text, '#')
	if at < 0 || strings.ContainsRune(text[at:], '/') { // a # in the name of a folder
		return text, Ref{}, nil
	}
	place, tag := text[:at], text[at+1:]
	if tag == "" {
		return place, Ref{}, nil
	}
	if strings.Contains(tag, ":") {
		chosen.Digest, err = parseDigest(ref, tag)
	} else {
		chosen.Tag, err = parseTag(ref, tag)
	}
	return place, chosen, err
}

func parseTag(ref, tag string) (string, error) {
	if !tagPattern.MatchString(tag) {
		return "", refuseRef(ref, "has the tag %q: a tag has 1 to 128 letters, digits, dots, dashes and underscores, and begins with none of . and -", vmconfig.Inert(tag, 200))
	}
	return tag, nil
}

func parseDigest(ref, text string) (digest.Digest, error) {
	d := digest.Digest(text)
	if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
		return "", refuseRef(ref, "has a digest that is not sha256: and 64 hexadecimal digits in lower case")
	}
	return d, nil
}

func parsePath(ref string) (Ref, error) {
	place, r, err := cutFragment(ref, ref)
	if err != nil {
		return Ref{}, err
	}
	r.Kind, r.Location = KindFolder, place
	if endsInLab(place) {
		r.Kind = KindFile
	}
	if place == "" {
		return Ref{}, refuseRef(ref, "names no path before the #")
	}
	return r, nil
}

// parseFileURL understands what a file manager hands over when a file is dropped.
func parseFileURL(ref string) (Ref, error) {
	u, err := url.Parse(ref)
	if err != nil || (u.Host != "" && u.Host != "localhost") || !strings.HasPrefix(u.Path, "/") {
		return Ref{}, refuseRef(ref, "is no address of a file on this computer")
	}
	path := u.Path + "#" + u.Fragment // without escapes now
	if strings.ContainsFunc(path, unicode.IsControl) || !utf8.ValidString(path) {
		return Ref{}, refuseRef(ref, "has control characters")
	}
	return parsePath(path)
}

func parseWeb(ref string) (Ref, error) {
	place, r, err := cutFragment(ref, ref)
	if err != nil {
		return Ref{}, err
	}
	u, err := url.Parse(place)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || strings.Contains(place, "#") {
		return Ref{}, refuseRef(ref, "is no complete web address")
	}
	r.user, u.User = u.User, nil
	u.Path = strings.TrimSuffix(u.Path, "/index.json") // the address of the one file in it that people see
	u.RawPath = strings.TrimSuffix(u.RawPath, "/index.json")
	r.Kind, r.Location = KindWeb, u.String()
	return r, nil
}

func parseRegistry(ref, text string) (Ref, error) {
	text = strings.TrimSuffix(text, "/")
	parsed, err := registry.ParseReference(text)
	if err != nil {
		return Ref{}, refuseRef(ref, "is no reference to a registry: write HOST/NAME:TAG, the name in lower case")
	}
	r := Ref{Kind: KindRegistry, Location: parsed.Registry + "/" + parsed.Repository}
	if strings.Contains(parsed.Reference, ":") {
		r.Digest, err = parseDigest(ref, parsed.Reference)
	} else if parsed.Reference != "" {
		r.Tag, err = parseTag(ref, parsed.Reference)
	}
	return r, err
}

func parseName(ref string) (r Ref, err error) {
	r.Kind = KindName
	name, sum, hasDigest := strings.Cut(ref, "@")
	name, tag, hasTag := strings.Cut(name, ":")
	if !namePattern.MatchString(name) {
		return Ref{}, refuseRef(ref, "is neither the name of a lab (small letters, digits and dashes, with up to three slashes) nor a place: "+
			"begin a folder with / or ./, a web address with https://")
	}
	r.Location = name
	if hasTag {
		if r.Tag, err = parseTag(ref, tag); err != nil {
			return Ref{}, err
		}
	}
	if hasDigest {
		if r.Digest, err = parseDigest(ref, sum); err != nil {
			return Ref{}, err
		}
	}
	return r, nil
}
