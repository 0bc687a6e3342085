package vmconfig

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxNameBytes is the longest name of a machine or checkpoint.
const MaxNameBytes = 64

// forbiddenInNames are printable characters that some tool between us and the file system takes for
// something else: path and option separators, shell and format characters, XML brackets.
const forbiddenInNames = `/\:,"<>|?*%`

var uuidLike = regexp.MustCompile(`^(?i)[{]?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}[}]?$`)

// CheckName applies the one rule for names of machines and checkpoints and returns nil or a Fault that
// wraps ErrName or ErrNameTaken. taken holds the names that exist; names are equal when they are
// after Unicode compatibility normalisation and case folding.
func CheckName(name string, taken []string) error {
	if reason := nameFault(name); reason != "" {
		return Fault{Field: FieldName, Value: Inert(name, shownValue), Message: reason, Err: ErrName}
	}
	folded := foldName(name)
	for _, other := range taken {
		if len(other) <= 4*MaxNameBytes && foldName(other) == folded {
			return Fault{
				Field: FieldName, Value: name, Err: ErrNameTaken,
				Message: fmt.Sprintf("The name “%s” is in use.", Inert(other, shownValue)),
			}
		}
	}
	return nil
}

func nameFault(name string) string {
	first, _ := utf8.DecodeRuneInString(name)
	switch {
	case name == "":
		return "A name is needed."
	case len(name) > MaxNameBytes:
		return fmt.Sprintf("The name is too long: %d of at most %d bytes.", len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return "The name is not valid UTF-8 text."
	case strings.TrimSpace(name) == "":
		return "The name consists of blanks only."
	case name == "." || name == "..":
		return "“.” and “..” are no names."
	case first == '-' || first == '.':
		return fmt.Sprintf("The name cannot begin with “%c”.", first)
	}
	for _, r := range name {
		switch {
		case strings.ContainsRune(forbiddenInNames, r):
			return fmt.Sprintf("The name cannot contain “%c”.", r)
		case unicode.IsControl(r):
			return fmt.Sprintf("The name contains a control character (%s).", Inert(string(r), 10))
		case invisible(r):
			return fmt.Sprintf("The name contains a character that cannot be seen (U+%04X).", r)
		}
	}
	switch {
	case strings.HasPrefix(name, " ") || strings.HasSuffix(name, " "):
		return "The name cannot begin or end with a blank."
	case unicode.IsMark(first):
		return "The name cannot begin with an accent."
	case uuidLike.MatchString(name):
		return "The name cannot be a UUID."
	case !norm.NFC.IsNormalString(name):
		return "The name contains letters with separate accents; type it again."
	}
	return ""
}

// foldName maps names that count as the same to one string.
func foldName(name string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
}

// lookAlikes maps letters of other scripts to the Latin letter that most fonts draw alike. It is a small
// part of Unicode's confusables: enough for a warning, never for a refusal.
var lookAlikes = strings.NewReplacer(
	"а", "a", "в", "b", "е", "e", "ѕ", "s", "і", "i", "ї", "i", "ј", "j", "к", "k", "м", "m", "н", "h", "о", "o",
	"р", "p", "с", "c", "т", "t", "у", "y", "х", "x", "ѵ", "v", "ԁ", "d", "ո", "n", "ɡ", "g", "һ", "h",
	"α", "a", "β", "b", "ε", "e", "ι", "i", "κ", "k", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "u", "χ", "x",
	"0", "o", "1", "l", "i", "l", "|", "l",
)

// LookAlike returns the first of taken that differs from name but looks much like it, for a warning.
func LookAlike(name string, taken []string) (string, bool) {
	folded := foldName(name)
	skeleton := lookAlikes.Replace(folded)
	for _, other := range taken {
		if len(other) > 4*MaxNameBytes {
			continue
		}
		if f := foldName(other); f != folded && lookAlikes.Replace(f) == skeleton && !asciiOnly(name, other) {
			return other, true
		}
	}
	return "", false
}

// asciiOnly spares vm1 and vml, which people tell apart by habit, the warning.
func asciiOnly(texts ...string) bool {
	for _, text := range texts {
		for i := range len(text) {
			if text[i] >= utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}

// Slug returns the stem of the machine's file names: the plain letters and digits of its name and the first
// 8 hexadecimal digits of its UUID. It is never empty, needs no quoting anywhere and is at most 41 bytes.
func Slug(name string, id uuid.UUID) string {
	const longest = 32
	var b strings.Builder
	dash := false
	if len(name) > 4*MaxNameBytes {
		name = name[:4*MaxNameBytes]
	}
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		if b.Len() >= longest {
			break
		}
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if dash && b.Len() > 0 && b.Len() < longest-1 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		case unicode.IsMark(r): // the accent of a letter that is kept
		default:
			dash = true
		}
	}
	if b.Len() == 0 {
		b.WriteString("machine")
	}
	return b.String() + "-" + hex.EncodeToString(id[:4])
}
