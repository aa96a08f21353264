// Package ledger reads the logs of receipts that lie beside an archive, those of all
// manifests that have ever worked on it, and says of each up to where a known key
// vouches for it. It believes nothing that isn't signed, and changes nothing.
//
// A log is a chain of entries (package receipt), stored in bundles (package layout).
// Where a manifest was copied and both copies have gone on, its log forks: then there
// are several with the same beginning.
package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Ledger is what there is of logs.
type Ledger struct {
	Logs    []*Log  // by their chains; those of one chain together, the longest first
	Strays  []Stray // what belongs to none of them, or isn't what it should be
	Bundles []layout.Bundle

	// Verifiers are the files that say, for people, which key signs a log; by chains.
	Verifiers map[string]storage.Object

	store storage.Store
	ends  map[string]map[place]*node // of each chain
}

// Stray is an object among the receipts that can't be used.
type Stray struct {
	Key   string
	Chain string // that its name says, "" if it says none
	Kind  StrayKind
	Why   string // a clause whose subject is the object
}

// StrayKind says what is wrong with a stray.
type StrayKind int

const (
	Foreign StrayKind = iota // its name is none of vbcvault's
	Damaged                  // it isn't what its name says
	Loose                    // what it continues isn't there
	Forged                   // its checkpoint bears a known key's name, and that key hasn't signed this
	Unread                   // it can't be read before somebody restores it from cold storage
)

// Log is one log, from its first entry to its end.
type Log struct {
	Chain string
	Last  int64          // entries
	Head  storage.Digest // of the last
	Tree  receipt.Tree   // over all of them

	Signed     int64  // so many of them a known key vouches for
	Verifier   string // of that key
	Checkpoint []byte // signed, of the first Signed entries
	Claims     string // the key's name in its last checkpoint, whether it is known or not; "" = it has none

	path []*node
}

// node is one bundle of a log: up to its end all that is before it is known.
type node struct {
	layout.Bundle
	chain      receipt.Chain
	tree       receipt.Tree
	before     *node // nil at the beginning
	checkpoint []byte
	verifier   string // of the known key that has signed it; "" = none has
	claims     string
	continued  bool // a longer one has all of it
}

