package x11

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// paste reads the clipboard with a program of others.
func paste(t *testing.T, target string) ([]byte, error) {
	t.Helper()
	return exec.Command(hosttest.Tool(t, "xclip"), "-selection", "clipboard", "-o", "-t", target).Output()
}

// own puts data on the clipboard; the channel delivers how that ended.
func own(t *testing.T, ctx context.Context, data []byte) <-chan error {
	t.Helper()
	owned, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- OwnClipboard(ctx, "image/png", data, func() { close(owned) }) }()
	select {
	case <-owned:
	case err := <-ended:
		t.Fatal(err)
	}
	return ended
}

// TestOwnClipboard: xclip gets the very bytes, small and in pieces, and the clipboard is given up when xclip takes it.
func TestOwnClipboard(t *testing.T) {
	startServer(t)
	for _, size := range []int{0, 1000, longestProperty, longestProperty + 1, 5*longestProperty + 17} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i*7 + i>>8)
		}
		ended := own(t, t.Context(), data)
		for range 2 {
			got, err := paste(t, "image/png")
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("of %d bytes %d came: %v", size, len(got), err)
			}
		}
		targets, err := paste(t, "TARGETS")
		if err != nil || !strings.Contains(string(targets), "image/png\n") || !strings.Contains(string(targets), "TARGETS\n") {
			t.Errorf("targets %q: %v", targets, err)
		}
		if got, err := paste(t, "text/plain"); err == nil {
			t.Errorf("a picture came as text: %q", got)
		}
		copied := exec.Command(hosttest.Tool(t, "xclip"), "-selection", "clipboard", "-i")
		copied.Stdin = strings.NewReader("something else")
		if err := copied.Run(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("given up with %v", err)
		}
		if got, err := paste(t, "UTF8_STRING"); err != nil || string(got) != "something else" {
			t.Errorf("%q: %v", got, err)
		}
	}
}

// TestOwnClipboardAgain: the second picture takes the place of the first, and a cancelled one leaves.
func TestOwnClipboardAgain(t *testing.T) {
	startServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := own(t, t.Context(), []byte("first"))
	second := own(t, ctx, []byte("second"))
	if err := <-first; err != nil {
		t.Error(err)
	}
	if got, err := paste(t, "image/png"); err != nil || string(got) != "second" {
		t.Errorf("%q: %v", got, err)
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOwnClipboardWithoutServer(t *testing.T) {
	t.Setenv("DISPLAY", ":9876")
	if err := OwnClipboard(t.Context(), "image/png", nil, func() { t.Error("owned") }); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	server := startServer(t)
	ended := own(t, t.Context(), []byte("x"))
	_ = server.Process.Kill()
	if err := <-ended; !errors.Is(err, ErrLost) {
		t.Error(err)
	}
}
