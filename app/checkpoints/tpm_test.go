package checkpoints

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// TestTPM keeps the state of a machine's security chip with each checkpoint, off and running, and brings it back.
func TestTPM(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "tpm", firmware, false)
			f.addTPM(t, id)
			dir, known := machines.TPMDir(f.conn.Host(), id)
			if !known {
				t.Fatal("the folder of TPMs is not known")
			}
			state := filepath.Join(dir, "tpm2", "tpm2-00.permall")
			done(t, f.Save(id, SaveOptions{Name: "new"})) // there is no state yet
			f.do(t, machines.ActionStart, id)
			done(t, f.Save(id, SaveOptions{Name: "running"}))
			f.do(t, machines.ActionPowerOff, id)
			done(t, f.Save(id, SaveOptions{Name: "off"}))
			want, err := os.ReadFile(state)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(state); err != nil {
				t.Fatal(err)
			}
			f.do(t, machines.ActionStart, id) // with another TPM, as it were
			f.do(t, machines.ActionPowerOff, id)
			if now, err := os.ReadFile(state); err != nil || bytes.Equal(now, want) {
				t.Fatalf("the test's other state is the same, %v", err)
			}
			done(t, f.Restore(id, f.only(t, id, "off").ID, RestoreOptions{}))
			if now, err := os.ReadFile(state); err != nil || !bytes.Equal(now, want) {
				t.Errorf("the state that came back is another one, %v", err)
			}
			done(t, f.Restore(id, f.only(t, id, "new").ID, RestoreOptions{}))
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state from before the first start: %v", err)
			}
			done(t, f.Restore(id, f.only(t, id, "running").ID, RestoreOptions{}))
			f.state(t, id, hypervisor.StateRunning)
			f.do(t, machines.ActionPowerOff, id)
			if now, err := os.ReadFile(state); err != nil || len(now) == 0 {
				t.Errorf("after the running one: %d bytes, %v", len(now), err)
			}
			running := f.only(t, id, "running")
			if err := os.Truncate(filepath.Join(f.machines.CheckpointDir(id), running.ID+".tpm"), 1); err != nil {
				t.Fatal(err)
			}
			list, err := f.List(within(t), id)
			if err != nil {
				t.Fatal(err)
			}
			if c, _ := f.Resolve(list, "running"); !strings.Contains(c.Problem, "TPM") {
				t.Errorf("with half its TPM the checkpoint has the problem %q", c.Problem)
			}
			for _, c := range list {
				done(t, f.Delete(id, c.ID))
			}
			f.leftovers(t, id)
		})
	}
}

// addTPM gives a machine a security chip.
func (f *fixture) addTPM(t *testing.T, id uuid.UUID) {
	t.Helper()
	xml, err := f.conn.DomainXML(within(t), id, false)
	if err != nil {
		t.Fatal(err)
	}
	xml = strings.Replace(xml, "</devices>", "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>", 1)
	f.define(t, xml)
}

// define gives a machine another description.
func (f *fixture) define(t *testing.T, xml string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "machine.xml")
	if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	f.host.Virsh(t, "define", file)
}
