package lab

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of a frame that is read, in bytes: what zstd itself takes without being asked.
const maxWindow = 8 << 20

// coder returns the one encoder and the one decoder. Both are made at the first use, because they take memory, and may be used by any number
// of goroutines, of which as many work at once as there are processors.
var coder = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(ChunkSize),
		zstd.WithSingleSegment(true), // the size is always in the header
		zstd.WithEncoderCRC(false))   // each chunk has a SHA-256
	if err != nil {
		panic(err) // the options are constants
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		panic(err)
	}
	return encoder, decoder
})

// Compress returns the stored form of a chunk for a pack: a zstd frame, or the chunk itself if that is not longer. The same bytes always give
// the same form. Any goroutine may call it.
func Compress(raw []byte) []byte {
	encoder, _ := coder()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	*buffer = encoder.EncodeAll(raw, (*buffer)[:0])
	if len(*buffer) < len(raw) {
		return bytes.Clone(*buffer) // a pack holds thousands of them, and most are much shorter than the buffer
	}
	return raw
}

// buffers are for frames that are being written.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, 0, ChunkSize+ChunkSize/8)
	return &buffer
}}

// Decompress returns the chunk that the entry names, from its stored form, in buffer if that is large enough or else in new memory. Nothing of the stored
// form is believed: what comes back has the entry's digest. Errors wrap ErrPack. Any goroutine may call it.
func (e Entry) Decompress(stored, buffer []byte) ([]byte, error) {
	raw := stored
	if len(stored) != int(e.Stored) {
		return nil, fmt.Errorf("%w: %d bytes of a chunk are there, not %d", ErrPack, len(stored), e.Stored)
	}
	if e.Stored != e.Raw {
		if err := checkFrame(stored, e.Raw); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPack, err)
		}
		if cap(buffer) < int(e.Raw) {
			buffer = make([]byte, 0, e.Raw)
		}
		_, decoder := coder()
		var err error
		if raw, err = decoder.DecodeAll(stored, buffer[:0:e.Raw]); err != nil {
			return nil, fmt.Errorf("%w: a chunk cannot be unpacked: %w", ErrPack, err)
		}
	}
	if len(raw) != int(e.Raw) || Sum(raw) != e.Digest {
		return nil, fmt.Errorf("%w: a chunk has another content than it is said to have", ErrPack)
	}
	return raw, nil
}

// checkFrame refuses anything but one whole zstd frame that unpacks to size bytes with little memory (RFC 8878, 3.1.1). The decoder would unpack
// several frames, skip others, and believe a frame without a size.
func checkFrame(data []byte, size uint32) error {
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return fmt.Errorf("a chunk is not a zstd frame: %w", err)
	}
	switch {
	case h.Skippable:
		return errors.New("a chunk is a frame to be skipped")
	case h.DictionaryID != 0:
		return errors.New("a chunk needs a dictionary")
	case !h.HasFCS || h.FrameContentSize != uint64(size):
		return fmt.Errorf("a chunk of %d bytes says that it has %d", size, h.FrameContentSize)
	case h.WindowSize > maxWindow:
		return fmt.Errorf("a chunk needs %d bytes of memory", h.WindowSize)
	}
	rest := data[h.HeaderSize:]
	for last := false; !last; {
		if len(rest) < 3 {
			return errors.New("a chunk ends too early")
		}
		head := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16
		last = head&1 != 0
		length := int(head >> 3)
		if head>>1&3 == 1 { // one byte that is repeated
			length = 1
		}
		if rest = rest[3:]; length > len(rest) {
			return errors.New("a chunk ends too early")
		}
		rest = rest[length:]
	}
	checksum := 0
	if h.HasCheckSum {
		checksum = 4
	}
	if len(rest) != checksum {
		return errors.New("something follows after a chunk")
	}
	return nil
}
