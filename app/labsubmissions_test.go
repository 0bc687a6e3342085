package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guesthouse/hypervisor/diskimage"
)

// TestSubmissionCommands: a machine is published, launched, changed, handed in, listed and opened, all by the command line.
func TestSubmissionCommands(t *testing.T) {
	c := newTerminal(t)
	c.ok("vm", "create", "Template", "--memory", "64MiB", "--disk", "8MiB", "--firmware", "bios")
	c.ok("lab", "publish", "Template", "-t", "networks/firewalls", "--course", "Networks")
	c.ok("lab", "run", "networks/firewalls", "--stopped", "--name", "Mine")
	dir := t.TempDir()
	if said := c.fails(2, "lab", "submit", "Mine"); !strings.Contains(said, "to") {
		t.Errorf("no place: %s", said)
	}
	if said := c.fails(2, "lab", "submit", "Mine", "--to", dir); !strings.Contains(said, "Say your name") {
		t.Errorf("no name: %s", said)
	}
	if said := c.fails(4, "lab", "submit", "Mine", "--student", "Ada Lovelace", "--to", dir); !strings.Contains(said, "nothing to hand in") {
		t.Errorf("no changes: %s", said)
	}
	if said := c.fails(4, "lab", "submit", "Template", "--student", "Ada Lovelace", "--to", dir); !strings.Contains(said, "not launched from a lab") {
		t.Errorf("no lab: %s", said)
	}
	var machine struct{ Disks []struct{ Path string } }
	if err := json.Unmarshal([]byte(c.ok("--json", "vm", "show", "Mine")), &machine); err != nil || len(machine.Disks) == 0 {
		t.Fatalf("%v: %+v", err, machine)
	}
	overwrite(t, machine.Disks[0].Path)
	var receipt receiptDocument
	if err := json.Unmarshal([]byte(c.ok("--json", "lab", "submit", "Mine", "--student", "Ada Lovelace", "--to", dir)), &receipt); err != nil || receipt.Number != 1 || receipt.ChangedBytes != 1<<20 {
		t.Fatalf("%v: %+v", err, receipt)
	}
	if said := c.ok("lab", "submit", "Mine", "--to", dir); !strings.Contains(said, "receipt sha256:") || !strings.Contains(said, "submission 2 of Ada Lovelace") {
		t.Errorf("the receipt: %s", said)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.submission.lab"), []byte("QFI\xfb"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := c.ok("lab", "submissions", dir)
	for _, want := range []string{"unknown student", "older", "damaged", "ada-lovelace-networks-firewalls-1.submission.lab"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(c.ok("lab", "submissions", dir, "--csv"))).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][9] != "verified" || rows[2][11] != receipt.Receipt {
		t.Errorf("%v: %q", err, rows)
	}
	var list []submissionDocument
	if err := json.Unmarshal([]byte(c.ok("--json", "lab", "submissions", dir)), &list); err != nil || len(list) != 3 || list[0].Number != 2 || list[2].Reason == "" {
		t.Errorf("%v: %+v", err, list)
	}
	if said := c.ok("lab", "submissions", dir, "open", filepath.Base(receipt.Place)); !strings.Contains(said, "Ada Lovelace – Template") {
		t.Errorf("opened: %s", said)
	}
	c.fails(1, "lab", "submissions", dir, "open", "x.submission.lab")
	c.fails(2, "lab", "submissions", dir, "open")
	c.ok("lab", "forget-student", "Ada Lovelace")
	c.fails(2, "lab", "forget-student", "Ada Lovelace")
}

// overwrite changes the first bytes of a disk as a guest would.
func overwrite(t *testing.T, disk string) {
	t.Helper()
	tool, err := diskimage.New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "piece"), []byte(strings.Repeat("changed ", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tool.Write(t.Context(), disk, dir, []diskimage.Piece{{Bytes: 512, File: "piece"}}); err != nil {
		t.Fatal(err)
	}
}
