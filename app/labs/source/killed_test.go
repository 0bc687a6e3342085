package source

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// killedDir tells a child of TestKilled where to write.
const killedDir = "GUESTHOUSE_TEST_KILLED_DIR"

// TestKilled writes two versions in turn under one tag, in a process that is killed at some moment: what is there is always one of the two, and whole.
func TestKilled(t *testing.T) {
	labs := []lab{makeLab(t, 1, 1, 2), makeLab(t, 2, 2, 3)}
	if dir := os.Getenv(killedDir); dir != "" {
		for i := 0; ; i++ {
			for _, name := range []string{"x.lab", "folder"} {
				target := openTo(t, filepath.Join(dir, name), Options{})
				labs[i%2].put(t, target, "latest")
				_ = target.Close()
			}
		}
	}
	dir := t.TempDir()
	places := []string{filepath.Join(dir, "x.lab"), filepath.Join(dir, "folder")}
	for _, place := range places {
		target := openTo(t, place, Options{})
		labs[0].put(t, target, "latest")
		_ = target.Close()
	}
	for range 12 {
		child := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		child.Env = append(os.Environ(), killedDir+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rand.IntN(100)) * time.Millisecond)
		_ = child.Process.Kill()
		_ = child.Wait()
		for _, place := range places {
			from := openFrom(t, place, Options{Tag: "latest"})
			is := labs[0]
			if manifest, err := from.Manifest(t.Context()); err == nil && bytes.Equal(manifest, labs[1].manifest) {
				is = labs[1]
			}
			sameManifest(t, from, is)
			is.check(t, from)
			_ = from.Close()
		}
	}
}
