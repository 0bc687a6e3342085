package rfb

import (
	"encoding/binary"
	"errors"
)

// An inflater decompresses a zlib stream (RFC 1950, RFC 1951) that lasts as long as its connection and comes in chunks, one for a rectangle.
//
// It is not compress/flate, as that one cannot pause: it takes the end of a chunk for the end of the stream, for ever. An inflater stops
// wherever a chunk does, reads the wire's own buffer, hands out views of its window, and allocates nothing after its first chunk.
type inflater struct {
	wire *wire
	left int    // bytes of the chunk that are not in src yet
	src  []byte // bytes of the chunk in the wire's buffer
	pos  int    // how many of them are taken

	acc  uint64 // bits taken from src, the next one lowest; those above have are 0
	have uint   // how many

	state  blockState
	last   bool // the block is the stream's last
	stored int  // bytes that a stored block still has

	window *[windowSize]byte // what has been decompressed: at least the last 32 KiB
	read   int               // up to where it has been handed out
	write  int               // up to where there is something

	lengths, distances *prefixTable // of the current block
	dynamic            *[2]prefixTable
}

// What an inflater expects next.
type blockState byte

const (
	atStart blockState = iota // the stream's two bytes of header
	atBlock                   // a block's header
	inStored
	inSymbols
	atEnd
)

const (
	history    = 32 << 10                  // bytes that a match may reach back
	windowRoom = 128 << 10                 // bytes that can be handed out in one piece: two rows of the widest screen
	windowEnd  = history + windowRoom      // no symbol begins behind it
	maxMatch   = 258                       // bytes
	windowSize = windowEnd + maxMatch + 16 // a match may begin just before windowEnd, and is written in words
)

// errStarved says that the chunk is used up.
var errStarved = errors.New("end of chunk")

// reset begins a new stream.
func (z *inflater) reset() {
	z.acc, z.have, z.state, z.last, z.read, z.write = 0, 0, atStart, false, 0, 0
}

// begin opens a chunk of n compressed bytes, which come next on the wire.
func (z *inflater) begin(w *wire, n int) error {
	if z.window == nil {
		z.window = new([windowSize]byte)
		z.dynamic = new([2]prefixTable)
	}
	z.wire, z.left, z.src, z.pos = w, n, nil, 0
	return w.spend(int64(n))
}

// next returns the next n decompressed bytes, at most windowRoom. They stay valid until the next call.
func (z *inflater) next(n int) ([]byte, error) {
	p, err := z.ahead(n)
	if err != nil {
		return nil, err
	}
	if len(p) < n {
		return nil, protocol("a compressed rectangle with too few pixels")
	}
	z.read += n
	return p[:n], nil
}

// ahead returns decompressed bytes without handing them out: at least n, at most windowRoom, unless the chunk has no more.
func (z *inflater) ahead(n int) ([]byte, error) {
	if z.write-z.read < n {
		if err := z.fill(); err != nil {
			return nil, err
		}
	}
	return z.window[z.read:z.write], nil
}

// skip hands out n bytes that ahead has shown.
func (z *inflater) skip(n int) { z.read += n }

// finish ends the chunk, of which nothing may be left.
func (z *inflater) finish() error {
	if z.read == z.write {
		if err := z.fill(); err != nil { // the end of the last block, and what flushed it
			return err
		}
	}
	if z.read != z.write {
		return protocol("a compressed rectangle with too many pixels")
	}
	if z.state == atEnd { // a checksum may follow
		z.acc, z.have = 0, 0
		for range 4 {
			if z.more() == nil {
				z.acc, z.have = 0, 0
			}
		}
	}
	if z.left > 0 || z.pos < len(z.src) {
		return protocol("a compressed rectangle that does not end with its stream")
	}
	return z.release()
}

// release takes off the wire what has been used of the chunk.
func (z *inflater) release() error {
	_, err := z.wire.buf.Discard(z.pos)
	z.src, z.pos = nil, 0
	return transport(err)
}

