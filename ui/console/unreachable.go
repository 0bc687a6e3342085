package console

import (
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// refusedBody explains why trying again by itself would not help, and what does.
func refusedBody(m *machines.Machine, err error) body {
	b := body{icon: "display", title: lang.L("The screen cannot be shown"), action: bodyReconnect, label: lang.L("Try again"), err: err}
	var reason *hypervisor.GraphicsError
	var certificate *rfb.CertificateError
	switch {
	case errors.As(err, &certificate):
		certificateBody(&b, certificate)
	case errors.Is(err, display.ErrPasswordNeeded):
		b.icon, b.title, b.text = "lock", lang.L("The screen is protected by a password"), lang.L("Type it to see and use the machine.")
		b.ask, b.label, b.err = true, lang.L("Connect"), nil
		if errors.Is(err, rfb.ErrUserNeeded) {
			b.askUser, b.text = true, lang.L("It also wants to know who you are. Type both to see and use the machine.")
		}
	case errors.Is(err, rfb.ErrUnencrypted):
		b.icon, b.title, b.text = "lock", lang.L("The screen is not protected"),
			lang.L("Pictures and keys would cross the network unencrypted, since the display offers no TLS. Connect to the hypervisor with qemu+ssh instead.")
	case errors.Is(err, rfb.ErrAnonymousTLS):
		b.icon, b.title, b.text = "lock", lang.L("The screen wants another protection"),
			lang.L("It encrypts without a certificate, so that nobody can tell who answers (anonymous TLS). This is not supported: give the display a certificate (x509).")
	case errors.Is(err, rfb.ErrSASL):
		b.icon, b.title, b.text = "lock", lang.L("The screen wants another protection"), lang.L("It wants a log-in through SASL, which is not supported.")
	case wantsOurCertificate(err):
		b.icon, b.title, b.text = "lock", lang.L("The screen refused this computer"), lang.L("It only encrypts for computers with a certificate that it knows.")
	case errors.Is(err, display.ErrSecurity):
		b.icon, b.title, b.text = "lock", lang.L("The screen wants another protection"),
			lang.L("It only accepts connections that are secured in a way that this program does not speak.")
	case errors.Is(err, display.ErrAuth):
		b.icon, b.title, b.text = "lock", lang.L("The password is not accepted"), lang.L("Type the password of this machine’s screen.")
		b.ask, b.label = true, lang.L("Connect")
	case errors.As(err, &reason):
		unreachableBody(&b, m, reason)
	case errors.Is(err, hypervisor.ErrNoGraphics):
		noScreenBody(&b, m)
	case errors.Is(err, hypervisor.ErrDenied):
		b.icon, b.title, b.text = "lock", lang.L("Not allowed"), lang.L("You may not open this machine’s screen.")
	}
	return b
}

// wantsOurCertificate reports whether the display ended TLS because it does not know us.
func wantsOurCertificate(err error) bool {
	var ended *net.OpError
	return errors.Is(err, display.ErrAuth) && errors.As(err, &ended) && ended.Op == "remote error"
}

// certificateBody asks whether a certificate that no authority vouches for is the right one.
func certificateBody(b *body, e *rfb.CertificateError) {
	why := lang.L("No authority known to this computer vouches for it.")
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e.Err, new(x509.HostnameError)):
		why = lang.L("It is for a computer of another name.")
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		why = lang.L("It has expired, or is not valid yet.")
	}
	b.icon, b.title = "lock", lang.F("Is this really “%s”?", vmconfig.Inert(e.Host, 60))
	b.text = lang.F("The screen’s certificate proves nothing. %s Go on only if its fingerprint is the one of your server:", why) + "\n\n" + fingerprintLines(e.Fingerprint)
	b.action, b.label = bodyTrust, lang.L("Trust it from now on")
}

// fingerprintLines breaks a fingerprint where it can be compared with ease.
func fingerprintLines(f rfb.Fingerprint) string {
	const perLine = 8 * len("AB:")
	text := f.String()
	var lines []string
	for len(text) > perLine {
		lines = append(lines, text[:perLine-1])
		text = text[perLine:]
	}
	return strings.Join(append(lines, text), "\n")
}

