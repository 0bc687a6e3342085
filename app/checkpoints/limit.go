package checkpoints

import (
	"math"
	"slices"
)

// A lab may limit how many checkpoints its machines have. Those in the trash do not count: whoever deletes one can save another at once, but can put it back only while there is
// still place for it. One that is saved by itself takes the place of an older one of its kind, which goes when the new one is there.

// most returns how many checkpoints the machine may have.
func (s *Service) most(t *target) int {
	if s.p.Limit != nil {
		if most, limited := s.p.Limit(t.config); limited {
			return most
		}
	}
	return math.MaxInt
}

// crowded says why a machine with so many checkpoints cannot have another one; empty: it can.
func crowded(count, most int) string {
	switch {
	case most == 0:
		return "The machine's lab does not allow checkpoints."
	case count >= most:
		return "Delete a checkpoint first: the lab allows no more of them. Those in the trash do not count."
	}
	return ""
}

// giveWay reports whether one of the checkpoints can make room for another that is saved by itself; the one with the ID kept stays.
func giveWay(list []Checkpoint, kept string) bool {
	return slices.ContainsFunc(automaticOnes(list), func(c Checkpoint) bool { return c.ID != kept })
}

// crowdedFor is crowded for a checkpoint that is about to be saved.
func (s *Service) crowdedFor(t *target, o SaveOptions) string {
	most := s.most(t)
	if most == math.MaxInt {
		return ""
	}
	list := s.list(t)
	if most > 0 && o.automatic && giveWay(list, o.kept) {
		return ""
	}
	return crowded(len(list), most)
}

// AutomaticRefusal is Refusal for a checkpoint that is saved by itself, also before a restore of the one with the ID kept: where the machine's lab allows no more of them, an
// older one of its kind makes room.
func (o Overview) AutomaticRefusal(kept string) string {
	if o.crowded && giveWay(o.List, kept) {
		return ""
	}
	return o.Refusal
}
