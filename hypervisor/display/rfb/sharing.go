package rfb

// The clipboard's events, as the client's lock guards its state. The first two are of the user, on any goroutine; the rest of the server, on
// Run's.

// ShareClipboard implements display.Source.
func (c *Client) ShareClipboard(toGuest, fromGuest bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clip.share(toGuest, fromGuest)
	c.wake()
}

// OfferClipboard implements display.Source. Servers without the extended clipboard get what Latin-1 can say of the text at once; others are
// told that there is a text, and get it when the guest's user pastes.
func (c *Client) OfferClipboard(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clip.offer(text)
	c.wake()
}

// clipboardGreets notes that the server speaks the extension.
func (c *Client) clipboardGreets(actions uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clip.greet(actions)
	c.wake()
}

// guestCopied notes that the guest's clipboard has changed, and reports whether its text may come here.
func (c *Client) guestCopied() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clip.common = ""
	return c.clip.fromGuest
}

// guestHas asks for the guest's text, if there is one and it may come here.
func (c *Client) guestHas(text bool) {
	if !c.guestCopied() || !text {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clip.sayAsk = true
	c.wake()
}

// guestAnswers reports whether a text that comes has been asked for.
func (c *Client) guestAnswers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clip.asked == 0 {
		return false
	}
	c.clip.asked--
	return true
}

// accepts reports whether the guest's text may still come here, and notes that both sides have it then.
func (c *Client) accepts(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.clip.fromGuest {
		return false
	}
	c.clip.common = text
	return true
}

// guestPeeks tells again what the host's clipboard holds.
func (c *Client) guestPeeks() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clip.sayOffer = c.clip.toGuest
	c.wake()
}

// guestAsks sends the text that was offered. It is packed here, on Run's goroutine, and not under the lock that keys wait for.
func (c *Client) guestAsks() {
	c.mu.Lock()
	text, share := c.clip.offered, c.clip.toGuest
	c.mu.Unlock()
	if !share || text == "" {
		return
	}
	message := providedText(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clip.toGuest {
		c.clip.message = message
	}
	c.wake()
}
