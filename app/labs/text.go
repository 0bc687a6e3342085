package labs

import (
	"strings"

	"github.com/google/uuid"
)

// Text returns what the teacher wrote for those who work in a machine, in Markdown: the text of the lab of several machines that it belongs to, and that of its own lab; empty when it
// is no lab's, or there is none. It reads files. Show it inert. The error wraps ErrNoLab when the lab was removed.
func (s *Service) Text(machine uuid.UUID) (string, error) {
	id, ok := s.LabOf(machine)
	if !ok {
		return "", nil
	}
	var texts []string
	if m := s.p.Machines.Snapshot().Get(machine); m != nil && m.Config != nil && m.Config.Lab.Topology != "" {
		if t, err := s.p.Library.Topology(m.Config.Lab.Topology); err == nil && t.Text != "" {
			texts = append(texts, strings.TrimSpace(t.Text))
		}
	}
	_, config, err := s.p.Library.readConfig(id)
	switch {
	case err == nil && config.Text != "":
		texts = append(texts, config.Text)
	case err != nil && len(texts) == 0:
		return "", err
	}
	return strings.Join(texts, "\n\n"), nil
}
