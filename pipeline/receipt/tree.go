package receipt

import (
	"encoding/json"
	"errors"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Root is the root of a Merkle tree as in RFC 6962, section 2.1. Its text is base64.
type Root = tlog.Hash

// Tree is the Merkle tree over the lines of a chain, in their order and without their
// newlines. It keeps no more of it than is needed to go on: a hash for each bit of
// its size. The zero Tree is an empty one. A copy of a Tree is a tree of its own.
// It is used by one goroutine.
type Tree struct {
	size int64
	edge []Root // of complete trees of falling sizes, which together have all lines
}

// Size is how many lines it has.
func (t Tree) Size() int64 { return t.size }

// Add adds the next line.
func (t *Tree) Add(line []byte) { t.add(line, nil) }

// add tells of each complete tree that comes into being: of its level, that of a
// single line being 0, and its number among those of that level.
func (t *Tree) add(line []byte, tell func(level int, n int64, h Root)) {
	h := tlog.RecordHash(line)
	edge := slices.Clone(t.edge) // copies of the tree share it
	n := t.size
	for level := 0; ; level, n = level+1, n>>1 {
		if tell != nil {
			tell(level, n, h)
		}
		if n&1 == 0 {
			break
		}
		h = tlog.NodeHash(edge[len(edge)-1], h)
		edge = edge[:len(edge)-1]
	}
	edge = append(edge, h)
	t.edge = edge
	t.size++
}

// Root is the root of the tree. That of an empty one is SHA-256 of nothing.
func (t Tree) Root() Root {
	if t.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // which asks nobody
		return root
	}
	root := t.edge[len(t.edge)-1]
	for _, h := range slices.Backward(t.edge[:len(t.edge)-1]) {
		root = tlog.NodeHash(h, root)
	}
	return root
}

// written is a tree in JSON.
type written struct {
	Size int64  `json:"size"`
	Edge []Root `json:"edge"`
}

// MarshalJSON writes down what is needed to go on.
func (t Tree) MarshalJSON() ([]byte, error) { return json.Marshal(written{t.size, t.edge}) }

// UnmarshalJSON reads what MarshalJSON has written.
func (t *Tree) UnmarshalJSON(b []byte) error {
	var w written
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if w.Size < 0 || len(w.Edge) != bits.OnesCount64(uint64(w.Size)) {
		return errors.New("it is not a tree of receipts")
	}
	*t = Tree{w.Size, w.Edge}
	return nil
}
