package vmconfig

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// units in the order in which FormatSize tries them.
var units = []struct {
	name  string
	bytes int64
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

var unitBytes = map[string]int64{
	"b": 1, "byte": 1, "bytes": 1,
	"kib": KiB, "mib": MiB, "gib": GiB, "tib": TiB,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

// ParseSize reads a size that a person typed: a number and a unit, "2GiB", "1.5 GB". KiB, MiB, GiB and
// TiB are powers of 1024; KB, MB, GB and TB powers of 1000. What could mean two things is refused
// instead of guessed: no unit, a comma, three digits after a point. The error is a Fault that wraps ErrSize.
func ParseSize(text string) (int64, error) {
	refuse := func(message string, args ...any) (int64, error) {
		return 0, Fault{Value: Inert(text, shownValue), Message: fmt.Sprintf(message, args...), Err: ErrSize}
	}
	if len(text) > 64 {
		return refuse("The size is too long; write for example 20 GiB.")
	}
	s := strings.TrimSpace(text)
	if s == "" {
		return refuse("A size is needed, for example 20 GiB.")
	}
	if s[0] == '-' || s[0] == '+' {
		return refuse("The size cannot have a sign.")
	}
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != ',' })
	if end < 0 {
		if strings.ContainsRune(s, ',') {
			return refuse("“%s” can be read in two ways; write a point before the fraction and a unit, for example 10.5 GiB.", s)
		}
		return refuse("“%s” has no unit; write for example %s GiB.", s, s)
	}
	number, unit := s[:end], strings.TrimSpace(s[end:])
	switch {
	case number == "":
		return refuse("“%s” does not begin with a number; write for example 20 GiB.", Inert(s, shownValue))
	case strings.ContainsRune(number, ','):
		return refuse("“%s” can be read in two ways; write a point before the fraction, for example 10.5 GiB.", s)
	}
	whole, fraction, dotted := strings.Cut(number, ".")
	switch {
	case dotted && (whole == "" || fraction == "" || strings.Contains(fraction, ".")):
		return refuse("“%s” is no number.", number)
	case len(fraction) == 3 && len(whole) <= 3 && strings.Trim(whole, "0") != "":
		return refuse("“%s” can be read in two ways; leave out the point or write fewer digits after it.", number)
	}
	factor, ok := unitBytes[strings.ToLower(unit)]
	if !ok {
		return refuse("“%s” is no unit; use MiB, GiB, TiB or MB, GB, TB.", Inert(unit, 20))
	}
	value, ok := new(big.Rat).SetString(number)
	if !ok {
		return refuse("“%s” is no number.", number)
	}
	value.Mul(value, new(big.Rat).SetInt64(factor))
	bytes := new(big.Int).Quo(value.Num(), value.Denom())
	switch {
	case !bytes.IsInt64():
		return refuse("“%s” is too large.", s)
	case bytes.Sign() == 0:
		return refuse("The size cannot be zero.")
	}
	return bytes.Int64(), nil
}

// ParseMemory is ParseSize for memory, which is counted in whole MiB: it rounds to the nearest.
func ParseMemory(text string) (int64, error) {
	bytes, err := ParseSize(text)
	if bytes < MiB || bytes > MaxMemory {
		return bytes, err // to be refused as it was typed
	}
	return (bytes + MiB/2) / MiB * MiB, err
}

// ParseDiskSize is ParseSize for a disk. It rounds up to whole MiB: a disk is never smaller than what was asked for.
func ParseDiskSize(text string) (int64, error) {
	bytes, err := ParseSize(text)
	if bytes < MiB || bytes > MaxDisk {
		return bytes, err // to be refused as it was typed
	}
	return (bytes + MiB - 1) / MiB * MiB, err
}

// FormatSize writes a size for people in binary units: "2 GiB", "1.5 GiB", "1500 MiB". It prefers the
// largest unit in which the size is exact with at most two digits after the point; else it rounds down. ParseSize reads
// what it writes.
func FormatSize(bytes int64) string {
	if bytes < 0 {
		if bytes == math.MinInt64 {
			bytes++
		}
		return "-" + FormatSize(-bytes)
	}
	for _, u := range units {
		if bytes >= u.bytes && (bytes%u.bytes == 0 || bytes%(u.bytes/4) == 0 && u.bytes > 1) && bytes/u.bytes < 10000 {
			return trimZeros(float64(bytes)/float64(u.bytes)) + " " + u.name
		}
	}
	for _, u := range units {
		if bytes >= u.bytes {
			return trimZeros(math.Floor(float64(bytes)/float64(u.bytes)*100)/100) + " " + u.name
		}
	}
	return "0 B"
}

func trimZeros(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

// FormatBytes writes the exact number of bytes in groups of three: "2 147 483 648 bytes".
func FormatBytes(bytes int64) string {
	digits := strconv.FormatInt(bytes, 10)
	sign := ""
	if bytes < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u202f') // narrow no-break space
		}
		b.WriteRune(d)
	}
	return sign + b.String() + " bytes"
}

// RoughSize writes a size in two or three digits: "1.2 GiB", "340 MiB".
func RoughSize(bytes int64) string {
	value, unit := float64(bytes), "bytes"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1024, u
	}
	if value < 10 && unit != "bytes" {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}
