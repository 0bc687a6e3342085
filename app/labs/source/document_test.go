package source

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestReadDocument(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("name: a"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	for _, place := range []string{dir + "/a.yaml", server.URL + "/a.yaml"} {
		ref, err := Parse(place)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := ReadDocument(t.Context(), ref, 7, Options{}); err != nil || string(data) != "name: a" {
			t.Errorf("%s: %q, %v", place, data, err)
		}
		if _, err := ReadDocument(t.Context(), ref, 6, Options{}); !errors.Is(err, ErrNoPackage) {
			t.Errorf("%s, which is too long: %v", place, err)
		}
	}
	for place, want := range map[string]error{dir + "/b.yaml": ErrNotFound, server.URL + "/b.yaml": ErrNotFound, dir: ErrNoPackage} {
		ref, err := Parse(place)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDocument(t.Context(), ref, 100, Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

func TestBeside(t *testing.T) {
	for _, test := range []struct{ document, other, want string }{
		{"/usb/course/net.yaml", "router.lab", "/usb/course/router.lab"},
		{"/usb/course/net.yaml", "./labs/router", "/usb/course/labs/router"},
		{"net.yaml", "router.lab", "./router.lab"},
		{"https://host.example/course/net.yaml", "router.lab#2", "https://host.example/course/router.lab#2"},
		{"/usb/course/net.yaml", "host.example/labs/router:2", "oci://host.example/labs/router:2"},
		{"/usb/course/net.yaml", "networks/router:2", "networks/router:2"},
		{"/usb/course/net.yaml", "https://host.example/router.lab", "https://host.example/router.lab"},
		{"/usb/course/net.yaml", "../router.lab", ""},
		{"/usb/course/net.yaml", "/etc/router.lab", ""},
		{"https://host.example/course/net.yaml", "../../router.lab", ""},
		{"https://host.example/course/net.yaml", "/etc/router.lab", ""},
		{"https://host.example/course/net.yaml", "file:///etc/router.lab", ""},
	} {
		other, err := Parse(test.other)
		if err != nil {
			t.Fatal(err)
		}
		document := Ref{Kind: KindFolder, Location: test.document}
		if parsed, err := Parse(test.document); err == nil {
			document = parsed
		}
		got, err := document.Beside(other)
		if (err != nil) != (test.want == "") || err == nil && got.String() != test.want {
			t.Errorf("%s beside %s: %s, %v", test.other, test.document, got, err)
		}
	}
}
