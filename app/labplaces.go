package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
	"guesthouse/vmconfig/safefile"
)

// openLibrary is for commands that need no hypervisor.
func openLibrary(*options) *labs.Library {
	return labs.New(labs.Params{Dir: filepath.Join(dataDir(), "labs"), Keys: filepath.Join(dataDir(), "keys"), Program: version})
}

// fetchFlags are the flags of all commands that fetch.
type fetchFlags struct {
	trust, key, name string
	older, plain     bool
}

func (f *fetchFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.trust, "trust", "", "trust a new course whose key has these five `WORDS`, as the teacher gave them")
	c.Flags().StringVar(&f.key, "key", "", "the course's public `KEY`, as the teacher gave it")
	c.Flags().BoolVar(&f.older, "older", false, "take a version older than one that was here")
	c.Flags().BoolVar(&f.plain, "plain-http", false, "allow connections that others can read and change")
}

// options turns the flags into what Fetch takes. On a terminal a new course is asked about.
func (f *fetchFlags) options(o *options, done func(lab.Digest)) labs.FetchOptions {
	return labs.FetchOptions{
		AddOptions: labs.AddOptions{Key: f.key, Older: f.older, Name: f.name, Trust: func(_ context.Context, q labs.Question) (bool, error) {
			if f.trust != "" {
				if !strings.EqualFold(strings.Join(strings.Fields(f.trust), "-"), q.Fingerprint) {
					return false, &labs.Reason{Text: fmt.Sprintf("The words are not those of the key that signed this lab of “%s”. Look for a slip of the pen; if they are what the teacher said, somebody may pretend to be the teacher.",
						vmconfig.Inert(q.Course, 128)), Err: labs.ErrUntrusted}
				}
				return true, nil
			}
			if !isTerminal(os.Stdin) || !isTerminal(o.err) || o.json {
				return false, nil
			}
			o.asking.Store(true)
			defer o.asking.Store(false)
			fmt.Fprintf(o.err, "\r\x1b[KThe course “%s” is new on this computer. Its key has the words\n\n    %s\n\nAre they the ones that the teacher gave? [y/N] ",
				vmconfig.Inert(q.Course, 128), q.Fingerprint)
			answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return strings.EqualFold(strings.TrimSpace(answer), "y"), err
		}},
		Options: source.Options{PlainHTTP: f.plain},
		Done:    done,
	}
}

// localOrFetched returns the lab that a reference names: in the library, or fetched from its place.
func localOrFetched(ctx context.Context, o *options, s *services, ref string, f fetchFlags) (lab.Digest, error) {
	image, err := s.labs.Library().Resolve(ref)
	if err == nil || !errors.Is(err, labs.ErrNoLab) {
		return image.ID, err
	}
	if parsed, parseErr := source.Parse(ref); parseErr == nil && parsed.Kind == source.KindName {
		return lab.Digest{}, err
	}
	return fetch(ctx, o, s, ref, f)
}

func fetch(ctx context.Context, o *options, s *services, ref string, f fetchFlags) (id lab.Digest, err error) {
	err = waitJob(ctx, o, s.labs.Fetch(ref, f.options(o, func(d lab.Digest) { id = d })))
	return id, err
}

func newLabPull(o *options) *cobra.Command {
	var f fetchFlags
	c := &cobra.Command{
		Use: "pull REF", Short: "Fetch a lab into the library",
		Long: `Fetch a lab from a folder, a file, a web address or a registry into the library. What was
interrupted goes on where it stopped, and of a new version only what changed is fetched.`,
		Args: exactArgs("a place"),
		RunE: func(cmd *cobra.Command, args []string) error { return pull(cmd, o, args[0], f) },
	}
	f.add(c)
	c.Flags().StringVar(&f.name, "name", "", "`NAME` in the library (default: the lab's own)")
	return c
}

func pull(cmd *cobra.Command, o *options, ref string, f fetchFlags) error {
	return withServices(cmd, o, func(ctx context.Context, s *services) error {
		if _, several := labs.ParseTopologyRef(ref); several {
			return pullTopology(ctx, o, s, ref, f)
		}
		id, err := fetch(ctx, o, s, ref, f)
		if err != nil {
			return err
		}
		return printLab(o, s.labs.Library(), id)
	})
}

