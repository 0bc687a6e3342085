//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	// etherType is the first one for local experiments (IEEE 802): no protocol of the kernel listens to it.
	etherType = 0x88B5
	// shortest is the least length of an Ethernet frame without its check sum.
	shortest = 60
	// linkPatience is how long an adapter may take until it passes frames.
	linkPatience = 5 * time.Second
)

// link is a network adapter that is up.
type link struct {
	socket int
	mac    net.HardwareAddr
}

// ifreq is struct ifreq of linux/if.h.
type ifreq struct {
	name [16]byte
	data [24]byte
}

// join brings up the adapter that the kernel calls ethN, and returns its address. What it receives from then on is reported.
func (g *guest) join(n int64) (mac string, err error) {
	l, err := g.link(n)
	if err != nil {
		return "", err
	}
	return l.mac.String(), nil
}

// link returns an adapter that is up.
func (g *guest) link(n int64) (*link, error) {
	if l := g.links[n]; l != nil {
		return l, nil
	}
	name := fmt.Sprintf("eth%d", n)
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	if err != nil {
		return nil, err
	}
	l := &link{socket: socket}
	if err := l.open(name); err != nil {
		syscall.Close(socket)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g.links[n] = l
	go l.receive(func(text string) { g.port.line("heard %d %s", n, text) })
	return l, nil
}

func (l *link) open(name string) error {
	var request ifreq
	copy(request.name[:15], name)
	ask := func(what uintptr) error {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(l.socket), what, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		return nil
	}
	if err := ask(syscall.SIOCGIFHWADDR); err != nil {
		return err
	}
	l.mac = bytes.Clone(request.data[2:8]) // behind the family of struct sockaddr
	if err := ask(syscall.SIOCGIFINDEX); err != nil {
		return err
	}
	index := int(*(*int32)(unsafe.Pointer(&request.data)))
	if err := ask(syscall.SIOCGIFFLAGS); err != nil {
		return err
	}
	*(*uint16)(unsafe.Pointer(&request.data)) |= syscall.IFF_UP
	if err := ask(syscall.SIOCSIFFLAGS); err != nil {
		return err
	}
	// The kernel drops what is sent before the link is up.
	for end := time.Now().Add(linkPatience); ; time.Sleep(10 * time.Millisecond) {
		if state, _ := os.ReadFile("/sys/class/net/" + name + "/operstate"); strings.TrimSpace(string(state)) == "up" {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("no link after %v", linkPatience)
		}
	}
	return syscall.Bind(l.socket, &syscall.SockaddrLinklayer{Protocol: etherType>>8 | etherType&0xFF<<8, Ifindex: index})
}

// send sends a frame to everybody in the network of an adapter.
func (g *guest) send(n int64, text string) error {
	l, err := g.link(n)
	if err != nil {
		return err
	}
	frame := bytes.Repeat([]byte{0xFF}, 6)
	frame = append(frame, l.mac...)
	frame = append(frame, etherType>>8, etherType&0xFF)
	frame = append(frame, text...)
	for len(frame) < shortest {
		frame = append(frame, 0)
	}
	_, err = syscall.Write(l.socket, frame)
	return err
}

// receive hands the text of every frame that arrives to do, for ever.
func (l *link) receive(do func(text string)) {
	frame := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(l.socket, frame)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			do("error: " + err.Error())
			return
		case n > 14:
			do(string(bytes.TrimRight(frame[14:n], "\x00")))
		}
	}
}
