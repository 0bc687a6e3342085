package rfb_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"guesthouse/hypervisor/display/rfb"
)

// BenchmarkDecode is the cost of recorded sessions, out of files.
func BenchmarkDecode(b *testing.B) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("GUESTHOUSE_RECORDINGS"), "*.*"))
	for _, file := range files {
		content, encoding, _ := strings.Cut(filepath.Base(file), ".")
		b.Run(encoding+"/"+content, func(b *testing.B) {
			updates := 0
			start := cpuTime()
			for b.Loop() {
				f, err := os.Open(file)
				if err != nil {
					b.Fatal(err)
				}
				show := &flat{}
				in := io.MultiReader(strings.NewReader("RFB 003.008\n\x01\x01\x00\x00\x00\x00"), f)
				_ = rfb.New(&replay{in: in}, rfb.Options{}).Run(context.Background(), show)
				f.Close()
				updates += show.frames
			}
			b.ReportMetric((cpuTime()-start).Seconds()*1000/float64(updates), "cpu-ms/update")
			b.ReportMetric(float64(updates)/float64(b.N), "updates")
		})
	}
}

// cpuTime is what this process has used so far, with its part of the kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
