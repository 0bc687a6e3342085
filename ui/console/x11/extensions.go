package x11

import (
	"fmt"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/render"
	"github.com/jezek/xgb/shape"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// Extensions by their names in the protocol.
const (
	extSHM    = "MIT-SHM"
	extRender = "RENDER"
	extShape  = "SHAPE"
	extFixes  = "XFIXES"
)

// extension is one that this package uses. Its Init function is never called (see tables): naming it makes sure that the package is there
// and has registered its events and errors under this name.
type extension struct {
	name string
	init func(*xgb.Conn) error
}

var extensions = []extension{{extSHM, shm.Init}, {extRender, render.Init}, {extShape, shape.Init}, {extFixes, xfixes.Init}}

// The Init functions of xgb's extension packages write maps that every open connection reads: a second window that opens while the first shows
// something would end the program. So the maps are filled once, while no connection is open; afterwards a connection is told
// the numbers of its extensions only.
var tables struct {
	sync.Mutex
	numbers map[string]numbers // nil: not filled yet
}

// numbers are where an extension's events and errors begin.
type numbers struct{ event, fault byte }

// connect connects to the X server of the environment, with these extensions ready for use. It waits for the server.
func connect(names ...string) (*xgb.Conn, error) {
	known, err := fillTables()
	if err != nil {
		return nil, err
	}
	x, err := xgb.NewConn()
	if err != nil {
		return nil, err
	}
	if err := enable(x, known, names); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

// enable has a connection use extensions.
func enable(x *xgb.Conn, known map[string]numbers, names []string) error {
	answers := make([]xproto.QueryExtensionCookie, len(names))
	for i, name := range names {
		answers[i] = xproto.QueryExtension(x, uint16(len(name)), name)
	}
	for i, name := range names {
		answer, err := answers[i].Reply()
		if err != nil {
			return err
		}
		if first, ok := known[name]; !answer.Present || !ok || first != (numbers{answer.FirstEvent, answer.FirstError}) {
			return fmt.Errorf("the X server has no %s extension that can be used", name)
		}
		x.ExtLock.Lock()
		x.Extensions[name] = answer.MajorOpcode
		x.ExtLock.Unlock()
	}
	return nil
}

// fillTables asks the server for its numbers over a connection of its own and enters them when nobody reads any more. It does so once, and
// returns the numbers.
func fillTables() (map[string]numbers, error) {
	tables.Lock()
	defer tables.Unlock()
	if tables.numbers != nil {
		return tables.numbers, nil
	}
	x, err := xgb.NewConn()
	if err != nil {
		return nil, err
	}
	found := map[string]numbers{}
	for _, e := range extensions {
		answer, fault := xproto.QueryExtension(x, uint16(len(e.name)), e.name).Reply()
		if fault != nil {
			err = fault
			break
		}
		if answer.Present {
			found[e.name] = numbers{answer.FirstEvent, answer.FirstError}
		}
	}
	x.Close()
	for { // until the goroutine that reads from the server has ended
		if event, fault := x.WaitForEvent(); event == nil && fault == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for name, first := range found {
		for number, f := range xgb.NewExtEventFuncs[name] {
			xgb.NewEventFuncs[int(first.event)+number] = f
		}
		for number, f := range xgb.NewExtErrorFuncs[name] {
			xgb.NewErrorFuncs[int(first.fault)+number] = f
		}
	}
	tables.numbers = found
	return found, nil
}
