package rfb_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log"
	"net"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// A photographer is a presenter that waits for one picture.
type photographer struct {
	fb   display.Framebuffer
	name string
	done func()
}

func (p *photographer) Resize(w, h int) (display.Framebuffer, error) {
	p.fb = display.Framebuffer{Pix: make([]byte, w*h*display.BytesPerPixel), Stride: w * display.BytesPerPixel, W: w, H: h}
	return p.fb, nil
}
func (p *photographer) FrameDone()                         { p.done() }
func (p *photographer) SetName(name string)                { p.name = name }
func (*photographer) Damage(image.Rectangle)               {}
func (*photographer) SetCursor(*display.Cursor)            {}
func (*photographer) SetPointerMode(bool)                  {}
func (*photographer) SetLEDs(display.LEDs)                 {}
func (*photographer) Bell()                                {}
func (*photographer) SetCapabilities(display.Capabilities) {}
func (*photographer) SetClipboard(string)                  {}

// Example takes a picture of a screen. The server here is a few bytes long; yours is net.Dial("tcp", "desk.example:5900").
func Example() {
	conn, server := net.Pipe()
	go func() {
		go io.Copy(io.Discard, server)
		io.WriteString(server, "RFB 003.008\n\x01\x01\x00\x00\x00\x00"+ // version, security: none, accepted
			"\x00\x02\x00\x01"+"\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00"+"\x00\x00\x00\x04desk"+ // 2×1 pixels, BGRX
			"\x00\x00\x00\x01"+"\x00\x00\x00\x00\x00\x02\x00\x01"+"\x00\x00\x00\x00"+ // an update of one raw rectangle
			"\x99\x66\x33\x00\xff\xff\xff\x00")
	}()

	client := rfb.New(conn, rfb.Options{
		Password: "not asked for here",
		TLS:      rfb.TLS{Host: "desk.example"}, // whose certificate is good, should the server encrypt
	})
	ctx, enough := context.WithTimeout(context.Background(), time.Minute)
	picture := &photographer{done: enough}

	err := client.Run(ctx, picture)
	var untrusted *rfb.CertificateError
	switch {
	case errors.Is(err, context.Canceled): // there it is
	case errors.As(err, &untrusted):
		log.Fatal("do you know a server with the fingerprint ", untrusted.Fingerprint, "? Then put it into TLS.Pins.")
	case errors.Is(err, display.ErrPasswordNeeded):
		log.Fatal("it wants a password")
	default:
		log.Fatal(err)
	}
	fmt.Printf("%s: %d×%d pixels, the first is #%02x%02x%02x\n", picture.name, picture.fb.W, picture.fb.H, picture.fb.Pix[2], picture.fb.Pix[1], picture.fb.Pix[0])
	// Output: desk: 2×1 pixels, the first is #336699
}
