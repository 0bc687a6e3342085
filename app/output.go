package main

import (
	"encoding/json"
	"io"
	"time"

	"guesthouse/app/checkpoints"
	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

// writeJSON prints one indented document.
func writeJSON(w io.Writer, document any) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(document) // a closed pipe is the reader's business
}

type errorBody struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Detail  string `json:"detail"`
}

func errorDocument(m explain.Message) any {
	message := m.Summary
	if m.Remedy != "" {
		message += " " + m.Remedy
	}
	return map[string]errorBody{"error": {m.Code, message, m.Detail}}
}

// machineDocument is a machine as --json prints it.
type machineDocument struct {
	UUID        string         `json:"uuid"`
	Name        string         `json:"name"`
	State       string         `json:"state"`
	CPUs        int            `json:"cpus"`
	MemoryBytes int64          `json:"memory_bytes"`
	Disks       []diskDocument `json:"disks"`
	Group       string         `json:"group"`
	OS          string         `json:"os,omitempty"`
	Firmware    string         `json:"firmware,omitempty"`
	Checkpoint  string         `json:"checkpoint,omitempty"`
	Notes       string         `json:"notes,omitempty"`
	Problem     string         `json:"problem,omitempty"`
}

type diskDocument struct {
	Target string `json:"target"`
	Device string `json:"device"`
	Path   string `json:"path"`
	Format string `json:"format"`
	Bus    string `json:"bus"`
}

func describeMachine(m *machines.Machine) machineDocument {
	d := machineDocument{
		UUID: m.UUID.String(), Name: m.Name, State: string(m.State),
		Disks: []diskDocument{}, Checkpoint: m.Checkpoint,
	}
	if m.Problem != nil {
		d.Problem = m.Problem.Error()
	}
	if c := m.Config; c != nil {
		d.CPUs, d.MemoryBytes, d.Group, d.OS = c.CPUs, c.MemoryBytes, c.Group, c.OSID
		d.Firmware, d.Notes = string(c.Firmware), c.Notes
		for _, disk := range c.Disks {
			d.Disks = append(d.Disks, diskDocument{disk.Target, string(disk.Device), diskPath(disk), disk.Format, disk.Bus})
		}
	}
	return d
}

func diskPath(d vmconfig.Disk) string {
	if d.Path != "" {
		return d.Path
	}
	return d.Source
}

// checkpointDocument is a checkpoint as --json prints it.
type checkpointDocument struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Created     string `json:"created"`
	Parent      string `json:"parent"`
	State       string `json:"state"`
	SizeBytes   int64  `json:"size_bytes"`
	FreesBytes  *int64 `json:"frees_bytes,omitempty"`
	Current     bool   `json:"current"`
	Problem     string `json:"problem,omitempty"`
	Caution     string `json:"caution,omitempty"`
}

func describeCheckpoint(c checkpoints.Checkpoint) checkpointDocument {
	d := checkpointDocument{
		c.ID, c.Name, c.Description, c.Created.Format(time.RFC3339), c.Parent, string(c.State),
		c.SizeBytes, nil, c.Current, c.Problem, c.Caution,
	}
	if c.FreesBytes != checkpoints.Unknown {
		d.FreesBytes = &c.FreesBytes
	}
	return d
}
