// Package assets embeds the program's icons, pictures and typefaces. It knows no toolkit.
//
// The icons and pictures are our own. Inter is under the SIL Open Font License (fonts/OFL.txt).
package assets

import (
	"embed"
	"io/fs"
	"path"
	"sort"
	"strings"
)

//go:embed icons/*.svg os/*.svg art/*.svg art/guesthouse.png fonts/*.otf fonts/OFL.txt translations/*.json
var files embed.FS

// Icon returns the SVG of a line icon on a 24 × 24 grid. Its lines are drawn in currentColor.
// Names are those of the files under icons, without the suffix.
func Icon(name string) ([]byte, error) { return files.ReadFile("icons/" + name + ".svg") }

// OS returns the SVG of an operating-system tile, 32 × 32, in its own colours.
func OS(name string) ([]byte, error) { return files.ReadFile("os/" + name + ".svg") }

// Art returns the SVG of a larger picture in its own colours: "guesthouse" (the app icon) or "welcome".
func Art(name string) ([]byte, error) { return files.ReadFile("art/" + name + ".svg") }

// WindowIcon returns the picture of "guesthouse", 128 × 128 pixels, as PNG: the toolkit would draw it anew for each window, which takes
// longer than opening one.
func WindowIcon() ([]byte, error) { return files.ReadFile("art/guesthouse.png") }

// Font returns an OpenType font: "Inter-Regular" or "Inter-SemiBold".
func Font(name string) ([]byte, error) { return files.ReadFile("fonts/" + name + ".otf") }

// Translation returns the texts of the windows in a language, named by its BCP 47 code: "en", "pt-BR". ui/lang reads it.
func Translation(language string) ([]byte, error) {
	return files.ReadFile("translations/" + language + ".json")
}

// Languages lists the codes of the languages that there are texts for, sorted.
func Languages() []string { return names("translations") }

// IconNames lists the line icons, sorted.
func IconNames() []string { return names("icons") }

// OSNames lists the operating-system tiles, sorted.
func OSNames() []string { return names("os") }

func names(folder string) []string {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil // cannot be: the folder is embedded
	}
	var list []string
	for _, e := range entries {
		list = append(list, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	sort.Strings(list)
	return list
}
