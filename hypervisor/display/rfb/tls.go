package rfb

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"guesthouse/hypervisor/display"
)

// Subtypes of the security type VeNCrypt, version 0.2 (rfbproto.rst, "VeNCrypt"; QEMU ui/vnc.h).
const (
	veNPlain     = 256
	veNTLSNone   = 257
	veNTLSVNC    = 258
	veNTLSPlain  = 259
	veNX509None  = 260
	veNX509VNC   = 261
	veNX509Plain = 262
	veNTLSSASL   = 263
	veNX509SASL  = 264
)

// TLS says whose certificate is good enough for an encrypted connection. The zero value trusts the system's authorities and no name, so that
// every certificate leads to a CertificateError.
type TLS struct {
	// Host is the name or address that the certificate must be for: what the user typed.
	Host string
	// Authorities returns who may vouch for the server; nil, or a nil pool, means those of the system. It is called only for a certificate that
	// no pin accepts, on Run's goroutine, and may read files (LoadAuthorities): most servers never show a certificate.
	Authorities func() *x509.CertPool
	// Pins are certificates that the user has accepted for this very host, whoever vouches for them. A pin is for one certificate, not for
	// what it may have signed: keep a list for each host.
	Pins []Fingerprint
	// Certificates are shown to a server that wants to know who we are.
	Certificates []tls.Certificate
}

// A Fingerprint is the SHA-256 of a certificate in DER.
type Fingerprint [sha256.Size]byte

// String is the usual way to write a fingerprint: hexadecimal bytes with colons between them.
func (f Fingerprint) String() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", f[:]), " ", ":")
}

// ParseFingerprint reads what Fingerprint.String wrote.
func ParseFingerprint(text string) (Fingerprint, error) {
	var f Fingerprint
	raw, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(raw) != len(f) {
		return f, fmt.Errorf("%.100q is no fingerprint", text)
	}
	copy(f[:], raw)
	return f, nil
}

// A CertificateError is a server whose certificate nobody trusts yet. It is display.ErrAuth. A window can show the fingerprint, and when the
// user knows it to be right, connect again with it among TLS.Pins. Nothing has been sent to the server that is worth anything.
type CertificateError struct {
	Host        string            // TLS.Host
	Fingerprint Fingerprint       // of the server's certificate
	Certificate *x509.Certificate // the server's, for a window that shows names and dates; foreign text
	Err         error             // why it is not trusted: of crypto/x509
}

// Error implements error.
func (e *CertificateError) Error() string {
	return fmt.Sprintf("the certificate of %q is not trusted: %v", e.Host, e.Err)
}

// Unwrap makes errors.Is find display.ErrAuth and the reason.
func (e *CertificateError) Unwrap() []error { return []error{display.ErrAuth, e.Err} }

// maxAuthorities is how large a file of authorities may be, in bytes.
const maxAuthorities = 4 << 20

// LoadAuthorities reads files of PEM certificates, for TLS.Authorities: the pool has those beside the system's. It is always usable; the error
// names the files that are missing or no files of certificates, which are left out.
func LoadAuthorities(paths ...string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	faults := []error{err}
	for _, path := range paths {
		faults = append(faults, addAuthorities(pool, path))
	}
	return pool, errors.Join(faults...)
}

