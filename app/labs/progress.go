package labs

import (
	"sync"
	"time"

	"guesthouse/app/jobs"
)

// reportEvery keeps a fast operation from reporting each chunk.
const reportEvery = 100 * time.Millisecond

// meter counts the bytes of one phase and reports them. Any goroutine may use it.
type meter struct {
	report   Report
	now      func() time.Time
	text     string
	from, to float64 // which part of the whole this phase is
	total    int64

	mu          sync.Mutex
	done, start int64 // start: what was there at the beginning, which says nothing about the rate
	began, last time.Time
}

// newMeter begins a phase that spans a part of the whole.
func newMeter(report Report, now func() time.Time, text string, from, to float64, total int64) *meter {
	m := &meter{report: report, now: now, text: text, from: from, to: to, total: total, began: now()}
	m.add(0)
	return m
}

// had counts bytes that need no work.
func (m *meter) had(bytes int64) {
	m.mu.Lock()
	m.start += bytes
	m.mu.Unlock()
	m.add(bytes)
}

// add counts bytes.
func (m *meter) add(bytes int64) {
	if m == nil || m.report == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += bytes
	now := m.now()
	if bytes > 0 && m.done < m.total && now.Sub(m.last) < reportEvery {
		return
	}
	m.last = now
	p := jobs.Progress{Fraction: m.to, Text: m.text, Done: m.done, Total: m.total}
	if m.total > 0 {
		p.Fraction = m.from + (m.to-m.from)*float64(min(m.done, m.total))/float64(m.total)
	}
	if moved := m.done - m.start; moved > 0 && m.done < m.total {
		p.Rest = time.Duration(float64(now.Sub(m.began)) / float64(moved) * float64(m.total-m.done))
	}
	m.report(p)
}
