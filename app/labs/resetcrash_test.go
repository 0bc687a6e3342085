package labs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/hypervisor/hosttest"
)

// resetPoints is how many points of a reset, and of taking it back, are tried as long as not all are asked for.
const resetPoints = 6

// TestResetCrashPoints kills a program that resets a machine, or takes that back, after each of its writes, syncs and renames. The next start of the program finishes what was begun:
// the machine is what it was or what it was to become, with all checkpoints, and nothing is lost. It tries a few points spread evenly, and all of them if GUESTHOUSE_CRASH_POINTS is "all".
func TestResetCrashPoints(t *testing.T) {
	strace := hosttest.Tool(t, "strace")
	if out, err := exec.Command(strace, "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("nobody may trace processes here, as in some containers: %v, %s", err, out)
	}
	r := openRoom(t)
	base := numbered(4)
	job, id := r.Launch(r.publish(t, base, nil), LaunchOptions{})
	done(t, job)
	r.write(t, id, 1, 201)
	done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{Name: "Mine"}))
	r.write(t, id, 2, 202)
	mine := r.content(t, id)

	data := r.host.DataDir + "/guesthouse"
	killed, tried := 0, 0
	for _, undo := range []bool{false, true} {
		run := func(t *testing.T, p *crashPoint) ([]string, error) {
			t.Helper()
			return runTraced(t, strace, data, p, func(before ...string) *exec.Cmd { return resetCommand(t, r.host.URI, data, id, undo, before...) })
		}
		from, fromPoints, to, toPoints := mine, "Mine*", base, ""
		if undo {
			from, fromPoints, to, toPoints = to, toPoints, from, fromPoints
		}
		whole, err := run(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.isAs(t, id, to, toPoints)
		seen := map[string]int{}
		points := make([]crashPoint, len(whole))
		for i, name := range whole {
			seen[name]++
			points[i] = crashPoint{name, seen[name]}
		}
		if os.Getenv("GUESTHOUSE_CRASH_POINTS") != "all" {
			var few []crashPoint
			for i := range resetPoints {
				few = append(few, points[i*len(points)/resetPoints])
			}
			points = few
		}
		done(t, r.UndoReset(id, ResetOptions{})) // which goes back, whatever it was
		for _, p := range points {
			t.Run(fmt.Sprintf("undo %v, %s %d", undo, p.name, p.nth), func(t *testing.T) {
				r.isAs(t, id, from, fromPoints)
				tried++
				if _, err := run(t, &p); err != nil {
					killed++
				}
				if _, err := r.Recover(within(t)); err != nil {
					t.Fatal(err)
				}
				if records, _ := filepath.Glob(filepath.Join(data, "journal", "*")); len(records) > 0 {
					t.Errorf("the journal holds %q", records)
				}
				if bytes.Equal(r.content(t, id), from) {
					r.isAs(t, id, from, fromPoints)
					return
				}
				r.isAs(t, id, to, toPoints)
				done(t, r.UndoReset(id, ResetOptions{}))
				r.isAs(t, id, from, fromPoints)
			})
		}
		done(t, r.UndoReset(id, ResetOptions{}))
		r.isAs(t, id, to, toPoints)
	}
	t.Logf("%d points tried, killed at %d", tried, killed)
	if killed < tried*3/4 {
		t.Error("most were not killed")
	}
}

// resetVariable holds the order for TestResettingProgram.
const resetVariable = "GUESTHOUSE_TEST_RESET"

type resetOrder struct {
	URI, Data string
	Machine   uuid.UUID
	Undo      bool
}

func resetCommand(t *testing.T, uri, data string, id uuid.UUID, undo bool, before ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	order, err := json.Marshal(resetOrder{uri, data, id, undo})
	if err != nil {
		t.Fatal(err)
	}
	arguments := append(slices.Clone(before), self, "-test.run=^TestResettingProgram$", "-test.timeout=5m")
	cmd := exec.CommandContext(t.Context(), arguments[0], arguments[1:]...)
	cmd.Env = append(os.Environ(), resetVariable+"="+string(order))
	return cmd
}

// TestResettingProgram is a program that resets a machine, or takes that back.
func TestResettingProgram(t *testing.T) {
	text := os.Getenv(resetVariable)
	if text == "" {
		t.Skip("only for other tests")
	}
	var order resetOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		t.Fatal(err)
	}
	r := attachRoom(t, order.URI, order.Data)
	fmt.Printf("begin %d\n", os.Getpid())
	work := r.Reset
	if order.Undo {
		work = r.UndoReset
	}
	done(t, work(order.Machine, ResetOptions{}))
}
