package rfb

import (
	"bytes"
	"crypto/des"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"guesthouse/hypervisor/display"
)

// The protocol versions that differ for a client, as minor numbers of version 3.
const (
	version33 = 3
	version37 = 7
	version38 = 8
)

// handshake speaks everything up to ServerInit, and asks for our pixel format and encodings (RFC 6143, 7.1 to 7.3).
func (s *session) handshake() (width, height int, name string, err error) {
	s.wire.begin(s.wire.limits.handshake, messageBudget)
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.wire.limits.handshake))
	version, err := s.version()
	if err != nil {
		return 0, 0, "", err
	}
	if err := s.security(version); err != nil {
		return 0, 0, "", err
	}
	if err := s.write([]byte{1}); err != nil { // ClientInit: others may watch too
		return 0, 0, "", err
	}
	width, height, name, native, err := s.serverInit()
	if err != nil {
		return 0, 0, "", err
	}
	if err := s.write(setup(native)); err != nil {
		return 0, 0, "", err
	}
	// From here on a server may take its time: a guest's display does while its state is saved.
	_ = s.conn.SetWriteDeadline(time.Time{})
	return width, height, name, nil
}

func (s *session) write(p []byte) error {
	_, err := s.conn.Write(p)
	return transport(err)
}

// version agrees on a protocol version and returns its minor number.
func (s *session) version() (int, error) {
	var greeting [12]byte
	if err := s.wire.read(greeting[:]); err != nil {
		return 0, err
	}
	minor, err := parseVersion(greeting[:])
	if err != nil {
		return 0, err
	}
	return minor, s.write(fmt.Appendf(nil, "RFB 003.%03d\n", minor))
}

// parseVersion chooses the version to answer a greeting with. Versions above 3.8 that have been seen (3.889, 4 and 5) speak 3.8 when asked
// to; 3.4 to 3.6 never existed and mean 3.3 (RFC 6143, 7.1.1).
func parseVersion(greeting []byte) (minor int, err error) {
	text := string(greeting)
	if len(text) != 12 || !strings.HasPrefix(text, "RFB ") || text[7] != '.' || text[11] != '\n' {
		return 0, protocol("this is not a VNC server")
	}
	major, errMajor := strconv.ParseUint(text[4:7], 10, 16)
	low, errMinor := strconv.ParseUint(text[8:11], 10, 16)
	switch {
	case errMajor != nil || errMinor != nil, major < 3, major > 5, major == 3 && low < version33:
		return 0, protocol("RFB version %q", text[4:11])
	case major > 3 || low >= version38:
		return version38, nil
	case low == version37:
		return version37, nil
	}
	return version33, nil
}

// A method proves who we are in one security type.
type method struct {
	kind byte
	run  func(s *session) error
}

// methods are the security types we speak, best first.
var methods = []method{
	{securityNone, func(*session) error { return nil }},
	{securityVNC, (*session).vncAuth},
}

// security agrees on a security type and goes through it.
func (s *session) security(version int) error {
	offered, err := s.securityTypes(version)
	if err != nil {
		return err
	}
	m, err := choose(offered)
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

func choose(offered []byte) (method, error) {
	for _, m := range methods {
		if bytes.IndexByte(offered, m.kind) >= 0 {
			return m, nil
		}
	}
	return method{}, fmt.Errorf("%w: it only offers security types %v", display.ErrSecurity, offered)
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

// serverInit reads size, name and pixel format of the screen. native says that the format is ours already.
func (s *session) serverInit() (width, height int, name string, native bool, err error) {
	var head [24]byte
	if err := s.wire.read(head[:]); err != nil {
		return 0, 0, "", false, err
	}
	title, err := s.wire.bytes(binary.BigEndian.Uint32(head[20:]), maxName, "name")
	if err != nil {
		return 0, 0, "", false, err
	}
	width, height = int(binary.BigEndian.Uint16(head[0:])), int(binary.BigEndian.Uint16(head[2:]))
	// The three bytes of padding at the end may hold anything.
	return width, height, string(title), bytes.Equal(head[4:17], pixelFormatBGRX[:13]), nil
}

// setup is what we send after ServerInit.
func setup(native bool) []byte {
	var p []byte
	if !native {
		p = append(p, msgSetPixelFormat, 0, 0, 0)
		p = append(p, pixelFormatBGRX[:]...)
	}
	p = append(p, msgSetEncodings, 0)
	p = binary.BigEndian.AppendUint16(p, uint16(len(wanted)))
	for _, e := range wanted {
		p = binary.BigEndian.AppendUint32(p, uint32(e))
	}
	return p
}
