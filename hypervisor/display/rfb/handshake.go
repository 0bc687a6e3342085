package rfb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
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
	if err := s.write(setup(native, s.options)); err != nil {
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
