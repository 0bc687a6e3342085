package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"guesthouse/app/labs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

// toolFolders are searched for programs. The PATH is not: a file that another user can put there would run with the user's rights.
var toolFolders = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"}

// toolPath is the PATH of the programs, which start others.
var toolPath = strings.Join(toolFolders, ":")

// tool is a program and the package that has it.
type tool struct{ name, pkg string }

var (
	mmdebstrapTool = tool{"mmdebstrap", "mmdebstrap"}
	tarTool        = tool{"tar", "tar"}
	mke2fsTool     = tool{"mke2fs", "e2fsprogs"}
	debugfsTool    = tool{"debugfs", "e2fsprogs"}
	mformatTool    = tool{"mformat", "mtools"}
	mcopyTool      = tool{"mcopy", "mtools"}
	mmdTool        = tool{"mmd", "mtools"}
	mkimageTool    = tool{"grub-mkimage", "grub-common"}
)

// path returns where the program is, empty when it is not installed.
func (t tool) path() string { return safefile.FindProgram(toolFolders, t.name) }

// need returns a sentence about what is missing of programs and of files, which are given by their package; nil when all is there.
func need(tools []tool, files map[string]string) error {
	var packages []string
	add := func(pkg string) {
		for _, p := range packages {
			if p == pkg {
				return
			}
		}
		packages = append(packages, pkg)
	}
	for _, t := range tools {
		if t.path() == "" {
			add(t.pkg)
		}
	}
	for _, pkg := range sorted(files) {
		if _, err := os.Stat(files[pkg]); err != nil {
			add(pkg)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	return &labs.Reason{Text: "Making this lab needs programs that are not installed. Install the packages " + strings.Join(packages, ", ") + ".", Err: ErrTools}
}

// complaintBytes is how much of the end of a program's messages is kept.
const complaintBytes = 4 << 10

// command is one run of programs of this computer.
type command struct {
	tool  tool
	args  []string
	dir   string
	env   []string // beside those that every program gets
	stdin io.Reader
	out   io.Writer // standard output; nil: kept with the messages
	limit time.Duration
	line  func(string) // gets each line of messages; nil: nobody does
}

// run starts a program, never through a shell, and waits. Its children end with it. The error has the end of its messages.
func run(ctx context.Context, c command) error {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.tool.path(), c.args...)
	cmd.Dir, cmd.Stdin = c.dir, c.stdin
	// HOME is for configuration of the user's own, which must change nothing here.
	cmd.Env = append([]string{"LC_ALL=C.UTF-8", "PATH=" + toolPath, "HOME=/nonexistent"}, c.env...)
	// A group of its own, so that what it has started can be ended with it: politely first, because it has folders to remove that belong to other users.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	messages := &tail{limit: complaintBytes, line: c.line}
	cmd.Stderr, cmd.Stdout = messages, c.out
	if c.out == nil {
		cmd.Stdout = messages
	}
	err := cmd.Run()
	if cmd.Process != nil && err != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whoever is left of the group
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %s did not finish in %v", ErrTools, c.tool.name, c.limit)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &toolError{tool: c.tool, messages: vmconfig.InertLines(strings.TrimSpace(messages.text()), complaintBytes), err: err}
}

// toolError is a program's own complaint. It is an ErrTools.
type toolError struct {
	tool     tool
	messages string
	err      error
}

func (e *toolError) Error() string {
	return fmt.Sprintf("%s: %s: %v: %s", ErrTools, e.tool.name, e.err, e.messages)
}
func (e *toolError) Unwrap() error { return ErrTools }

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
	line  func(string)
	rest  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	if t.line != nil {
		t.rest = append(t.rest, p...)
		for {
			line, rest, found := bytes.Cut(t.rest, []byte("\n"))
			if !found {
				t.rest = append([]byte(nil), t.rest[max(0, len(t.rest)-t.limit):]...)
				break
			}
			t.line(string(line))
			t.rest = rest
		}
	}
	return len(p), nil
}

func (t *tail) text() string { return string(t.kept) }
