package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/settings"
	"guesthouse/ui"
	labwindows "guesthouse/ui/labs"
)

// exitNoDisplay is the exit code when there is no screen to open a window on.
const exitNoDisplay = 2

func newConsole(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "console NAME", Short: "Open only the window of one machine", Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkDisplay(); err != nil {
				return noDisplay(o, err)
			}
			return openConsole(cmd.Context(), o, false, func(s *services) (uuid.UUID, error) {
				m, err := s.machines.Snapshot().Find(args[0])
				if err != nil {
					return uuid.Nil, err
				}
				return m.UUID, nil
			})
		},
	}
}

// openConsole opens the window of one machine, which pick chooses. The toolkit gets ready while the hypervisor is asked for the machine: together they take
// most of the time until the window is there.
func openConsole(ctx context.Context, o *options, kiosk bool, pick func(*services) (uuid.UUID, error)) error {
	type opened struct {
		services *services
		err      error
	}
	answer := make(chan opened, 1)
	go func() {
		s, err := openServices(ctx, o)
		answer <- opened{s, err}
	}()
	ui.Prepare()
	got := <-answer
	if got.err != nil {
		return got.err
	}
	defer got.services.close()
	machine, err := pick(got.services)
	if err != nil {
		return err
	}
	return openWindows(ctx, o, got.services, shownWindows{console: machine, kiosk: kiosk})
}

// openManager opens the manager, or the library of labs with a question about a lab (empty: none).
func openManager(ctx context.Context, o *options, lab string) error {
	if err := checkDisplay(); err != nil {
		return noDisplay(o, err)
	}
	release, first, err := claimInstance(o.uri, lab)
	if err != nil {
		return err
	}
	if !first {
		return nil // the running manager was asked to come to the front
	}
	defer release.Close()
	s := openServicesLater(ctx, o)
	defer s.close()
	ui.Prepare()
	return openWindows(ctx, o, s, shownWindows{lab: lab, instance: release})
}

// shownWindows says which windows are opened at first: the manager, or else.
type shownWindows struct {
	console  uuid.UUID // only that of this machine
	kiosk    bool      // and on the whole screen, with little to do
	lab      string    // the library of labs with a question about this one
	instance *instance // what other starts of the program ask to come to the front
}

// openWindows runs the windows until the last one closes.
func openWindows(ctx context.Context, o *options, s *services, show shownWindows) error {
	var warnings []error
	store, err := settings.Load(filepath.Join(configDir(), "settings.json"))
	if err != nil {
		s.log.Warn("the settings cannot be read; defaults are used", "error", err)
		warnings = append(warnings, err)
	}
	trusted, err := displays.Load(filepath.Join(s.dataDir, "displays.json"))
	if err != nil {
		s.log.Warn("the passwords of displays cannot be read; none is known", "error", err)
		warnings = append(warnings, err)
	}
	shown, closed := context.WithCancel(ctx)
	defer closed()
	go func() {
		if err := s.checkpoints.Listen(shown); shown.Err() == nil {
			s.log.Warn("changes by other processes do not show at once", "error", err)
		}
	}()
	go func() {
		if err := s.labs.Library().Listen(shown); shown.Err() == nil {
			s.log.Warn("changes of the library do not show at once", "error", err)
		}
	}()
	if show.console == uuid.Nil { // of the manager there is one process
		go func() {
			_ = s.checkpoints.RunAutomatic(shown, func() map[uuid.UUID]checkpoints.Automatic {
				store.Reload() // a command may have changed them
				return automaticPlan(store.Get())
			})
		}()
	}
	p := ui.Params{
		Displays: trusted, Warnings: warnings,
		Machines: s.machines, Checkpoints: s.checkpoints, Labs: s.labs, Jobs: s.jobs, Settings: store,
		Guests: s.guests, Images: s.images, Host: s.conn, Log: s.log, URI: o.uri, Version: version, OnlyConsole: show.console, Kiosk: show.kiosk, Lab: show.lab, Context: ctx,
	}
	if show.instance != nil {
		p.Raise = show.instance.raise
	}
	return ui.Run(p)
}

// endsInLab reports whether a name in small letters is that of a lab's file, or of one that describes a lab of several machines.
func endsInLab(lower string) bool {
	return strings.HasSuffix(lower, ".lab") || strings.HasSuffix(lower, ".yaml") || strings.HasSuffix(lower, ".yml")
}

// labArgument reports whether an argument is what the windows open: a .lab or .yaml file, by its path or address, or a link to a lab. A path becomes absolute, because another process may
// read it.
func labArgument(argument string) (lab string, ok bool) {
	lower := strings.ToLower(argument)
	switch {
	case strings.HasPrefix(lower, labwindows.LinkScheme):
		return argument, true
	case strings.HasPrefix(lower, "file://"), strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "http://"):
		return argument, endsInLab(lower)
	case !endsInLab(lower):
		return "", false
	}
	path, err := filepath.Abs(argument)
	if err != nil {
		return "", false
	}
	if strings.Contains(filepath.Base(path), "#") { // else what follows it would be a tag
		path += "#"
	}
	return path, true
}

// automaticPlan is what the preferences say of automatic checkpoints.
func automaticPlan(s settings.Settings) map[uuid.UUID]checkpoints.Automatic {
	plan := map[uuid.UUID]checkpoints.Automatic{}
	for id, a := range s.Automatic {
		plan[id] = checkpoints.Automatic{Every: time.Duration(a.Minutes) * time.Minute, Keep: a.Keep}
	}
	return plan
}

func noDisplay(o *options, err error) error {
	fmt.Fprintln(o.err, "guesthouse: There is no display to open a window on ("+err.Error()+"). Run it from a desktop, or see “guesthouse --help” for the commands.")
	return reportedError{exitNoDisplay}
}

// checkDisplay finds out whether a window can open. The toolkit would end the program without a word.
func checkDisplay() error {
	if name := os.Getenv("WAYLAND_DISPLAY"); name != "" {
		return nil
	}
	display := os.Getenv("DISPLAY")
	if display == "" {
		return errors.New("neither DISPLAY nor WAYLAND_DISPLAY is set")
	}
	// X(7), "DISPLAY NAMES": a name without a host is a local socket, also in the abstract name space.
	number, local := strings.CutPrefix(display, ":")
	if !local {
		return nil
	}
	number, _, _ = strings.Cut(number, ".")
	for _, path := range []string{"@/tmp/.X11-unix/X" + number, "/tmp/.X11-unix/X" + number} {
		c, err := net.Dial("unix", path)
		if err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("DISPLAY is %s, but no X server answers there", display)
}
