package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// share is an OCI image layout of static files on a web server.
type share struct {
	web  *web
	base *url.URL
	auth http.Header
}

// openShare opens a folder or a .lab file on a web server.
func openShare(ctx context.Context, ref Ref, o Options) (members, string, error) {
	base, err := url.Parse(ref.Location)
	if err != nil {
		return nil, "", err
	}
	place := shownPath(ref.Location)
	s := &share{web: newWeb(place, o), base: base}
	if s.auth, err = login(ref, base, o); err != nil {
		return nil, "", err
	}
	if !endsInLab(base.Path) {
		return s, place, nil
	}
	data, err := again(ctx, s.web, func() (*webFile, error) { return s.probe(ctx) })
	if err != nil {
		_ = s.close()
		return nil, "", err
	}
	files, err := newLabFile(ctx, place, data)
	if err != nil {
		return nil, "", err
	}
	return files, place, nil
}

// login is the header with the name and password for a web server.
func login(ref Ref, base *url.URL, o Options) (http.Header, error) {
	user, password := o.User, o.Password
	if user == "" && ref.user != nil {
		user = ref.user.Username()
		password, _ = ref.user.Password()
	}
	if user == "" {
		return nil, nil
	}
	if base.Scheme != "https" && !o.PlainHTTP && !isLoopback(base.Hostname()) {
		return nil, fmt.Errorf("%s would get the password without TLS, where everybody on the network can read it: use https://", shownPath(ref.Location))
	}
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header, nil
}

func (s *share) open(ctx context.Context, name string, part span) (io.ReadCloser, error) {
	address := *s.base
	address.Path = strings.TrimSuffix(address.Path, "/") + "/" + name
	if address.RawPath != "" {
		address.RawPath = strings.TrimSuffix(address.RawPath, "/") + "/" + name
	}
	body, err := s.web.fetch(ctx, &address, part, s.auth, false)
	return body, s.named(name, err)
}

func (s *share) retry(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	return again(ctx, s.web, read)
}

// named adds to the error of a missing file which it is.
func (s *share) named(name string, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	f := missing(s.web.place, name).because(err)
	f.kind = ErrNotFound
	return f
}

func (s *share) close() error { return s.web.close() }

// webFile is a .lab file on a web server.
type webFile struct {
	share *share
	bytes int64
}

// probe asks for the first byte of a .lab file, to learn its size and whether the server sends parts.
func (s *share) probe(ctx context.Context) (*webFile, error) {
	header := s.auth.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Range", "bytes=0-0")
	answer, err := s.web.get(ctx, s.base, header)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusPartialContent:
		_, _, total, ok := contentRange(answer.Header.Get("Content-Range"))
		if ok && total >= 0 {
			return &webFile{share: s, bytes: total}, nil
		}
		return nil, noParts(s.web.place)
	case http.StatusOK:
		if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			return nil, webPage(s.web.place)
		}
		return nil, noParts(s.web.place)
	case http.StatusRequestedRangeNotSatisfiable:
		return nil, fail(ErrNoPackage, s.web.place, "", "is empty")
	}
	return nil, statusFailure(s.web.place, answer.StatusCode, answer.Header)
}

func (f *webFile) part(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	return f.share.web.fetch(ctx, f.share.base, span{size: f.bytes, offset: offset, length: length}, f.share.auth, true)
}

func (f *webFile) retry(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	return f.share.retry(ctx, read)
}

func (f *webFile) size() int64  { return f.bytes }
func (f *webFile) close() error { return f.share.close() }
