package console

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/vmconfig"
)

// TestAcceptE7MessagesWhyThereIsNoScreen: each reason has words of its own, which name what is in the way and what helps.
func TestAcceptE7MessagesWhyThereIsNoScreen(t *testing.T) {
	with := func(kinds ...string) *vmconfig.Machine {
		m := &vmconfig.Machine{}
		for _, k := range kinds {
			m.Displays = append(m.Displays, vmconfig.Display{Kind: k})
		}
		return m
	}
	because := func(r hypervisor.GraphicsReason, kinds ...string) error {
		return &hypervisor.GraphicsError{Reason: r, Kinds: kinds, Address: "10.0.0.9:5901", Err: errors.New("ssh: rejected: administratively prohibited")}
	}
	seen := map[string]string{}
	for _, c := range []struct {
		name   string
		config *vmconfig.Machine
		edit   func(*machines.Machine)
		err    error
		want   string // title, whether it asks, buttons
		text   string // part of it
	}{
		{"no display", with(), nil, because(hypervisor.GraphicsMissing), ": This machine has no screen [Add a VNC display]", "at the next start"},
		{
			"no display, nothing is kept", with(), func(m *machines.Machine) { m.Persistent = false }, because(hypervisor.GraphicsMissing),
			": This machine has no screen", "runs all the same",
		},
		{"added meanwhile", with("vnc"), nil, because(hypervisor.GraphicsMissing), ": Restart the machine to see its screen [Shut down]", "started again"},
		{
			"SPICE", with("spice"), nil, because(hypervisor.GraphicsUnsupported, "spice"),
			": This machine’s screen cannot be shown here [Add a VNC display]", "It has SPICE, this window speaks VNC.",
		},
		{
			"SDL and RDP", with("sdl", "rdp"), nil, because(hypervisor.GraphicsUnsupported, "sdl", "rdp"),
			": This machine’s screen cannot be shown here [Add a VNC display]", "It has SDL and RDP",
		},
		{"handed over", with("vnc"), nil, because(hypervisor.GraphicsHandedOver), ": The screen cannot be reached [Try again]", "listens nowhere"},
		{"own computer", with("vnc"), nil, because(hypervisor.GraphicsHostOnly), ": The screen cannot be reached [Try again]", "listen only on its own computer, at 10.0.0.9:5901"},
		{"exposed", with("vnc"), nil, because(hypervisor.GraphicsExposed), ": The screen cannot be reached [Try again]", "unprotected"},
		{"security", with("vnc"), nil, display.ErrSecurity, ": The screen wants another protection [Try again]", "does not speak"},
		{"password", with("vnc"), nil, display.ErrPasswordNeeded, ": The screen is protected by a password (password) [Connect]", "Type it"},
		{"a name too", with("vnc"), nil, rfb.ErrUserNeeded, ": The screen is protected by a password (password and name) [Connect]", "Type both"},
		{"TLS without a certificate", with("vnc"), nil, rfb.ErrAnonymousTLS, ": The screen wants another protection [Try again]", "anonymous"},
		{"SASL", with("vnc"), nil, rfb.ErrSASL, ": The screen wants another protection [Try again]", "SASL"},
		{"not encrypted", with("vnc"), nil, rfb.ErrUnencrypted, ": The screen is not protected [Try again]", "offers no TLS"},
		{"wrong password", with("vnc"), nil, display.ErrAuth, ": The password is not accepted (password) [Connect]", "Type the password"},
		{"denied", with("vnc"), nil, hypervisor.ErrDenied, ": Not allowed [Try again]", "may not"},
		{"no name", with("vnc"), nil, because(hypervisor.GraphicsNoName), "veil: The screen cannot be reached [Reconnect now]", "has no address"},
		{"refused", with("vnc"), nil, because(hypervisor.GraphicsRefused), "veil: The screen cannot be reached [Reconnect now]", "nothing listens there"},
		{"SSH", with("vnc"), nil, because(hypervisor.GraphicsTunnel), "veil: The screen cannot be reached [Reconnect now]", "It says: ssh: rejected: administratively prohibited"},
		{"silence", with("vnc"), nil, because(hypervisor.GraphicsSilent), "veil: The screen cannot be reached [Reconnect now]", "does not answer"},
		{"taken over", with("vnc"), nil, display.ErrClosed, "veil: Disconnected [Reconnect now]", "Another viewer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &machines.Machine{Name: "web", State: hypervisor.StateRunning, Persistent: true, Config: c.config}
			if c.edit != nil {
				c.edit(m)
			}
			l := linkStatus{Phase: linkLost, Err: fmt.Errorf("x: %w", c.err), Tries: patience}
			if final(l.Err) {
				l.Phase = linkRefused
			}
			b := decideBody(m, true, l, false)
			if got := describe(b); got != c.want || !strings.Contains(b.text, c.text) {
				t.Errorf("%q: %q\nwant %q: …%q…", got, b.text, c.want, c.text)
			}
			if other := seen[b.title+b.text]; other != "" {
				t.Errorf("it says the same as %q", other)
			}
			seen[b.title+b.text] = c.name
		})
	}
}

// TestAcceptE10OffWithoutADisplay: the page of a machine that is off offers a display beside Start.
func TestAcceptE10OffWithoutADisplay(t *testing.T) {
	m := &machines.Machine{State: hypervisor.StateOff, Persistent: true, Config: &vmconfig.Machine{}}
	if got := describe(decideBody(m, true, linkStatus{}, false)); got != ": The machine is off [Start] [Add a VNC display]" {
		t.Error(got)
	}
	m.Config = &vmconfig.Machine{Displays: []vmconfig.Display{{Kind: "vnc"}}}
	if got := describe(decideBody(m, true, linkStatus{}, false)); got != ": The machine is off [Start]" {
		t.Error(got)
	}
}
