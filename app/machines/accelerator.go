package machines

import "guesthouse/vmconfig"

// Accelerator tells how the processor of a new machine would be provided, so that a window can say beforehand that
// machines will be slow. It may open /dev/kvm: do not call it on the UI goroutine.
func (s *Service) Accelerator() vmconfig.Accel { return s.accel() }
