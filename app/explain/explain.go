// Package explain turns errors into words for users: what happened, what to do, and the original text. It is the only place
// that does.
package explain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"guesthouse/app/atomicfile"
	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/jobs"
	"guesthouse/app/labs/build"
	"guesthouse/app/machines"
	"guesthouse/app/recording"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/guestfs"
	"guesthouse/hypervisor/saveimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/guestos"
)

// Exit codes of the command line.
const (
	CodeDone    = 0
	CodeFailed  = 1
	CodeUsage   = 2
	CodeMissing = 3 // no such machine or checkpoint
	CodeRefused = 4 // not possible in this state
	CodeHost    = 5 // the host lacks something
)

// Message is an error in the user's words.
type Message struct {
	Summary string // what happened, one or two sentences
	Remedy  string // what to do about it; may be empty
	Detail  string // the original text, for "Details"
	Code    int    // exit code of the command line
	// Cancelled is true when the user stopped the operation: not an error, show nothing.
	Cancelled bool
}

// maxDetail caps the original text, in characters.
const maxDetail = 4000

// rule explains the errors that wrap one of its sentinels.
type rule struct {
	is      []error
	summary string
	remedy  string
	code    int
}

// named are the sentinels whose errors say after a colon what was looked for; the summary then says so too.
var named = []error{hypervisor.ErrNotFound, checkpoints.ErrNoCheckpoint, checkpoints.ErrAmbiguous, hypervisor.ErrBadAddress, hypervisor.ErrNoGraphics, hypervisor.ErrNoConsole}

