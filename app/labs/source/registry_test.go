package source

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/crypto/bcrypt"

	"guesthouse/hypervisor/hosttest"
)

// TestRegistryLogin takes the name and password from the options or from Docker's configuration.
func TestRegistryLogin(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := writeFile(t, fmt.Appendf(nil, "me:%s\n", hash), t.TempDir(), "htpasswd")
	host := hosttest.StartRegistry(t, fmt.Sprintf("auth: {htpasswd: {realm: labs, path: %s}}", users))
	ref := host + "/course/web"
	configured := func(login string) {
		dir := t.TempDir()
		t.Setenv("DOCKER_CONFIG", dir)
		if login != "" {
			writeFile(t, fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(login))), dir, "config.json")
		}
	}
	l := makeLab(t, 1, 1)
	configured("me:secret")
	l.put(t, openTo(t, ref, Options{}), "1")
	from := openFrom(t, ref, Options{})
	l.check(t, from)
	configured("other:wrong")
	l.check(t, openFrom(t, ref, Options{User: "me", Password: "secret"}))
	for what, c := range map[string]struct {
		login string
		o     Options
	}{
		"nothing": {"", Options{}}, "a wrong one": {"me:wrong", Options{}}, "a wrong one before a right one": {"me:secret", Options{User: "me", Password: "no"}},
	} {
		configured(c.login)
		for _, tag := range []string{"", ":1"} {
			_, err = OpenSource(t.Context(), parsed(t, ref+tag), quick(c.o))
			refused(t, what+tag, err, ErrAuth)
		}
		target := openTo(t, ref, quick(c.o))
		_, err = target.Has(t.Context(), l.blobs[0])
		refused(t, what+", Has", err, ErrAuth)
		refused(t, what+", Put", target.Put(t.Context(), l.blobs[0], l.reader(l.blobs[0])), ErrAuth)
		refused(t, what+", Finish", target.Finish(t.Context(), l.manifest, "2"), ErrAuth)
	}
}

// TestRegistryWithoutTLS is spoken to only on this computer, unless that is asked for.
func TestRegistryWithoutTLS(t *testing.T) {
	for host, c := range map[string]struct{ usual, plain string }{
		"localhost:5000": {"http", "http"}, "127.0.0.1": {"http", "http"}, "[::1]:80": {"http", "http"}, "127.8.9.1:1": {"http", "http"},
		"labs.localhost:1": {"http", "http"}, "localhost.example.org": {"https", "http"}, "10.0.0.1:5000": {"https", "http"}, "example.org": {"https", "http"},
	} {
		for plain, want := range map[bool]string{false: c.usual, true: c.plain} {
			r, err := newRepository(Ref{Kind: KindRegistry, Location: host + "/web"}, Options{PlainHTTP: plain})
			if err != nil || r.address("blobs", "x").Scheme != want || r.remote.PlainHTTP != (want == "http") {
				t.Errorf("%s, %v: %v", host, plain, err)
			}
		}
	}
}

// TestRegistryFaults speaks to registries that misbehave.
func TestRegistryFaults(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	l := makeLab(t, 1, 1)
	manifests := func(data, kind, sum string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/manifests/"):
				w.Header().Set("Content-Type", kind)
				w.Header().Set("Docker-Content-Digest", sum)
				_, _ = io.WriteString(w, data)
			case strings.HasSuffix(r.URL.Path, "/tags/list"):
				_, _ = io.WriteString(w, `{"name":"web","tags":["1"]}`)
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}
	}
	status := func(code int, header, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(code)
		}
	}
	right := describe("", l.manifest).Digest.String()
	for what, c := range map[string]struct {
		kind  error
		fault http.HandlerFunc
	}{
		"unknown":                   {ErrNotFound, status(404, "A", "")},
		"no entry":                  {ErrAuth, status(403, "A", "")},
		"no way to log in":          {ErrAuth, status(401, "A", "")},
		"an unknown way to log in":  {ErrAuth, status(401, "WWW-Authenticate", "Negotiate")},
		"log in by password":        {ErrAuth, status(401, "WWW-Authenticate", `Basic realm="x"`)},
		"log in at a file":          {ErrUnreachable, status(401, "WWW-Authenticate", `Bearer realm="file:///etc/passwd",service="x"`)},
		"log in at the cloud":       {ErrUnreachable, status(401, "WWW-Authenticate", `Bearer realm="http://169.254.169.254/x",service="x"`)},
		"busy":                      {ErrBusy, status(429, "Retry-After", "5")},
		"broken":                    {ErrBusy, status(500, "A", "")},
		"not now":                   {ErrBusy, status(503, "Retry-After", "5")},
		"a login page elsewhere":    {ErrNoPackage, status(302, "Location", "http://portal.example/login")},
		"another digest":            {ErrDamaged, manifests(string(l.manifest), ocispec.MediaTypeImageManifest, someDigest)},
		"a list of images":          {ErrNoPackage, manifests(`{"schemaVersion":2,"manifests":[]}`, ocispec.MediaTypeImageIndex, "")},
		"an image":                  {ErrNoPackage, manifests(`{"schemaVersion":2}`, ocispec.MediaTypeImageManifest, "")},
		"no JSON":                   {ErrNoPackage, manifests("hello", ocispec.MediaTypeImageManifest, "")},
		"a manifest of 5 MB":        {ErrDamaged, manifests(strings.Repeat(" ", 5<<20), ocispec.MediaTypeImageManifest, "")},
		"a registry without digest": {nil, manifests(string(l.manifest), ocispec.MediaTypeImageManifest, "")},
		"a good one":                {nil, manifests(string(l.manifest), ocispec.MediaTypeImageManifest, right)},
	} {
		server := httptest.NewServer(c.fault)
		host := strings.TrimPrefix(server.URL, "http://")
		for _, ref := range []string{host + "/web:1", host + "/web"} {
			from, err := OpenSource(t.Context(), parsed(t, ref), quick(Options{}))
			if c.kind == nil && err == nil {
				sameManifest(t, from, l)
				_ = from.Close()
				continue
			}
			refused(t, what, err, c.kind)
			if errors.Is(err, ErrBusy) && strings.HasSuffix(what, "busy") && RetryAfter(err) != 5*time.Second {
				t.Errorf("%s: %v", what, RetryAfter(err))
			}
		}
		_, err := OpenSource(t.Context(), parsed(t, host+"/web@"+someDigest), quick(Options{}))
		if c.kind == nil {
			c.kind = ErrDamaged // another one than was asked for
		}
		if err == nil {
			t.Errorf("%s by digest was taken: %v", what, c.kind)
		}
		server.Close()
	}
}

