package x11

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"guesthouse/hypervisor/hosttest"
)

// copyWith copies text with xclip, and returns when that owns the clipboard: its process in the foreground ends before.
func copyWith(t *testing.T, text string, args ...string) {
	t.Helper()
	x, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	const name = "CLIPBOARD"
	clipboard, err := xproto.InternAtom(x, false, uint16(len(name)), name).Reply()
	if err != nil {
		t.Fatal(err)
	}
	owner := func() xproto.Window {
		reply, err := xproto.GetSelectionOwner(x, clipboard.Atom).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return reply.Owner
	}
	before := owner()
	defer func() {
		for now := owner(); now == before || now == xproto.WindowNone; now = owner() {
			time.Sleep(time.Millisecond)
		}
	}()
	cmd := exec.Command(hosttest.Tool(t, "xclip"), append([]string{"-selection", "clipboard", "-i"}, args...)...)
	cmd.Stdin = strings.NewReader(text)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

// ownSilently owns the clipboard and answers nobody, or begins to hand over a long text and then says no more.
func ownSilently(t *testing.T, begin bool) {
	t.Helper()
	x, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{x: x, data: make([]byte, longestProperty+1), transfers: map[spot]int{}}
	if err := o.take("UTF8_STRING"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			switch event, fault := x.WaitForEvent(); {
			case event == nil && fault == nil:
				return
			default:
				if e, ok := event.(xproto.SelectionRequestEvent); ok && begin {
					o.answer(e)
				}
			}
		}
	}()
	t.Cleanup(func() {
		x.Close()
		<-ended
	})
}

// TestReadClipboard: what xclip copies is read once, whatever its form; an owner that says nothing, or not all, is given up.
func TestReadClipboard(t *testing.T) {
	startServer(t)
	const limit = 1 << 20
	expect := func(want string, reason error) {
		t.Helper()
		got, err := ReadClipboard(t.Context(), limit)
		if got != want || !errors.Is(err, reason) {
			t.Errorf("read %d bytes %.40q, %v; want %d bytes %.40q, %v", len(got), got, err, len(want), want, reason)
		}
	}
	expect("", nil) // nobody owns it
	copyWith(t, "two\r\nlines – ü")
	expect("two\nlines – ü", nil)
	copyWith(t, "caf\xe9", "-t", "STRING")
	expect("café", nil)
	copyWith(t, "\x89PNG", "-t", "image/png")
	expect("", nil)
	long := strings.Repeat("0123456789abcdef", limit/16)
	copyWith(t, long)
	expect(long, nil)
	copyWith(t, long+"!") // one byte too many
	expect("", ErrTooLong)
	ownSilently(t, true)
	expect("", ErrSilent)
	ownSilently(t, false)
	expect("", ErrSilent)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadClipboard(ctx, limit); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	t.Setenv("DISPLAY", ":9876")
	if _, err := ReadClipboard(t.Context(), limit); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// TestWatchClipboard: what xclip copies is read, at once and whenever it changes, in pieces if it is long; what is no text, or too long, is not.
func TestWatchClipboard(t *testing.T) {
	startServer(t)
	const limit = 1 << 20
	copyText := func(text string, args ...string) { copyWith(t, text, args...) }
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
