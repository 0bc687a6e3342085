// Package explain turns errors into words for users. It is the only place that does.
package explain

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/guestos"
)

// Exit codes of the command line.
const (
	CodeFailed   = 1
	CodeUsage    = 2 // what was asked for is not acceptable; nothing was attempted
	CodeNotFound = 3
	CodeRefused  = 4 // not in this state
	CodeHost     = 5 // this computer lacks something
)

// Message is an error in the user's words.
type Message struct {
	Summary string // what happened, one sentence
	Remedy  string // what to do about it, one sentence; may be empty
	Detail  string // the original text, for "Details"
	Code    int    // exit code of the command line
	// Cancelled is true when the user stopped the operation: not an error, show nothing.
	Cancelled bool
}

// detailLimit caps the original text, in bytes: a daemon may send a megabyte.
const detailLimit = 4096

// Explain translates err for the user. A nil error gives the zero Message. It may be called from any goroutine.
func Explain(err error) Message {
	if err == nil {
		return Message{}
	}
	m := translate(err)
	m.Detail = vmconfig.Inert(err.Error(), detailLimit)
	if m.Code == 0 {
		m.Code = CodeFailed
	}
	return m
}

// translate finds the words. What carries its own sentence comes first, then sentinels, the particular before the general.
func translate(err error) Message {
	var faults vmconfig.Faults
	var fault vmconfig.Fault
	var refused *machines.RefusedError
	var reason *checkpoints.Reason
	switch {
	case errors.Is(err, context.Canceled):
		return Message{Summary: "Cancelled.", Cancelled: true}
	case errors.As(err, &faults):
		m := Message{Summary: sentence(faults.Error()), Code: CodeUsage}
		if errors.Is(err, machines.ErrNoFirmware) || errors.Is(err, machines.ErrNoImageTool) {
			m.Code = CodeHost
		}
		return m
	case errors.As(err, &fault):
		return Message{Summary: sentence(fault.Message), Code: CodeUsage}
	case errors.As(err, &refused):
		return Message{Summary: sentence(vmconfig.Inert(refused.Machine, 80) + ": " + refused.Reason), Code: CodeRefused}
	case errors.As(err, &reason):
		return Message{Summary: sentence(reason.Text)}
	}
	for _, w := range words {
		if errors.Is(err, w.is) {
			m := w.Message
			if w.subject {
				m.Summary = withSubject(m.Summary, err, w.is)
			}
			return m
		}
	}
	return Message{Summary: sentence(firstLine(err.Error()))}
}

type wording struct {
	is error
	Message
	// subject adds what the error says beside the sentinel: the name of the machine or file.
	subject bool
}

