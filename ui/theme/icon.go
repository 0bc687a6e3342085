package theme

import (
	"fmt"
	"image/color"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"guesthouse/assets"
)

// icon is a line icon that takes its colour from the current theme each time it is drawn. Its shapes are
// filled, so that Fyne's own widgets can recolour it.
type icon struct {
	name  string
	color fyne.ThemeColorName
}

// Icon returns the named line icon (see assets/icons) in the text colour. An unknown name gives the
// "state-unknown" icon, never nil.
func Icon(name string) fyne.Resource { return IconIn(name, theme.ColorNameForeground) }

// IconIn returns the named line icon in a theme colour.
func IconIn(name string, color fyne.ThemeColorName) fyne.Resource {
	return icon{name, color}
}

// Name implements fyne.Resource. It names the colour too, because Fyne caches pictures by name.
func (i icon) Name() string { return fmt.Sprintf("gh-%s-%s.svg", i.name, hex(Color(i.color))) }

// Content implements fyne.Resource.
func (i icon) Content() []byte {
	d := i.outlines()
	return writeSVG(d.shapes, d.w, d.h, "#"+hex(Color(i.color)))
}

func (i icon) outlines() drawing {
	d, ok := drawn("icons", i.name, assets.Icon)
	if !ok {
		d, _ = drawn("icons", "state-unknown", assets.Icon)
	}
	return d
}

func hex(c color.Color) string {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return fmt.Sprintf("%02x%02x%02x", n.R, n.G, n.B)
}

// drawing is a picture as outlines.
type drawing struct {
	shapes []shape
	w, h   float64
}

var drawings sync.Map // "folder/name" to drawing

// drawn returns the outlines of an embedded picture; each is made once.
func drawn(folder, name string, read func(string) ([]byte, error)) (drawing, bool) {
	key := folder + "/" + name
	if d, ok := drawings.Load(key); ok {
		return d.(drawing), true
	}
	data, err := read(name)
	if err != nil {
		return drawing{}, false
	}
	shapes, w, h, err := outline(data)
	if err != nil {
		return drawing{}, false
	}
	d := drawing{shapes, w, h}
	drawings.Store(key, d)
	return d, true
}

// Art returns a larger picture (see assets/art) in its own colours.
func Art(name string) fyne.Resource { return static("art", name, assets.Art) }

// AppIcon is the program's icon in pixels, for windows.
func AppIcon() fyne.Resource {
	data, err := assets.WindowIcon()
	if err != nil {
		return Art("guesthouse")
	}
	return fyne.NewStaticResource("guesthouse.png", data)
}

// OSIcon returns the tile for an operating system, given its osinfo-db id (a URL such as
// http://debian.org/debian/12) or short id (debian12); an empty id gives the general tile.
func OSIcon(osID string) fyne.Resource { return static("os", OSFamily(osID), assets.OS) }

func static(folder, name string, read func(string) ([]byte, error)) fyne.Resource {
	d, ok := drawn(folder, name, read)
	if !ok {
		return Icon("state-unknown")
	}
	return fyne.NewStaticResource("gh-"+folder+"-"+name+".svg", writeSVG(d.shapes, d.w, d.h, ""))
}

// families maps the beginning of an osinfo-db short id to a tile; the first match counts.
var families = []struct{ prefix, tile string }{
	{"debian", "debian"},
	{"ubuntu", "ubuntu"},
	{"fedora", "fedora"},
	{"silverblue", "fedora"},
	{"archlinux", "arch"},
	{"manjaro", "arch"},
	{"endeavouros", "arch"},
	{"arch", "arch"},
	{"opensuse", "suse"},
	{"sled", "suse"},
	{"sles", "suse"},
	{"sle", "suse"},
	{"suse", "suse"},
	{"rhel", "rhel"},
	{"rhl", "rhel"},
	{"centos", "rhel"},
	{"rocky", "rhel"},
	{"almalinux", "rhel"},
	{"ol", "rhel"},
	{"scientificlinux", "rhel"},
	{"eurolinux", "rhel"},
	{"circle", "rhel"},
	{"winxp", "windows"},
	{"win", "windows"},
	{"freebsd", "bsd"},
	{"openbsd", "bsd"},
	{"netbsd", "bsd"},
	{"dragonflybsd", "bsd"},
	{"ghostbsd", "bsd"},
	{"hardenedbsd", "bsd"},
	{"midnightbsd", "bsd"},
	{"truenas", "bsd"},
	{"freenas", "bsd"},
	{"macosx", "macos"},
	{"macos", "macos"},
	{"msdos", "dos"},
	{"freedos", "dos"},
	{"android", "android"},
	{"bliss", "android"},
	{"solaris", "solaris"},
	{"opensolaris", "solaris"},
	{"openindiana", "solaris"},
	{"smartos", "solaris"},
	{"alpinelinux", "alpine"},
	{"alpine", "alpine"},
	{"gentoo", "gentoo"},
	{"linux", "linux"},
	{"alt", "linux"},
	{"mandrake", "linux"},
	{"mandriva", "linux"},
	{"mageia", "linux"},
	{"slackware", "linux"},
	{"void", "linux"},
	{"nixos", "linux"},
	{"guix", "linux"},
	{"popos", "linux"},
	{"elementary", "linux"},
	{"cirros", "linux"},
	{"popos", "linux"},
	{"trisquel", "linux"},
	{"pureos", "linux"},
	{"tails", "linux"},
	{"zorin", "linux"},
	{"mint", "linux"},
	{"asianux", "linux"},
	{"generic", "linux"},
	{"generic", "linux"},
	{"generic", "linux"},
	{"rhcos", "rhel"},
	{"scos", "rhel"},
	{"fcos", "fedora"},
	{"coreos", "fedora"},
}

// OSFamily returns the name of the tile for an osinfo-db id or short id.
func OSFamily(osID string) string {
	id := strings.ToLower(osID)
	// http://debian.org/debian/12 → "debian"; http://microsoft.com/win/11 → "win"
	if rest, ok := strings.CutPrefix(id, "http://"); ok {
		if parts := strings.Split(rest, "/"); len(parts) > 1 {
			id = parts[1]
		}
	}
	for _, f := range families {
		if strings.HasPrefix(id, f.prefix) {
			return f.tile
		}
	}
	if strings.Contains(id, "linux") {
		return "linux"
	}
	return "other"
}
