package libvirtd

import (
	"errors"
	"strings"
	"syscall"
	"unicode/utf8"

	libvirt "github.com/digitalocean/go-libvirt"

	"guesthouse/hypervisor"
)

const (
	codeInternal = 1  // VIR_ERR_INTERNAL_ERROR
	codeSystem   = 38 // VIR_ERR_SYSTEM_ERROR
	codeRPC      = 39 // VIR_ERR_RPC

	maxErrorText = 8 << 10
)

// errorPayload builds an error reply as go-libvirt reads it: code, domain, the mark of a present string, text, level. The errno of
// a system error travels in the upper half of the code, because the library drops the field that holds it.
func errorPayload(code, errno uint32, text string) []byte {
	var w xdrWriter
	return w.uint32(code&0xffff | errno<<16).uint32(0).uint32(1).text(text).uint32(2)
}

// plainError reads an error as libvirt sends it (remote_error of rpc/virnetprotocol.x) and builds it anew, so that the library
// meets no missing text, no endless one, and no error with the code of success.
func plainError(payload []byte) []byte {
	r := xdrReader{rest: payload}
	code := r.uint32()
	r.uint32() // domain
	text := "no reason given"
	if r.uint32() == 1 {
		text = r.text(maxErrorText)
	}
	if r.err != nil {
		return errorPayload(codeRPC, 0, "the answer cannot be read")
	}
	if code == 0 || code > 0xffff {
		code = codeInternal
	}
	r.uint32()          // level
	r.check("?D?s?s?s") // domain, str1 to str3
	errno := r.uint32()
	if r.err != nil || code != codeSystem || errno > 0xfff {
		errno = 0
	}
	return errorPayload(code, errno, strings.ToValidUTF8(text, "�"))
}

// kinds maps libvirt's error numbers (virErrorNumber) to sentinels. Numbers that say nothing but "failed" are missing.
var kinds = map[libvirt.ErrorNumber]error{
	libvirt.ErrNoDomain:      hypervisor.ErrNotFound,
	libvirt.ErrInvalidDomain: hypervisor.ErrNotFound,

	libvirt.ErrNoDomainSnapshot:      hypervisor.ErrNoSnapshot,
	libvirt.ErrInvalidDomainSnapshot: hypervisor.ErrNoSnapshot,

	libvirt.ErrDomExist:            hypervisor.ErrExists,
	libvirt.ErrOperationInvalid:    hypervisor.ErrInvalidState,
	libvirt.ErrSnapshotRevertRisky: hypervisor.ErrNeedsForce,
	libvirt.ErrOperationAborted:    hypervisor.ErrAborted,

	libvirt.ErrNoSupport:            hypervisor.ErrUnsupported,
	libvirt.ErrConfigUnsupported:    hypervisor.ErrUnsupported,
	libvirt.ErrOperationUnsupported: hypervisor.ErrUnsupported,
	libvirt.ErrArgumentUnsupported:  hypervisor.ErrUnsupported,

	libvirt.ErrOperationTimeout: hypervisor.ErrBusy, // "cannot acquire state change lock"
	libvirt.ErrResourceBusy:     hypervisor.ErrBusy,
	libvirt.ErrBlockCopyActive:  hypervisor.ErrBusy,

	libvirt.ErrAccessDenied:    hypervisor.ErrDenied,
	libvirt.ErrOperationDenied: hypervisor.ErrDenied,
	libvirt.ErrAuthFailed:      hypervisor.ErrDenied,
	libvirt.ErrAuthCancelled:   hypervisor.ErrDenied,
	libvirt.ErrAuthUnavailable: hypervisor.ErrDenied,

	libvirt.ErrXMLError:         hypervisor.ErrInvalid,
	libvirt.ErrXMLDetail:        hypervisor.ErrInvalid,
	libvirt.ErrXMLInvalidSchema: hypervisor.ErrInvalid,
	libvirt.ErrInvalidArg:       hypervisor.ErrInvalid,
	libvirt.ErrOsType:           hypervisor.ErrInvalid,
}

// translate turns an answer of the library into an error of package hypervisor.
func translate(err error) error {
	var e libvirt.Error
	switch {
	case err == nil, errors.Is(err, hypervisor.ErrSavedDamaged):
		return err
	case errors.Is(err, libvirt.ErrUnsupported):
		return &hypervisor.Error{Text: err.Error(), Kind: hypervisor.ErrUnsupported}
	case errors.As(err, &e):
		code, errno := e.Code&0xffff, syscall.Errno(e.Code>>16)
		kind := kinds[libvirt.ErrorNumber(code)]
		switch {
		case errno == syscall.ENOSPC || errno == syscall.EDQUOT:
			kind = hypervisor.ErrNoSpace
		case errno == syscall.EACCES || errno == syscall.EPERM:
			kind = hypervisor.ErrDenied
		case kind == nil && strings.Contains(e.Message, "no space left on device"),
			kind == nil && strings.Contains(e.Message, "No space left on device"):
			// QEMU and the save helper hand a full disk on as text only, under a code that says "failed".
			kind = hypervisor.ErrNoSpace
		case strings.Contains(e.Message, "Could not set up host forwarding rule"):
			kind = hypervisor.ErrPortTaken
		case strings.Contains(e.Message, "Display 'dbus' is not available"):
			kind = hypervisor.ErrNoDBus
		}
		return &hypervisor.Error{Code: int(code), Text: e.Message, Kind: kind}
	}
	text := strings.ToValidUTF8(err.Error(), "�")
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return &hypervisor.Error{Text: text}
}

// hasCode tells whether err is libvirt's answer with one of the numbers.
func hasCode(err error, codes ...libvirt.ErrorNumber) bool {
	var e *hypervisor.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == int(c) {
			return true
		}
	}
	return false
}

// named puts the operation into an answer of the hypervisor.
func named(op string, err error) error {
	var e *hypervisor.Error
	if errors.As(err, &e) && error(e) == err && e.Op == "" { //nolint:errorlint // only one that nobody has wrapped
		c := *e
		c.Op = op
		return &c
	}
	return err
}
