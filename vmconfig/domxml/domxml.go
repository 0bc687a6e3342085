// Package domxml translates between vmconfig.Machine and libvirt's domain description (formatdomain.html). Parse reads any
// description, Build writes one for a new machine, Edit changes an existing one in place: what it does not have to change stays byte for byte.
package domxml

import "errors"

const (
	// libosinfoNamespace is the namespace of libosinfo's record of the guest OS, shared with virt-manager and Boxes.
	libosinfoNamespace = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
	// ourPrefix is the prefix of our own metadata namespace. libvirt keys metadata by namespace, not by prefix.
	ourPrefix = "guesthouse"
)

// Errors of Parse and Edit.
var (
	// ErrMalformed says that a text is no domain description.
	ErrMalformed = errors.New("not a machine description")
	// ErrNotEditable says that a change cannot be made to an existing machine, or to this one.
	ErrNotEditable = errors.New("this cannot be changed")
)
