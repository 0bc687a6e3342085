package rfb

// peek returns everything of the connection that has already come, and at least n bytes (no more than readBuffer), for which it waits. The
// bytes stay valid until the wire is used again. They count once they are dropped.
func (w *wire) peek(n int) ([]byte, error) {
	if w.buf.Buffered() < n {
		if _, err := w.buf.Peek(n); err != nil {
			return nil, transport(err)
		}
	}
	return w.buf.Peek(w.buf.Buffered())
}

// drop takes n bytes off the wire that peek has shown.
func (w *wire) drop(n int) error {
	if err := w.spend(int64(n)); err != nil {
		return err
	}
	_, err := w.buf.Discard(n)
	return transport(err)
}
