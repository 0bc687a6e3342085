package x11

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// TestWatchClipboard: what xclip copies is read, at once and whenever it changes, in pieces if it is long; what is no text, or too long, is not.
func TestWatchClipboard(t *testing.T) {
	startServer(t)
	const limit = 1 << 20
	copyText := func(text string, args ...string) {
		t.Helper()
		cmd := exec.Command(hosttest.Tool(t, "xclip"), append([]string{"-selection", "clipboard", "-i"}, args...)...)
		cmd.Stdin = strings.NewReader(text)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
	copyText("before")
	ctx, cancel := context.WithCancel(t.Context())
	texts, ended := make(chan string, 10), make(chan error, 1)
	go func() { ended <- WatchClipboard(ctx, limit, func(text string) { texts <- text }) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-texts:
			if got != want {
				t.Fatalf("read %d bytes %.40q, want %d bytes %.40q", len(got), got, len(want), want)
			}
		case err := <-ended:
			t.Fatal(err)
		}
	}
	expect("before")
	copyText("two\r\nlines – ü")
	expect("two\nlines – ü")
	long := strings.Repeat("0123456789abcdef", limit/16)
	copyText(long)
	expect(long)
	copyText(long + "!") // one byte too many
	copyText("\x89PNG", "-t", "image/png")
	copyText("\xff\xfe")
	copyText("last")
	expect("last")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
