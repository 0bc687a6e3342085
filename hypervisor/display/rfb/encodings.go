package rfb

import "encoding/binary"

// What a client asks for in SetEncodings, best first. Servers take the first encoding of pixels that they have; QEMU walks the list from its
// end and acknowledges its own extensions on the way.
var (
	// pixelsLocal: through memory, copying rows is cheaper than any compression, for both ends.
	pixelsLocal = []int32{encRaw, encCopyRect}
	// pixelsRemote: what makes pictures small at a bearable cost comes first. CopyRect is never a server's first choice.
	pixelsRemote = []int32{encTight, encZRLE, encHextile, encZlib, encTRLE, encRRE, encRaw, encCopyRect}

	extensions = []int32{
		encExtendedDesktopSize, encDesktopSize, encAlphaCursor, encRichCursor, encPointerMotionChange, encExtendedKey, encLEDState,
		encDesktopName, encLastRect, encFence, encContinuousUpdates, encExtendedMouseButtons, encExtendedClipboard,
	}
)

// compressLevel is how hard a remote server works, of 9: QEMU's own choice, 9, costs its main thread more than the smaller pictures are worth.
const compressLevel = 2

// wanted is the list for these options.
func wanted(o Options) []int32 {
	pixels := o.Encodings
	switch {
	case len(pixels) > 0:
	case o.Local:
		pixels = pixelsLocal
	default:
		pixels = pixelsRemote
	}
	var list []int32
	for _, e := range pixels {
		if _, ok := decoders[e]; ok {
			list = append(list, e)
		}
	}
	list = append(list, extensions...)
	if !o.Local {
		list = append(list, encCompressLevel0+compressLevel)
	}
	if o.Quality > 0 {
		list = append(list, encQualityLevel0+int32(min(o.Quality, 10))-1)
	}
	return list
}

// setup is what we send after ServerInit. native says that the server's pixel format is ours already.
func setup(native bool, o Options) []byte {
	var p []byte
	if !native {
		p = append(p, msgSetPixelFormat, 0, 0, 0)
		p = append(p, pixelFormatBGRX[:]...)
	}
	list := wanted(o)
	p = append(p, msgSetEncodings, 0)
	p = binary.BigEndian.AppendUint16(p, uint16(len(list)))
	for _, e := range list {
		p = binary.BigEndian.AppendUint32(p, uint32(e))
	}
	return p
}
