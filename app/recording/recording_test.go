package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a Source whose picture the test changes.
type screen struct {
	mu      sync.Mutex
	picture *image.RGBA
	number  uint64
	grabs   int
}

func (s *screen) show(w, h int, c color.Color) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture = image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(s.picture, s.picture.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	s.number++
}

// noise shows a picture that cannot be compressed.
func (s *screen) noise(w, h int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture = image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range s.picture.Pix {
		s.picture.Pix[i] = byte(rand.Uint32())
	}
	s.number++
}

func (s *screen) Grab(into *image.RGBA, since uint64) (*image.RGBA, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grabs++
	if s.picture == nil || s.number == since {
		return nil, s.number
	}
	if into == nil || into.Rect != s.picture.Rect {
		into = image.NewRGBA(s.picture.Rect)
	}
	copy(into.Pix, s.picture.Pix)
	return into, s.number
}

// waitGrabs waits until the recorder has looked n more times.
func (s *screen) waitGrabs(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	want := s.grabs + n
	s.mu.Unlock()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		now := s.grabs
		s.mu.Unlock()
		if now >= want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the recorder does not look at the screen")
		}
	}
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: run packaging/setup test", name)
	}
	return path
}

func file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film: 1.webm")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func finish(t *testing.T, r *Recording) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return r.Wait(ctx)
}

// probe returns what ffprobe says of the film's picture and duration in seconds.
func probe(t *testing.T, path string) (size string, seconds float64) {
	t.Helper()
	out, err := exec.Command(tool(t, "ffprobe"), "-v", "error", "-show_entries", "stream=codec_name,width,height,avg_frame_rate:format=duration",
		"-of", "default=nw=1", "file:"+path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	seconds, _ = strconv.ParseFloat(values["duration"], 64)
	return fmt.Sprintf("%s %sx%s %s", values["codec_name"], values["width"], values["height"], values["avg_frame_rate"]), seconds
}

// picture decodes the film's picture at its beginning or end.
func picture(t *testing.T, path string, last bool) image.Image {
	t.Helper()
	args := []string{"-v", "error"}
	if last {
		args = append(args, "-sseof", "-0.2")
	}
	out, err := exec.Command(tool(t, "ffmpeg"), append(args, "-i", "file:"+path, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// like reports whether a pixel has about this colour: the film is lossy.
func like(img image.Image, x, y int, want color.RGBA) bool {
	r, g, b, _ := img.At(x, y).RGBA()
	near := func(a uint32, b uint8) bool { d := int(a>>8) - int(b); return d > -16 && d < 16 }
	return near(r, want.R) && near(g, want.G) && near(b, want.B)
}

var (
	blue  = color.RGBA{20, 60, 200, 255}
	green = color.RGBA{30, 160, 60, 255}
)

// TestFilm: what was shown is in the film, from its first picture to the last, with its time; a screen of another size is fitted in.
func TestFilm(t *testing.T) {
	path := file(t)
	s := &screen{}
	if _, err := Start(s, path); !errors.Is(err, ErrNoPicture) {
		t.Errorf("without a picture: %v", err)
	}
	s.show(321, 200, blue) // an odd width
	began := time.Now()
	r, err := Start(s, path)
	if err != nil {
		t.Fatal(err)
	}
	s.waitGrabs(t, 2*framesPerSecond)
	s.show(100, 200, green)
	s.waitGrabs(t, framesPerSecond)
	r.Stop()
	took := time.Since(began).Seconds()
	r.Stop() // again does nothing
	if err := finish(t, r); err != nil {
		t.Fatal(err)
	}
	size, seconds := probe(t, path)
	if size != "vp9 322x200 15/1" {
		t.Errorf("the film is %s", size)
	}
	if seconds < 1.5 || seconds > took+1 {
		t.Errorf("the film lasts %v s, recorded were %v s", seconds, took)
	}
	if img := picture(t, path, false); !like(img, 160, 100, blue) || !like(img, 2, 2, blue) {
		t.Errorf("the first picture has %v and %v", img.At(160, 100), img.At(2, 2))
	}
	if img := picture(t, path, true); !like(img, 160, 100, green) || !like(img, 20, 100, color.RGBA{}) {
		t.Errorf("the last picture has %v and %v", img.At(160, 100), img.At(20, 100))
	}
}

// TestKilled: when ffmpeg dies, the recording says so, and what it wrote can be played.
func TestKilled(t *testing.T) {
	path := file(t)
	s := &screen{}
	s.show(320, 200, blue)
	r, err := Start(s, path)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; { // restless pictures, until a cluster of them is on the disk
		s.noise(320, 200)
		s.waitGrabs(t, 1)
		if info, err := os.Stat(path); err == nil && info.Size() > 8<<10 || time.Now().After(deadline) {
			break
		}
	}
	if err := r.process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := finish(t, r); !errors.Is(err, ErrStopped) {
		t.Errorf("ended with %v", err)
	}
	if img := picture(t, path, false); !like(img, 100, 100, blue) {
		t.Errorf("the first picture has %v", img.At(100, 100))
	}
}

// TestNowhere: a file that cannot be written is an error, not a film, and nothing is left behind.
func TestNowhere(t *testing.T) {
	s := &screen{}
	s.show(64, 64, blue)
	path := filepath.Join(t.TempDir(), "gone", "film.webm")
	r, err := Start(s, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(t, r); !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("ended with %v", err)
	}
}

func TestFitted(t *testing.T) {
	for _, c := range []struct {
		area, picture image.Point
		want          image.Rectangle
	}{
		{image.Pt(640, 480), image.Pt(320, 240), image.Rect(0, 0, 640, 480)},
		{image.Pt(720, 400), image.Pt(1024, 768), image.Rect(93, 0, 626, 400)},
		{image.Pt(100, 400), image.Pt(200, 100), image.Rect(0, 175, 100, 225)},
		{image.Pt(10, 10), image.Pt(10000, 1), image.Rect(0, 4, 10, 5)},
	} {
		if got := fitted(c.area, c.picture); got != c.want {
			t.Errorf("%v in %v: %v, want %v", c.picture, c.area, got, c.want)
		}
	}
}
