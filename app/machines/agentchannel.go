package machines

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

const reasonAgent = "QEMU before 10.1 cannot save a running machine that has a clipboard channel (qemu-vdagent). Shut it down first, or remove the channel with “virsh edit”."

// agentSaves reports whether this QEMU can save the state of a machine with a channel to spice-vdagent. Before 10.1 it refuses ("The vdagent
// chardev doesn't yet support migration"), also where the channel is for the mouse alone, and checkpoints are worth more than a clipboard.
func agentSaves(qemu string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(qemu, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 10 || major == 10 && minor >= 1
}

// unsavable says why this host cannot save the state of a running machine with this description; empty when nothing is known to be in the way.
func unsavable(host hypervisor.Host, config vmconfig.Machine) string {
	if host.Hypervisor == "QEMU" && config.AgentChannel && !agentSaves(host.Version) {
		return reasonAgent
	}
	return ""
}

// Unsavable says why the state of a machine cannot be saved whatever is tried; empty when nothing is known to be in the way. It asks the
// hypervisor what the machine runs with, which need not be what its next start uses.
func Unsavable(ctx context.Context, conn hypervisor.Connection, d hypervisor.Domain) (reason string, err error) {
	if !d.State.Active() || unsavable(conn.Host(), vmconfig.Machine{AgentChannel: true}) == "" {
		return "", nil
	}
	xml, err := conn.DomainXML(ctx, d.UUID, true)
	if err != nil {
		return "", err
	}
	config, err := domxml.Parse(xml)
	if err != nil {
		return "", err
	}
	return unsavable(conn.Host(), config), nil
}

// longestSocket is the longest name of a unix socket (Linux, unix(7): 108 bytes with the zero at the end).
const longestSocket = 107

// agentFits reports whether the socket of the guest agent's channel can have its name, below which libvirt's own daemon of a user puts it: in a folder with the first 20
// characters of the machine's name (libvirt, virDomainDefGetShortName). With a name that is too long the machine would not start.
func agentFits(host hypervisor.Host, name string) bool {
	dir, known := daemonFolder(host, "")
	if !known {
		return true
	}
	short := []rune(name)
	short = short[:min(len(short), 20)]
	domain := "domain-99999-" + string(short) + strings.Repeat("x", max(0, 20-len(string(short)))) // it may be called otherwise later
	return len(filepath.Join(dir, "channel", "target", domain, "org.qemu.guest_agent.0")) <= longestSocket
}
