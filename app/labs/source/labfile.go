package source

import (
	"context"
	"io"
	"os"

	"guesthouse/vmconfig/safefile"
)

// labFile is an OCI image layout in a tar, read where it lies.
type labFile struct {
	data  storage
	place string
	table map[string]member
}

// openFile opens a .lab file of this computer.
func openFile(ctx context.Context, path, place string) (*labFile, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return nil, localFailure(place, err)
	}
	return newLabFile(ctx, place, &localFile{file: file, bytes: info.Size(), place: place})
}

// newLabFile reads the headers of a .lab file. It closes data where that fails.
func newLabFile(ctx context.Context, place string, data storage) (*labFile, error) {
	table, err := readTable(ctx, place, data)
	if err != nil {
		_ = data.close()
		return nil, err
	}
	return &labFile{data: data, place: place, table: table}, nil
}

func (l *labFile) open(ctx context.Context, name string, s span) (io.ReadCloser, error) {
	m, ok := l.table[name]
	if !ok {
		return nil, missing(l.place, name)
	}
	if s.size < 0 {
		return l.data.part(ctx, m.offset, min(m.size, s.length))
	}
	if m.size != s.size {
		return nil, wrongSize(l.place, name, m.size, s.size)
	}
	return l.data.part(ctx, m.offset+s.offset, s.length)
}

func (l *labFile) retry(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	return l.data.retry(ctx, read)
}

func (l *labFile) close() error { return l.data.close() }

// localFile is a .lab file of this computer.
type localFile struct {
	file  *os.File
	bytes int64
	place string
}

func (l *localFile) part(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	return readAt(ctx, l.place, l.file, offset, length, nil), nil
}

func (l *localFile) retry(_ context.Context, read func() ([]byte, error)) ([]byte, error) {
	return read()
}

func (l *localFile) size() int64  { return l.bytes }
func (l *localFile) close() error { return l.file.Close() }
