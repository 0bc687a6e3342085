// Package hosttest gives a test a hypervisor host of its own: a temporary home and a libvirt session
// daemon that serves only this test. Everything it started is gone when the test ends.
//
// The tools come from "packaging/setup test"; a missing one fails the test. As root a session daemon
// behaves as the system one, so tests run through packaging/testing/as-user, which drops to another user.
package hosttest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// setupHint ends every message about a missing tool.
const setupHint = "run packaging/setup test"

// Host is one test's hypervisor host. Its methods may be called from any goroutine of the test.
type Host struct {
	// Dir is the temporary folder that holds everything of this host. Its path is short, because a unix
	// socket's path has at most 107 bytes and QEMU's lie deep below it.
	Dir string
	// Home, RuntimeDir, ConfigDir, CacheDir and DataDir are HOME and the XDG folders of the daemon and of
	// every program started with Env.
	Home, RuntimeDir, ConfigDir, CacheDir, DataDir string
	// Socket is where the session daemon listens.
	Socket string
	// URI names this daemon's session driver; it does not depend on the environment.
	URI string

	daemon string       // absolute path of libvirtd or virtqemud
	name   string       // its base name
	ended  *atomic.Bool // no daemon is started any more
}

// Start makes a host with a running session daemon.
func Start(t testing.TB) *Host {
	t.Helper()
	h := New(t)
	h.StartDaemon(t)
	return h
}

// New makes a host whose daemon does not run yet: for tests in which the program has to start it.
func New(t testing.TB) *Host {
	t.Helper()
	if os.Getuid() == 0 {
		t.Fatal("hosttest: as root a session daemon behaves as the system one: " +
			"run the test through packaging/testing/as-user (make test does)")
	}
	if err := buryOrphans(); err != nil {
		t.Fatalf("hosttest: %v", err)
	}
	dir, err := os.MkdirTemp(shortTempDir(), "h") //nolint:usetesting // unix socket paths are short
	if err != nil {
		t.Fatalf("hosttest: %v", err)
	}
	h := &Host{
		Dir:        dir,
		Home:       filepath.Join(dir, "home"),
		RuntimeDir: filepath.Join(dir, "run"),
		ConfigDir:  filepath.Join(dir, "cfg"),
		CacheDir:   filepath.Join(dir, "cache"),
		DataDir:    filepath.Join(dir, "data"),
		ended:      &atomic.Bool{},
	}
	t.Cleanup(func() { h.cleanUp(t) })
	for _, folder := range []string{h.Home, h.RuntimeDir, h.ConfigDir, h.CacheDir, h.DataDir} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatalf("hosttest: %v", err)
		}
	}
	h.name, h.daemon = findDaemon(t)
	socket := "libvirt-sock"
	if h.name == "virtqemud" {
		socket = "virtqemud-sock"
	}
	h.Socket = filepath.Join(h.RuntimeDir, "libvirt", socket)
	h.URI = "qemu:///session?socket=" + url.QueryEscape(h.Socket)
	shareCapabilities(t, h)
	return h
}

// TestURI names the same daemon's test driver (test:///default), libvirt's own fake hypervisor. Its state
// is shared by all connections and lost when the last one closes. Only libvirtd has it, not virtqemud.
func (h *Host) TestURI() string {
	return "test+unix:///default?socket=" + url.QueryEscape(h.Socket)
}

// Env is the environment for programs that belong to this host: the test's own with HOME and the XDG
// folders replaced, so that qemu:///session is this host's daemon.
func (h *Host) Env() []string {
	replaced := map[string]string{
		"HOME":            h.Home,
		"XDG_RUNTIME_DIR": h.RuntimeDir,
		"XDG_CONFIG_HOME": h.ConfigDir,
		"XDG_CACHE_HOME":  h.CacheDir,
		"XDG_DATA_HOME":   h.DataDir,
		"XDG_STATE_HOME":  filepath.Join(h.Dir, "state"),
		// Without an address, programs on a screen start a message bus that outlives them.
		"DBUS_SESSION_BUS_ADDRESS": "disabled:",
	}
	var env []string
	for _, entry := range os.Environ() {
		key, _, _ := strings.Cut(entry, "=")
		switch key {
		case "LIBVIRT_DEFAULT_URI", "VIRSH_DEFAULT_CONNECT_URI":
			continue
		}
		if _, ok := replaced[key]; !ok {
			env = append(env, entry)
		}
	}
	for key, value := range replaced {
		env = append(env, key+"="+value)
	}
	return env
}

// findDaemon prefers the monolithic daemon, since it has the test driver as well.
func findDaemon(t testing.TB) (name, path string) {
	t.Helper()
	for _, name := range []string{"libvirtd", "virtqemud"} {
		if path := findTool(name); path != "" {
			return name, path
		}
	}
	t.Fatalf("hosttest: neither libvirtd nor virtqemud is installed: %s", setupHint)
	return "", ""
}

// Tool returns the absolute path of a program that the test needs, or fails the test with the remedy.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path := findTool(name)
	if path == "" {
		t.Fatalf("%s is not installed: %s", name, setupHint)
	}
	return path
}

// findTool also looks where Debian keeps daemons, which an ordinary user's PATH lacks.
func findTool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	for _, folder := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// shortTempDir is the temporary folder, or /tmp when that one is too deep for unix sockets.
func shortTempDir() string {
	const longest = 32
	if dir := os.TempDir(); len(dir) <= longest {
		return dir
	}
	return "/tmp"
}

// cleanUp ends every process of this host and removes its folder.
func (h *Host) cleanUp(t testing.TB) {
	h.ended.Store(true)
	if t.Failed() {
		t.Logf("daemon log:\n%s", h.DaemonLog())
	}
	if err := endProcesses(h.Dir); err != nil {
		t.Errorf("hosttest: %v", err)
	}
	keepCapabilities(h)
	if os.Getenv("GUESTHOUSE_TEST_KEEP") != "" {
		t.Logf("kept %s", h.Dir)
		return
	}
	if err := os.RemoveAll(h.Dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("hosttest: %v", err)
	}
}

// DaemonLog returns the end of what the daemon that StartDaemon started has written.
func (h *Host) DaemonLog() string {
	const most = 8 << 10
	text, err := os.ReadFile(h.logFile())
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}

func (h *Host) logFile() string { return filepath.Join(h.Dir, "daemon.log") }
