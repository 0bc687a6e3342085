package libvirtd

import (
	"sync"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// subscriptions are the events that change something a user sees, by virDomainEventID.
var subscriptions = []libvirt.DomainEventID{
	libvirt.DomainEventIDLifecycle,
	libvirt.DomainEventIDReboot,
	libvirt.DomainEventIDGraphics,
	libvirt.DomainEventIDIoErrorReason,
	libvirt.DomainEventIDBlockJob,
	libvirt.DomainEventIDTrayChange,
	libvirt.DomainEventIDDeviceRemoved,
	libvirt.DomainEventIDTunable,
	libvirt.DomainEventIDAgentLifecycle,
	libvirt.DomainEventIDDeviceAdded,
	libvirt.DomainEventIDJobCompleted,
	libvirt.DomainEventIDDeviceRemovalFailed,
	libvirt.DomainEventIDMetadataChange,
}

// Messages of events (REMOTE_PROC_DOMAIN_EVENT_CALLBACK_*) whose content matters.
const (
	msgLifecycle     = 318
	msgIOErrorReason = 324
)

// eventKinds maps the messages of our subscriptions to what they mean.
var eventKinds = map[uint32]hypervisor.EventKind{
	msgLifecycle:     hypervisor.EventState,
	319:              hypervisor.EventState,  // reboot
	323:              hypervisor.EventViewer, // graphics
	msgIOErrorReason: hypervisor.EventIOError,
	326:              hypervisor.EventDevices, // block job
	328:              hypervisor.EventDevices, // tray
	333:              hypervisor.EventDevices, // device removed
	346:              hypervisor.EventDevices, // tunable
	348:              hypervisor.EventDevices, // agent lifecycle
	354:              hypervisor.EventDevices, // device added
	363:              hypervisor.EventState,   // job completed
	367:              hypervisor.EventDevices, // device removal failed
	379:              hypervisor.EventDevices, // metadata
}

// decoder turns event messages of one link into events. It runs on the guard's reading goroutine and sees the answers to
// registrations before anyone else, so it knows every callback before its first event.
type decoder struct {
	put       func(hypervisor.Event)
	callbacks map[uint32]bool
}

func newDecoder(put func(hypervisor.Event)) *decoder {
	return &decoder{put: put, callbacks: map[uint32]bool{}}
}

// message is the guard's onEvent.
func (d *decoder) message(proc uint32, payload []byte) {
	r := xdrReader{rest: payload}
	callback := r.uint32()
	if proc == procRegisterEvent {
		if len(d.callbacks) < 64 {
			d.callbacks[callback] = true
		}
		return
	}
	kind, known := eventKinds[proc]
	if !known || !d.callbacks[callback] {
		return
	}
	e := hypervisor.Event{Kind: kind, Name: r.text(maxNameKept)}
	copy(e.Machine[:], r.take(len(uuid.UUID{})))
	r.uint32() // id
	switch proc {
	case msgLifecycle:
		e.Kind = lifecycleKind(r.uint32(), r.uint32())
	case msgIOErrorReason:
		r.opaque() // path
		r.opaque() // device
		r.uint32() // action
		e.Pause = hypervisor.PauseIOError
		if r.text(16) == "enospc" {
			e.Pause = hypervisor.PauseNoSpace
		}
	}
	if r.err == nil && e.Kind != 0 {
		d.put(e)
	}
}

// lifecycleKind maps virDomainEventType and its detail. A rename is told as an undefinition and a definition; only the
// second counts.
func lifecycleKind(event, detail uint32) hypervisor.EventKind {
	switch libvirt.DomainEventType(event) {
	case libvirt.DomainEventDefined:
		return hypervisor.EventDefined
	case libvirt.DomainEventUndefined:
		if libvirt.DomainEventUndefinedDetailType(detail) == libvirt.DomainEventUndefinedRenamed {
			return 0
		}
		return hypervisor.EventUndefined
	}
	return hypervisor.EventState
}

// fullDisks remembers which machines were paused because the host's disk is full: libvirt tells that in an event only, while
// the state it reports says "I/O error" for any fault.
type fullDisks struct {
	mu  sync.Mutex
	ids map[uuid.UUID]bool
}

// note looks at an event.
func (f *fullDisks) note(e hypervisor.Event) {
	if e.Kind != hypervisor.EventIOError && e.Kind != hypervisor.EventUndefined {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Kind == hypervisor.EventIOError && e.Pause == hypervisor.PauseNoSpace && len(f.ids) < maxPending {
		if f.ids == nil {
			f.ids = map[uuid.UUID]bool{}
		}
		f.ids[e.Machine] = true
	} else {
		delete(f.ids, e.Machine)
	}
}

// refine puts the reason back into what a list says, and forgets it when the machine is no longer paused so.
func (f *fullDisks) refine(d *hypervisor.Domain) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ids[d.UUID] {
		return
	}
	if d.Pause == hypervisor.PauseIOError {
		d.Pause = hypervisor.PauseNoSpace
	} else if d.State != hypervisor.StateUnknown {
		delete(f.ids, d.UUID)
	}
}
