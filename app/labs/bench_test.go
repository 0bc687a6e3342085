package labs

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkVerify reads a lab of 1 GiB in full, beside sha256sum in the same run. The bar is 2 seconds.
func BenchmarkVerify(b *testing.B) {
	const size = 1 << 30
	l := newLibrary(b)
	data := make([]byte, 0, size)
	for seed := range size / mib {
		data = append(data, noise(seed, mib)...)
	}
	id := publish(b, l, testSpec("a"), map[string][]byte{"disk0": data})
	path := pathOf(b, l, id, "disk0")
	b.SetBytes(size)
	var peer, own time.Duration
	for b.Loop() {
		began := time.Now()
		if err := exec.CommandContext(b.Context(), "sha256sum", path).Run(); err != nil {
			b.Fatal(err)
		}
		peer += time.Since(began)
		began = time.Now()
		if wrong, err := l.Verify(b.Context(), id, nil); wrong != nil || err != nil {
			b.Fatal(wrong, err)
		}
		own += time.Since(began)
	}
	b.ReportMetric(own.Seconds()/float64(b.N), "guesthouse-verify-s")
	b.ReportMetric(peer.Seconds()/float64(b.N), "sha256sum-verify-s")
	b.ReportMetric(2, "verify-bar")
}

// BenchmarkQuickCheck is what a launch waits for.
func BenchmarkQuickCheck(b *testing.B) {
	l := newLibrary(b)
	data := make([]byte, 0, 128*mib)
	for seed := range 128 {
		data = append(data, noise(seed, mib)...)
	}
	id := publish(b, l, testSpec("a"), map[string][]byte{"disk0": data})
	for b.Loop() {
		if err := l.QuickCheck(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
}