// fill decompresses until the window is full or the chunk used up.
func (z *inflater) fill() error {
	if old := z.read - history; old > 0 {
		copy(z.window[:], z.window[old:z.write])
		z.read, z.write = history, z.write-old
	}
	for z.write < windowEnd {
		switch err := z.step(); {
		case err == errStarved:
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// step goes on with the stream: a header, or a block as far as the window or the chunk goes.
func (z *inflater) step() error {
	switch z.state {
	case atStart:
		if err := z.need(16); err != nil {
			return err
		}
		header := uint(z.take(8))<<8 | uint(z.take(8))
		if header>>8&15 != 8 || header>>12 > 7 || header%31 != 0 || header&0x20 != 0 {
			return protocol("a zlib stream that begins with %#04x", header)
		}
		z.state = atBlock
		return nil
	case atBlock:
		if z.last {
			z.state = atEnd
			return nil
		}
		if err := z.need(3); err != nil {
			return err
		}
		err := z.header()
		if err == errStarved {
			return protocol("a compressed rectangle that ends in the middle of its stream")
		}
		return err
	case inStored:
		return z.copyStored()
	case inSymbols:
		return z.symbols()
	}
	return errStarved
}

// need makes sure of n bits in acc, at most 56.
func (z *inflater) need(n uint) error {
	for z.have < n {
		if err := z.more(); err != nil {
			return err
		}
	}
	return nil
}

// more takes a byte into acc.
func (z *inflater) more() error {
	if z.pos == len(z.src) {
		if err := z.pull(); err != nil {
			return err
		}
	}
	z.acc |= uint64(z.src[z.pos]) << z.have
	z.pos++
	z.have += 8
	return nil
}

// pull gets the next bytes of the chunk into src, which is used up.
func (z *inflater) pull() error {
	if z.left == 0 {
		return errStarved
	}
	if err := z.release(); err != nil {
		return err
	}
	p, err := z.wire.peek(1)
	if err != nil {
		return err
	}
	z.src = p[:min(len(p), z.left)]
	z.left -= len(z.src)
	return nil
}

// take removes n bits from acc, which has them.
func (z *inflater) take(n uint) uint64 {
	v := z.acc & (1<<n - 1)
	z.acc >>= n
	z.have -= n
	return v
}

// header reads a block's header. Its first three bits are there.
func (z *inflater) header() error {
	z.last = z.take(1) != 0
	switch z.take(2) {
	case 0:
		z.take(z.have % 8)
		if err := z.need(32); err != nil {
			return err
		}
		n := z.take(16)
		if z.take(16) != n^0xffff {
			return protocol("a damaged block in a compressed rectangle")
		}
		z.stored, z.state = int(n), inStored
	case 1:
		fixed := fixedTables()
		z.lengths, z.distances, z.state = &fixed[0], &fixed[1], inSymbols
	case 2:
		if err := z.readTables(); err != nil {
			return err
		}
		z.lengths, z.distances, z.state = &z.dynamic[0], &z.dynamic[1], inSymbols
	default:
		return protocol("a block of unknown kind in a compressed rectangle")
	}
	return nil
}

// lengthOrder is the order in which the lengths of the code lengths' own codes come (RFC 1951, 3.2.7).
var lengthOrder = [19]byte{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readTables reads the codes of a dynamic block (RFC 1951, 3.2.7).
func (z *inflater) readTables() error {
	if err := z.need(14); err != nil {
		return err
	}
	symbols, distances, count := int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if symbols > 286 || distances > 30 {
		return protocol("a block of %d and %d symbols in a compressed rectangle", symbols, distances)
	}
	var lengths [286 + 30]byte
	for _, symbol := range lengthOrder[:count] {
		if err := z.need(3); err != nil {
			return err
		}
		lengths[symbol] = byte(z.take(3))
	}
	code := &z.dynamic[0]
	if err := code.build(lengths[:19], lengthSymbols); err != nil {
		return err
	}
	clear(lengths[:19])
	for i := 0; i < symbols+distances; {
		e, err := z.entry(code)
		if err != nil {
			return err
		}
		z.take(e.bits())
		length, again := byte(e.value()), 1
		switch length {
		case 16:
			if i == 0 {
				return protocol("a code length in a compressed rectangle that repeats nothing")
			}
			length, again, err = lengths[i-1], 3, z.need(2)
			again += int(z.acc & 3)
			if err == nil {
				z.take(2)
			}
		case 17:
			length, again, err = 0, 3, z.need(3)
			again += int(z.acc & 7)
			if err == nil {
				z.take(3)
			}
		case 18:
			length, again, err = 0, 11, z.need(7)
			again += int(z.acc & 127)
			if err == nil {
				z.take(7)
			}
		}
		if err != nil {
			return err
		}
		if i+again > symbols+distances {
			return protocol("too many code lengths in a compressed rectangle")
		}
		for range again {
			lengths[i] = length
			i++
		}
	}
	if lengths[256] == 0 {
		return protocol("a block without an end in a compressed rectangle")
	}
	if err := z.dynamic[1].build(lengths[symbols:symbols+distances], distanceSymbols); err != nil {
		return err
	}
	return z.dynamic[0].build(lengths[:symbols], literalSymbols)
}

var errCode = protocol("an unknown code in a compressed rectangle")

// entry looks up the code that comes next, and has all its bits in acc.
func (z *inflater) entry(t *prefixTable) (prefix, error) {
	for {
		e := t.look(z.acc)
		if e.bits() <= z.have {
			if e.invalid() {
				return 0, errCode
			}
			return e, nil
		}
		if err := z.more(); err != nil {
			return 0, err
		}
	}
}

// copyStored goes on with a stored block.
func (z *inflater) copyStored() error {
	for z.stored > 0 && z.write < windowEnd {
		if z.have > 0 { // whole bytes
			z.window[z.write] = byte(z.take(8))
			z.write++
			z.stored--
			continue
		}
		if z.pos == len(z.src) {
			if err := z.pull(); err != nil {
				return err
			}
		}
		n := copy(z.window[z.write:windowEnd], z.src[z.pos:min(len(z.src), z.pos+z.stored)])
		z.pos, z.write, z.stored = z.pos+n, z.write+n, z.stored-n
	}
	if z.stored == 0 {
		z.state = atBlock
	}
	return nil
}

// symbols goes on with a compressed block: fast while there are words to read, then symbol by symbol.
func (z *inflater) symbols() error {
	for z.write < windowEnd {
		if len(z.src)-z.pos >= 8 {
			if err := z.fast(); err != nil || z.state != inSymbols {
				return err
			}
			continue
		}
		if err := z.symbol(); err != nil || z.state != inSymbols {
			return err
		}
	}
	return nil
}

// symbol decodes one symbol. When the chunk ends within it, nothing has been taken.
func (z *inflater) symbol() error {
	e, err := z.entry(z.lengths)
	if err != nil {
		return err
	}
	n := e.bits()
	length := e.number(z.acc)
	head := z.take(n)
	switch {
	case e.literal():
		z.window[z.write] = byte(e.value())
		z.write++
		return nil
	case e.special():
		z.state = atBlock
		return nil
	}
	e, err = z.entry(z.distances)
	if err != nil {
		z.acc, z.have = z.acc<<n|head, z.have+n
		return err
	}
	distance := e.number(z.acc)
	z.take(e.bits())
	if distance > z.write {
		return errDistance
	}
	match(z.window, z.write, distance, length)
	z.write += length
	return nil
}

var errDistance = protocol("a compressed rectangle that repeats what was not there")

// fast decodes symbols while eight bytes can be read at once: no code with its extra bits, and no pair of a length and a distance, has more
// than 48 bits.
func (z *inflater) fast() error {
	src, pos, acc, have := z.src, z.pos, z.acc, z.have
	window, write := z.window, z.write
	lengths, distances := z.lengths, z.distances
	var err error
loop:
	for pos+8 <= len(src) && write < windowEnd {
		acc |= binary.LittleEndian.Uint64(src[pos:]) << (have & 63)
		pos += int(63-have) >> 3
		have |= 56
		e := lengths.look(acc)
		for range 3 { // literals come in rows; three have at most 45 bits
			if !e.literal() {
				break
			}
			window[write] = byte(e.value())
			write++
			acc >>= e.bits() & 63
			have -= e.bits()
			e = lengths.look(acc)
		}
		if e.literal() || have < 48 {
			continue
		}
		if e.special() {
			if e.invalid() {
				err = errCode
			} else {
				acc >>= e.bits() & 63
				have -= e.bits()
				z.state = atBlock
			}
			break loop
		}
		length := e.number(acc)
		acc >>= e.bits() & 63
		have -= e.bits()
		e = distances.look(acc)
		if e.special() {
			err = errCode
			break loop
		}
		distance := e.number(acc)
		acc >>= e.bits() & 63
		have -= e.bits()
		if distance > write {
			err = errDistance
			break loop
		}
		match(window, write, distance, length)
		write += length
	}
	z.pos, z.acc, z.have, z.write = pos, acc&(1<<have-1), have, write
	return err
}

// match repeats length bytes from distance back. It may write up to 15 bytes more.
func match(window *[windowSize]byte, write, distance, length int) {
	end := write + length
	from := write - distance
	if distance >= length && length > 32 {
		copy(window[write:end], window[from:])
		return
	}
	if distance < 8 {
		// Byte by byte, until the pattern is at least a word long.
		long := int(wordPattern[distance])
		for range long - distance {
			window[write] = window[from]
			write++
			from++
		}
		from = write - long
	}
	for write < end {
		binary.LittleEndian.PutUint64(window[write:], binary.LittleEndian.Uint64(window[from:]))
		write += 8
		from += 8
	}
}

// wordPattern is the smallest multiple of each distance that is at least 8.
var wordPattern = [8]byte{1: 8, 2: 8, 3: 9, 4: 8, 5: 10, 6: 12, 7: 14}
