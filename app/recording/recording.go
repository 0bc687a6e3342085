// Package recording makes a film of a guest's screen with ffmpeg, where that is installed. It knows no toolkit: it asks for pictures, and
// asks only as often as it can write them, so that it never holds up who shows them.
package recording

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/sys/unix"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

// Errors of Start and Wait, wrapped.
var (
	// ErrMissing says that ffmpeg is not installed.
	ErrMissing = errors.New("ffmpeg is not installed (package ffmpeg)")
	// ErrNoPicture says that there was nothing to record yet.
	ErrNoPicture = errors.New("there is no picture of the screen yet")
	// ErrStopped says that ffmpeg ended by itself. What it had written by then can usually be played.
	ErrStopped = errors.New("the recording ended early: ffmpeg stopped")
)

const (
	// framesPerSecond of the film; pictures in between are not taken.
	framesPerSecond = 15
	// breath is how often a picture that stands still is written again, so that ffmpeg's clock goes on.
	breath = time.Second
	// patience is how long ffmpeg may take to finish the file.
	patience = 20 * time.Second
	// niceness keeps the encoder behind the guest and the windows (nice(1)).
	niceness = 10
	// longestSide is what VP9 can encode and no screen exceeds.
	longestSide = 16384
)

// A Source delivers pictures. Grab returns the newest one, and a number that changes with every picture; when that is still since, the
// picture is not needed and may be nil, as it is when there is none. It may draw into into, which has the picture's size or is nil. It is
// called on a goroutine of the recording and must not wait for a screen.
type Source interface {
	Grab(into *image.RGBA, since uint64) (picture *image.RGBA, number uint64)
}

// Find returns the absolute path of ffmpeg. It looks where a system installs programs and not in PATH, which others may write to. The error is
// ErrMissing.
func Find() (string, error) {
	if path := safefile.FindProgram([]string{"/usr/bin", "/usr/local/bin", "/bin", "/app/bin"}, "ffmpeg"); path != "" {
		return path, nil
	}
	return "", ErrMissing
}

// A Recording is a film that is being made. Its methods may be called from any goroutine.
type Recording struct {
	path    string
	process *os.Process   // ffmpeg
	stop    chan struct{} // closed by Stop
	once    sync.Once
	ended   chan struct{} // closed when err is set and the file is complete
	err     error
}

// Start records what source delivers into the file at path (absolute), which must exist and is written over: make it so that nothing else
// is lost. The film has the size of the first picture; pictures of another size are fitted into it. Format: WebM with VP9. Start waits
// for ffmpeg to start, not for its first output. Errors: ErrMissing, ErrNoPicture, and those of the system.
func Start(source Source, path string) (*Recording, error) {
	ffmpeg, err := Find()
	if err != nil {
		return nil, err
	}
	first, number := source.Grab(nil, 0)
	if first == nil || first.Rect.Empty() {
		return nil, ErrNoPicture
	}
	size := first.Rect.Size()
	if size.X > longestSide || size.Y > longestSide {
		return nil, fmt.Errorf("a screen of %d × %d pixels cannot be recorded", size.X, size.Y)
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	complaint := &tail{limit: 4 << 10}
	cmd := exec.Command(ffmpeg, arguments(size, path)...)
	cmd.Stdin, cmd.Stderr = in, complaint
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=/nonexistent"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl+C in our terminal must not take away the end of the file
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, err
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, niceness) // without it the film is as good
	r := &Recording{path: path, process: cmd.Process, stop: make(chan struct{}), ended: make(chan struct{})}
	film := &film{source: source, out: out, canvas: first, number: number, size: size}
	go r.run(cmd, film, complaint)
	return r, nil
}

// arguments are ffmpeg's (ffmpeg.1, libvpx-vp9 in ffmpeg-codecs.1). Pictures come when they come: their time is the clock's, and the filter fps
// repeats or drops them to a constant rate. A cluster a second bounds what is lost when ffmpeg is killed.
func arguments(size image.Point, path string) []string {
	rate := strconv.Itoa(framesPerSecond)
	return []string{
		"-hide_banner", "-loglevel", "error", "-y",
		"-use_wallclock_as_timestamps", "1",
		"-f", "rawvideo", "-pixel_format", "rgb0", "-video_size", fmt.Sprintf("%dx%d", size.X, size.Y), "-framerate", rate, "-i", "pipe:0",
		"-vf", "fps=" + rate + ",pad=ceil(iw/2)*2:ceil(ih/2)*2,format=yuv420p",
		"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1", "-crf", "30", "-b:v", "0", "-g", "150", "-an",
		"-f", "webm", "-cluster_time_limit", "1000", "-flush_packets", "1", "file:" + path,
	}
}