// Read reads all logs of an account, or those whose chain want wants; nil = all. It
// goes through each bundle once, and keeps none in memory. The error says that the
// store can't be asked; whatever is wrong with the logs is in them.
func Read(ctx context.Context, store storage.Store, account string, keys receipt.Keys, want func(chain string) bool) (*Ledger, error) {
	l := &Ledger{store: store, Verifiers: map[string]storage.Object{}, ends: map[string]map[place]*node{}}
	for o, err := range store.List(ctx, layout.Receipts(account)) {
		if err != nil {
			return nil, fmt.Errorf("read the receipts in the destination: %w", err)
		}
		b, ok := layout.ParseBundle(o)
		switch chain := layout.VerifierOf(o.Key); {
		case chain != "":
			l.Verifiers[chain] = o
		case !ok:
			l.Strays = append(l.Strays, Stray{o.Key, "", Foreign, "is not a receipts file"})
		case want == nil || want(b.Chain):
			l.Bundles = append(l.Bundles, b)
		}
	}
	slices.SortFunc(l.Bundles, func(a, b layout.Bundle) int {
		return cmp.Or(cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), cmp.Compare(a.Object.Key, b.Object.Key))
	})
	for chain := range byChain(l.Bundles) {
		if err := l.readChain(ctx, chain, keys); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// byChain yields what sorted bundles have of each chain.
func byChain(all []layout.Bundle) iter.Seq[[]layout.Bundle] {
	return func(yield func([]layout.Bundle) bool) {
		for len(all) > 0 {
			n := slices.IndexFunc(all, func(b layout.Bundle) bool { return b.Chain != all[0].Chain })
			if n < 0 {
				n = len(all)
			}
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// place is an end of a log, by which what continues it is found.
type place struct {
	last int64
	head storage.Digest
}

// readChain puts the bundles of one chain together. What a bundle continues comes
// before it, since it ends before that begins.
func (l *Ledger) readChain(ctx context.Context, all []layout.Bundle, keys receipt.Keys) error {
	id := all[0].Chain
	start := &node{chain: receipt.Chain{ID: id}}
	nodes := map[place]*node{{}: start}
	l.ends[id] = nodes
	var order []*node
	for _, b := range all {
		lines, checkpoint, err := b.Read(ctx, l.store)
		if _, broken := errors.AsType[*receipt.Break](err); broken || layout.Unreadable(err) {
			l.Strays = append(l.Strays, Stray{b.Object.Key, id, Damaged, "can't be used: " + err.Error()})
			continue
		}
		if errors.Is(err, storage.ErrCold) { // which anybody who may write can bring about
			l.Strays = append(l.Strays, Stray{b.Object.Key, id, Unread, "can't be read: " + err.Error()})
			continue
		}
		if err != nil {
			return err
		}
		n, kind, why := attach(nodes, b, lines)
		if n == nil {
			l.Strays = append(l.Strays, Stray{b.Object.Key, id, kind, why})
			continue
		}
		l.judge(n, checkpoint, keys)
		at := place{n.chain.Last, n.chain.Head}
		if nodes[at] == nil {
			nodes[at] = n
			order = append(order, n)
		}
	}
	l.Logs = append(l.Logs, logsOf(order)...)
	return nil
}

// attach finds what a bundle continues, and goes on from there. Without it, the
// words say why there is nothing.
func attach(nodes map[place]*node, b layout.Bundle, lines []byte) (n *node, wrong StrayKind, why string) {
	first, _, _ := bytes.Cut(lines, []byte("\n"))
	var e receipt.Entry
	if err := json.Unmarshal(first, &e); err != nil {
		return nil, Damaged, "can't be read: " + err.Error()
	}
	before := nodes[place{b.First - 1, e.Prev}]
	if before == nil {
		return nil, Loose, fmt.Sprintf("continues an entry %d that is not there", b.First-1)
	}
	n = &node{Bundle: b, chain: before.chain, tree: before.tree, before: before}
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if _, err := n.chain.Next(line); err != nil {
			return nil, Damaged, "is broken: " + err.Error()
		}
		n.tree.Add(line)
		if same := nodes[place{n.chain.Last, n.chain.Head}]; same != nil && same.chain.Last < b.Last {
			same.continued = true
		}
	}
	before.continued = true
	return n, 0, ""
}

// judge looks whose checkpoint a bundle has.
func (l *Ledger) judge(n *node, checkpoint []byte, keys receipt.Keys) {
	if checkpoint == nil {
		return
	}
	n.claims = receipt.SignerOf(checkpoint)
	c, verifier, err := keys.Open(checkpoint)
	switch {
	case err == nil && c == receipt.CheckpointOf(n.chain.ID, n.tree):
		n.checkpoint, n.verifier = checkpoint, verifier
	case err == nil:
		l.Strays = append(l.Strays, Stray{n.Object.Key, n.Chain, Forged, fmt.Sprintf("has entries that the key in its checkpoint has not signed; that has signed %s", c)})
	case keys.HasName(n.claims):
		l.Strays = append(l.Strays, Stray{n.Object.Key, n.Chain, Forged, "bears the name of the known key " + n.claims + ", which has not signed it"})
	}
}

// logsOf are the logs whose ends nothing continues.
func logsOf(nodes []*node) (logs []*Log) {
	for _, end := range nodes {
		if end.continued {
			continue
		}
		g := &Log{Chain: end.chain.ID, Last: end.chain.Last, Head: end.chain.Head, Tree: end.tree}
		for n := end; n.before != nil; n = n.before {
			g.path = append(g.path, n)
			g.Claims = cmp.Or(g.Claims, n.claims)
			if g.Checkpoint == nil && n.verifier != "" {
				g.Signed, g.Verifier, g.Checkpoint = n.chain.Last, n.verifier, n.checkpoint
			}
		}
		slices.Reverse(g.path)
		logs = append(logs, g)
	}
	slices.SortStableFunc(logs, func(a, b *Log) int { return cmp.Compare(b.Last, a.Last) })
	return logs
}

// Has reports whether a log of a chain has come by this entry at the end of a bundle:
// whether it goes on from there or not.
func (l *Ledger) Has(chain string, last int64, head storage.Digest) bool {
	n := l.ends[chain][place{last, head}]
	return n != nil && n.before != nil
}

// End is one bundle of a log.
type End struct {
	layout.Bundle
	Verifier string // of the known key that has signed the log up to here; "" = none has
}

// Ends yields the bundles of a log, from the first on.
func (g *Log) Ends() iter.Seq[End] {
	return func(yield func(End) bool) {
		for _, n := range g.path {
			if !yield(End{n.Bundle, n.verifier}) {
				return
			}
		}
	}
}

// Line is one entry of a log.
type Line struct {
	receipt.Entry
	Text   []byte // as it is signed, without a newline
	Signed bool   // a known key vouches for it
}

// Lines yields a log's entries, from the first on. They are read once more, and must
// be what they were: the error says so if not, or that the store can't be asked. One
// bundle is in memory.
func (l *Ledger) Lines(ctx context.Context, g *Log) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		c := receipt.Chain{ID: g.Chain}
		for _, n := range g.path {
			lines, _, err := n.Read(ctx, l.store)
			if err != nil {
				yield(Line{}, err)
				return
			}
			for text := range bytes.Lines(lines) {
				text = bytes.TrimSuffix(text, []byte("\n"))
				e, err := c.Next(text)
				if !yield(Line{Entry: e, Text: text, Signed: e.Seq <= g.Signed}, err) || err != nil {
					return
				}
			}
			if c.Head != n.chain.Head {
				yield(Line{}, &receipt.Break{Chain: g.Chain, Seq: c.Last, Why: "it has changed while it was read"})
				return
			}
		}
	}
}
