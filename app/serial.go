package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"guesthouse/app/machines"
)

// leaveKey is Ctrl+], which ends the connection as it does in telnet and virsh.
const leaveKey = 0x1d

func newVMSerial(o *options) *cobra.Command {
	var device string
	var force bool
	c := &cobra.Command{
		Use: "serial NAME", Short: "Talk to a running machine over its serial port",
		Args: exactArgs("the name of a machine"),
		Long: `Talk to a running machine over its serial port, or another text console. In a terminal all keys go to the guest;
Ctrl+] leaves. With pipes, standard input is sent as it is, and the output goes on until the machine is off.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				console, err := s.machines.OpenConsole(ctx, m.UUID, device, force)
				if err != nil {
					return err
				}
				defer console.Close()
				in := cmd.InOrStdin()
				restore, raw, err := rawTerminal(in)
				if err != nil {
					return err
				}
				defer restore()
				if raw {
					fmt.Fprint(o.err, "Connected. Ctrl+] leaves.\r\n")
				}
				err = talk(ctx, console, in, o.out, raw)
				if errors.Is(err, errClosed) {
					fmt.Fprint(o.err, "\r\nThe machine has closed the line.\r\n")
					err = nil
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&device, "device", "", "`NAME` of the text console, such as serial1 (default: the first one)")
	c.Flags().BoolVar(&force, "force", false, "disconnect whoever uses it now")
	return c
}

// rawTerminal makes the terminal hand over every key, when there is one.
func rawTerminal(in io.Reader) (restore func(), raw bool, err error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}, false, nil
	}
	old, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, false, err
	}
	return func() { _ = term.Restore(int(file.Fd()), old) }, true, nil
}

// errClosed says that the machine has ended the conversation.
var errClosed = errors.New("closed by the machine")

// talk carries bytes both ways until the machine closes the line (errClosed), the user leaves (nil), or ctx ends (nil). keys says that in is a
// keyboard, on which one key leaves.
func talk(ctx context.Context, console io.ReadWriteCloser, in io.Reader, out io.Writer, keys bool) error {
	over := make(chan error, 3)
	go func() {
		_, err := io.Copy(out, console)
		if err == nil {
			err = errClosed
		}
		over <- err
	}()
	go func() { // a read of a terminal cannot be interrupted; it ends with the program
		buffer := make([]byte, 4096)
		for {
			n, err := in.Read(buffer)
			at := -1
			if keys {
				at = bytes.IndexByte(buffer[:n], leaveKey)
			}
			if at >= 0 {
				n = at
			}
			if _, failed := console.Write(buffer[:n]); at >= 0 || failed != nil && keys {
				over <- nil
				return
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case err := <-over:
		return err
	case <-ctx.Done():
		return nil
	}
}