// TestRegistryUpload gives up on a registry that takes bytes and never answers, or that wants them elsewhere.
func TestRegistryUpload(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	l := makeLab(t, 1, 1)
	put := func(location string, stall time.Duration, answer http.HandlerFunc) error {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			case http.MethodPost:
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusAccepted)
			default:
				_, _ = io.Copy(io.Discard, r.Body)
				answer(w, r)
			}
		}))
		defer server.Close()
		target := openTo(t, strings.TrimPrefix(server.URL, "http://")+"/web", quick(Options{Stall: stall}))
		defer target.Close()
		return target.Put(t.Context(), l.blobs[1], l.reader(l.blobs[1]))
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	refused(t, "no answer", put("/upload", 20*time.Millisecond, silent), ErrUnreachable)
	for status, kind := range map[int]error{400: ErrNoPackage, 401: ErrAuth, 403: ErrAuth, 413: ErrBusy, 429: ErrBusy, 500: ErrBusy, 507: ErrBusy} {
		err := put("/upload", time.Hour, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		refused(t, fmt.Sprint(status), err, kind)
	}
	for _, location := range []string{"http://127.0.0.1:1/upload", "http://169.254.169.254/upload", "file:///tmp/x", ""} {
		err := put(location, time.Hour, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
		refused(t, "the bytes elsewhere: "+location, err, ErrUnreachable)
	}
}

// TestRegistryAnonymously reads a lab that all may read, of a registry that gives everybody a token, on a computer whose configuration names a
// helper for passwords that is not there.
func TestRegistryAnonymously(t *testing.T) {
	l := makeLab(t, 1, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			if r.URL.Query().Get("scope") != "repository:web:pull" || r.Header.Get("Authorization") != "" {
				t.Errorf("a token was asked for by %s", r.URL)
			}
			_, _ = io.WriteString(w, `{"token":"for-all"}`)
		case r.Header.Get("Authorization") != "Bearer for-all":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="labs",scope="repository:web:pull"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/v2/web/manifests/"):
			_, _ = w.Write(l.manifest)
		case strings.HasSuffix(r.URL.Path, "/tags/list"):
			w.WriteHeader(http.StatusForbidden)
		default:
			http.ServeContent(w, r, "blob", time.Time{}, bytes.NewReader(l.bytes[strings.TrimPrefix(r.URL.Path, "/v2/web/blobs/")]))
		}
	}))
	defer server.Close()
	for _, config := range []string{"", `{"credsStore":"guesthouse-test-that-is-not-there"}`, "damaged", `{"auths":{"elsewhere.example":{"auth":"bWU6c2VjcmV0"}}}`} {
		dir := t.TempDir()
		writeFile(t, []byte(config), dir, "config.json")
		t.Setenv("DOCKER_CONFIG", dir)
		for _, tag := range []string{":1", ""} { // and it lists nothing
			from := openFrom(t, strings.TrimPrefix(server.URL, "http://")+"/web"+tag, Options{})
			sameManifest(t, from, l)
			l.check(t, from)
		}
	}
}
