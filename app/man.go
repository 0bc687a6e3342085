package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan writes the manual pages; the Makefile's install target calls it.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Short: "Write the manual pages into a folder", Hidden: true, Args: exactArgs("a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			header := &doc.GenManHeader{Title: "GUESTHOUSE", Section: "1", Source: "Guesthouse " + version, Manual: "User Commands"}
			return doc.GenManTree(cmd.Root(), header, args[0])
		},
	}
}
