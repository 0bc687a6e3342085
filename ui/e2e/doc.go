// Package e2e tests the real program: under a virtual screen with a window manager, driven by mouse and keys,
// with a real session daemon, QEMU and guest. What happened is judged by virsh, by the guest's own words on
// its serial line, and by the pixels on the screen.
//
// The program comes from the environment variable GUESTHOUSE_PROGRAM; "make test-windows" builds it (with the
// tag probe) and runs the tests.
package e2e
