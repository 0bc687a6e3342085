package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// faulty serves a package as a folder (/package) and as a file (/web.lab), and before that asks fault, which answers in its place or says no.
func faulty(t *testing.T, fault func(w http.ResponseWriter, r *http.Request) bool) (*httptest.Server, lab) {
	t.Helper()
	l := makeLab(t, 1, 1, 2)
	dir := l.folderOf(t, "1")
	l.put(t, openTo(t, filepath.Join(filepath.Dir(dir), "web.lab"), Options{}), "1")
	files := http.FileServer(http.Dir(filepath.Dir(dir)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fault(w, r) {
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server, l
}

// inBlob is a fault only of blobs, so that the package can be opened.
func inBlob(l *lab, fault http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if len(l.blobs) < 2 || !strings.HasSuffix(r.URL.Path, l.blobs[1].Digest.Encoded()) {
			return false
		}
		fault(w, r)
		return true
	}
}

func TestStatus(t *testing.T) {
	for status, kind := range map[int]error{
		404: ErrNotFound, 410: ErrNotFound, 401: ErrAuth, 403: ErrAuth, 407: ErrAuth, 429: ErrBusy, 500: ErrBusy, 502: ErrBusy, 503: ErrBusy, 504: ErrBusy,
		408: ErrBusy, 511: ErrUnreachable, 416: ErrDamaged, 400: ErrNoPackage, 204: ErrNoPackage, 206: ErrNoPackage, 304: ErrNoPackage, 418: ErrNoPackage,
	} {
		var blobs atomic.Bool
		server, l := faulty(t, func(w http.ResponseWriter, r *http.Request) bool {
			if blobs.Load() || r.URL.Path == "/answer/oci-layout" || r.URL.Path == "/answer.lab" {
				w.WriteHeader(status)
			}
			return blobs.Load() || strings.HasPrefix(r.URL.Path, "/answer")
		})
		for _, ref := range []string{"/answer", "/answer.lab"} {
			if ref == "/answer.lab" && status == 416 || status == 206 && ref == "/answer.lab" {
				continue // they mean something else there
			}
			_, err := OpenSource(t.Context(), parsed(t, server.URL+ref), quick(Options{}))
			refused(t, fmt.Sprint(status, ref), err, kind)
		}
		from := openFrom(t, server.URL+"/package", Options{})
		blobs.Store(true)
		_, err := read(t.Context(), from, l.blobs[1], 10, -1)
		if status == 206 {
			kind = ErrDamaged // without Content-Range
		}
		refused(t, fmt.Sprint(status, " for a blob"), err, kind)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-1": 0, "1.5": 0, "99999999999999999999": 0, "soon": 0,
		now.Add(time.Hour).Format(http.TimeFormat): time.Hour, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if RetryAfter(io.EOF) != 0 || RetryAfter(nil) != 0 {
		t.Error("another error says when to try again")
	}
	var calls atomic.Int32
	var wait atomic.Value
	wait.Store("3")
	server, l := faulty(t, func(w http.ResponseWriter, r *http.Request) bool {
		if calls.Add(1) > 2 {
			return false
		}
		w.Header().Set("Retry-After", wait.Load().(string))
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	var pauses []time.Duration
	o := Options{pause: func(d time.Duration) { pauses = append(pauses, d) }}
	from := openFrom(t, server.URL+"/package", o)
	if len(pauses) != 2 || pauses[0] != 3*time.Second || pauses[1] != 3*time.Second {
		t.Error(pauses)
	}
	calls.Store(0)
	_, err := read(t.Context(), from, l.blobs[1], 0, -1)
	refused(t, "a blob is left to the caller", err, ErrBusy)
	if RetryAfter(err) != 3*time.Second || RetryAfter(fmt.Errorf("pack 7: %w", err)) != 3*time.Second {
		t.Error(RetryAfter(err))
	}
	calls.Store(1)
	wait.Store("3600")
	pauses = nil
	_, err = OpenSource(t.Context(), parsed(t, server.URL+"/package"), o)
	refused(t, "an hour", err, ErrBusy)
	if RetryAfter(err) != time.Hour || len(pauses) != 0 {
		t.Error(RetryAfter(err), pauses)
	}
}

// TestTriesAgain opens packages of a server that breaks down at every second request.
func TestTriesAgain(t *testing.T) {
	var calls atomic.Int32
	server, l := faulty(t, func(w http.ResponseWriter, _ *http.Request) bool {
		switch calls.Add(1) % 4 {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	})
	for _, ref := range []string{"/package", "/web.lab"} {
		sameManifest(t, openFrom(t, server.URL+ref, Options{}), l)
	}
}

func TestRangeIgnored(t *testing.T) {
	server, l := faulty(t, func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		return false
	})
	l.check(t, openFrom(t, server.URL+"/package", Options{}))
	_, err := OpenSource(t.Context(), parsed(t, server.URL+"/web.lab"), quick(Options{}))
	refused(t, "a file of a server that sends no parts", err, ErrNoPackage)
}

func TestContentRange(t *testing.T) {
	l := &lab{}
	var stated atomic.Value
	server, made := faulty(t, inBlob(l, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", stated.Load().(string))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(make([]byte, 100))
	}))
	*l = made
	from := openFrom(t, server.URL+"/package", Options{})
	size := l.blobs[1].Size
	for _, text := range []string{
		"", "bytes", "bytes 0-99/100", fmt.Sprintf("bytes 11-110/%d", size), fmt.Sprintf("bytes 10-108/%d", size), "bytes 10-109/110", "bytes 10-109/5",
		"bytes 109-10/*", "bytes -10-109/*", "items 10-109/*", "bytes 10-109/99999999999999999999999", "bytes */100", "bytes 10-109/x",
	} {
		stated.Store(text)
		_, err := read(t.Context(), from, l.blobs[1], 10, 100)
		refused(t, text, err, ErrDamaged)
	}
	for _, text := range []string{"bytes 10-109/*", fmt.Sprintf("bytes 10-109/%d", size)} {
		stated.Store(text)
		if data, err := read(t.Context(), from, l.blobs[1], 10, 100); err != nil || len(data) != 100 {
			t.Errorf("%s: %d bytes, %v", text, len(data), err)
		}
	}
}

func TestBody(t *testing.T) {
	l := &lab{}
	var fault atomic.Value
	server, made := faulty(t, inBlob(l, func(w http.ResponseWriter, r *http.Request) { fault.Load().(http.HandlerFunc)(w, r) }))
	*l = made
	blob := l.blobs[1]
	data := l.bytes[blob.Digest.String()]
	from := openFrom(t, server.URL+"/package", Options{})
	for what, c := range map[string]struct {
		kind  error
		fault http.HandlerFunc
	}{
		"cut": {ErrUnreachable, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data[:5000])
			panic(http.ErrAbortHandler)
		}},
		"ends early": {ErrDamaged, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush() // chunks, and no length
			_, _ = w.Write(data[:5000])
		}},
		"another length": {ErrDamaged, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data[:5000]) }},
		"a web page": {ErrNoPackage, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<!DOCTYPE html><title>Log in</title>")
		}},
		"packed": {ErrDamaged, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(data)
		}},
		"no answer at all": {ErrUnreachable, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		fault.Store(c.fault)
		_, err := read(t.Context(), from, blob, 0, -1)
		refused(t, what, err, c.kind)
	}
	fault.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // longer than it says is nothing that we would see
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(append(data[:len(data):len(data)], "more"...))
	}))
	if got, err := read(t.Context(), from, blob, 0, -1); err != nil || len(got) != len(data) {
		t.Error(len(got), err)
	}
}

