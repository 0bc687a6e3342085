package libvirtd

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errShort says that a message ends before its content does, or names a length that it cannot have.
var errShort = errors.New("malformed message")

// maxCount is the most elements that any list of libvirt may have (REMOTE_CONNECT_GET_ALL_DOMAIN_STATS_MAX and
// smaller ones, remote_protocol.x).
const maxCount = 262144

// xdrReader reads XDR (RFC 4506) from a byte slice without ever allocating more than the slice holds. After the first
// fault every read returns zero and err stays set.
type xdrReader struct {
	rest []byte
	err  error
}

func (r *xdrReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.err = errShort
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *xdrReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// opaque reads a length and that many bytes with their padding to four.
func (r *xdrReader) opaque() []byte {
	n := r.uint32()
	if r.err != nil || uint64(n) > uint64(len(r.rest)) {
		r.err = errShort
		return nil
	}
	b := r.take(int(n))
	r.take((4 - int(n)%4) % 4)
	return b
}

// text reads a string and keeps at most limit bytes of it.
func (r *xdrReader) text(limit int) string {
	b := r.opaque()
	if len(b) > limit {
		b = b[:limit]
	}
	return string(b)
}

// check walks over one value of the given layout. A layout is a sequence of
//
//	i  four bytes               h  eight bytes         s  string or opaque
//	u  UUID, 16 bytes           D  domain (s u i)      N  snapshot (s D)
//	P  typed parameter          ?x optional x          [x] list of x
//
// x being one letter. It is the whole protection against counts that the library would believe and allocate for.
func (r *xdrReader) check(layout string) {
	for i := 0; i < len(layout) && r.err == nil; i++ {
		switch c := layout[i]; c {
		case '?':
			i++
			switch r.uint32() {
			case 0:
			case 1:
				r.check(layout[i : i+1])
			default:
				r.err = errShort
			}
		case '[':
			n := r.uint32()
			if n > maxCount {
				r.err = errShort
			}
			for ; n > 0 && r.err == nil; n-- {
				r.check(layout[i+1 : i+2])
			}
			i += 2
		default:
			r.one(c)
		}
	}
}

func (r *xdrReader) one(c byte) {
	switch c {
	case 'i':
		r.take(4)
	case 'h':
		r.take(8)
	case 's':
		r.opaque()
	case 'u':
		r.take(16)
	case 'D':
		r.check("sui")
	case 'N':
		r.check("sD")
	case 'R': // remote_domain_stats_record
		r.check("D[P]")
	case 'P':
		r.opaque()
		switch r.uint32() { // virTypedParameterType
		case 1, 2, 6:
			r.take(4)
		case 3, 4, 5:
			r.take(8)
		case 7:
			r.opaque()
		default:
			r.err = errShort
		}
	default:
		r.err = fmt.Errorf("unknown layout %q", c)
	}
}

// xdrWriter builds the few messages that the guard sends or rewrites.
type xdrWriter []byte

func (w xdrWriter) uint32(v uint32) xdrWriter { return binary.BigEndian.AppendUint32(w, v) }

func (w xdrWriter) text(s string) xdrWriter {
	w = append(w.uint32(uint32(len(s))), s...)
	for len(w)%4 != 0 {
		w = append(w, 0)
	}
	return w
}