var words = []wording{
	{is: checkpoints.ErrNoCheckpoint, subject: true, Message: Message{
		Summary: "There is no such checkpoint", Remedy: "“guesthouse checkpoint list” shows those that there are.", Code: CodeNotFound,
	}},
	{is: checkpoints.ErrAmbiguous, subject: true, Message: Message{
		Summary: "Several checkpoints have this name", Remedy: "Use the id instead.", Code: CodeUsage,
	}},
	{is: hypervisor.ErrNoSnapshot, Message: Message{
		Summary: "This checkpoint does not exist any more.", Remedy: "Another program may have deleted it.", Code: CodeNotFound,
	}},
	{is: hypervisor.ErrNotFound, subject: true, Message: Message{
		Summary: "There is no such machine", Code: CodeNotFound,
	}},
	{is: machines.ErrChangedBehind, Message: Message{
		Summary: "Another program changed this machine meanwhile, so nothing was written.", Remedy: "Open the settings again to see the machine as it is now.",
	}},
	{is: machines.ErrSavedState, Message: Message{
		Summary: "The saved state is damaged or missing, so the machine cannot resume from it.",
		Remedy:  "Discard the saved state to start the machine afresh; its disks are not touched.", Code: CodeRefused,
	}},
	{is: machines.ErrNoFirmware, Message: Message{
		Summary: "The UEFI firmware is not installed.", Remedy: "Install the package ovmf, or choose BIOS.", Code: CodeHost,
	}},
	{is: domxml.ErrFirmware, Message: Message{
		Summary: "No fitting UEFI firmware is installed.", Remedy: "Install the package ovmf, or choose BIOS.", Code: CodeHost,
	}},
	{is: machines.ErrNoImageTool, Message: missingQemuImg},
	{is: diskimage.ErrMissing, Message: missingQemuImg},
	{is: guestos.ErrNoDatabase, Message: Message{
		Summary: "The catalogue of operating systems is not installed.", Remedy: "Install the package osinfo-db.", Code: CodeHost,
	}},
	{is: diskimage.ErrBacking, subject: true, Message: Message{
		Summary: "This disk image refers to another file and cannot be used alone",
	}},
	{is: diskimage.ErrDataFile, subject: true, Message: Message{Summary: "This disk image keeps its data in another file"}},
	{is: diskimage.ErrEncrypted, subject: true, Message: Message{Summary: "Encrypted disk images are not supported"}},
	{is: diskimage.ErrCorrupt, subject: true, Message: Message{
		Summary: "This disk image is damaged", Remedy: "Check a copy of it with qemu-img.",
	}},
	{is: diskimage.ErrIncomplete, subject: true, Message: Message{
		Summary: "This file ends early", Remedy: "Copy or download it again.",
	}},
	{is: guestos.ErrTruncated, subject: true, Message: Message{
		Summary: "This disc image ends early", Remedy: "Download it again.",
	}},
	{is: guestos.ErrNotISO, subject: true, Message: Message{Summary: "This file is not a disc image"}},
	{is: hypervisor.ErrCannotStart, Message: Message{
		Summary: "The virtualisation service (libvirt) cannot be reached.", Remedy: "“guesthouse doctor” says what is missing.", Code: CodeHost,
	}},
	{is: hypervisor.ErrBadAddress, subject: true, Message: Message{
		Summary: "This is not an address of a hypervisor", Remedy: "Examples: qemu:///session, qemu:///system, test:///default.", Code: CodeUsage,
	}},
	{is: hypervisor.ErrNoSpace, Message: noSpace},
	{is: syscall.ENOSPC, Message: noSpace},
	{is: syscall.EDQUOT, Message: Message{
		Summary: "Your disk quota is used up; nothing was lost.", Remedy: "Free some space and try again.",
	}},
	{is: hypervisor.ErrBusy, Message: Message{
		Summary: "Another operation is running on this machine.", Remedy: "Wait for it to end, then try again.", Code: CodeRefused,
	}},
	{is: hypervisor.ErrInvalidState, Message: Message{
		Summary: "That is not possible in the machine's present state.", Code: CodeRefused,
	}},
	{is: hypervisor.ErrExists, Message: Message{
		Summary: "A machine of this name exists already.", Remedy: "Choose another name.", Code: CodeUsage,
	}},
	{is: hypervisor.ErrTimeout, Message: Message{
		Summary: "The virtualisation service did not answer in time.", Remedy: "Look at the machine's state before trying again.",
	}},
	{is: hypervisor.ErrDisconnected, Message: Message{
		Summary: "The connection to the virtualisation service is lost; running machines are not affected.", Remedy: "It comes back by itself; then try again.",
	}},
	{is: hypervisor.ErrNoGraphics, subject: true, Message: Message{
		Summary: "This machine has no screen that can be shown", Code: CodeRefused,
	}},
	{is: hypervisor.ErrUnsupported, Message: Message{
		Summary: "The hypervisor of this connection cannot do that.", Code: CodeHost,
	}},
	{is: hypervisor.ErrDenied, Message: Message{
		Summary: "The virtualisation service denied the access.", Remedy: "For qemu:///system you need to be in the group libvirt.", Code: CodeHost,
	}},
	{is: hypervisor.ErrInvalid, Message: Message{
		Summary: "The hypervisor refused the machine's description.", Remedy: "The details have its reason.",
	}},
	{is: hypervisor.ErrNeedsForce, Message: Message{
		Summary: "The hypervisor refused, because a running or saved state would be lost.", Remedy: "Power the machine off or discard its saved state first.", Code: CodeRefused,
	}},
	{is: hypervisor.ErrAborted, Message: Message{Summary: "Another program stopped this operation."}},
	{is: fs.ErrPermission, subject: true, Message: Message{
		Summary: "Access to a file was denied", Remedy: "Check its owner and permissions.",
	}},
	{is: fs.ErrNotExist, subject: true, Message: Message{Summary: "A file is missing"}},
	{is: context.DeadlineExceeded, Message: Message{Summary: "It took too long and was given up."}},
}

var (
	missingQemuImg = Message{Summary: "Disks cannot be made: qemu-img is not installed.", Remedy: "Install the package qemu-utils.", Code: CodeHost}
	noSpace        = Message{Summary: "The disk is full; nothing was lost.", Remedy: "Free some space and try again."}
)

// withSubject appends what err says besides the sentinel's own text, which our services put after a colon.
func withSubject(summary string, err, sentinel error) string {
	text := firstLine(err.Error())
	text = strings.Replace(text, sentinel.Error(), "", 1)
	text = strings.Trim(text, " :")
	if text == "" {
		return summary + "."
	}
	return summary + ": " + sentence(vmconfig.Inert(text, 200))
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return vmconfig.Inert(text, 400)
}

// sentence gives text a full stop and a capital letter, unless it starts with a name.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