// rules are looked through in order: the more telling sentinel comes first.
var rules = []rule{
	{
		[]error{machines.ErrChangedBehind},
		"Another program changed the machine while it was being edited. Nothing was overwritten.",
		"Look at the machine as it is now and make your change again.", CodeRefused,
	},
	{
		[]error{hypervisor.ErrSavedDamaged},
		"The saved state of the machine is missing or damaged.",
		"Discard the saved state and start the machine afresh, or keep it and repair the file.", CodeFailed,
	},
	{
		[]error{machines.ErrNoFirmware, domxml.ErrFirmware},
		"The host has no fitting UEFI firmware.",
		"Install the package ovmf, or choose BIOS.", CodeHost,
	},
	{
		[]error{machines.ErrNoSecureBoot},
		"The host has no UEFI firmware with Secure Boot.",
		"Install the package ovmf.", CodeHost,
	},
	{
		[]error{machines.ErrNoTPM},
		"The host cannot emulate a security chip (TPM).",
		"Install the packages swtpm and swtpm-tools.", CodeHost,
	},
	{
		[]error{machines.ErrNoImageTool, diskimage.ErrMissing},
		"Disks cannot be made: qemu-img is not installed.",
		"Install the package qemu-utils.", CodeHost,
	},
	{
		[]error{build.ErrTools},
		"A program that makes labs is missing or failed.",
		"", CodeHost,
	},
	{
		[]error{guestfs.ErrMissing},
		"A copy of the machine cannot be cleaned: virt-sysprep and virt-sparsify are not installed.",
		"Install the package guestfs-tools.", CodeHost,
	},
	{
		[]error{guestfs.ErrNoSystem},
		"The copy of the machine could not be cleaned, because no operating system that can be was found on its disks. Nothing was published.",
		"Clean the machine by hand and publish it as it is.", CodeRefused,
	},
	{
		[]error{guestfs.ErrHelper},
		"The copy of the machine could not be cleaned, because libguestfs cannot make its helper machine. Nothing was published.",
		"It needs a kernel that your user can read: sudo chmod +r /boot/vmlinuz-*", CodeHost,
	},
	{
		[]error{guestfs.ErrTool},
		"The copy of the machine could not be cleaned. Nothing was published.",
		"Clean the machine by hand and publish it as it is.", CodeFailed,
	},
	{
		[]error{guestos.ErrNoDatabase},
		"The database of operating systems is not installed.",
		"Install the package osinfo-db.", CodeHost,
	},
	{
		[]error{checkpoints.ErrNoCheckpoint, hypervisor.ErrNoSnapshot},
		"There is no such checkpoint.",
		"It may have been deleted. Look at the list of checkpoints.", CodeMissing,
	},
	{
		[]error{checkpoints.ErrAmbiguous},
		"Several checkpoints have this name.",
		"Give the checkpoint's id instead of its name.", CodeUsage,
	},
	{
		[]error{checkpoints.ErrBroken},
		"The checkpoint cannot be restored: parts of it are missing or damaged. The machine was not touched.",
		"Choose another checkpoint.", CodeFailed,
	},
	{
		[]error{hypervisor.ErrNotFound},
		"There is no such machine.",
		"It may have been removed or renamed by another program.", CodeMissing,
	},
	{
		[]error{hypervisor.ErrNoSpace, syscall.ENOSPC, syscall.EDQUOT},
		"There is not enough room on the disk.",
		"Make room and try again.", CodeFailed,
	},
	{
		[]error{hypervisor.ErrPortTaken},
		"Another program listens on a port of this computer that leads to the machine.",
		"End that program and start the machine again.", CodeRefused,
	},
	{
		[]error{hypervisor.ErrNoDBus},
		"The machine cannot start, because QEMU lacks a part: its D-Bus display.",
		"Install the package qemu-system-modules-opengl (on Fedora and Arch: qemu-ui-dbus) and start the machine again.", CodeHost,
	},
	{
		[]error{recording.ErrMissing},
		"Recording needs ffmpeg, which is not installed.",
		"Install the package ffmpeg.", CodeHost,
	},
	{
		[]error{recording.ErrNoPicture}, "There is no picture of the screen yet.", "", CodeRefused,
	},
	{
		[]error{recording.ErrStopped},
		"The recording ended early.",
		"What was recorded until then can usually be played.", CodeFailed,
	},
	{
		[]error{settings.ErrSetAside}, "Your settings cannot be read, so the usual ones apply.", "", CodeFailed,
	},
	{
		[]error{displays.ErrSetAside}, "The remembered passwords and trusted certificates of screens cannot be read, so none is known.", "", CodeFailed,
	},
	{
		[]error{syscall.EFBIG},
		"A file would become larger than the system allows.",
		"Raise the limit for file sizes (ulimit -f), or use a smaller size.", CodeFailed,
	},
	{
		[]error{syscall.EMFILE, syscall.ENFILE},
		"Too many files are open.",
		"Close other programs and try again.", CodeFailed,
	},
	{
		[]error{syscall.EROFS}, "The file system is read-only.", "", CodeFailed,
	},
	{
		[]error{hypervisor.ErrExists, vmconfig.ErrNameTaken},
		"A machine of this name exists.",
		"Choose another name.", CodeUsage,
	},
	{
		[]error{hypervisor.ErrBusy},
		"Another operation is working on the machine.",
		"Wait until it has ended and try again.", CodeRefused,
	},
	{
		[]error{hypervisor.ErrInvalidState},
		"This is not possible in the machine's present state.",
		"", CodeRefused,
	},
	{
		[]error{hypervisor.ErrNeedsForce},
		"The hypervisor refused, because a running or saved state would be lost.",
		"Power the machine off or discard its saved state first.", CodeRefused,
	},
	{
		[]error{hypervisor.ErrCannotStart},
		"The service libvirt, which runs the machines, cannot be started.",
		"Run “guesthouse doctor” to see what is missing.", CodeHost,
	},
	{
		[]error{hypervisor.ErrBadAddress},
		"The address of the hypervisor is not usable.",
		"Write for example qemu:///session.", CodeUsage,
	},
	{
		[]error{hypervisor.ErrDenied},
		"The hypervisor denies access.",
		"Check that your user may use it, or connect to qemu:///session.", CodeHost,
	},
	{
		[]error{hypervisor.ErrNoGraphics},
		"The machine has no screen that can be shown.",
		"Add a VNC display to it.", CodeHost,
	},
	{
		[]error{hypervisor.ErrNoConsole},
		"The machine has no text console that can be opened.",
		"Add a serial port to it, or name one that it has.", CodeHost,
	},
	{
		[]error{hypervisor.ErrInUse},
		"Somebody else uses the text console.",
		"Close it there, or take it over.", CodeRefused,
	},
	{
		[]error{hypervisor.ErrUnsupported}, "The hypervisor does not offer this.", "", CodeHost,
	},
	{
		[]error{hypervisor.ErrTimeout, context.DeadlineExceeded},
		"The hypervisor did not answer in time.",
		"See whether the machine changed before you try again.", CodeFailed,
	},
	{
		[]error{hypervisor.ErrDisconnected},
		"The connection to the hypervisor was lost.",
		"It is being restored. See whether the machine changed before you try again.", CodeFailed,
	},
	{
		[]error{domxml.ErrNotEditable}, "This part of the machine cannot be changed here.", "", CodeFailed,
	},
	{
		[]error{domxml.ErrMalformed},
		"The machine's description cannot be read.",
		"Another program may have damaged it. “virsh edit” can mend it.", CodeFailed,
	},
	{
		[]error{hypervisor.ErrInvalid}, "The hypervisor refused the machine's description.", "", CodeFailed,
	},
	{
		[]error{hypervisor.ErrAborted}, "The operation was stopped by another program.", "", CodeFailed,
	},
	{
		[]error{saveimage.ErrDamaged}, "The file with the saved memory is damaged.", "", CodeFailed,
	},
	{
		[]error{jobs.ErrPanic},
		"The program made a mistake. The operation was stopped.",
		"Please report this with the details.", CodeFailed,
	},
	{
		[]error{context.Canceled}, "The operation was cancelled.", "", CodeFailed, // on its own it is no error; see Explain
	},
	{
		[]error{jobs.ErrShutdown}, "The program is closing.", "", CodeFailed,
	},
}

