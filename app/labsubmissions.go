package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

// receiptDocument is what a student keeps of a submission.
type receiptDocument struct {
	Receipt      string   `json:"receipt"`
	Place        string   `json:"place"`
	Student      string   `json:"student"`
	Fingerprint  string   `json:"fingerprint"`
	Number       int      `json:"number"`
	Created      string   `json:"created"`
	ChangedBytes int64    `json:"changed_bytes"`
	PackedBytes  int64    `json:"packed_bytes"`
	LeftOut      []string `json:"left_out,omitempty"`
}

func newLabSubmit(o *options) *cobra.Command {
	var student, to string
	var plain bool
	c := &cobra.Command{
		Use: "submit NAME --to PLACE", Short: "Hand in what was changed in a lab's machine",
		Long: `Hand in what was changed in a lab's machine since it was launched, signed with your key, which is
made the first time. The machine must be off. PLACE is a folder, in which a file is made, a new file
that ends in .submission.lab, or a registry. Keep the receipt: it names exactly this submission.

What is on the machine's disks is handed in, deleted files as well, and with it your name, the
times of the machine's checkpoints and resets, and when you handed in before.`,
		Args: exactArgs("the name of a machine"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMachine(cmd, o, args[0], func(ctx context.Context, s *services, m *machines.Machine) error {
				var r labs.Receipt
				options := labs.SubmitOptions{Student: student, To: placePath(to), Options: source.Options{PlainHTTP: plain}, Done: func(done labs.Receipt) { r = done }}
				if err := waitJob(ctx, o, s.labs.Submit(m.UUID, options)); err != nil {
					return err
				}
				if o.json {
					writeJSON(o.out, receiptDocument{
						r.Digest.String(), r.Place, r.Student, r.Fingerprint, r.Sequence, r.Created.Format(time.RFC3339), r.Changed, r.Written, r.LeftOut,
					})
					return nil
				}
				fmt.Fprintf(o.out, "%s\nsubmission %d of %s, %s\n%s changed, %s packed\nreceipt %s\nyour key %s\n", r.Place, r.Sequence, vmconfig.Inert(r.Student, 128),
					r.Created.Local().Format(time.DateTime), vmconfig.FormatSize(r.Changed), vmconfig.FormatSize(r.Written), r.Digest, r.Fingerprint)
				for _, target := range r.LeftOut {
					fmt.Fprintf(o.err, "The disk %s is not the lab's and was not handed in.\n", vmconfig.Inert(target, 20))
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&student, "student", "", "your `NAME`, which is remembered (default: the one before)")
	c.Flags().StringVar(&to, "to", "", "`PLACE`: a folder, a file or a registry")
	c.Flags().BoolVar(&plain, "plain-http", false, "allow a connection that others can read and change")
	_ = c.MarkFlagRequired("to")
	return c
}

// placePath makes sure that the name of a folder here is not taken for a lab's.
func placePath(name string) string {
	if strings.Contains(name, "/") || name == "" || name == "." || name == ".." {
		return name
	}
	return "./" + name
}

// submissionDocument is a submission as --json prints it.
type submissionDocument struct {
	File         string                  `json:"file"`
	State        labs.SubmissionState    `json:"state"`
	Reason       string                  `json:"reason,omitempty"`
	Student      string                  `json:"student,omitempty"`
	Fingerprint  string                  `json:"fingerprint,omitempty"`
	Lab          string                  `json:"lab,omitempty"`
	LabID        string                  `json:"lab_id,omitempty"`
	Version      int                     `json:"version,omitempty"`
	Number       int                     `json:"number,omitempty"`
	Role         string                  `json:"role,omitempty"` // of the machine in a lab of several
	Created      string                  `json:"created,omitempty"`
	Future       bool                    `json:"future,omitempty"`
	ChangedBytes int64                   `json:"changed_bytes"`
	FileBytes    int64                   `json:"file_bytes"`
	Receipt      string                  `json:"receipt,omitempty"`
	Journal      []submissionEventOutput `json:"journal,omitempty"`
}

type submissionEventOutput struct {
	Time  string `json:"time"`
	Event string `json:"event"`
}

func describeSubmission(f labs.Received) submissionDocument {
	d := submissionDocument{File: f.File, State: f.State, Reason: f.Reason, FileBytes: f.Bytes, ChangedBytes: f.Changed, Future: f.Future, Fingerprint: f.Fingerprint}
	s := f.Submission
	if s == nil {
		return d
	}
	d.Student, d.Lab, d.LabID, d.Version, d.Number = s.Student.Name, s.Name, s.Lab.String(), s.Version, s.Sequence
	d.Role = s.Role
	d.Created, d.Receipt = s.Created.Format(time.RFC3339), f.Receipt.String()
	for _, e := range s.Journal {
		d.Journal = append(d.Journal, submissionEventOutput{e.Time.Format(time.RFC3339), string(e.Event)})
	}
	return d
}

func newLabSubmissions(o *options) *cobra.Command {
	var csv, start, another bool
	c := &cobra.Command{
		Use: "submissions DIR [open FILE]", Short: "List what students handed in, or open one of them",
		Long: `List the submissions in a folder: who handed in what, and whether the signature, the student's key
and the numbers are as they should be. A name that is seen for the first time is remembered with its
key. “open FILE” makes a machine of one: what the student had, without any network.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && (len(args) != 3 || args[1] != "open") {
				return usagef("this command needs a folder, and after it either nothing or “open” and the name of a file in it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 {
				return openSubmission(cmd, o, args[0], args[2], labs.OpenOptions{AnotherKey: another, Start: start})
			}
			library := openLibrary(o)
			list, err := library.Submissions(cmd.Context(), args[0], nil)
			if err != nil {
				return err
			}
			switch {
			case csv:
				marks, err := library.Marks()
				if err != nil {
					return err
				}
				return labs.WriteSubmissions(o.out, list, marks)
			case o.json:
				documents := []submissionDocument{}
				for _, f := range list {
					documents = append(documents, describeSubmission(f))
				}
				writeJSON(o.out, documents)
				return nil
			}
			return listSubmissions(o, list)
		},
	}
	c.Flags().BoolVar(&csv, "csv", false, "print the list for a spreadsheet")
	c.Flags().BoolVar(&start, "start", false, "with open: start the machine")
	c.Flags().BoolVar(&another, "another-key", false, "with open: also when the student is known by another key")
	return c
}

func listSubmissions(o *options, list []labs.Received) error {
	t := tabwriter.NewWriter(o.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "STUDENT\tLAB\tVERSION\tNUMBER\tCREATED\tCHANGED\tSTATE\tFILE")
	for _, f := range list {
		student, name, version, number, created, changed := "", "", "", "", "", ""
		if s := f.Submission; s != nil {
			student, name, version, number = vmconfig.Inert(s.Student.Name, 40), vmconfig.Inert(s.Title(), 60), fmt.Sprint(s.Version), fmt.Sprint(s.Sequence)
			created, changed = s.Created.Local().Format(time.DateTime), vmconfig.FormatSize(f.Changed)
			if f.Future {
				created += " (in the future)"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", student, name, version, number, created, changed, f.State, vmconfig.Inert(f.File, 80))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range list {
		if f.Reason != "" && f.State != labs.SubmissionNew && f.State != labs.SubmissionOlder {
			fmt.Fprintf(o.err, "%s: %s\n", vmconfig.Inert(f.File, 80), vmconfig.Inert(f.Reason, 600))
		}
	}
	return nil
}

func openSubmission(cmd *cobra.Command, o *options, dir, file string, options labs.OpenOptions) error {
	path, err := filepath.Abs(filepath.Join(dir, filepath.Base(file)))
	if err != nil {
		return err
	}
	return withServices(cmd, o, func(ctx context.Context, s *services) error {
		job, machine := s.labs.OpenSubmission(path+"#", options) // the whole is a path, whatever characters it has
		if err := waitJob(ctx, o, job); err != nil {
			return err
		}
		return printLaunched(o, s, machine)
	})
}

func newLabForgetStudent(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "forget-student NAME", Short: "Forget the key of a student, so that the next one with that name is taken for the student's",
		Long: `Forget the key of a student and what was handed in under that name. Do that only when the student
has told you, in person, of a new computer: otherwise somebody may use the name.`,
		Args: exactArgs("the name of a student"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return openLibrary(o).ForgetStudent(cmd.Context(), args[0])
		},
	}
}
