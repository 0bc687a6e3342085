package libvirtd

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

const (
	// displayBuffer is the room for what QEMU sends. With a small one its main thread moves the rest of its output after every
	// partial write and takes more than twice the processor time. The kernel may grant less.
	displayBuffer = 4 << 20
	// bannerLimit is how long QEMU may take to greet on a new display connection.
	bannerLimit = 3 * time.Second
)

// vnc is one VNC display in a live description (formatdomain.html#graphical-framebuffers).
type vnc struct {
	index    uint32 // among all displays of the machine
	socket   string
	host     string
	port     int
	password string
}

// OpenGraphics implements hypervisor.Connection.
func (c *Conn) OpenGraphics(ctx context.Context, id uuid.UUID) (hypervisor.GraphicsPath, error) {
	path, err := c.openGraphics(ctx, id)
	return path, named("open the display", err)
}

func (c *Conn) openGraphics(ctx context.Context, id uuid.UUID) (hypervisor.GraphicsPath, error) {
	var none hypervisor.GraphicsPath
	text, err := c.DomainXML(ctx, id, true)
	if err != nil {
		return none, err
	}
	display, err := findVNC(text)
	if err != nil {
		return none, err
	}
	s, err := c.current()
	if err != nil {
		return none, err
	}
	var failures []error
	if s.main.g.unix != nil {
		for _, open := range []func(context.Context, *session, uuid.UUID, uint32) (net.Conn, error){passOurs, askForTheirs} {
			conn, err := open(ctx, s, id, display.index)
			if err == nil {
				return hypervisor.GraphicsPath{Conn: conn, Local: true}, nil
			}
			if ctx.Err() != nil {
				return none, ctx.Err()
			}
			c.log.Debug("display", "machine", id, "error", err)
			failures = append(failures, err)
		}
	}
	path, err := display.reach(ctx, s)
	if err == nil {
		return path, nil
	}
	failures = append(failures, err)
	if errors.Is(failures[0], hypervisor.ErrDisconnected) {
		return none, failures[0]
	}
	var reason *hypervisor.GraphicsError
	if len(failures) == 1 || errors.As(err, &reason) && reason.Reason != hypervisor.GraphicsHandedOver {
		return none, err
	}
	return none, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsSilent, Err: errors.Join(failures...)}
}

// findVNC finds the first VNC display in the description of a running machine. Errors wrap ErrInvalidState for one that does not run, else
// ErrNoGraphics, and name what the machine has instead.
func findVNC(text string) (vnc, error) {
	var d struct {
		ID       string `xml:"id,attr"`
		Graphics []struct {
			Type     string `xml:"type,attr"`
			Port     string `xml:"port,attr"`
			Listen   string `xml:"listen,attr"`
			Socket   string `xml:"socket,attr"`
			Password string `xml:"passwd,attr"`
			Listens  []struct {
				Type    string `xml:"type,attr"`
				Address string `xml:"address,attr"`
				Socket  string `xml:"socket,attr"`
			} `xml:"listen"`
		} `xml:"devices>graphics"`
	}
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		return vnc{}, fmt.Errorf("%w: its description cannot be read: %w", hypervisor.ErrNoGraphics, err)
	}
	if d.ID == "" { // only what is running has a number
		return vnc{}, fmt.Errorf("%w: it does not run", hypervisor.ErrInvalidState)
	}
	var others []string
	for i, g := range d.Graphics {
		if g.Type != "vnc" {
			if g.Type != "dbus" { // goes beside another display and is of no use alone
				others = append(others, g.Type)
			}
			continue
		}
		v := vnc{index: uint32(i), socket: g.Socket, host: g.Listen, password: g.Password}
		if n, err := strconv.Atoi(g.Port); err == nil && n > 0 && n < 1<<16 {
			v.port = n
		}
		for _, l := range g.Listens {
			if l.Type == "socket" && v.socket == "" {
				v.socket = l.Socket
			}
			if l.Address != "" && v.host == "" {
				v.host = l.Address
			}
		}
		return v, nil
	}
	if len(others) == 0 {
		return vnc{}, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsMissing}
	}
	return vnc{}, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsUnsupported, Kinds: others}
}

// passOurs makes a socket pair and gives one end to QEMU (REMOTE_PROC_DOMAIN_OPEN_GRAPHICS).
func passOurs(ctx context.Context, s *session, id uuid.UUID, index uint32) (net.Conn, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "display"), os.NewFile(uintptr(pair[1]), "display")
	defer theirs.Close()
	_ = syscall.SetsockoptInt(pair[1], syscall.SOL_SOCKET, syscall.SO_SNDBUF, displayBuffer)
	_ = syscall.SetsockoptInt(pair[0], syscall.SOL_SOCKET, syscall.SO_RCVBUF, displayBuffer)
	if err := onLent(ctx, s, func(k *link, l *libvirt.Libvirt) error {
		k.g.attach(procOpenGraphics, theirs)
		return l.DomainOpenGraphics(handle(id), index, libvirt.DomainOpenGraphicsSkipauth)
	}); err != nil {
		ours.Close()
		return nil, err
	}
	return greeted(ctx, ours)
}

// askForTheirs has the daemon make the pair (REMOTE_PROC_DOMAIN_OPEN_GRAPHICS_FD), labelled as a security driver wants it.
func askForTheirs(ctx context.Context, s *session, id uuid.UUID, index uint32) (net.Conn, error) {
	var file *os.File
	if err := onLent(ctx, s, func(k *link, l *libvirt.Libvirt) error {
		err := l.DomainOpenGraphicsFd(handle(id), index, libvirt.DomainOpenGraphicsSkipauth)
		file = k.g.takeFD()
		return err
	}); err != nil {
		return nil, err
	}
	if file == nil {
		return nil, errors.New("the hypervisor passed no descriptor")
	}
	return greeted(ctx, file)
}

// onLent makes a call that touches the link's descriptors. A link whose call was not waited for is dropped with them.
func onLent(ctx context.Context, s *session, call func(*link, *libvirt.Libvirt) error) error {
	k, err := s.lend(ctx)
	if err != nil {
		return err
	}
	err = do(ctx, k, readLimit, func(l *libvirt.Libvirt) error { return call(k, l) })
	s.giveBack(k, err == nil)
	return err
}

// greeted makes a connection of a descriptor, which it closes, and waits until QEMU has sent its greeting; the greeting stays
// to be read. A security driver may let a call succeed and leave the socket dead.
func greeted(ctx context.Context, file *os.File) (net.Conn, error) {
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return nil, err
	}
	if err := waitForBanner(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// waitForBanner looks at the first bytes of a server of RFB without taking them.
func waitForBanner(ctx context.Context, conn net.Conn) error {
	s, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	defer stop()
	if err := conn.SetReadDeadline(time.Now().Add(bannerLimit)); err != nil {
		return err
	}
	var peeked error
	banner := make([]byte, 4)
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), banner, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
			return false
		case err != nil:
			peeked = err
		case n <= 0 || string(banner[:n]) != "RFB "[:n]:
			peeked = errors.New("the display does not speak VNC")
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("the display does not answer: %w", err)
	}
	return peeked
}

// checkPeer refuses a socket at which somebody else's program listens: in a session all machines run as the user, else as root or
// an account of the system's, never as another person (ordinary accounts: 1000 to 59999).
func checkPeer(conn *net.UnixConn, session bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *syscall.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	uid := int(peer.Uid)
	if uid == os.Geteuid() || !session && (uid < 1000 || uid >= 60000) {
		return nil
	}
	return fmt.Errorf("%w: its socket belongs to another user (%d)", hypervisor.ErrDenied, uid)
}
