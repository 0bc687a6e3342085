package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"guesthouse/app/doctor"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/libvirtd"
)

type needDocument struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail"`
	Fix    string `json:"fix"`
}

// exitHost is the exit code when this computer lacks something.
const exitHost = 5

func newDoctor(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check what this computer needs to run machines", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog := openLog(o)
			defer closeLog()
			needs := doctor.Check(cmd.Context(), doctor.Params{
				DataDir: dataDir(),
				Open: func(ctx context.Context) (hypervisor.Connection, error) {
					conn, err := libvirtd.Open(ctx, o.uri, libvirtd.Options{Log: log})
					if err != nil {
						return nil, err // not a nil *Conn inside the interface
					}
					return conn, nil
				},
			})
			failed := false
			documents := []needDocument{}
			for _, n := range needs {
				failed = failed || n.State == doctor.Fail
				documents = append(documents, needDocument{n.Name, string(n.State), n.Detail, n.Fix})
			}
			if o.json {
				writeJSON(o.out, documents)
			} else {
				for _, d := range documents {
					fmt.Fprintf(o.out, "%-5s %s: %s\n", d.State, d.Name, d.Detail)
					if d.Fix != "" {
						fmt.Fprintf(o.out, "      %s\n", d.Fix)
					}
				}
			}
			if failed {
				return reportedError{exitHost}
			}
			return nil
		},
	}
}