// complete adds to a page what depends on how entry was tried.
func (a *access) complete(b *body, err error) {
	var certificate *rfb.CertificateError
	switch {
	case b.ask:
		if wrong := a.refused(); wrong != "" {
			b.text = wrong
		}
		b.askUser = b.askUser || a.name() != ""
	case b.action == bodyTrust && errors.As(err, &certificate) && a.known(certificate.Host):
		b.icon, b.title = "warning", lang.F("The certificate of “%s” has changed", vmconfig.Inert(certificate.Host, 60))
		b.text = lang.F("Somebody may be listening in, so nothing is sent there. If the server was given a new certificate on purpose, forget that of “%s” "+
			"in the main window: More ▸ Remembered screens.", vmconfig.Inert(certificate.Host, 60)) + "\n\n" + fingerprintLines(certificate.Fingerprint)
		b.action, b.label = bodyReconnect, lang.L("Try again")
	}
}

// unreachableBody says in words what a GraphicsError says in one.
func unreachableBody(b *body, m *machines.Machine, e *hypervisor.GraphicsError) {
	b.title = lang.L("The screen cannot be reached")
	at := vmconfig.Inert(e.Address, 100)
	switch e.Reason {
	case hypervisor.GraphicsMissing:
		noScreenBody(b, m)
	case hypervisor.GraphicsUnsupported:
		b.err = nil
		b.title = lang.L("This machine’s screen cannot be shown here")
		offerDisplay(b, m, lang.F("It has %s, this window speaks VNC.", joinNames(e.Kinds)))
	case hypervisor.GraphicsHandedOver:
		b.text = lang.L("Its display listens nowhere: only programs on the machine’s own computer can open it. Let it listen at 127.0.0.1 to see it from here over SSH.")
	case hypervisor.GraphicsHostOnly:
		b.text = lang.F("Its display is configured to listen only on its own computer, at %s. Connect to the hypervisor with qemu+ssh to be led there.", at)
	case hypervisor.GraphicsExposed:
		b.text = lang.F("Its display listens at %s, where pictures and keys would cross the network unprotected. Connect to the hypervisor with qemu+ssh instead.", at)
	case hypervisor.GraphicsNoName:
		b.icon, b.text = "disconnected", lang.F("The name in %s has no address. Check how the machine’s computer is called, and the network.", at)
	case hypervisor.GraphicsRefused:
		b.icon, b.text = "disconnected", lang.F("The connection to %s is refused: nothing listens there. Trying again…", at)
	case hypervisor.GraphicsTunnel:
		b.icon, b.text = "lock", lang.F("The SSH server of the machine’s computer does not lead to its display. It says: %s", sshWords(e.Err))
	case hypervisor.GraphicsSilent:
		b.icon, b.text = "disconnected", lang.L("The machine runs, but its screen does not answer. Trying again…")
	}
}

// sshWords is what an SSH server answered, short.
func sshWords(err error) string {
	if err == nil {
		return "?"
	}
	return vmconfig.Inert(err.Error(), 200)
}

// noScreenBody is for a running machine without any display, or whose new one waits for the next start.
func noScreenBody(b *body, m *machines.Machine) {
	b.err = nil
	b.title = lang.L("This machine has no screen")
	offerDisplay(b, m, lang.L("It was made without a display, and runs all the same."))
}

// offerDisplay adds to a page about a running machine without a display of ours how it gets one.
func offerDisplay(b *body, m *machines.Machine, why string) {
	b.action, b.label, b.text = bodyNone, "", why
	if m.Config != nil && machines.Shows(*m.Config) {
		b.title = lang.L("Restart the machine to see its screen")
		b.text = lang.L("A display was added. The machine has it when it was shut down and is started again.")
		if ok, _ := m.Can(machines.ActionShutdown); ok {
			b.action, b.label = bodyShutdown, lang.L("Shut down")
		}
		return
	}
	if ok, _ := m.Can(machines.ActionEdit); ok {
		b.action, b.label = bodyAddDisplay, lang.L("Add a VNC display")
		b.text += " " + lang.L("A display that is added now appears at the next start.")
	}
}

// joinNames lists the kinds of display in words.
func joinNames(kinds []string) string {
	var names []string
	for _, kind := range kinds {
		names = append(names, displayName(kind))
	}
	return strings.Join(names, " "+lang.L("and")+" ")
}

func displayName(kind string) string {
	switch kind {
	case "vnc", "spice", "sdl", "rdp":
		return strings.ToUpper(kind)
	case "dbus":
		return "D-Bus"
	case "egl-headless":
		return "EGL"
	}
	return vmconfig.Inert(kind, 20)
}
