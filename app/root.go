package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"guesthouse/app/explain"
	"guesthouse/vmconfig"
)

// version is set by the Makefile with -ldflags -X.
var version = "development"

// exitUsage is the exit code for a command line that cannot be understood.
const exitUsage = 2

// usageError marks a mistake in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// options are the global options.
type options struct {
	uri     string
	json    bool
	verbose bool
	out     io.Writer
	err     io.Writer
	help    string      // the command whose help says how it is used
	asking  atomic.Bool // a question stands on the terminal: nothing may be written over it
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o := &options{out: out, err: errOut}
	root := newRoot(o)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	o.help = cmd.CommandPath() + " --help"
	o.json = o.json || slices.Contains(args, "--json") // a mistake before it ends the reading of flags
	return report(o, err)
}

// report prints err the way the user asked for (one sentence, or one JSON document) and returns the exit code.
func report(o *options, err error) int {
	var quiet reportedError
	if errors.As(err, &quiet) {
		return quiet.code
	}
	m := describe(err, o.help)
	if o.json {
		writeJSON(o.err, errorDocument(m))
	} else {
		line := "guesthouse: " + m.Summary
		if m.Remedy != "" {
			line += " " + m.Remedy
		}
		fmt.Fprintln(o.err, line)
		if o.verbose && m.Detail != "" {
			fmt.Fprintln(o.err, m.Detail)
		}
	}
	return m.Code
}

// describe turns any error into user words; help is the command that says more about usage. It knows the exit code for usage mistakes.
func describe(err error, help string) explain.Message {
	var usage usageError
	if errors.As(err, &usage) || isCobraUsage(err) {
		return explain.Message{Summary: sentence(err.Error()), Remedy: "Try “" + help + "”.", Code: exitUsage}
	}
	m := explain.Explain(err)
	if m.Cancelled {
		m.Summary = "Cancelled; nothing was changed."
	}
	if m.Code == 0 {
		m.Code = 1
	}
	return m
}

// isCobraUsage recognises the errors that cobra makes itself; it has no type for them.
func isCobraUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "accepts ", "requires at least", "required flag", "if any flags in the group"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// reportedError says that everything was said already and only the exit code is left.
type reportedError struct{ code int }

func (e reportedError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "guesthouse [FILE.lab]",
		Short: "Create, run and checkpoint virtual machines",
		Long: `Guesthouse manages virtual machines on KVM/QEMU through libvirt.

Without a command it opens the manager window; with a .lab file or a lab: link it asks
whether to add that lab. Every command works on the same machines as the windows.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such machine or checkpoint,
4 refused in this state, 5 this computer lacks something that is needed.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if _, ok := labArgument(args[0]); ok {
					return nil
				}
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			lab := ""
			if len(args) == 1 {
				lab, _ = labArgument(args[0])
			}
			return openManager(cmd.Context(), o, lab)
		},
	}
	root.PersistentFlags().StringVar(&o.uri, "connect", "qemu:///session", "libvirt `URI` to work on")
	root.PersistentFlags().BoolVar(&o.json, "json", false, "print one JSON document instead of text")
	root.PersistentFlags().BoolVar(&o.verbose, "verbose", false, "say more: log to the terminal, show details of errors")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagError(err)} })
	root.AddCommand(newDoctor(o), newVM(o), newCheckpoint(o), newLab(o), newConsole(o), newMan())
	return root
}

// flagError says what a flag takes where the library names a function of Go.
func flagError(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	takes, known := map[string]string{
		"int": "a whole number", "int64": "a whole number", "uint": "a whole number", "uint16": "a whole number",
		"duration": "a time such as 90s or 15m", "bool": "true or false",
	}[wrong.GetFlag().Value.Type()]
	if !known {
		return err
	}
	return fmt.Errorf("--%s takes %s, not “%s”", wrong.GetFlag().Name, takes, vmconfig.Inert(wrong.GetValue(), 60))
}

// noArgs is cobra.NoArgs with our words.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("there is no command “%s %s”", cmd.CommandPath(), args[0])
	}
	return nil
}

// exactArgs demands the named arguments, no more and no fewer.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usagef("this command needs %s, nothing more or less", strings.Join(names, " and "))
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(children...)
	return c
}
