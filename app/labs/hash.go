package labs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/lab"
)

// hashChunks calls each with the digest of every chunk of the file that has one to say, from several goroutines. Holes count as zeros without being read. The
// file's size is bytes; one that is shorter is an error.
func (l *Library) hashChunks(ctx context.Context, file *os.File, bytes int64, m *meter, each func(chunk int, d lab.Digest)) error {
	data, err := dataMap(file, bytes)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range l.workers {
		group.Go(func() {
			buffer := make([]byte, lab.ChunkSize)
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= len(data) {
					return
				}
				at := int64(i) * lab.ChunkSize
				chunk := buffer[:min(lab.ChunkSize, bytes-at)]
				var d lab.Digest
				if data[i] {
					if _, err := file.ReadAt(chunk, at); err != nil {
						if errors.Is(err, io.EOF) {
							err = io.ErrUnexpectedEOF
						}
						cancel(err)
						return
					}
					d = lab.ChunkDigest(chunk)
				}
				each(i, d)
				m.add(int64(len(chunk)))
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// dataMap tells for each chunk of a file whether the file system keeps anything of it.
func dataMap(file *os.File, bytes int64) ([]bool, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < bytes {
		return nil, io.ErrUnexpectedEOF
	}
	data := make([]bool, lab.Chunks(bytes))
	for at := int64(0); at < bytes; {
		begin, err := unix.Seek(int(file.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return data, nil // a hole to the end
		}
		end := bytes
		if err != nil { // a file system without holes
			begin = at
		} else if end, err = unix.Seek(int(file.Fd()), begin, unix.SEEK_HOLE); err != nil {
			end = bytes
		}
		end = min(end, bytes)
		for i := begin / lab.ChunkSize; i*lab.ChunkSize < end; i++ {
			data[i] = true
		}
		at = max(end, at+1)
	}
	return data, nil
}
