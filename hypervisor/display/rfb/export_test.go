package rfb

import "time"

// Hurry shortens the client's limits of time, so that tests see them.
func (c *Client) Hurry(handshake, message time.Duration) {
	c.limits = limits{handshake: handshake, message: message}
}