func addAuthorities(pool *x509.CertPool, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxAuthorities {
		return fmt.Errorf("%s: not a file of certificates", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s: no certificate in it", path)
	}
	return nil
}

// veNCrypt agrees on a subtype, starts TLS, and then proves who we are inside it.
func (s *session) veNCrypt() error {
	version, err := s.wire.head(2)
	if err != nil {
		return err
	}
	if version[0] != 0 || version[1] < 2 {
		return fmt.Errorf("%w: version %d.%d of VeNCrypt", display.ErrSecurity, version[0], version[1])
	}
	if err := s.write([]byte{0, 2}); err != nil {
		return err
	}
	if err := s.accepted(0); err != nil { // the one acknowledgement in which 0 is good
		return err
	}
	n, err := s.wire.u8()
	if err != nil {
		return err
	}
	list, err := s.wire.bytes(4*uint32(n), 4*255, "list of VeNCrypt subtypes")
	if err != nil {
		return err
	}
	var offered []uint32
	for ; len(list) > 0; list = list[4:] {
		offered = append(offered, binary.BigEndian.Uint32(list))
	}
	subtype, err := chooseSubtype(offered, s.options)
	if err != nil {
		return err
	}
	if err := s.write(binary.BigEndian.AppendUint32(nil, subtype)); err != nil {
		return err
	}
	if err := s.accepted(1); err != nil {
		return err
	}
	if err := s.startTLS(); err != nil {
		return err
	}
	switch subtype {
	case veNX509VNC:
		return s.vncAuth()
	case veNX509Plain:
		return s.plainAuth()
	}
	return nil
}

// accepted reads one byte of agreement.
func (s *session) accepted(good uint8) error {
	answer, err := s.wire.u8()
	if err == nil && answer != good {
		err = fmt.Errorf("%w: it gave up on VeNCrypt", display.ErrAuth)
	}
	return err
}

// chooseSubtype picks a subtype with a certificate: one that asks for no more than we have.
func chooseSubtype(offered []uint32, o Options) (uint32, error) {
	order := []uint32{veNX509None, veNX509VNC, veNX509Plain}
	if o.Username != "" {
		order = []uint32{veNX509None, veNX509Plain, veNX509VNC}
	}
	for _, subtype := range order {
		if slices.Contains(offered, subtype) {
			return subtype, nil
		}
	}
	has := func(subtypes ...uint32) bool {
		return slices.ContainsFunc(subtypes, func(k uint32) bool { return slices.Contains(offered, k) })
	}
	switch {
	case has(veNX509SASL):
		return 0, ErrSASL
	case has(veNTLSNone, veNTLSVNC, veNTLSPlain, veNTLSSASL):
		return 0, ErrAnonymousTLS
	case has(veNPlain):
		return 0, ErrUnencrypted
	}
	return 0, fmt.Errorf("%w: VeNCrypt %v", display.ErrSecurity, offered)
}

// startTLS puts TLS between us and the server.
func (s *session) startTLS() error {
	secure := tls.Client(&ahead{Conn: s.conn, read: s.wire.buf}, &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   s.options.TLS.Host,
		Certificates: s.options.TLS.Certificates,
		// The check is ours, in VerifyConnection: pins come before authorities. It runs before a byte of ours is sent through the tunnel.
		InsecureSkipVerify: true,
		VerifyConnection:   s.options.TLS.verify,
	})
	err := secure.Handshake()
	var untrusted *CertificateError
	var refused *net.OpError
	switch {
	case err == nil:
	case errors.As(err, &untrusted):
		return untrusted
	case errors.As(err, &refused) && refused.Op == "remote error":
		return fmt.Errorf("%w: %w", display.ErrAuth, err)
	case errors.As(err, new(tls.RecordHeaderError)):
		return protocol("no TLS after VeNCrypt")
	default:
		return transport(err)
	}
	s.conn = secure
	s.wire.conn = secure
	s.wire.buf = bufio.NewReaderSize(secure, readBuffer)
	s.client.secured(secure)
	return nil
}

// verify checks what the server showed. An empty list cannot be: crypto/tls demands a certificate.
func (t TLS) verify(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0]
	print := Fingerprint(sha256.Sum256(leaf.Raw))
	if slices.Contains(t.Pins, print) {
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	var roots *x509.CertPool
	if t.Authorities != nil {
		roots = t.Authorities()
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err == nil {
		err = leaf.VerifyHostname(t.Host)
	}
	if err != nil {
		return &CertificateError{Host: t.Host, Fingerprint: print, Certificate: leaf, Err: err}
	}
	return nil
}

// ahead is a connection of which something has been read already.
type ahead struct {
	net.Conn
	read *bufio.Reader
}

func (a *ahead) Read(p []byte) (int, error) {
	if a.read.Buffered() > 0 {
		return a.read.Read(p)
	}
	return a.Conn.Read(p)
}
