package explain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"guesthouse/app/atomicfile"
	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/guestfs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

func TestExplain(t *testing.T) {
	tests := []struct {
		err     error
		code    int
		summary string // part of it
	}{
		{fmt.Errorf("%w: lab", hypervisor.ErrNotFound), CodeMissing, "no such machine: lab."},
		{fmt.Errorf("start: %w", &hypervisor.Error{Op: "start", Code: 55, Text: "Requested operation is not valid", Kind: hypervisor.ErrInvalidState}), CodeRefused, "state"},
		{machines.Refused("lab", "The machine is off."), CodeRefused, "lab: The machine is off."},
		{fmt.Errorf("x: %w", checkpoints.ErrNoCheckpoint), CodeMissing, "checkpoint"},
		{vmconfig.Faults{{Message: "One."}, {Message: "Two."}}, CodeUsage, "One. Two."},
		{fmt.Errorf("write: %w", syscall.ENOSPC), CodeFailed, "room"},
		{hypervisor.ErrCannotStart, CodeHost, "libvirt"},
		{errors.New("something nobody expected\nsecond line"), CodeFailed, "Something nobody expected"},
		{errors.New(""), CodeFailed, "unknown reason"},
		{&checkpoints.Reason{Text: "Its memory is missing.", Err: checkpoints.ErrBroken}, CodeFailed, "Its memory is missing."},
		{fmt.Errorf("%w: %w", settings.ErrSetAside, &atomicfile.DamagedError{Path: "/a", Kept: "/a.damaged", Err: syscall.EACCES}), CodeFailed, "settings"},
		{fmt.Errorf("%w: %w", displays.ErrSetAside, &atomicfile.DamagedError{Path: "/a", Err: syscall.EACCES}), CodeFailed, "passwords"},
		{fmt.Errorf("x: %w", &hypervisor.GraphicsError{Reason: hypervisor.GraphicsHostOnly}), CodeHost, "listen only on its own computer"},
		{fmt.Errorf("x: %w", display.ErrPasswordNeeded), CodeFailed, "protected by a password"},
		{&checkpoints.Reason{Text: "5 GiB were changed, and the lab takes at most 1 GiB.", Err: labs.ErrGrowth}, CodeRefused, "takes at most"},
		{fmt.Errorf("%w: this is of version 2 of x", labs.ErrNoLab), CodeMissing, "version 2"},
		{&checkpoints.Reason{Text: "Cleaning needs a program.", Err: guestfs.ErrMissing}, CodeHost, "Cleaning needs"},
		{fmt.Errorf("%w: virt-sysprep: exit status 1", guestfs.ErrNoSystem), CodeRefused, "no operating system"},
		{fmt.Errorf("%w: virt-sysprep: exit status 1", guestfs.ErrHelper), CodeHost, "helper machine"},
		{fmt.Errorf("%w: virt-sysprep: exit status 1", guestfs.ErrTool), CodeFailed, "could not be cleaned"},
		{lab.ErrSubmissionSignature, CodeFailed, "changed after the student handed it in"},
		{errors.Join(hypervisor.ErrBusy, syscall.EROFS), CodeFailed, "read-only"},
	}
	for _, test := range tests {
		m := Explain(test.err)
		if m.Code != test.code || !strings.Contains(m.Summary, test.summary) || m.Cancelled {
			t.Errorf("%v: %+v, want code %d and %q", test.err, m, test.code, test.summary)
		}
		if strings.Contains(m.Summary, "\n") {
			t.Errorf("%v: more than one line: %q", test.err, m.Summary)
		}
	}
	left := &machines.Error{Machine: "lab", Err: errors.Join(context.Canceled, &jobs.NotUndoneError{Err: syscall.EROFS})}
	if m := Explain(left); m.Cancelled || m.Summary != "lab: The operation was cancelled. Not everything could be undone: The file system is read-only." {
		t.Errorf("a cancel that leaves something: %+v", m)
	}
	if m := Explain(nil); m != (Message{}) {
		t.Errorf("nil: %+v", m)
	}
	if m := Explain(fmt.Errorf("save: %w", context.Canceled)); !m.Cancelled {
		t.Errorf("a cancel counts as an error: %+v", m)
	}
}

// A daemon's words come from outside: they are shown inert and capped.
func TestForeignText(t *testing.T) {
	m := Explain(&hypervisor.Error{Op: "start", Text: "\x1b[31mred\u202e" + strings.Repeat("x", 1<<20)})
	if len(m.Summary) > 1000 || len(m.Detail) > 2*maxDetail || strings.ContainsAny(m.Summary+m.Detail, "\x1b\u202e") {
		t.Errorf("%d and %d bytes: %.80q", len(m.Summary), len(m.Detail), m.Summary)
	}
}

// TestDamagedFiles names the file that was kept.
func TestDamagedFiles(t *testing.T) {
	damaged := &atomicfile.DamagedError{Path: "/data/displays.json", Kept: "/data/displays.json.damaged", Err: errors.New("cut off")}
	if m := Explain(fmt.Errorf("%w: %w", displays.ErrSetAside, damaged)); !strings.Contains(m.Remedy, damaged.Kept) || !strings.Contains(m.Detail, "cut off") {
		t.Errorf("%+v", m)
	}
	damaged.Kept = ""
	if m := Explain(fmt.Errorf("%w: %w", settings.ErrSetAside, damaged)); !strings.Contains(m.Remedy, damaged.Path) {
		t.Errorf("%+v", m)
	}
}

// Each sentinel must have words of its own: the general fall-back shows the raw text.
func TestAllSentinelsHaveWords(t *testing.T) {
	for _, err := range []error{
		hypervisor.ErrNotFound, hypervisor.ErrNoSnapshot, hypervisor.ErrExists, hypervisor.ErrInvalidState, hypervisor.ErrUnsupported,
		hypervisor.ErrBusy, hypervisor.ErrTimeout, hypervisor.ErrDisconnected, hypervisor.ErrCannotStart, hypervisor.ErrNoGraphics,
		hypervisor.ErrNoSpace, hypervisor.ErrDenied, hypervisor.ErrInvalid, hypervisor.ErrNeedsForce, hypervisor.ErrAborted, hypervisor.ErrBadAddress,
		hypervisor.ErrSavedDamaged,
	} {
		if _, ok := find(err); !ok {
			t.Errorf("%v has no words", err)
		}
	}
}
