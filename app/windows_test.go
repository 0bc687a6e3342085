package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLabArgument tells what the windows open from a mistyped command.
func TestLabArgument(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for argument, want := range map[string]string{
		"firewalls.lab": filepath.Join(dir, "firewalls.lab"), "/labs/A.LAB": "/labs/A.LAB", "/labs/a#b.lab": "/labs/a#b.lab#",
		"file:///labs/a%20b.lab": "file:///labs/a%20b.lab", "lab:https://labs.example.org/a": "lab:https://labs.example.org/a", "LAB:x": "LAB:x",
		"https://labs.example.org/a.lab": "https://labs.example.org/a.lab",
		"lab":                            "", "start": "", "https://example.org/": "", "": "",
	} {
		if got, ok := labArgument(argument); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v, want %q", argument, got, ok, want)
		}
	}
}
