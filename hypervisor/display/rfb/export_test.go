package rfb

import "time"

// Hurry shortens the client's limits of time, so that tests see them.
func (c *Client) Hurry(handshake, message time.Duration) {
	c.limits = limits{handshake: handshake, message: message}
}

// NoWake makes the client as every other viewer is: it sends no wake messages.
func (c *Client) NoWake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.canWake = false
}
