package lab

import (
	"encoding/binary"
	"strings"

	"aead.dev/minisign"
)

// fingerprintWords is how many words of 16 bits a fingerprint has: 80 bits, far beyond what can be tried until another key has the same.
const fingerprintWords = 5

// Fingerprint returns a short form of a key to compare by eye or over a telephone: five words that can be spoken in most languages, such as
// "lusab-babad-gutih-tugad-mumir". They are the first 80 bits of the SHA-256 of "Guesthouse course key " and the key's text, as proquints (arXiv:0901.4016).
func Fingerprint(key minisign.PublicKey) string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	sum := Sum([]byte("Guesthouse course key " + key.String()))
	words := make([]string, fingerprintWords)
	for i := range words {
		n := binary.BigEndian.Uint16(sum[2*i:])
		words[i] = string([]byte{consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15]})
	}
	return strings.Join(words, "-")
}
