package rfb

import "encoding/binary"

// A fence is a message that the other end sends back when it has got that far (rfbproto.rst, "ClientFence"). Servers measure the connection
// with it. We do one thing after the other, so that an answer is always true.
const (
	fenceRequest = 1 << 31
	fenceKnown   = 1<<0 | 1<<1 | 1<<2 // block before, block after, sync next

	maxFence = 64 // bytes of payload
	// maxFences is how many answers may wait. Servers have one or two on the way.
	maxFences = 1000
)

func (s *session) fence() error {
	head, err := s.wire.head(8)
	if err != nil {
		return err
	}
	flags, n := binary.BigEndian.Uint32(head[3:]), head[7]
	if n > maxFence {
		return protocol("a fence of %d bytes", n)
	}
	payload, err := s.wire.bytes(uint32(n), maxFence, "fence")
	if err != nil {
		return err
	}
	if flags&fenceRequest == 0 {
		return nil // an answer; we never ask
	}
	answer := append(make([]byte, 0, 9+len(payload)), msgClientFence, 0, 0, 0)
	answer = binary.BigEndian.AppendUint32(answer, flags&fenceKnown)
	answer = append(answer, n)
	if !s.client.answer(append(answer, payload...)) {
		return protocol("%d fences without a pause", maxFences)
	}
	return nil
}

// answer sends a message, unless too many wait already.
func (c *Client) answer(message []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answers) >= maxFences*len(message) {
		return false
	}
	c.answers = append(c.answers, message...)
	c.wake()
	return true
}
