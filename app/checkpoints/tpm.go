package checkpoints

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"guesthouse/app/atomicfile"
	"guesthouse/app/machines"
)

// The state of an emulated TPM is one file, <kind>/<kind>-00.permall (swtpm(8)), in the machine's own folder. A system whose disk is encrypted with a key
// from the TPM does not start when one of the two goes back without the other. Of a running machine the memory holds the state as well.

// tpmStates are the files of TPM 2.0 and 1.2.
var tpmStates = []string{"tpm2/tpm2-00.permall", "tpm1.2/tpm-00.permall"}

// tpmReason says why the state of the machine's TPM cannot be kept; empty when it can, or there is none.
func (s *Service) tpmReason(t *target) string {
	if !t.config.TPM {
		return ""
	}
	if _, known := machines.TPMDir(s.p.Conn.Host(), t.domain.UUID); !known {
		return "The state of the machine's security chip (TPM) can only be kept for machines of your own session (qemu:///session)."
	}
	return ""
}

// copyTPM copies the state of the machine's TPM into <id>.tpm. A machine that never started has none yet.
func (s *Service) copyTPM(t *target, r *record) error {
	dir, _ := machines.TPMDir(s.p.Conn.Host(), t.domain.UUID)
	if !t.config.TPM || dir == "" {
		return nil
	}
	for _, name := range tpmStates {
		data, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		r.TPM, r.TPMBytes = name, int64(len(data))
		if err := atomicfile.Write(r.tpmFile(t.dir), data); err != nil {
			return err
		}
		break
	}
	r.TPMSeen = true
	return nil
}

// restoreTPM puts the state of the TPM back. libvirt makes a new one for a machine that had none yet, where it finds no folder.
func (s *Service) restoreTPM(t *target, r *record) error {
	dir, known := machines.TPMDir(s.p.Conn.Host(), t.domain.UUID)
	switch {
	case !known || !r.TPMSeen:
		return nil
	case r.TPMBytes == 0: // put aside, in case that somebody needs its keys after all
		aside := dir + ".before-restore"
		if err := os.RemoveAll(aside); err != nil {
			return err
		}
		if err := os.Rename(dir, aside); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := os.ReadFile(r.tpmFile(t.dir))
	if err != nil {
		return err
	}
	to := filepath.Join(dir, filepath.Clean("/"+r.TPM)) // a damaged record leads nowhere else
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return err
	}
	return atomicfile.Write(to, data)
}
