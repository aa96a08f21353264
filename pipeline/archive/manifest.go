package archive

import (
	"context"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Learner is what learning the holds of an archive needs of a manifest.
type Learner interface {
	Holds(ctx context.Context) ([]manifest.Hold, error)
	LearnHold(ctx context.Context, t manifest.HoldText) error
}

// Manifest is what an archive needs of its manifest.
type Manifest interface {
	Bind(ctx context.Context, b manifest.Binding) error
	Binding(ctx context.Context) (manifest.Binding, error)
	Moved(ctx context.Context, identity string) error

	Chain(ctx context.Context) (receipt.Chain, error)
	Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error]
	ReceiptsStored(ctx context.Context) (seq int64, err error)
	SetReceiptsStored(ctx context.Context, seq int64) error
	TakeOver(ctx context.Context, lines []byte) error

	Learner
	HoldsSettled(ctx context.Context) (settled bool, err error)
	UnstoredHolds(ctx context.Context) ([]manifest.HoldText, error)
	HoldStored(ctx context.Context, t manifest.HoldText) error
	NoteHolds(ctx context.Context, run int64) error

	Months(ctx context.Context) ([]manifest.Month, error)
	StaleMonths(ctx context.Context) ([]manifest.Month, error)
	MonthOf(ctx context.Context, at time.Time) (manifest.Month, error)
	Of(ctx context.Context, month manifest.Month) iter.Seq2[manifest.Row, error]
	Catalogued(ctx context.Context, month manifest.Month) error

	All(ctx context.Context, key vbc.Key) ([]manifest.Row, error)
	Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error
	ErasingFound(ctx context.Context, row *manifest.Row, begun receipt.Entry) error
	Erased(ctx context.Context, r vbc.Recording, done receipt.Entry) error
	Scrub(ctx context.Context) error

	Uploads(ctx context.Context) ([]manifest.Upload, error)
	storage.UploadJournal
	ForgetUploads(ctx context.Context) error
}
