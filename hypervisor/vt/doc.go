// Package vt is a text terminal without a window: it takes the bytes of a guest's serial line and keeps the screen of an xterm with 256
// colours and what scrolled off it. The sequences are split by github.com/charmbracelet/x/ansi; what they mean is decided here, after ECMA-48
// and xterm's control sequences (ctlseqs).
//
// The bytes are foreign. No input makes it panic or grow: lines, their number, titles and parameters are bounded. A guest can never write the
// host's clipboard (OSC 52 is ignored), change the window, or have its own text typed back; only DA and DSR are answered, to the guest.
package vt