func TestStall(t *testing.T) {
	l := &lab{}
	var silentAt atomic.Int64 // bytes of the body after which nothing comes; -1: not even an answer
	server, made := faulty(t, inBlob(l, func(w http.ResponseWriter, r *http.Request) {
		if at := silentAt.Load(); at >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(l.blobs[1].Size))
			_, _ = w.Write(l.bytes[l.blobs[1].Digest.String()][:at])
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}))
	*l = made
	from := openFrom(t, server.URL+"/package", Options{})
	web := from.(*layout).files.(*share).web
	web.stall = 50 * time.Millisecond
	for _, at := range []int64{-1, 0, 7000} {
		silentAt.Store(at)
		_, err := read(t.Context(), from, l.blobs[1], 0, -1)
		refused(t, fmt.Sprint("silent at ", at), err, ErrUnreachable)
		if !errors.Is(err, errStalled) {
			t.Error(err)
		}
	}
	web.stall = time.Hour
	silentAt.Store(1)
	ended, cancel := context.WithCancel(t.Context())
	body, err := from.Open(ended, l.blobs[1], 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, context.Canceled) {
		t.Error("cancelled:", err)
	}
	if body, err = from.Open(t.Context(), l.blobs[1], 0, -1); err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.AfterFunc(10*time.Millisecond, func() { _ = from.Close() })
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, errClosed) {
		t.Error("closed:", err)
	}
	// While the caller is busy, the time does not run.
	w := newWatch(t.Context(), t.Context(), time.Hour)
	watched := &watched{ReadCloser: io.NopCloser(strings.NewReader("text")), watch: w}
	if _, err := watched.Read(make([]byte, 1)); err != nil || w.timer.Stop() {
		t.Error("the time runs on after a read", err)
	}
	watched.Close()
	if w.ctx.Err() == nil {
		t.Error("a closed body keeps its request")
	}
}

func TestCaptivePortal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "\n <html><body>Welcome to the hotel"+strings.Repeat(".", 10000))
	}))
	defer server.Close()
	for _, ref := range []string{server.URL + "/web", server.URL + "/web.lab", strings.TrimPrefix(server.URL, "http://") + "/web:1", strings.TrimPrefix(server.URL, "http://") + "/web"} {
		_, err := OpenSource(t.Context(), parsed(t, ref), quick(Options{}))
		refused(t, ref, err, ErrNoPackage)
	}
}

