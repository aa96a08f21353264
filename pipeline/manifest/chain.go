package manifest

import (
	"context"
	"iter"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Chain is the manifest's chain of receipts; see package receipt. Steps add to it.
type Chain interface {
	// Chain says where the manifest's chain of receipts ends. It is not checked.
	Chain(ctx context.Context) (receipt.Chain, error)
	// Receipts yields the lines of the chain behind entry after, oldest first, as
	// they are: whoever needs them to be a chain checks that.
	Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error]
	// ReceiptsAbout yields those of them that are about recordings which have had a
	// key, oldest first, in a time that doesn't depend on how long the chain is. Lines
	// that aren't JSON are about none.
	ReceiptsAbout(ctx context.Context, key vbc.Key) iter.Seq2[[]byte, error]
	// ReceiptsStored says up to which entry the chain is stored beside the archive.
	ReceiptsStored(ctx context.Context) (seq int64, err error)
	// Tree is the Merkle tree over the entries that are stored there. That of a
	// manifest which an earlier program has kept is empty until it is set.
	Tree(ctx context.Context) (receipt.Tree, error)
	// SetReceiptsStored writes down what these say, with the checkpoint that was
	// stored behind the entries, nil if there was none.
	SetReceiptsStored(ctx context.Context, t receipt.Tree, checkpoint []byte) error
	// TakeOver adds entries that the archive has and this manifest, restored from
	// an older copy, has not. The lines must continue its chain: else the error is
	// a *receipt.Break, and nothing is added. They count as stored. Whoever calls it
	// knows that somebody who is trusted has signed them.
	TakeOver(ctx context.Context, lines []byte, t receipt.Tree, checkpoint []byte) error
	// TakenOver are the pieces of the chain that TakeOver has added, each from its
	// first entry to its last: what rows say may be older than these.
	TakenOver(ctx context.Context) ([]Piece, error)
}

// Piece is a piece of a chain.
type Piece struct{ First, Last int64 }
