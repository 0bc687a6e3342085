package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Digest is a SHA-256. The zero value stands for a chunk of nothing but zeros in an index, and for "none" elsewhere.
type Digest [sha256.Size]byte

// ErrDigest says that a text is not "sha256:" and 64 lower-case hexadecimal digits, the only form in which a digest is written.
var ErrDigest = errors.New("not a SHA-256 digest")

const digestPrefix = "sha256:"

// Sum returns the digest of data.
func Sum(data []byte) Digest { return sha256.Sum256(data) }

// ParseDigest reads what Digest.String writes. It returns ErrDigest for anything else.
func ParseDigest(text string) (d Digest, err error) {
	digits, ok := strings.CutPrefix(text, digestPrefix)
	if !ok || len(digits) != 2*len(d) || strings.ToLower(digits) != digits {
		return Digest{}, ErrDigest
	}
	if _, err := hex.Decode(d[:], []byte(digits)); err != nil {
		return Digest{}, ErrDigest
	}
	return d, nil
}

// String returns the digest as OCI writes it: "sha256:" and 64 hexadecimal digits.
func (d Digest) String() string { return digestPrefix + d.Hex() }

// Hex returns the 64 hexadecimal digits alone, for file names.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// OCI returns the digest as the type of OCI's libraries.
func (d Digest) OCI() digest.Digest { return digest.Digest(d.String()) }

// IsZero reports whether it is the zero value.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It refuses the zero value, which is the digest of nothing.
func (d *Digest) UnmarshalText(text []byte) error {
	read, err := ParseDigest(string(text))
	if err == nil && read.IsZero() {
		err = ErrDigest
	}
	if err == nil {
		*d = read
	}
	return err
}
