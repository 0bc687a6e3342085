package rfb

import (
	"math/bits"
	"sync"
)

// A prefix is what a code of a compressed block stands for, ready to use:
//
//	bits 0 to 5    how many bits it takes, with extra bits
//	bits 8 to 11   how many of them are the code; or how many index the table that goes on
//	bits 12 to 15  what it is, if not a length or distance
//	bits 16 to 31  the literal, the smallest length or distance, or where the table goes on
type prefix uint32

const (
	prefixLiteral prefix = 1 << (12 + iota)
	prefixEnd            // of the block
	prefixMore           // the code is longer than the table's index
	prefixInvalid
)

func (e prefix) bits() uint    { return uint(e & 63) }
func (e prefix) value() int    { return int(e >> 16) }
func (e prefix) literal() bool { return e&prefixLiteral != 0 }
func (e prefix) special() bool { return e&(prefixEnd|prefixInvalid) != 0 }
func (e prefix) invalid() bool { return e&prefixInvalid != 0 }

// number is the length or distance, with its extra bits out of acc.
func (e prefix) number(acc uint64) int {
	return int(e>>16) + int(acc&(1<<(e&63)-1)>>(e>>8&15))
}

const (
	maxCode   = 15 // bits
	tableBits = 11 // codes up to this length take one look
	// tableSize is what the worst complete code of 288 symbols needs with tableBits (zlib's examples/enough.c).
	tableSize = 2342
)

// A prefixTable finds a code by the bits that come next.
type prefixTable struct {
	mask    uint64 // of the bits that index the first look
	bits    uint
	entries [tableSize]prefix
}

// look finds the code at the lower end of acc. When acc is shorter than the code, the answer has more bits than acc.
func (t *prefixTable) look(acc uint64) prefix {
	e := t.entries[acc&t.mask&(1<<tableBits-1)]
	if e&prefixMore != 0 {
		e = t.entries[min(e>>16+prefix(acc>>(t.bits&15))&(1<<(e>>8&15)-1), tableSize-1)]
	}
	return e
}

// build makes the table of the canonical code with these lengths. symbols says what they stand for, but for the bits of the code.
func (t *prefixTable) build(lengths []byte, symbols []prefix) error {
	var count [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	longest := maxCode
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	left := 1 // codes still free at this length
	var next [maxCode + 2]int
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - count[n]
		if left < 0 {
			return protocol("too many codes in a compressed rectangle")
		}
		next[n+1] = next[n] + count[n]
	}
	used := next[maxCode+1]
	t.bits = uint(max(1, min(tableBits, longest)))
	t.mask = 1<<t.bits - 1
	if left > 0 {
		// No code, or a single one of one bit, is how a block says that it has no or one distance.
		if used > 1 || used == 1 && longest != 1 {
			return protocol("too few codes in a compressed rectangle")
		}
		t.entries[0], t.entries[1] = prefixInvalid|maxCode, prefixInvalid|maxCode
	}
	var sorted [288]uint16
	for symbol, n := range lengths {
		if n > 0 {
			sorted[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	end, code, n := 1<<t.bits, 0, 1 // end of the table, the code that comes next and its length
	sub, subBits, subPrefix := 0, uint(0), -1
	for _, symbol := range sorted[:used] {
		for count[n] == 0 {
			n++
			code <<= 1
		}
		e := symbols[symbol] + prefix(n) + prefix(n)<<8
		reversed := int(bits.Reverse16(uint16(code)) >> (16 - n))
		if uint(n) <= t.bits {
			for i := reversed; i < 1<<t.bits; i += 1 << n {
				t.entries[i] = e
			}
		} else {
			if first := reversed & int(t.mask); first != subPrefix {
				subPrefix, sub, subBits = first, end, uint(n)-t.bits
				for free := 1 << subBits; subBits+t.bits < maxCode; subBits++ {
					free -= count[subBits+t.bits]
					if free <= 0 {
						break
					}
					free <<= 1
				}
				end += 1 << subBits
				if end > tableSize {
					return protocol("a code in a compressed rectangle that is impossible")
				}
				t.entries[first] = prefixMore | prefix(sub)<<16 | prefix(subBits)<<8
			}
			for i := reversed >> t.bits; i < 1<<subBits; i += 1 << (uint(n) - t.bits) {
				t.entries[sub+i] = e
			}
		}
		code++
		count[n]--
	}
	return nil
}

// What the symbols of the three codes stand for (RFC 1951, 3.2.5 and 3.2.7).
var (
	literalSymbols  = literals()
	distanceSymbols = numbers(make([]prefix, 0, 32), 30, 1, 2)
	lengthSymbols   = codeLengths()
)

func literals() []prefix {
	s := make([]prefix, 0, 288)
	for i := range 256 {
		s = append(s, prefixLiteral|prefix(i)<<16)
	}
	s = append(s, prefixEnd)
	s = numbers(s, 28, 3, 4)
	return append(s, maxMatch<<16, prefixInvalid, prefixInvalid)
}

// numbers appends n lengths or distances from base on, of which each group has an extra bit more than the one before, but the first two have
// none; and fills up with what no stream may use.
func numbers(s []prefix, n, base, group int) []prefix {
	for i := range n {
		extra := max(0, i/group-1)
		s = append(s, prefix(base)<<16|prefix(extra))
		base += 1 << extra
	}
	for group == 2 && len(s) < cap(s) {
		s = append(s, prefixInvalid)
	}
	return s
}

func codeLengths() []prefix {
	s := make([]prefix, 19)
	for i := range s {
		s[i] = prefix(i) << 16
	}
	return s
}

// fixedTables are the codes of blocks that bring none (RFC 1951, 3.2.6).
var fixedTables = sync.OnceValue(func() *[2]prefixTable {
	var t [2]prefixTable
	var lengths [288]byte
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	var distances [32]byte
	for i := range distances {
		distances[i] = 5
	}
	if err := t[0].build(lengths[:], literalSymbols); err != nil {
		panic(err)
	}
	if err := t[1].build(distances[:], distanceSymbols); err != nil {
		panic(err)
	}
	return &t
})
