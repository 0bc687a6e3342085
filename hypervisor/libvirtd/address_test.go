package libvirtd

import (
	"errors"
	"strings"
	"testing"

	"guesthouse/hypervisor"
)

func TestAddresses(t *testing.T) {
	good := map[string]string{ // URI -> name at the daemon
		"qemu:///session": "qemu:///session",
		"qemu:///system":  "qemu:///system",
		"qemu:///session?socket=/run/x/libvirt-sock": "qemu:///session",
		"test:///default": "test:///default",
		"test+unix:///default?socket=%2Frun%2Fx%20y":    "test:///default",
		"test:///tmp/hosts.xml":                         "test:///tmp/hosts.xml",
		"qemu+ssh://host/system":                        "qemu:///system",
		"qemu+ssh://me@host.example:2222/session":       "qemu:///session",
		"qemu+ssh://[fe80::1]/system?keyfile=/home/x/k": "qemu:///system",
		"qemu+tls://host/system?pkipath=/etc/pki":       "qemu:///system",
		"qemu://host/system":                            "qemu:///system",
		"qemu+ssh://bücher.example/system":              "qemu:///system",
	}
	for uri, name := range good {
		a, err := parseAddress(uri)
		if err != nil || a.name() != name {
			t.Errorf("%s: %q, %v", uri, a.name(), err)
		}
	}
	for _, uri := range []string{
		"", "session", "qemu:", "qemu:///", "qemu:///other", "qemu:session", "xen:///system", "qemu+tcp://host/system",
		"qemu+ext:///system", "qemu+ssh:///system", "qemu+ssh://-oProxyCommand=x/system", "qemu+ssh://-host/system",
		"qemu+ssh://host/system?command=/bin/x", "qemu+ssh://host/system?netcat=/bin/nc", "qemu+ssh://host/system?no_verify=1",
		"qemu+tls://host/system?no_verify=1", "qemu+ssh://host/system?known_hosts_verify=ignore", "qemu+ssh://host/system?socket=x",
		"qemu+ssh://-x@host/system", "qemu+ssh://a:b@host/system", "qemu+ssh://a%40b%20c@host/system", "qemu+tls://a@host/system",
		"qemu+ssh://ho st/system", "qemu+ssh://host:99999999/system", "qemu:///session?socket=relative", "qemu:///session?socket=",
		"qemu:///session?socket=/a&socket=/b", "qemu:///session#x", "test:///", "qemu:///session?mode=direct", "qemu+unix://host/session",
		"qemu:///session?socket=/a%00b", "qemu+ssh://$(id)/system", "qemu+ssh://" + strings.Repeat("a", 256) + "/system", "qemu:///" + strings.Repeat("x", 10<<20),
	} {
		if _, err := parseAddress(uri); !errors.Is(err, hypervisor.ErrBadAddress) {
			t.Errorf("%.80s: %v", uri, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("qemu+ssh://me@host:22/system?keyfile=/x")
	f.Fuzz(func(t *testing.T, uri string) {
		a, err := parseAddress(uri)
		if err == nil && (strings.HasPrefix(a.host, "-") || strings.HasPrefix(a.user, "-")) {
			t.Errorf("%q gives host %q, user %q", uri, a.host, a.user)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add(uint32(344), []byte(wireDomain(xdrWriter(nil).uint32(1), "a", testID).uint32(1).text("x").uint32(7).text("y")))
	f.Fuzz(func(_ *testing.T, proc uint32, payload []byte) {
		r := xdrReader{rest: payload}
		r.check(replyLayouts[proc])
		plainError(payload)
		newDecoder(func(hypervisor.Event) {}).message(proc, payload)
	})
}
