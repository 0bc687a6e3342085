package source

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// fetch reads a file, or a part of it, of a server. A server that ignores which part is wanted sends all; what is before the part is then read and
// thrown away, unless partsOnly is set.
func (w *web) fetch(ctx context.Context, address *url.URL, s span, header http.Header, partsOnly bool) (io.ReadCloser, error) {
	if s.size >= 0 && s.length == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	part := s.size >= 0 && s.length < s.size
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if part {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", s.offset, s.offset+s.length-1))
	}
	answer, err := w.get(ctx, address, header)
	if err != nil {
		return nil, err
	}
	body, err := w.body(ctx, answer, s, part, partsOnly)
	if err != nil {
		answer.Body.Close()
		return nil, err
	}
	return body, nil
}

// body checks an answer and makes the reader of what was wanted.
func (w *web) body(ctx context.Context, answer *http.Response, s span, part, partsOnly bool) (io.ReadCloser, error) {
	wrong := func(err error) error { return netFailure(ctx, w.place, err) }
	reader := &exact{ReadCloser: answer.Body, ctx: ctx, place: w.place, left: s.length, wrong: wrong}
	switch {
	case answer.StatusCode == http.StatusPartialContent && part:
		first, last, total, ok := contentRange(answer.Header.Get("Content-Range"))
		if !ok || first != s.offset || last != s.offset+s.length-1 {
			return nil, fail(ErrDamaged, w.place, "Ask who runs the server.", "sent another part of a file than was asked for")
		}
		if total >= 0 && total != s.size {
			return nil, w.otherSize(answer, total, s.size)
		}
		return reader, nil
	case answer.StatusCode != http.StatusOK:
		return nil, statusFailure(w.place, answer.StatusCode, answer.Header)
	case s.size < 0:
		return &whole{ReadCloser: answer.Body, wrong: wrong}, nil
	case answer.ContentLength >= 0 && answer.ContentLength != s.size:
		return nil, w.otherSize(answer, answer.ContentLength, s.size)
	case part && partsOnly:
		return nil, noParts(w.place)
	}
	skip := *reader
	skip.left = s.offset
	if _, err := io.Copy(io.Discard, &skip); err != nil {
		return nil, err
	}
	return reader, nil
}

func noParts(place string) error {
	return fail(ErrNoPackage, place, "Download the file and use it from the disk, or ask for the package as a folder.", "cannot be read in parts: its server sends only whole files")
}

// otherSize is the error of a file of another size than it should have. Networks with a login page send that in place of everything.
func (w *web) otherSize(answer *http.Response, has, states int64) error {
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
		return webPage(w.place)
	}
	return fail(ErrDamaged, w.place, "Fetch it from another place.", "has a file of %d bytes that should have %d", has, states)
}

// whole is a body of a size that nobody stated.
type whole struct {
	io.ReadCloser
	wrong func(error) error
}

// Read implements io.Reader.
func (b *whole) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.wrong(err)
	}
	return n, err
}

var rangePattern = regexp.MustCompile(`^bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)$`)

// contentRange reads the header Content-Range of a single part (RFC 9110, 14.4). total is -1 where the server does not know it.
func contentRange(text string) (first, last, total int64, ok bool) {
	m := rangePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, 0, false
	}
	first, _ = strconv.ParseInt(m[1], 10, 64) // 18 digits fit
	last, _ = strconv.ParseInt(m[2], 10, 64)
	total = -1
	if m[3] != "*" {
		total, _ = strconv.ParseInt(m[3], 10, 64)
	}
	return first, last, total, first <= last && (total < 0 || last < total)
}
