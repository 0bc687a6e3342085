package diskimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"guesthouse/vmconfig"
)

// Extent is a part of an overlay whose content is its own, not that of the image below.
type Extent struct {
	Start, Bytes int64
	Zero         bool // it reads as zeros, whatever is below
}

// mapEntry is one line of qemu-img map's JSON (QEMU's qapi/block-core.json, MapEntry).
type mapEntry struct {
	Start  int64 `json:"start"`
	Length int64 `json:"length"`
	Depth  int   `json:"depth"`
	Zero   bool  `json:"zero"`
	Data   bool  `json:"data"`
}

// mapLimits leave room for a line of about 130 bytes for each cluster in the worst case.
var mapLimits = limits{cpu: 5 * time.Minute, wall: 10 * time.Minute, memory: 2 * vmconfig.GiB, output: 256 << 20}

// Changes lists what the qcow2 overlay at path (absolute) holds itself, in rising order. Nobody may write to it meanwhile.
func (t *Tool) Changes(ctx context.Context, path string) ([]Extent, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return nil, err
	}
	out, err := t.run(ctx, mapLimits, "map", "-f", FormatQcow2, "--output=json", "--", path)
	if err != nil {
		return nil, err
	}
	var entries []mapEntry
	if err := json.Unmarshal(out, &entries); err != nil {
		return nil, fmt.Errorf("%w: its answer cannot be read: %w", ErrTool, err)
	}
	var list []Extent
	for _, e := range entries {
		if e.Depth != 0 || !e.Data && !e.Zero {
			continue
		}
		if n := len(list); n > 0 && list[n-1].Start+list[n-1].Bytes == e.Start && list[n-1].Zero == e.Zero {
			list[n-1].Bytes += e.Length
			continue
		}
		list = append(list, Extent{Start: e.Start, Bytes: e.Length, Zero: e.Zero})
	}
	return list, nil
}

// CopyOwn makes a sparse raw file at path of what the qcow2 overlay from (absolute) holds itself, with zeros where it shows the image below. It keeps Create's promises.
func (t *Tool) CopyOwn(ctx context.Context, path, from string) error {
	if err := vmconfig.CheckPath(from); err != nil {
		return err
	}
	// A name that begins with "json:" states every layer (QEMU, qemu-img.1); "backing": null leaves out the one below.
	name, err := json.Marshal(map[string]any{"driver": FormatQcow2, "file": map[string]string{"driver": "file", "filename": from}, "backing": nil})
	if err != nil {
		return err
	}
	return t.makeFile(path, func(file *os.File) error {
		if _, err := t.run(ctx, convertLimits, "convert", "-O", FormatRaw, "-W", "--", "json:"+string(name), path); err != nil {
			return err
		}
		return file.Sync()
	})
}

// Piece is content to be written into an image: a file of exactly Bytes bytes, or zeros.
type Piece struct {
	Offset, Bytes int64  // multiples of 512
	File          string // name inside the folder given to Write, of letters, digits, dots and hyphens; empty: zeros
}

// ErrPiece says that a Piece cannot be written.
var ErrPiece = errors.New("not a piece of an image")

// Write writes pieces into the qcow2 image at path (absolute), which nobody else may have open. Their files lie in dir. When it fails, some may have been written. Read back what must
// be certain: qemu-io does not say of every failure. It needs qemu-io, which comes with qemu-img; the error wraps ErrMissing.
func (t *Tool) Write(ctx context.Context, path, dir string, pieces []Piece) error {
	if err := vmconfig.CheckPath(path); err != nil {
		return err
	}
	if t.qemuIO == "" {
		return fmt.Errorf("%w (qemu-io)", ErrMissing)
	}
	var script strings.Builder
	for _, p := range pieces {
		switch {
		case p.Offset < 0 || p.Bytes <= 0 || p.Offset%512 != 0 || p.Bytes%512 != 0:
			return fmt.Errorf("%w: %d bytes at %d", ErrPiece, p.Bytes, p.Offset)
		case p.File == "":
			fmt.Fprintf(&script, "write -q -z -u %d %d\n", p.Offset, p.Bytes)
		case strings.Trim(p.File, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" || filepath.Base(p.File) != p.File:
			return fmt.Errorf("%w: its file is called %q", ErrPiece, vmconfig.Inert(p.File, 80))
		default:
			fmt.Fprintf(&script, "write -q -s %s %d %d\n", p.File, p.Offset, p.Bytes)
		}
	}
	script.WriteString("flush\n")
	out, err := t.call(ctx, call{
		program: t.qemuIO, limits: convertLimits, stdin: strings.NewReader(script.String()), reader: io.Discard, dir: dir,
		args: []string{"-f", FormatQcow2, path},
	})
	if err != nil {
		return err
	}
	if complaint := strings.TrimSpace(strings.ReplaceAll(string(out), "qemu-io> ", "")); complaint != "" {
		return fmt.Errorf("%w: %s", ErrTool, vmconfig.Inert(complaint, 500))
	}
	return nil
}