// Explain translates err for the user. A nil error gives the zero Message.
func Explain(err error) Message {
	if err == nil {
		return Message{}
	}
	detail := vmconfig.InertLines(err.Error(), maxDetail)
	if errors.Is(err, context.Canceled) && jobs.Undone(err) {
		return Message{Summary: "Cancelled.", Detail: detail, Code: CodeFailed, Cancelled: true}
	}
	m := translate(err)
	m.Detail = detail
	m.Summary = vmconfig.InertLines(m.Summary, maxDetail)
	return m
}

func translate(err error) Message {
	switch e := err.(type) { //nolint:errorlint // only these very values, not what they wrap
	case *jobs.NotUndoneError:
		m := translate(e.Err)
		m.Summary, m.Code = "Not everything could be undone: "+m.Summary, CodeFailed
		return m
	case *machines.Error:
		if parts := joined(e.Err); len(parts) > 0 {
			m := merge(parts)
			m.Summary = about(e.Machine, m.Summary)
			return m
		}
	}
	if parts := joined(err); len(parts) > 0 {
		return merge(parts)
	}
	var refused *machines.RefusedError
	if errors.As(err, &refused) {
		return Message{Summary: about(refused.Machine, refused.Reason), Code: CodeRefused}
	}
	var faults vmconfig.Faults
	if errors.As(err, &faults) && len(faults) > 0 {
		m := Message{Summary: faults.Error(), Code: CodeUsage}
		if r, ok := find(err); ok && r.code == CodeHost { // the host lacks what was asked for
			m.Remedy, m.Code = r.remedy, r.code
		}
		return m
	}
	var fault vmconfig.Fault
	if errors.As(err, &fault) {
		return Message{Summary: fault.Message, Code: CodeUsage}
	}
	m := general(err)
	var named *machines.Error
	if errors.As(err, &named) {
		m.Summary = about(named.Machine, m.Summary)
	}
	return m
}

