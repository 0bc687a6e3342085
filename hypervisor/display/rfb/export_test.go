package rfb

import "time"

// Hurry shortens the client's limits of time, so that tests see them.
func (c *Client) Hurry(handshake, message time.Duration) {
	c.limits = limits{handshake: handshake, message: message}
}

// Pace replaces how often QEMU is woken: every eager for a while after input, every idle otherwise. Zero: never.
func (c *Client) Pace(eager, eagerFor, idle time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.wakes = eager > 0
	c.pace.rate = rate{eager, eagerFor, idle}
}
