package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/libvirtd"
	"guesthouse/vmconfig/guestos"
)

// services is everything that commands and windows work with, wired together.
type services struct {
	conn        *libvirtd.Conn
	images      *diskimage.Tool // nil when qemu-img is missing
	jobs        *jobs.Runner
	machines    *machines.Service
	checkpoints *checkpoints.Service
	labs        *labs.Service
	guests      func() *guestos.Catalogue
	log         *slog.Logger
	dataDir     string
	close       func()
}

// openServices connects for one command and waits until the machines are known.
func openServices(ctx context.Context, o *options) (*services, error) {
	log, closeLog := openLog(o)
	conn, err := libvirtd.Open(ctx, o.uri, libvirtd.Options{Log: log})
	if err != nil {
		closeLog()
		if errors.Is(err, hypervisor.ErrDisconnected) { // there was no connection to lose yet
			err = fmt.Errorf("%w: %w", hypervisor.ErrCannotStart, err)
		}
		return nil, err
	}
	s := wire(ctx, conn, log, closeLog)
	if err := s.waitDescribed(ctx); err != nil {
		s.close()
		return nil, err
	}
	s.recover(ctx)
	return s, nil
}

// recover finishes or undoes what an earlier run left half-done.
func (s *services) recover(ctx context.Context) {
	told, labsErr := s.labs.Recover(ctx)
	more, err := s.checkpoints.Recover(ctx)
	for _, sentence := range append(told, more...) {
		s.log.Info(sentence)
	}
	if err = errors.Join(labsErr, err); err != nil {
		s.log.Warn("unfinished work of an earlier run could not be settled", "error", err)
	}
}

// waitDescribed waits until every machine's description was read, or could not be.
func (s *services) waitDescribed(ctx context.Context) error {
	if err := s.machines.Ready(ctx); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	cancel := s.machines.Subscribe(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer cancel()
	for {
		unread := func(m *machines.Machine) bool { return m.Config == nil && m.Problem == nil }
		if !slices.ContainsFunc(s.machines.Snapshot().Machines, unread) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openServicesLater is for windows: they open at once and show the connection's state.
func openServicesLater(ctx context.Context, o *options) *services {
	log, closeLog := openLog(o)
	conn := libvirtd.OpenLater(o.uri, libvirtd.Options{Log: log})
	s := wire(ctx, conn, log, closeLog)
	go func() {
		if s.machines.AwaitConnection(ctx) != nil {
			return
		}
		s.recover(ctx)
	}()
	return s
}

func wire(ctx context.Context, conn *libvirtd.Conn, log *slog.Logger, closeLog func()) *services {
	ctx, cancel := context.WithCancel(ctx)
	s := &services{conn: conn, jobs: jobs.NewRunner(), log: log, dataDir: dataDir()}
	// The catalogue takes a moment to read, and many commands never need it.
	s.guests = sync.OnceValue(func() *guestos.Catalogue {
		c, err := guestos.Load()
		if err != nil {
			log.Warn("the catalogue of operating systems cannot be read", "error", err)
			c = &guestos.Catalogue{}
		}
		return c
	})
	images, err := diskimage.New()
	if err != nil {
		log.Warn("qemu-img is missing", "error", err) // whatever needs it says so itself
	}
	s.images = images
	var hv hypervisor.Connection = conn
	s.machines = machines.New(machines.Params{
		Conn: hv, Jobs: s.jobs, Guests: s.guests, Images: images,
		DataDir: s.dataDir, Log: log,
	})
	library := labs.New(labs.Params{Dir: filepath.Join(s.dataDir, "labs"), Keys: filepath.Join(s.dataDir, "keys"), Program: version, Log: log})
	s.checkpoints = checkpoints.New(checkpoints.Params{
		Conn: hv, Machines: s.machines, Jobs: s.jobs, Images: images, DataDir: s.dataDir, Log: log, Limit: library.CheckpointLimit,
	})
	s.labs = labs.NewService(labs.ServiceParams{
		Library: library, Conn: hv, Machines: s.machines, Checkpoints: s.checkpoints, Jobs: s.jobs, Images: images, DataDir: s.dataDir, Log: log,
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.machines.Run(ctx); err != nil && ctx.Err() == nil {
			log.Error("the list of machines is no longer kept up to date", "error", err)
		}
	}()
	s.close = func() {
		s.jobs.Shutdown(context.WithoutCancel(ctx))
		cancel()
		_ = conn.Close()
		<-done
		closeLog()
	}
	return s
}
