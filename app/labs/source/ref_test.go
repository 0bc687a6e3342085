package source

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	for text, want := range map[string]Ref{
		"/srv/labs/web":                      {Kind: KindFolder, Location: "/srv/labs/web"},
		"./web":                              {Kind: KindFolder, Location: "./web"},
		"..":                                 {Kind: KindFolder, Location: ".."},
		"/srv/web#3":                         {Kind: KindFolder, Location: "/srv/web", Tag: "3"},
		"/srv/web#" + someDigest:             {Kind: KindFolder, Location: "/srv/web", Digest: someDigest},
		"/srv/c#/web":                        {Kind: KindFolder, Location: "/srv/c#/web"},
		"/srv/c#7#":                          {Kind: KindFolder, Location: "/srv/c#7"},
		"/srv/a:b@c":                         {Kind: KindFolder, Location: "/srv/a:b@c"},
		"web.lab":                            {Kind: KindFile, Location: "web.lab"},
		"sticks/Web One.LAB#latest":          {Kind: KindFile, Location: "sticks/Web One.LAB", Tag: "latest"},
		"file:///media/My%20Stick/web.lab":   {Kind: KindFile, Location: "/media/My Stick/web.lab"},
		"file://localhost/a%23b":             {Kind: KindFolder, Location: "/a#b"},
		"https://example.org/labs/web":       {Kind: KindWeb, Location: "https://example.org/labs/web"},
		"HTTPS://example.org/web.lab#2":      {Kind: KindWeb, Location: "https://example.org/web.lab", Tag: "2"},
		"http://[::1]:8080/a%2Fb/index.json": {Kind: KindWeb, Location: "http://[::1]:8080/a%2Fb"},
		"https://x.org/d.lab?token=1":        {Kind: KindWeb, Location: "https://x.org/d.lab?token=1"},
		"localhost/web":                      {Kind: KindRegistry, Location: "localhost/web"},
		"localhost:5000/course/web:1":        {Kind: KindRegistry, Location: "localhost:5000/course/web", Tag: "1"},
		"ghcr.io/uni/web@" + someDigest:      {Kind: KindRegistry, Location: "ghcr.io/uni/web", Digest: someDigest},
		"oci://registry/web":                 {Kind: KindRegistry, Location: "registry/web"},
		"web":                                {Kind: KindName, Location: "web"},
		"net-2/web/a/b:1.0":                  {Kind: KindName, Location: "net-2/web/a/b", Tag: "1.0"},
		"net/web:1@" + someDigest:            {Kind: KindName, Location: "net/web", Tag: "1", Digest: someDigest},
		"https://example.org/labs/web#" + someDigest: {Kind: KindWeb, Location: "https://example.org/labs/web", Digest: someDigest},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if back, err := Parse(got.String()); err != nil || back.Kind != got.Kind || strings.TrimPrefix(back.Location, "./") != strings.TrimPrefix(got.Location, "./") || back.Digest != got.Digest ||
			(got.Digest == "" && back.Tag != got.Tag) {
			t.Errorf("%s: %s is read as %+v, %v", text, got, back, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "Web", "-web", "a/b/c/d/e", "a//b", "a/", "web:", "web:-1", "web:1:2", "web@sha256:12", "web@md5:0123", "we b", "wéb", "..%2f",
		"ftp://example.org/x", "javascript://x", "~/web", "~root/x.lab", "https://", "https:///x", "http://ex ample.org/", "https://a#b#c",
		"https://example.org/web#-1", "/srv/web#a b", "file://server/x", "file://x", "/a\x00b", "/a\nb", "\xff.lab", strings.Repeat("a", 5000),
		"ghcr.io/Web", "ghcr.io/", "oci://", "oci://host", "ghcr.io/web:" + strings.Repeat("a", 129), "ghcr.io/web@sha512:00", "file:///a%00b", "file:///a#b%00#", "#1", ".lab\n",
		"http://[::1", "ghcr.io/../web", "localhost:99999999999/../x",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		} else if strings.ContainsAny(err.Error(), "\n\x00") || !utf8.ValidString(err.Error()) {
			t.Errorf("%q: %q", text, err)
		}
	}
}

func TestRefKeepsNoPassword(t *testing.T) {
	ref, err := Parse("https://me:secret@example.org/web#1")
	if err != nil || strings.Contains(ref.String(), "secret") || ref.String() != "https://example.org/web#1" {
		t.Error(ref, err)
	}
	if password, _ := ref.user.Password(); password != "secret" {
		t.Error("the password was lost")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"/a#b", "web:1", "https://u:p@h/x.lab#1", "h.io/x@" + someDigest, "file:///a%23#1", "./.lab", "oci://[::1]:5/x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := Parse(text)
		if err != nil {
			return
		}
		back, err := Parse(ref.String())
		if err != nil || back.Kind != ref.Kind || strings.TrimPrefix(back.Location, "./") != strings.TrimPrefix(ref.Location, "./") || back.Digest != ref.Digest || (ref.Digest == "" && back.Tag != ref.Tag) {
			t.Errorf("%q is %+v, and %q is %+v, %v", text, ref, ref.String(), back, err)
		}
	})
}

func TestCompareVersions(t *testing.T) {
	order := []string{"", "beta", "latest", "0", "1", "1.0", "1.1", "1.10", "2", "010", "11", "99999999999999999999", "100000000000000000000"}
	for i := range order {
		for j := range order {
			got := compareVersions(order[i], order[j])
			if (i < j) != (got < 0) || (i == j) != (got == 0) {
				t.Errorf("%q, %q: %d", order[i], order[j], got)
			}
		}
	}
}
