package check

import (
	"context"
	"iter"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Manifest is what checking needs of a manifest.
type Manifest interface {
	Binding(ctx context.Context) (manifest.Binding, error)

	Copies(ctx context.Context, of int, due []int) iter.Seq2[manifest.Row, error]
	InOrder(ctx context.Context) iter.Seq2[manifest.Row, error]
	Damaged(ctx context.Context, r vbc.Recording, what string) error
	Doubt(ctx context.Context, r vbc.Recording) error

	Chain(ctx context.Context) (receipt.Chain, error)
	Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error]
	ReceiptsStored(ctx context.Context) (seq int64, err error)
	Tree(ctx context.Context) (receipt.Tree, error)
	Checkpoint(ctx context.Context) ([]byte, error)
	TakenOver(ctx context.Context) ([]manifest.Piece, error)

	SigningKey() (receipt.Key, error)
	Verifier(ctx context.Context) (string, error)
	Trusted(ctx context.Context) ([]manifest.Trusted, error)
	Tips(ctx context.Context) (tips []manifest.Tip, looked bool, err error)
	HoldTexts(ctx context.Context) ([]manifest.HoldRecord, error)
	ListeningTexts(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error]
}

// Refuted is what Refute needs of one.
type Refuted interface {
	Row(ctx context.Context, key vbc.Key, nth int64) (manifest.Row, error)
	Damaged(ctx context.Context, r vbc.Recording, what string) error
	Doubt(ctx context.Context, r vbc.Recording) error
}
