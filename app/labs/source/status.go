package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// statusFailure is what an answer that is no success means (RFC 9110, and RFC 6585 for 429 and 511).
func statusFailure(place string, status int, header http.Header) *failure {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return fail(ErrNotFound, place, "Check the address.", "is not there, says the server (%d)", status)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fail(ErrAuth, place, "Log in, or ask the teacher for access.", "may not be used without the right name and password, says the server (%d)", status)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f := fail(ErrBusy, place, "Try again later.", "has too much to do at the moment, says the server (%d)", status)
		f.retryAfter = retryAfter(header.Get("Retry-After"), time.Now())
		return f
	case http.StatusNetworkAuthenticationRequired:
		return fail(ErrUnreachable, place, "Log in to the network with the web browser first.", "cannot be reached: this network wants a login (%d)", status)
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		f := fail(ErrBusy, place, "Try again later.", "does not work at the moment, says the server (%d)", status)
		f.retryAfter = retryAfter(header.Get("Retry-After"), time.Now())
		return f
	case http.StatusRequestedRangeNotSatisfiable:
		return fail(ErrDamaged, place, "Fetch it from another place.", "holds a file that is shorter than it should be, says the server (%d)", status)
	case http.StatusInsufficientStorage, http.StatusRequestEntityTooLarge:
		return fail(ErrBusy, place, "Ask who runs the server.", "has no room for this, says the server (%d)", status)
	}
	return fail(ErrNoPackage, place, "Check the address.", "gave an answer that no package gives (%d)", status)
}

// retryAfter reads the header Retry-After: seconds, or a time (RFC 9110, 10.2.3). Nonsense is 0.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// netFailure is the error of a request that got no usable answer. caller is the context that the caller gave.
func netFailure(caller context.Context, place string, err error) error {
	if caller.Err() != nil {
		return stopped(caller, place)
	}
	var (
		known    *failure
		answered *errcode.ErrorResponse
		cert     *tls.CertificateVerificationError
		invalid  x509.CertificateInvalidError
		name     *net.DNSError
		noTLS    tls.RecordHeaderError
	)
	unreachable := func(advice, reason string, args ...any) *failure {
		return fail(ErrUnreachable, place, advice, reason, args...).because(err)
	}
	stays := func(f *failure) error {
		f.stays = true
		return f
	}
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &answered):
		return statusFailure(place, answered.StatusCode, nil).because(err)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return statusFailure(place, http.StatusUnauthorized, nil).because(err)
	case errors.Is(err, errStalled):
		return unreachable("Check the network, and try again: what is there already is kept.", "went silent: nothing came for a while")
	case errors.Is(err, errClosed):
		return fmtClosed(place)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return stays(unreachable("Set the clock if it is wrong, else ask who runs the server.", "has a certificate that is not valid today, and by the clock of this computer it is %s", time.Now().Format("2 January 2006")))
	case errors.As(err, &cert):
		return stays(unreachable("Ask who runs the server.", "has a certificate that this computer does not trust: %s", shownPath(cert.Err.Error())))
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return stays(unreachable("Write http:// if that is meant.", "does not speak TLS (https)"))
	case errors.As(err, &name) && name.IsNotFound:
		return stays(unreachable("Check the address and the network.", "cannot be found: there is no computer of that name"))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return unreachable("Try again: what is there already is kept.", "broke off in the middle")
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return unreachable("Check the address and the network.", "cannot be reached: %s", shownPath(err.Error()))
}
