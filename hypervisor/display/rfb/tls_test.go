package rfb_test

import (
	"context"
	"crypto/des"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// An identity is a certificate of one of the test's own authorities, in files.
type identity struct {
	dir         string // with ca-cert.pem, server-cert.pem and server-key.pem, as QEMU wants them
	fingerprint rfb.Fingerprint
}

func (i identity) file(name string) string { return filepath.Join(i.dir, name) }

// issue makes an authority and a certificate of it for a host.
func issue(t testing.TB, host string) identity {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	i := identity{dir: t.TempDir()}
	write := func(name, kind string, der []byte) {
		check(os.WriteFile(i.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	check(err)
	write("ca-cert.pem", "CERTIFICATE", caDER)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	check(err)
	write("server-cert.pem", "CERTIFICATE", der)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	write("server-key.pem", "PRIVATE KEY", keyDER)
	i.fingerprint = sha256.Sum256(der)
	return i
}

// authorities loads the identity's authority as a user's file would be.
func (i identity) authorities(t testing.TB) func() *x509.CertPool {
	t.Helper()
	pool, err := rfb.LoadAuthorities(i.file("ca-cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return func() *x509.CertPool { return pool }
}

// notAsked fails the test where authorities are asked for without a need.
func notAsked(t testing.TB) func() *x509.CertPool {
	return func() *x509.CertPool {
		t.Error("the authorities are read")
		return nil
	}
}

// The certificate decides before any password is sent: by its authority, or because it is known.
func TestXvncWithCertificate(t *testing.T) {
	id := issue(t, "desk.example")
	passwd := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwd, obfuscated(t, "secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"X509None", "X509Vnc"} {
		t.Run(kind, func(t *testing.T) {
			x := startXvnc(t, 320, 200, "-SecurityTypes", kind, "-X509Cert", id.file("server-cert.pem"), "-X509Key", id.file("server-key.pem"), "-PasswordFile", passwd)
			checkCertificates(t, id, x.connect, "secret", kind == "X509Vnc")
		})
	}
	for kind, want := range map[string]error{"TLSNone": rfb.ErrAnonymousTLS, "RA2": display.ErrSecurity} {
		t.Run(kind, func(t *testing.T) {
			x := startXvnc(t, 320, 200, "-SecurityTypes", kind)
			if err := x.connect(rfb.Options{}).ended(); !errors.Is(err, want) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	t.Run("None", func(t *testing.T) {
		x := startXvnc(t, 320, 200)
		if err := x.connect(rfb.Options{RequireTLS: true}).ended(); !errors.Is(err, rfb.ErrUnencrypted) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestQEMUWithCertificate(t *testing.T) {
	id := issue(t, "desk.example")
	creds := "tls-creds-x509,id=tls,endpoint=server,verify-peer=no,dir=" + id.dir
	t.Run("X509None", func(t *testing.T) {
		g := boot(t, "-object", creds)
		checkCertificates(t, id, g.connect, "", false)
	})
	t.Run("X509Vnc", func(t *testing.T) {
		g := boot(t, "-object", creds, "-object", passwordSecret)
		checkCertificates(t, id, g.connect, "open you", true)
	})
}

// checkCertificates connects to a server with a certificate in every way there is.
func checkCertificates(t *testing.T, id identity, connect func(rfb.Options) *running, password string, asks bool) {
	t.Helper()
	known, pinned := rfb.TLS{Host: "desk.example", Authorities: id.authorities(t)}, rfb.TLS{Host: "other.example", Pins: []rfb.Fingerprint{{1}, id.fingerprint}, Authorities: notAsked(t)}
	for name, c := range map[string]struct {
		tls    rfb.TLS
		reason any
	}{
		"nothing is known":      {rfb.TLS{}, new(x509.UnknownAuthorityError)},
		"another authority":     {rfb.TLS{Host: "desk.example", Authorities: issue(t, "desk.example").authorities(t)}, new(x509.UnknownAuthorityError)},
		"another host":          {rfb.TLS{Host: "other.example", Authorities: known.Authorities}, new(x509.HostnameError)},
		"another host's pin":    {rfb.TLS{Host: "desk.example", Pins: []rfb.Fingerprint{issue(t, "desk.example").fingerprint}}, new(x509.UnknownAuthorityError)},
		"no name to compare it": {rfb.TLS{Authorities: known.Authorities}, new(x509.HostnameError)},
	} {
		err := connect(rfb.Options{TLS: c.tls}).ended() // no password: the certificate comes first
		var untrusted *rfb.CertificateError
		if !errors.As(err, &untrusted) || !errors.Is(err, display.ErrAuth) || errors.Is(err, display.ErrPasswordNeeded) {
			t.Errorf("%s: ended with %v", name, err)
			continue
		}
		if untrusted.Fingerprint != id.fingerprint || untrusted.Certificate.Subject.CommonName != "desk.example" || untrusted.Host != c.tls.Host {
			t.Errorf("%s: %+v", name, untrusted)
		}
		if !errors.As(err, c.reason) {
			t.Errorf("%s: the reason is %v", name, err)
		}
	}
	for name, trust := range map[string]rfb.TLS{"authority": known, "pin": pinned} {
		if asks {
			if err := connect(rfb.Options{TLS: trust}).ended(); !errors.Is(err, display.ErrPasswordNeeded) {
				t.Errorf("%s, no password: ended with %v", name, err)
			}
		}
		r := connect(rfb.Options{TLS: trust, Password: password, RequireTLS: true})
		r.wait(t, "the picture through TLS", func(st state) bool { return st.frames > 0 && st.size.X > 0 })
		r.RequestSize(10, 10) // the writer uses the tunnel too
		r.Key(0x1e, 'a', true)
		r.ReleaseAll()
		if !r.intact() {
			t.Error("bytes beside the pixels were written")
		}
		r.cancel()
		r.ended()
	}
	if asks { // last: servers lock out who fails too often
		if err := connect(rfb.Options{TLS: known, Password: "wrong"}).ended(); !errors.Is(err, display.ErrAuth) || errors.Is(err, display.ErrPasswordNeeded) {
			t.Errorf("wrong password: ended with %v", err)
		}
	}
}

// obfuscated is how VNC servers keep a password in a file: encrypted with a key that everybody knows.
func obfuscated(t testing.TB, password string) []byte {
	key := []byte{0xe8, 0x4a, 0xd6, 0x60, 0xc4, 0x72, 0x1a, 0xe0}
	block, err := des.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var p [8]byte
	copy(p[:], password)
	block.Encrypt(p[:], p[:])
	return p[:]
}

// veNCrypt speaks VeNCrypt for a screen: it offers these subtypes and goes into TLS. What it says inside is up to the test.
func (s *server) veNCrypt(id identity, subtypes ...uint32) *server {
	s.say("RFB 003.008\n")
	s.hear(12)
	s.say(2, 1, 19) // None as well, for who would rather have that
	s.hear(1)
	s.say(0, 2)
	s.hear(2)
	s.say(0, len(subtypes), subtypes)
	s.hear(4)
	s.say(1)
	pair, err := tls.LoadX509KeyPair(id.file("server-cert.pem"), id.file("server-key.pem"))
	if err != nil {
		panic(err)
	}
	return &server{tls.Server(s.Conn, &tls.Config{Certificates: []tls.Certificate{pair}}), s.t}
}

func TestNameAndPasswordGoThroughTLSOnly(t *testing.T) {
	id := issue(t, "desk.example")
	good := rfb.TLS{Host: "desk.example", Authorities: id.authorities(t)}
	for _, c := range []struct {
		name string
		o    rfb.Options
		want error // nil: logged in
	}{
		{"all right", rfb.Options{Username: "eva", Password: "longer than eight", TLS: good}, nil},
		{"no name", rfb.Options{Password: "longer than eight", TLS: good}, rfb.ErrUserNeeded},
		{"no password", rfb.Options{Username: "eva", TLS: good}, display.ErrPasswordNeeded},
		{"certificate not trusted", rfb.Options{Username: "eva", Password: "longer than eight"}, display.ErrAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			heard := make(chan []byte, 1)
			here, there := socketPair(t) // TLS says things at both ends at once, which net.Pipe cannot
			r := dialOver(t, here, there, c.o, func(s *server) {
				in := s.veNCrypt(id, 257, 262)
				got := in.hear(4 + 4 + 3 + 17)
				heard <- got
				if len(got) == 28 {
					in.say(uint32(0))
					in.hear(1)
					in.say(uint16(1), uint16(1), native, uint32(4), "test")
					in.mute()
					in.update(rect(0, 0, 1, 1, 0, solid(1, 0xabcdef)))
				}
			})
			if c.want != nil {
				if err := r.ended(); !errors.Is(err, c.want) {
					t.Errorf("ended with %v", err)
				}
				if got := <-heard; len(got) > 0 && c.o.Username != "" {
					t.Errorf("the server heard %q", got)
				}
				return
			}
			if got, want := string(<-heard), "\x00\x00\x00\x03\x00\x00\x00\x11evalonger than eight"; got != want {
				t.Errorf("the server heard %q", got)
			}
			r.wait(t, "the picture", func(st state) bool { return st.frames > 0 && st.pixel(0, 0) == 0xabcdef })
		})
	}
}

// 124, and what a list of subtypes can hold: every refusal says what it is about, and nobody is trusted without a certificate.
func TestHostileVeNCrypt(t *testing.T) {
	const banner = "RFB 003.008\n"
	for _, c := range []struct {
		name  string
		o     rfb.Options
		parts []any
		want  error
	}{
		{"version 0.1", rfb.Options{}, []any{banner, 1, 19, 0, 1}, display.ErrSecurity},
		{"version 255.255", rfb.Options{}, []any{banner, 1, 19, 255, 255}, display.ErrSecurity},
		{"does not like ours", rfb.Options{}, []any{banner, 1, 19, 0, 2, 1}, display.ErrAuth},
		{"no subtypes", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 0}, display.ErrSecurity},
		{"255 unknown subtypes", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 255, make([]byte, 1020)}, display.ErrSecurity},
		{"anonymous TLS", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 3, []uint32{257, 258, 259}}, rfb.ErrAnonymousTLS},
		{"anonymous TLS, old", rfb.Options{}, []any{banner, 1, 18}, rfb.ErrAnonymousTLS},
		{"name and password in the open", rfb.Options{Username: "eva", Password: "x"}, []any{banner, 1, 19, 0, 2, 0, 1, uint32(256)}, rfb.ErrUnencrypted},
		{"SASL inside", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 2, []uint32{263, 264}}, rfb.ErrSASL},
		{"SASL", rfb.Options{}, []any{banner, 1, 20}, rfb.ErrSASL},
		{"Apple", rfb.Options{}, []any{banner, 2, 30, 35}, display.ErrSecurity},
		{"nothing encrypted where it must be", rfb.Options{RequireTLS: true, Password: "x"}, []any{banner, 2, 1, 2}, rfb.ErrUnencrypted},
		{"refuses the subtype", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 1, uint32(260), 0}, display.ErrAuth},
		{"no TLS", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 1, uint32(260), 1, "HTTP/1.1 200 OK\r\n\r\n"}, display.ErrProtocol},
		{"TLS alert", rfb.Options{}, []any{banner, 1, 19, 0, 2, 0, 1, uint32(260), 1, []byte{21, 3, 3, 0, 2, 2, 40}}, display.ErrAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := dial(t, c.o, func(s *server) {
				s.mute()
				s.say(c.parts...)
			})
			if err := r.ended(); !errors.Is(err, c.want) || !errors.Is(err, display.ErrAuth) && c.want != display.ErrProtocol {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestSilentTLSIsGivenUp(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := &server{there, t}
	go func() {
		s.mute()
		s.say("RFB 003.008\n", 1, 19, 0, 2, 0, 1, uint32(260), 1)
	}()
	client := rfb.New(here, rfb.Options{})
	client.Hurry(100*time.Millisecond, time.Minute)
	if err := client.Run(context.Background(), newScreen()); !errors.Is(err, display.ErrTransport) {
		t.Errorf("ended with %v", err)
	}
}

func TestLoadAuthorities(t *testing.T) {
	id := issue(t, "desk.example")
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 5<<20); err != nil {
		t.Fatal(err)
	}
	system, err := rfb.LoadAuthorities()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{id.dir, id.file("missing"), id.file("server-key.pem"), large, os.DevNull} {
		if pool, err := rfb.LoadAuthorities(path); err == nil || !pool.Equal(system) {
			t.Errorf("%s was taken for a file of certificates", path)
		}
	}
	pool, err := rfb.LoadAuthorities(id.file("missing"), id.file("ca-cert.pem"))
	if err == nil || pool.Equal(system) {
		t.Errorf("beside a missing file another one counts for nothing (%v)", err)
	}
}

// TestAuthoritiesAreNotReadWithoutCertificate connects to a server that shows none.
func TestAuthoritiesAreNotReadWithoutCertificate(t *testing.T) {
	o := rfb.Options{TLS: rfb.TLS{Host: "desk.example", Authorities: notAsked(t)}}
	r := dial(t, o, func(s *server) {
		s.greet(1, 1)
		s.update(rect(0, 0, 1, 1, 0, solid(1, 0xabcdef)))
	})
	r.wait(t, "the picture", func(st state) bool { return st.frames > 0 })
}
