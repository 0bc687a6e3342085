package vmconfig

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckPath says whether path can name an image file: absolute, clean, valid UTF-8 without control characters,
// of a length that Linux takes, and not in a file system that holds no files of its own. It does not look at the disk. The error is a
// Fault that wraps ErrPath.
func CheckPath(path string) error {
	refuse := func(message string) error {
		return Fault{Field: FieldDiskPath, Value: Inert(path, shownValue), Message: message, Err: ErrPath}
	}
	switch {
	case path == "":
		return refuse("A file is needed.")
	case len(path) > 4095:
		return refuse("The path is too long.")
	case !utf8.ValidString(path):
		return refuse(fmt.Sprintf("The path is not valid UTF-8: %s", Inert(path, shownValue)))
	case strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) || !xmlChar(r) }):
		return refuse(fmt.Sprintf("The path contains a control character: %s", Inert(path, shownValue)))
	case !filepath.IsAbs(path):
		return refuse(fmt.Sprintf("“%s” is not an absolute path.", Inert(path, shownValue)))
	case filepath.Clean(path) != path:
		return refuse(fmt.Sprintf("“%s” is not a plain path.", Inert(path, shownValue)))
	}
	for _, part := range strings.Split(path, "/") {
		if len(part) > 255 {
			return refuse("The file name is too long.")
		}
	}
	for _, special := range []string{"/proc", "/sys", "/dev"} {
		if path == special || strings.HasPrefix(path, special+"/") {
			return refuse(fmt.Sprintf("“%s” is not an ordinary file.", Inert(path, shownValue)))
		}
	}
	return nil
}

// xmlChar reports whether XML 1.0 can carry the character (production 2, "Char").
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}