func newLabImport(o *options) *cobra.Command {
	var f fetchFlags
	c := &cobra.Command{
		Use: "import FILE", Short: "Take a .lab file or a folder into the library", Args: exactArgs("a file"),
		RunE: func(cmd *cobra.Command, args []string) error { return pull(cmd, o, asPath(args[0]), f) },
	}
	f.add(c)
	return c
}

// asPath makes sure that a file's name is not taken for a lab's.
func asPath(name string) string {
	if strings.Contains(name, "/") || strings.HasSuffix(strings.ToLower(name), ".lab") {
		return name
	}
	return "./" + name
}

// pushDocument says what a push wrote.
type pushDocument struct {
	Manifest  string   `json:"manifest"`
	Tags      []string `json:"tags"`
	NewBytes  int64    `json:"new_bytes"`
	KeptBytes int64    `json:"kept_bytes"`
}

func newLabPush(o *options) *cobra.Command {
	var plain bool
	c := &cobra.Command{
		Use: "push REF PLACE", Short: "Send a lab of the library to a folder, a file or a registry",
		Long: `Send a lab of the library to a folder (also one that a web server shares), a .lab file, or a
registry. Where the place has an earlier version only what changed is sent.`,
		Args: exactArgs("a lab of the library", "a place"),
		RunE: func(cmd *cobra.Command, args []string) error { return push(cmd, o, args[0], args[1], plain) },
	}
	c.Flags().BoolVar(&plain, "plain-http", false, "allow a connection that others can read and change")
	return c
}

func push(cmd *cobra.Command, o *options, ref, place string, plain bool) error {
	return withServices(cmd, o, func(ctx context.Context, s *services) error {
		image, err := s.labs.Library().Resolve(ref)
		if err != nil {
			return err
		}
		var pushed labs.Pushed
		options := labs.SendOptions{Options: source.Options{PlainHTTP: plain}, Done: func(p labs.Pushed) { pushed = p }}
		if err := waitJob(ctx, o, s.labs.Send(image.ID, place, options)); err != nil {
			return err
		}
		if o.json {
			writeJSON(o.out, pushDocument{pushed.Manifest.String(), pushed.Tags, pushed.NewBytes, pushed.KeptBytes})
			return nil
		}
		fmt.Fprintf(o.out, "%s: %s sent, %s were there already\n", strings.Join(pushed.Tags, ", "), vmconfig.FormatSize(pushed.NewBytes), vmconfig.FormatSize(pushed.KeptBytes))
		return nil
	})
}

func newLabExport(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "export REF FILE", Short: "Write a lab of the library to one file",
		Long: "Write a lab of the library to one .lab file, to be carried on a stick or offered for download.",
		Args: exactArgs("a lab of the library", "a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.HasSuffix(strings.ToLower(args[1]), ".lab") {
				return usagef("the name of the file must end in .lab")
			}
			return push(cmd, o, args[0], args[1], false)
		},
	}
}

func newLabVerify(o *options) *cobra.Command {
	var repair string
	c := &cobra.Command{
		Use: "verify REF", Short: "Compare all of a lab's disks with what its teacher signed",
		Long: "Read all of a lab's disks and compare them with what its teacher signed. --repair fetches what is wrong from a place.",
		Args: exactArgs("a lab of the library"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withServices(cmd, o, func(ctx context.Context, s *services) error {
				image, err := s.labs.Library().Resolve(args[0])
				if err != nil {
					return err
				}
				if repair != "" {
					if err := waitJob(ctx, o, s.labs.Repair(image.ID, repair, source.Options{})); err != nil {
						return err
					}
				}
				if err := waitJob(ctx, o, s.labs.Verify(image.ID)); err != nil {
					return err
				}
				return printLab(o, s.labs.Library(), image.ID)
			})
		},
	}
	c.Flags().StringVar(&repair, "repair", "", "`PLACE` to fetch from what is wrong")
	return c
}

// readText reads a file that a user names, which is at most limit bytes long.
func readText(path string, limit int64) ([]byte, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info.Size() > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is longer than %s", vmconfig.FormatSize(limit))}
	}
	return io.ReadAll(io.LimitReader(file, limit))
}
