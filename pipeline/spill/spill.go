// Package spill sorts records into parts by what they are about, however many there are:
// what belongs together comes back together, in the order in which it came, and only one
// part of it has to be in memory. It is what databases call partitioning a hash join.
//
// A pile keeps two megabytes in memory. What is more lies in a temporary file, which
// has no name where the system allows that, so that nothing of it is left after a crash.
package spill

import (
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"slices"
)

const (
	// Parts is how many there are: of ten million records, 40,000 are in one.
	Parts = 256

	chunk = 8 << 10 // bytes of one part in memory
)

// Pile is records that were put aside. The zero Pile is empty; its file is made when it
// is needed. It is used by one goroutine.
type Pile struct {
	parts [Parts]part
	file  *os.File
	end   int64 // of the file
}

// part is what has come of one part.
type part struct {
	full []extent // in the file
	last []byte   // behind that, in memory
}

// extent is a piece of the file.
type extent struct{ at, size int64 }

// Add puts a record aside, in the part that the first byte of key says: keys must be
// digests, or as evenly spread. It keeps neither. The error says that the temporary
// file can't be written.
func (p *Pile) Add(key [16]byte, record []byte) error { return p.add(int(key[0]), record) }

// AddToAll puts a record aside in each part.
func (p *Pile) AddToAll(record []byte) error {
	for i := range p.parts {
		if err := p.add(i, record); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pile) add(i int, record []byte) error {
	part := &p.parts[i]
	if len(part.last)+binary.MaxVarintLen64+len(record) > chunk {
		if err := p.flush(part); err != nil {
			return err
		}
	}
	part.last = append(binary.AppendUvarint(part.last, uint64(len(record))), record...)
	return nil
}

// flush takes what a part has in memory to the file.
func (p *Pile) flush(part *part) (err error) {
	if len(part.last) == 0 {
		return nil
	}
	if p.file == nil {
		if p.file, err = create(); err != nil {
			return err
		}
	}
	if _, err := p.file.WriteAt(part.last, p.end); err != nil {
		return fmt.Errorf("keep what is compared in a temporary file: %w", err)
	}
	part.full = append(part.full, extent{p.end, int64(len(part.last))})
	p.end += int64(len(part.last))
	part.last = part.last[:0]
	return nil
}

func create() (*os.File, error) {
	f, err := os.CreateTemp("", "vbcvault-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	_ = os.Remove(f.Name()) // Windows does that when it is closed, see Close
	return f, nil
}

// Part yields the records of one part, in the order in which they came; each is good
// until the next.
func (p *Pile) Part(i int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		part := &p.parts[i]
		var piece []byte
		for _, e := range part.full {
			piece = slices.Grow(piece[:0], int(e.size))[:e.size]
			if _, err := p.file.ReadAt(piece, e.at); err != nil {
				yield(nil, fmt.Errorf("read a temporary file: %w", err))
				return
			}
			if !records(piece, yield) {
				return
			}
		}
		records(part.last, yield)
	}
}

// records yields what a piece has, and reports whether to go on.
func records(piece []byte, yield func([]byte, error) bool) bool {
	for len(piece) > 0 {
		n, width := binary.Uvarint(piece)
		end := width + int(n)
		if !yield(piece[width:end:end], nil) {
			return false
		}
		piece = piece[end:]
	}
	return true
}

// Close removes the file.
func (p *Pile) Close() error {
	if p.file == nil {
		return nil
	}
	name := p.file.Name()
	err := p.file.Close()
	_ = os.Remove(name) // it has no name any more, except on Windows
	p.file = nil
	return err
}
