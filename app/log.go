package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
)

// logLimit is the size in bytes at which the log file of the last run but one is dropped.
const logLimit = 4 << 20

// openLog returns the program's log: a file in the user's state folder, and the terminal with --verbose.
func openLog(o *options) (*slog.Logger, func()) {
	var w io.Writer = io.Discard
	closeFile := func() {}
	if f, err := openLogFile(); err == nil {
		w, closeFile = f, func() { _ = f.Close() }
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
		w = io.MultiWriter(w, o.err)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), closeFile
}

func openLogFile() (*os.File, error) {
	dir := stateDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "guesthouse.log")
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		_ = os.Rename(path, path+".old")
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}