// TestRedirects follows only what stays under TLS or on the same server.
func TestRedirects(t *testing.T) {
	l := makeLab(t, 1, 1)
	files := http.FileServer(http.Dir(filepath.Dir(l.folderOf(t, "1"))))
	var to, leaked atomic.Value
	lead := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/to/") {
			http.Redirect(w, r, to.Load().(string)+strings.TrimPrefix(r.URL.Path, "/to"), http.StatusFound)
			return
		}
		files.ServeHTTP(w, r)
	})
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent := r.Header.Get("Authorization"); sent != "" {
			leaked.Store(sent)
		}
		lead.ServeHTTP(w, r)
	})
	safe, open, other, otherOpen := httptest.NewTLSServer(lead), httptest.NewServer(lead), httptest.NewTLSServer(elsewhere), httptest.NewServer(elsewhere)
	for _, server := range []*httptest.Server{safe, open, other, otherOpen} {
		defer server.Close()
	}
	known := x509.NewCertPool()
	known.AddCert(safe.Certificate())
	known.AddCert(other.Certificate())
	transport := safe.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs = known
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address) // every name is this computer
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	o := quick(Options{transport: transport, User: "me", Password: "secret", PlainHTTP: true})
	named := func(server *httptest.Server) string {
		return strings.Replace(server.URL, "127.0.0.1", "example.com", 1)
	}
	for _, c := range []struct {
		what, from, to string
		ok             bool
	}{
		{"the same server", safe.URL, safe.URL, true},
		{"the same server without TLS", open.URL, open.URL, true},
		{"a path", safe.URL, "", true},
		{"another port with TLS", named(safe), named(other), true},
		{"from http up to https of the same name", named(open), named(other), true},
		{"from http to https of another name", named(open), other.URL, false},
		{"down to http", named(safe), named(open), false},
		{"another port without TLS", open.URL, otherOpen.URL, false},
		{"this computer", named(safe), other.URL, false},
		{"a service of the cloud", named(safe), "https://169.254.169.254", false},
		{"a service of the cloud without TLS", named(open), "http://169.254.169.254", false},
		{"a file", named(safe), "file:///etc/passwd", false},
		{"a file without TLS", named(open), "file:///etc", false},
		{"another kind", named(safe), "ftp://example.com", false},
		{"round in circles", named(safe), named(safe) + "/to", false},
		{"nothing", named(safe), "https://", false},
	} {
		to.Store(c.to)
		leaked.Store("")
		from, err := OpenSource(t.Context(), parsed(t, c.from+"/to/package"), o)
		if c.ok {
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
				continue
			}
			l.check(t, from)
			_ = from.Close()
		} else {
			if err == nil {
				t.Errorf("%s was followed", c.what)
				continue
			}
			refused(t, c.what, err, ErrNoPackage)
		}
		if leaked.Load() != "" {
			t.Errorf("%s: the password went elsewhere", c.what)
		}
	}
	// A certificate that nobody vouches for, and TLS where there is none.
	_, err := OpenSource(t.Context(), parsed(t, safe.URL+"/package"), quick(Options{}))
	refused(t, "an unknown certificate", err, ErrUnreachable)
	_, err = OpenSource(t.Context(), parsed(t, strings.Replace(open.URL, "http://", "https://", 1)+"/package"), quick(Options{}))
	refused(t, "no TLS", err, ErrUnreachable)
	_, err = OpenSource(t.Context(), parsed(t, strings.Replace(safe.URL, "https://", "http://", 1)+"/package"), quick(Options{}))
	refused(t, "TLS where none was expected", err, ErrNoPackage)
	if passing(err) {
		t.Error("tried again:", err)
	}
	otherOpen.Close()
	_, err = OpenSource(t.Context(), parsed(t, otherOpen.URL+"/package"), quick(Options{}))
	refused(t, "nobody there", err, ErrUnreachable)
}

func TestShareLogin(t *testing.T) {
	server, l := faulty(t, func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		if user != "me" || password != "s:cret/ß" {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	host := strings.TrimPrefix(server.URL, "http://")
	for _, ref := range []string{"/package", "/web.lab"} {
		_, err := OpenSource(t.Context(), parsed(t, server.URL+ref), quick(Options{}))
		refused(t, ref, err, ErrAuth)
		_, err = OpenSource(t.Context(), parsed(t, "http://me:wrong@"+host+ref), quick(Options{}))
		refused(t, ref, err, ErrAuth)
		if err != nil && strings.Contains(err.Error(), "wrong") {
			t.Error("the password is in", err)
		}
		l.check(t, openFrom(t, "http://me:s%3Acret%2F%C3%9F@"+host+ref, Options{}))
		l.check(t, openFrom(t, server.URL+ref, Options{User: "me", Password: "s:cret/ß"}))
	}
	if _, err := OpenSource(t.Context(), parsed(t, "http://me:secret@example.com/web"), Options{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error("a password without TLS:", err)
	}
}
