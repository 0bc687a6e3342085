package explain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// TestOwnSentences keeps the sentence that an error brings along, and says what the host lacks by exit code 5.
func TestOwnSentences(t *testing.T) {
	reason := &checkpoints.Reason{Text: "Its memory is missing or damaged.", Err: fmt.Errorf("%w: %w", checkpoints.ErrBroken, hypervisor.ErrNotFound)}
	if m := Explain(&machines.Error{Machine: "web", Err: reason}); !strings.HasSuffix(m.Summary, reason.Text) || m.Code != CodeFailed || m.Detail == "" {
		t.Errorf("%+v", m)
	}
	faults := vmconfig.Faults{{Field: vmconfig.FieldFirmware, Message: "No UEFI.", Err: machines.ErrNoFirmware}}
	if m := Explain(errors.Join(faults)); m.Code != CodeHost || m.Summary != "No UEFI." {
		t.Errorf("%+v", m)
	}
}