// Path returns the file.
func (r *Recording) Path() string { return r.path }

// Stop ends the film. It returns at once; Wait tells when the file is complete.
func (r *Recording) Stop() { r.once.Do(func() { close(r.stop) }) }

// Wait waits until the film has ended and the file is complete. It returns nil after Stop, an error that wraps ErrStopped when ffmpeg ended by
// itself (with unix.ENOSPC when the disk is full), and ctx's when that ends first.
func (r *Recording) Wait(ctx context.Context) error {
	select {
	case <-r.ended:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes pictures until Stop or ffmpeg's end.
func (r *Recording) run(cmd *exec.Cmd, f *film, complaint *tail) {
	defer close(r.ended)
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	wrote := make(chan error, 1)
	go func() { wrote <- f.roll(r.stop) }()

	var fault, end error
	select {
	case fault = <-wrote: // Stop, or the pipe broke
		select {
		case end = <-exited:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			end = errors.Join(<-exited, errors.New("it did not finish in time"))
		}
	case end = <-exited:
		f.out.Close() // ends a write that waits
		fault = errors.Join(errors.New("it ended while pictures came"), <-wrote)
	case <-r.stopTimer():
		_ = cmd.Process.Kill()
		end, fault = <-exited, <-wrote
	}
	if fault == nil && end == nil {
		return
	}
	text := complaint.String()
	switch {
	case strings.Contains(text, "No space left on device"):
		r.err = fmt.Errorf("%w: %w", ErrStopped, unix.ENOSPC)
	case text != "":
		r.err = fmt.Errorf("%w: %s", ErrStopped, text)
	default:
		r.err = fmt.Errorf("%w: %w", ErrStopped, errors.Join(end, fault))
	}
	if info, err := os.Stat(r.path); err == nil && info.Size() == 0 {
		_ = os.Remove(r.path) // nothing is in it
	}
}

// stopTimer fires when a write still waits long after Stop: ffmpeg hangs.
func (r *Recording) stopTimer() <-chan struct{} {
	fired := make(chan struct{})
	go func() {
		select {
		case <-r.ended:
			return
		case <-r.stop:
		}
		select {
		case <-r.ended:
		case <-time.After(patience):
			close(fired)
		}
	}()
	return fired
}

// film takes pictures and writes them to ffmpeg.
type film struct {
	source Source
	out    *os.File
	canvas *image.RGBA // the last picture, of the film's size
	other  *image.RGBA // the last picture, where it has another size
	number uint64      // of the last picture
	size   image.Point
}

// roll writes pictures until stop; the last one is written once more, so that the film is as long as it took. It closes the pipe.
func (f *film) roll(stop <-chan struct{}) error {
	defer f.out.Close()
	if err := f.write(); err != nil {
		return err
	}
	written := time.Now()
	ticker := time.NewTicker(time.Second / framesPerSecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			f.next()
			return f.write()
		case now := <-ticker.C:
			if !f.next() && now.Sub(written) < breath {
				continue
			}
			if err := f.write(); err != nil {
				return err
			}
			written = now
		}
	}
}

// next brings the canvas up to date and reports whether there was something new.
func (f *film) next() bool {
	into := f.canvas
	if f.other != nil {
		into = f.other
	}
	picture, number := f.source.Grab(into, f.number)
	if number == f.number || picture == nil || picture.Rect.Empty() {
		f.number = number // a screen that is gone for a moment, as while a machine restarts, leaves the last picture standing
		return false
	}
	f.number = number
	if picture.Rect.Size() == f.size {
		f.canvas, f.other = picture, nil
		return true
	}
	if f.other == nil {
		f.canvas = image.NewRGBA(image.Rectangle{Max: f.size}) // the old one may be drawn into
	}
	f.other = picture
	draw.Draw(f.canvas, f.canvas.Rect, image.Black, image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(f.canvas, fitted(f.size, picture.Rect.Size()), picture, picture.Rect, draw.Src, nil)
	return true
}

// fitted is the largest rectangle of the picture's shape in the middle of an area.
func fitted(area, picture image.Point) image.Rectangle {
	size := image.Pt(area.X, max(1, area.X*picture.Y/picture.X))
	if size.Y > area.Y {
		size = image.Pt(max(1, area.Y*picture.X/picture.Y), area.Y)
	}
	corner := area.Sub(size).Div(2)
	return image.Rectangle{Min: corner, Max: corner.Add(size)}
}

func (f *film) write() error {
	_, err := f.out.Write(f.canvas.Pix)
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	text  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - t.limit; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

// String returns the end of the text, inert.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return vmconfig.Inert(strings.TrimSpace(string(t.text)), 1000)
}
