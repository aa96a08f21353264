package receipt

import (
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion says that a line is the entry at an index, which counts from 0, of the
// log that a checkpoint speaks of: RFC 6962's audit path.
type Inclusion struct {
	Index int64
	Path  []Root
}

// Prove makes the inclusion proofs of entries, by their seq, in the log of the first
// size lines; lines yields at least these, from the first on. It goes through them
// once, and keeps little. The tree is that of the size lines.
func Prove(lines iter.Seq2[[]byte, error], size int64, seqs ...int64) ([]Inclusion, Tree, error) {
	wanted := map[int64]Root{} // by tlog's index
	note := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		for _, i := range indexes {
			wanted[i] = Root{}
		}
		return make([]tlog.Hash, len(indexes)), nil
	})
	for _, seq := range seqs {
		if _, err := tlog.ProveRecord(size, seq-1, note); err != nil {
			return nil, Tree{}, fmt.Errorf("prove entry %d of %d: %w", seq, size, err)
		}
	}
	var t Tree
	for line, err := range lines {
		if err != nil {
			return nil, t, err
		}
		if t.size == size {
			break
		}
		t.add(line, func(level int, n int64, h Root) {
			if i := tlog.StoredHashIndex(level, n); hasKey(wanted, i) {
				wanted[i] = h
			}
		})
	}
	if t.size != size {
		return nil, t, fmt.Errorf("prove entries of a log: it has %d of %d", t.size, size)
	}
	known := tlog.HashReaderFunc(func(indexes []int64) (hashes []tlog.Hash, err error) {
		for _, i := range indexes {
			hashes = append(hashes, wanted[i])
		}
		return hashes, nil
	})
	var proofs []Inclusion
	for _, seq := range seqs {
		path, err := tlog.ProveRecord(size, seq-1, known)
		if err != nil {
			return nil, t, fmt.Errorf("prove entry %d of %d: %w", seq, size, err)
		}
		proofs = append(proofs, Inclusion{seq - 1, path})
	}
	return proofs, t, nil
}

func hasKey(m map[int64]Root, i int64) bool {
	_, ok := m[i]
	return ok
}

// ErrNotIncluded says that a line isn't what a proof says.
var ErrNotIncluded = errors.New("the log does not contain this entry at this place")

// Check reports, as ErrNotIncluded, whether the log that c speaks of has another line
// at this index than line.
func (p Inclusion) Check(c Checkpoint, line []byte) error {
	if err := tlog.CheckRecord(p.Path, c.Size, c.Root, p.Index, tlog.RecordHash(line)); err != nil {
		return ErrNotIncluded
	}
	return nil
}
