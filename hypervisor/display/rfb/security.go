package rfb

import (
	"bytes"
	"crypto/des"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"guesthouse/hypervisor/display"
)

// Why no agreement on security was possible, besides display.ErrSecurity itself, whose text names what the server offers. All are
// display.ErrAuth: trying again changes nothing.
var (
	// ErrAnonymousTLS is a server that would encrypt, but without a certificate: nobody could tell who answers, so no password is sent there.
	ErrAnonymousTLS = fmt.Errorf("%w: it encrypts without a certificate (anonymous TLS)", display.ErrSecurity)
	// ErrSASL is a server that only takes a log-in through SASL.
	ErrSASL = fmt.Errorf("%w: it wants a log-in through SASL", display.ErrSecurity)
	// ErrUnencrypted is a server that offers no encryption although Options.RequireTLS asks for it.
	ErrUnencrypted = fmt.Errorf("%w: it offers no encryption", display.ErrAuth)
	// ErrUserNeeded is a server that wants the name of a user beside the password: Options.Username.
	ErrUserNeeded = fmt.Errorf("%w, and the name of a user", display.ErrPasswordNeeded)
)

// A method proves who we are in one security type.
type method struct {
	kind byte
	run  func(s *session) error
}

var (
	methodNone     = method{securityNone, func(*session) error { return nil }}
	methodVNC      = method{securityVNC, (*session).vncAuth}
	methodVeNCrypt = method{securityVeN, (*session).veNCrypt}
)

// methods are the security types we would agree on, best first: without encryption where the bytes stay on this computer, as it only costs
// there, and with it elsewhere.
func (o Options) methods() []method {
	switch {
	case o.RequireTLS:
		return []method{methodVeNCrypt}
	case o.Local:
		return []method{methodNone, methodVNC, methodVeNCrypt}
	}
	return []method{methodVeNCrypt, methodNone, methodVNC}
}

// security agrees on a security type and goes through it.
func (s *session) security(version int) error {
	offered, err := s.securityTypes(version)
	if err != nil {
		return err
	}
	m, err := choose(offered, s.options)
	if err != nil {
		return err
	}
	if version != version33 {
		if err := s.write([]byte{m.kind}); err != nil {
			return err
		}
	}
	if err := m.run(s); err != nil {
		return err
	}
	if m.kind == securityNone && version != version38 {
		return nil // no result is sent then
	}
	return s.securityResult(version)
}

// securityTypes reads what the server offers. In version 3.3 the server decides alone.
func (s *session) securityTypes(version int) ([]byte, error) {
	if version == version33 {
		kind, err := s.wire.u32()
		if err != nil {
			return nil, err
		}
		if kind == securityFailed {
			return nil, s.refusal()
		}
		if kind > 255 {
			return nil, protocol("security type %d", kind)
		}
		return []byte{byte(kind)}, nil
	}
	n, err := s.wire.u8()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, s.refusal()
	}
	return s.wire.bytes(uint32(n), 255, "list of security types")
}

// choose picks the best of what is offered, or says why there is nothing to pick.
func choose(offered []byte, o Options) (method, error) {
	for _, m := range o.methods() {
		if bytes.IndexByte(offered, m.kind) >= 0 {
			return m, nil
		}
	}
	has := func(kinds ...byte) bool {
		return slices.ContainsFunc(kinds, func(k byte) bool { return slices.Contains(offered, k) })
	}
	switch {
	case o.RequireTLS && has(securityNone, securityVNC):
		return method{}, ErrUnencrypted
	case has(securityTLS):
		return method{}, ErrAnonymousTLS
	case has(securitySASL):
		return method{}, ErrSASL
	}
	names := make([]string, len(offered))
	for i, kind := range offered {
		names[i] = securityName(kind)
	}
	return method{}, fmt.Errorf("%w: it only offers %s", display.ErrSecurity, strings.Join(names, ", "))
}

// securityName is what a security type is called (rfbproto.rst, and the list of registered types it refers to).
func securityName(kind byte) string {
	switch kind {
	case 5, 6, 13, 129, 130, 133:
		return fmt.Sprintf("RSA-AES (%d)", kind)
	case 16:
		return "Tight (16)"
	case 17:
		return "UltraVNC (17)"
	case 30, 33, 35, 36:
		return fmt.Sprintf("Apple (%d)", kind)
	case 113, 114, 115, 116, 117, 118:
		return fmt.Sprintf("UltraVNC (%d)", kind)
	}
	return fmt.Sprint(kind)
}

// refusal reads why the server does not want to go on, and returns it as an error.
func (s *session) refusal() error {
	n, err := s.wire.u32()
	if err != nil {
		return err
	}
	reason, err := s.wire.bytes(n, maxReason, "reason")
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %q", display.ErrAuth, reason)
}

func (s *session) securityResult(version int) error {
	result, err := s.wire.u32()
	switch {
	case err != nil:
		return err
	case result == 0:
		return nil
	case version == version38:
		return s.refusal()
	}
	return display.ErrAuth
}

// vncAuth answers the server's challenge, encrypted with the password (RFC 6143, 7.2.2). Only its first eight bytes count.
func (s *session) vncAuth() error {
	var challenge [16]byte
	if err := s.wire.read(challenge[:]); err != nil {
		return err
	}
	if s.options.Password == "" {
		return display.ErrPasswordNeeded
	}
	response, err := vncResponse(s.options.Password, challenge)
	if err != nil {
		return fmt.Errorf("%w: %w", display.ErrAuth, err)
	}
	return s.write(response[:])
}

func vncResponse(password string, challenge [16]byte) (response [16]byte, err error) {
	var key [8]byte
	copy(key[:], password)
	for i := range key {
		key[i] = bits.Reverse8(key[i]) // the protocol counts a key's bits from the other end than DES does
	}
	block, err := des.NewCipher(key[:])
	if err != nil {
		return response, err
	}
	block.Encrypt(response[:8], challenge[:8])
	block.Encrypt(response[8:], challenge[8:])
	return response, nil
}

// plainAuth sends name and password as they are. Only ever through TLS, after the certificate was checked.
func (s *session) plainAuth() error {
	switch o := s.options; {
	case o.Username == "":
		return ErrUserNeeded
	case o.Password == "":
		return display.ErrPasswordNeeded
	}
	var p []byte
	p = binary.BigEndian.AppendUint32(p, uint32(len(s.options.Username)))
	p = binary.BigEndian.AppendUint32(p, uint32(len(s.options.Password)))
	p = append(p, s.options.Username...)
	return s.write(append(p, s.options.Password...))
}