// general explains an error by its sentinel, else by what kind of error it is.
func general(err error) Message {
	var sentence *checkpoints.Reason
	if errors.As(err, &sentence) {
		m := Message{Summary: sentence.Text, Code: CodeFailed}
		if r, ok := find(err); ok {
			m.Code, m.Remedy = r.code, r.remedy
		} else if told, ok := ofLab(err); ok {
			m.Code = told.Code
		}
		return m
	}
	if m, ok := ofDisplay(err); ok {
		return m
	}
	if m, ok := ofLab(err); ok {
		return m
	}
	var damaged *atomicfile.DamagedError
	if errors.As(err, &damaged) {
		return ofDamaged(damaged, err)
	}
	if r, ok := find(err); ok {
		return Message{Summary: withSubject(r.summary, err), Remedy: r.remedy, Code: r.code}
	}
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return fileMessage(path.Path, path.Err)
	case errors.As(err, &link):
		return fileMessage(link.New, link.Err)
	}
	var answer *hypervisor.Error
	if errors.As(err, &answer) {
		return Message{Summary: sentenceOf("The hypervisor reports: " + answer.Text), Code: CodeFailed}
	}
	return Message{Summary: sentenceOf(err.Error()), Code: CodeFailed}
}

func find(err error) (rule, bool) { return among(rules, err) }

// among returns the first rule for an error.
func among(rules []rule, err error) (rule, bool) {
	for _, r := range rules {
		for _, sentinel := range r.is {
			if errors.Is(err, sentinel) {
				return r, true
			}
		}
	}
	return rule{}, false
}

// withSubject adds to the summary what the error says besides its sentinel.
func withSubject(summary string, err error) string {
	for _, sentinel := range named {
		text, found := strings.CutPrefix(err.Error(), sentinel.Error()+": ")
		if found && errors.Is(err, sentinel) {
			return strings.TrimSuffix(summary, ".") + ": " + vmconfig.Inert(text, 200) + "."
		}
	}
	return summary
}

// ofDamaged says what cannot be read, and where the file is that held it.
func ofDamaged(damaged *atomicfile.DamagedError, err error) Message {
	r, _ := find(err)
	m := Message{Summary: r.summary, Code: CodeFailed}
	if damaged.Kept == "" {
		m.Remedy = fmt.Sprintf("The file “%s” could not be kept under another name. Look at it before you change anything.", vmconfig.Inert(damaged.Path, 200))
	} else {
		m.Remedy = fmt.Sprintf("The file is damaged or of a newer version. It was kept as “%s”.", vmconfig.Inert(damaged.Kept, 200))
	}
	return m
}

func fileMessage(path string, err error) Message {
	shown := vmconfig.Inert(path, 200)
	m := Message{Summary: fmt.Sprintf("The file “%s” cannot be used: %s.", shown, err), Code: CodeFailed}
	switch {
	case errors.Is(err, fs.ErrPermission):
		m.Summary = fmt.Sprintf("Access to “%s” is denied.", shown)
		m.Remedy = "Check the owner and the permissions of the file and its folder."
	case errors.Is(err, fs.ErrNotExist):
		m.Summary = fmt.Sprintf("There is no file “%s”.", shown)
	case errors.Is(err, fs.ErrExist):
		m.Summary = fmt.Sprintf("The file “%s” exists already. It was not overwritten.", shown)
	}
	return m
}

// joined returns the parts of errors.Join. Other errors with several causes, such as vmconfig.Faults, are one error.
func joined(err error) []error {
	if _, ok := err.(vmconfig.Faults); ok { //nolint:errorlint // only this very value, not what it wraps
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		return several.Unwrap()
	}
	return nil
}

// merge puts the messages of several errors together. The code is theirs when they agree.
func merge(errs []error) Message {
	var all Message
	var summaries []string
	for i, err := range errs {
		m := translate(err)
		if i == 0 {
			all = m
		} else if m.Code != all.Code {
			all.Code = CodeFailed
		}
		if !contains(summaries, m.Summary) {
			summaries = append(summaries, m.Summary)
		}
	}
	all.Summary = strings.Join(summaries, " ")
	return all
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// about puts a machine's name before a sentence about it.
func about(machine, sentence string) string {
	return fmt.Sprintf("%s: %s", vmconfig.Inert(machine, vmconfig.MaxNameBytes), sentence)
}

// sentenceOf makes a sentence of an error's text: a capital first letter and a full stop.
func sentenceOf(text string) string {
	text = vmconfig.Inert(strings.TrimSpace(text), 600)
	r, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return "It failed for an unknown reason."
	}
	if before, _, found := strings.Cut(text, "://"); !found || strings.Contains(before, " ") { // an address is not a word
		text = string(unicode.ToUpper(r)) + text[size:]
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
