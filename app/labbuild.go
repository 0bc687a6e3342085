package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"guesthouse/app/labs/build"
	"guesthouse/vmconfig/lab"
)

func newLabBuild(o *options) *cobra.Command {
	var name, password string
	c := &cobra.Command{
		Use: "build RECIPE", Short: "Make a lab out of a recipe",
		Long: `Make a lab out of a recipe, a file in YAML: Debian's packages, a cloud image or another lab as the
base, files from the recipe's folder, commands that run in the guest as root, and checks that must
succeed there. The lab is then in the library, signed with the course's key, as the next version if
it was there before. Nothing else is left, also when a step fails or Ctrl+C cancels it.

A base of Debian's packages needs mmdebstrap, uidmap, e2fsprogs, mtools, grub-common, grub-pc-bin and
grub-efi-amd64-bin, but no rights. While the lab is being made, its guest reaches the internet.`,
		Example: "  guesthouse lab build firewalls/lab.yaml",
		Args:    exactArgs("a recipe"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				builder := build.New(build.Params{Library: s.labs.Library(), Conn: s.conn, Machines: s.machines, Jobs: s.jobs, Images: s.images, Log: s.log})
				var id lab.Digest
				job := builder.Build(build.Options{
					Recipe: args[0], Name: name, Done: func(d lab.Digest) { id = d },
					Password: func(context.Context, bool) (string, error) { return password, nil },
				})
				if err := waitJob(ctx, o, job); err != nil {
					return err
				}
				return printLab(o, s.labs.Library(), id)
			})
		},
	}
	c.Flags().StringVarP(&name, "tag", "t", "", "`NAME` of the lab (default: the recipe's)")
	c.Flags().StringVar(&password, "password", os.Getenv("GUESTHOUSE_KEY_PASSWORD"), "of the course's key (default: $GUESTHOUSE_KEY_PASSWORD; empty: it has none)")
	c.Flags().Lookup("password").DefValue = ""
	return c
}
