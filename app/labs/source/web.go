package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// errClosed ends what is still under way when a place is closed.
var errClosed = errors.New("it was closed")

func fmtClosed(place string) error { return fmt.Errorf("%s cannot be read: %w", place, errClosed) }

// web is a server that is spoken to by HTTP.
type web struct {
	place  string
	http   *http.Client
	do     func(*http.Request) (*http.Response, error) // http.Do, or one that logs in first
	stall  time.Duration
	pause  func(context.Context, time.Duration) error // between tries
	life   context.Context
	finish context.CancelCauseFunc
}

// newWeb makes the client of a place. Nothing is shared with other places, and there are no cookies.
func newWeb(place string, o Options) *web {
	transport := o.transport
	if transport == nil {
		dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 15 * time.Second}
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 15 * time.Second, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ExpectContinueTimeout: time.Second,
		}
	}
	transport = transport.Clone()
	transport.DisableCompression = true // offsets count in the bytes that lie there
	transport.MaxResponseHeaderBytes = 64 << 10
	w := &web{place: place, stall: o.stall(), pause: sleep}
	if o.pause != nil {
		w.pause = func(_ context.Context, d time.Duration) error { o.pause(d); return nil }
	}
	w.http = &http.Client{Transport: &plainAnswers{below: transport, place: place}, CheckRedirect: redirects(place)}
	w.do = w.http.Do
	w.life, w.finish = context.WithCancelCause(context.Background())
	return w
}

// close ends what is under way, and the connections.
func (w *web) close() error {
	w.finish(errClosed)
	w.http.CloseIdleConnections()
	return nil
}

// plainAnswers makes errors of answers that say that the server cannot now, wherever in a login or redirect they come; so none of the layers above
// hides how long to wait.
type plainAnswers struct {
	below *http.Transport
	place string
}

// RoundTrip implements http.RoundTripper.
func (p *plainAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := p.below.RoundTrip(r)
	if err == nil && (answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500) {
		// A little is read, so that the connection can be used again.
		_, _ = io.CopyN(io.Discard, answer.Body, 4096)
		answer.Body.Close()
		return nil, statusFailure(p.place, answer.StatusCode, answer.Header)
	}
	return answer, err
}

// CloseIdleConnections is what http.Client looks for.
func (p *plainAnswers) CloseIdleConnections() { p.below.CloseIdleConnections() }

// get asks for an address. The body that comes back is watched; its errors are still those of the net.
func (w *web) get(ctx context.Context, address *url.URL, header http.Header) (*http.Response, error) {
	watch := newWatch(ctx, w.life, w.stall)
	request, err := http.NewRequestWithContext(watch.ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		watch.stop()
		return nil, err
	}
	for key, values := range header {
		request.Header[key] = values
	}
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", userAgent)
	answer, err := w.do(request)
	watch.pause()
	if err != nil {
		err = netFailure(ctx, w.place, watch.failure(err))
		watch.stop()
		return nil, err
	}
	answer.Body = &watched{ReadCloser: answer.Body, watch: watch}
	if code := answer.Header.Get("Content-Encoding"); code != "" && code != "identity" {
		answer.Body.Close()
		return nil, fail(ErrDamaged, w.place, "Ask who runs the server to send files as they are.", "sends files in another form than they have (%s)", shownPath(code))
	}
	return answer, nil
}

// userAgent is how requests say what makes them.
const userAgent = "Guesthouse"
