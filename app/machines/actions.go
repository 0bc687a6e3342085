package machines

import (
	"fmt"

	"guesthouse/hypervisor"
)

// Can says whether the action makes sense now and, when it does not, why in one sentence. It only reads memory.
func (m *Machine) Can(a Action) (ok bool, reason string) {
	if m.Offline {
		return false, "There is no connection to the hypervisor."
	}
	if m.Busy != "" && a != ActionShow {
		return false, fmt.Sprintf("The machine is busy: %s.", m.Busy)
	}
	if m.Problem != nil && (a == ActionEdit || a == ActionCheckpoint || a == ActionRestore) {
		return false, "The machine's description cannot be read."
	}
	ok, reason = allowed(a, hypervisor.Domain{State: m.State, Pause: m.Pause, Persistent: m.Persistent})
	if ok && m.Unsavable != "" && m.State.Active() && (a == ActionSave || a == ActionCheckpoint) {
		return false, m.Unsavable
	}
	return ok, reason
}

// The sentences that say why an action is refused.
const (
	reasonOff       = "The machine is off."
	reasonRunning   = "The machine is running already."
	reasonActive    = "The machine is running. Shut it down or power it off first."
	reasonNotPaused = "The machine is not paused."
	reasonPaused    = "The machine is paused. Resume it first."
	reasonSaved     = "The machine's state is saved. Start it first."
	reasonSavedEdit = "The machine's state is saved. Start it and shut it down, or discard the saved state, first."
	reasonNotSaved  = "The machine has no saved state."
	reasonCrashed   = "The machine has crashed. Power it off first."
	reasonUnknown   = "The machine's state is not known."
	reasonSaving    = "The machine's state is being saved."
	reasonTransient = "The machine is temporary: it disappears when it stops and keeps nothing."
)

// allowed is the state table: every run state and reason for a pause, for every action.
func allowed(a Action, d hypervisor.Domain) (ok bool, reason string) {
	// While libvirt writes the state of a machine, nothing but pulling the plug is heard.
	writing := d.State == hypervisor.StatePaused && (d.Pause == hypervisor.PauseSaving || d.Pause == hypervisor.PauseSnapshot)
	if writing && a != ActionPowerOff && a != ActionShow {
		return false, reasonSaving
	}
	switch a {
	case ActionStart:
		return allow(d, states{
			hypervisor.StateOff: "", hypervisor.StateSaved: "",
			hypervisor.StateRunning: reasonRunning, hypervisor.StatePaused: reasonPaused,
		})
	case ActionPause:
		return allow(d, states{
			hypervisor.StateRunning: "",
			hypervisor.StateOff:     reasonOff, hypervisor.StateSaved: reasonSaved, hypervisor.StatePaused: "The machine is paused already.",
		})
	case ActionResume:
		return allow(d, states{
			hypervisor.StatePaused: "",
			hypervisor.StateOff:    reasonOff, hypervisor.StateSaved: reasonSaved, hypervisor.StateRunning: reasonNotPaused,
		})
	case ActionReset:
		return allow(d, states{
			hypervisor.StateRunning: "", hypervisor.StatePaused: "",
			hypervisor.StateOff: reasonOff, hypervisor.StateSaved: reasonSaved,
		})
	case ActionShutdown:
		return allow(d, states{
			hypervisor.StateRunning: "",
			hypervisor.StatePaused:  reasonPaused, hypervisor.StateOff: reasonOff, hypervisor.StateSaved: reasonSaved,
		})
	case ActionPowerOff:
		return allow(d, states{
			hypervisor.StateRunning: "", hypervisor.StatePaused: "", hypervisor.StateCrashed: "",
			hypervisor.StateUnknown: "", // the way out of a state that nobody understands
			hypervisor.StateOff:     reasonOff, hypervisor.StateSaved: "The machine is off, its state is saved.",
		})
	case ActionSave:
		if !d.Persistent {
			return false, reasonTransient
		}
		return allow(d, states{
			hypervisor.StateRunning: "", hypervisor.StatePaused: "",
			hypervisor.StateOff: reasonOff, hypervisor.StateSaved: "The machine's state is saved already.",
		})
	case ActionDiscardSaved:
		return allow(d, states{
			hypervisor.StateSaved: "",
			hypervisor.StateOff:   reasonNotSaved, hypervisor.StateRunning: reasonNotSaved, hypervisor.StatePaused: reasonNotSaved,
		})
	case ActionRename:
		if !d.Persistent {
			return false, reasonTransient
		}
		return allow(d, states{
			hypervisor.StateOff:   "",
			hypervisor.StateSaved: reasonSavedEdit, hypervisor.StateRunning: reasonActive, hypervisor.StatePaused: reasonActive,
		})
	case ActionDelete:
		return allow(d, states{
			hypervisor.StateOff: "", hypervisor.StateSaved: "",
			hypervisor.StateRunning: reasonActive, hypervisor.StatePaused: reasonActive,
		})
	case ActionEdit:
		if !d.Persistent {
			return false, reasonTransient
		}
		return allow(d, states{
			hypervisor.StateOff: "", hypervisor.StateRunning: "", hypervisor.StatePaused: "", hypervisor.StateCrashed: "",
			hypervisor.StateSaved: reasonSavedEdit,
		})
	case ActionShow:
		return allow(d, states{
			hypervisor.StateRunning: "", hypervisor.StatePaused: "", hypervisor.StateCrashed: "",
			hypervisor.StateOff: reasonOff, hypervisor.StateSaved: reasonSaved,
		})
	case ActionCheckpoint:
		if !d.Persistent {
			return false, reasonTransient
		}
		return allow(d, states{
			hypervisor.StateOff: "", hypervisor.StateRunning: "", hypervisor.StatePaused: "",
			hypervisor.StateSaved: "The machine's state is saved. Start it, or discard the saved state, first.",
		})
	case ActionRestore:
		if !d.Persistent {
			return false, reasonTransient
		}
		return allow(d, states{
			hypervisor.StateOff: "", hypervisor.StateRunning: "", hypervisor.StatePaused: "", hypervisor.StateSaved: "",
			hypervisor.StateCrashed: "",
		})
	}
	return false, "This is not possible."
}

// states says for each run state why an action is refused; an empty text allows it.
type states map[hypervisor.State]string

func allow(d hypervisor.Domain, table states) (bool, string) {
	reason, listed := table[d.State]
	switch {
	case listed:
		return reason == "", reason
	case d.State == hypervisor.StateCrashed:
		return false, reasonCrashed
	default:
		return false, reasonUnknown
	}
}

// reached reports whether the machine already is what the action would make of it, so that five Starts at once all succeed.
func reached(a Action, d hypervisor.Domain) bool {
	switch a {
	case ActionStart:
		return d.State == hypervisor.StateRunning
	case ActionResume:
		return d.State == hypervisor.StateRunning
	case ActionPause:
		return d.State == hypervisor.StatePaused && d.Pause == hypervisor.PauseUser
	case ActionShutdown, ActionPowerOff:
		return d.State == hypervisor.StateOff
	case ActionSave:
		return d.State == hypervisor.StateSaved
	}
	return false
}
