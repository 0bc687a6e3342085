package lab

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"aead.dev/minisign"
)

// ErrSignature says that a signature is not one of these bytes by this key.
var ErrSignature = errors.New("the lab's signature is not valid: the lab was changed after the teacher signed it, or somebody else signed it")

// ErrKey says that a text is not a public key of minisign.
var ErrKey = errors.New("not a public key")

// ParseKey reads a public key as Config.Course.Key has it: the second line of minisign's .pub file, nothing around it. Errors are ErrKey.
func ParseKey(text string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(text)); err != nil || key.String() != text {
		return minisign.PublicKey{}, ErrKey
	}
	return key, nil
}

// Sign returns the .minisig text for the bytes of a config. The comment is signed as well and shown by minisign; it must be one line.
func Sign(key minisign.PrivateKey, config []byte, comment string) []byte {
	return sign(key, config, comment, "signature of a Guesthouse lab")
}

func sign(key minisign.PrivateKey, config []byte, comment, untrusted string) []byte {
	r := minisign.NewReader(bytes.NewReader(config))
	var buffer [4096]byte
	for {
		if _, err := r.Read(buffer[:]); err != nil {
			break // the end: reading memory does not fail
		}
	}
	return r.SignWithComments(key, comment, untrusted)
}

// Verify checks that the signature is of exactly these bytes, by this key, prehashed. Errors wrap ErrSignature.
func Verify(key minisign.PublicKey, config, signature []byte) error {
	if len(signature) > MaxSignatureBytes || !utf8.Valid(signature) {
		return fmt.Errorf("%w (it is not in minisign's form)", ErrSignature)
	}
	var s minisign.Signature
	if err := s.UnmarshalText(signature); err != nil {
		return fmt.Errorf("%w (it is not in minisign's form)", ErrSignature)
	}
	if s.KeyID != key.ID() {
		return fmt.Errorf("%w (it is by the key %X, the course's is %X)", ErrSignature, s.KeyID, key.ID())
	}
	if s.Algorithm != minisign.HashEdDSA || !minisign.Verify(key, config, signature) {
		return ErrSignature
	}
	return nil
}
