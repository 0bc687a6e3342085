package labs

import (
	"github.com/google/uuid"
)

// Text returns what the teacher wrote for those who work in a machine: the Markdown of the lab that it was launched from; empty when it is no lab's, or its lab says nothing. It
// reads a file. Show it inert. The error wraps ErrNoLab when the lab was removed.
func (s *Service) Text(machine uuid.UUID) (string, error) {
	id, ok := s.LabOf(machine)
	if !ok {
		return "", nil
	}
	_, config, err := s.p.Library.readConfig(id)
	if err != nil {
		return "", err
	}
	return config.Text, nil
}
