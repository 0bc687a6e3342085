package source

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const maxRedirects = 10

// redirects says which redirects are followed: those from https to https, and those that stay on the same host and port or go there from http to https. So
// nobody on the way can lead a download away from TLS, or to a file or a service that only this computer can reach. A name and password stay with
// the origin that they are for.
func redirects(place string) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, before []*http.Request) error {
		if len(before) >= maxRedirects {
			return fail(ErrNoPackage, place, "Ask who runs the server.", "leads round in circles: more than %d redirects", maxRedirects)
		}
		from, to := before[len(before)-1].URL, next.URL
		if !mayLead(from, to) {
			return fail(ErrNoPackage, place, "If this network has a login page, log in with the web browser first; else check the address.",
				"leads to another place, which is not followed: from %s://%s to %s://%s", from.Scheme, shownPath(from.Host), shownPath(to.Scheme), shownPath(to.Host))
		}
		for _, step := range append(before[1:], next) { // once elsewhere, a way back does not count
			if !sameOrigin(before[0].URL, step.URL) {
				next.Header.Del("Authorization")
			}
		}
		return nil
	}
}

func mayLead(from, to *url.URL) bool {
	if sameOrigin(from, to) {
		return true
	}
	if to.Scheme != "https" || to.Hostname() == "" {
		return false
	}
	if from.Scheme == "https" {
		return !onlyHere(to.Hostname()) || onlyHere(from.Hostname())
	}
	return strings.EqualFold(from.Hostname(), to.Hostname())
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if u.Port() == "" && u.Scheme == "https" {
		return "443"
	}
	if u.Port() == "" && u.Scheme == "http" {
		return "80"
	}
	return u.Port()
}

// onlyHere reports whether a host is this computer or what only it can reach.
func onlyHere(host string) bool {
	if isLoopback(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	return err == nil && (addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast())
}

// isLoopback reports whether a host, without port, is this computer by its name or address.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (err == nil && addr.Unmap().IsLoopback())
}
