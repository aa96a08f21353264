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
	Release(ctx context.Context, hold, removal storage.Digest) error
	Chain(ctx context.Context) (receipt.Chain, error)
	Verifier(ctx context.Context) (string, error)
	Trusted(ctx context.Context) ([]manifest.Trusted, error)
}

// Manifest is what an archive needs of its manifest.
type Manifest interface {
	Bind(ctx context.Context, b manifest.Binding) error
	Binding(ctx context.Context) (manifest.Binding, error)
	Moved(ctx context.Context, identity string) error
	manifest.Leased

	Learner
	Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error]
	ReceiptsStored(ctx context.Context) (seq int64, err error)
	Tree(ctx context.Context) (receipt.Tree, error)
	SetReceiptsStored(ctx context.Context, t receipt.Tree, checkpoint []byte) error
	TakeOver(ctx context.Context, lines []byte, t receipt.Tree, checkpoint []byte) error
	SigningKey() (receipt.Key, error)
	Checkpoint(ctx context.Context) ([]byte, error)
	AddReceipt(ctx context.Context, e receipt.Entry) error
	Tips(ctx context.Context) (tips []manifest.Tip, looked bool, err error)
	SeeTips(ctx context.Context, chains []string, tips []manifest.Tip) error
	HoldTexts(ctx context.Context) ([]manifest.HoldRecord, error)
	Revive(ctx context.Context, hold storage.Digest) error
	UnstoredHolds(ctx context.Context) ([]manifest.HoldText, error)
	HoldStored(ctx context.Context, t manifest.HoldText) error
	NoteHolds(ctx context.Context, run int64) error

	NoteListenings(ctx context.Context, run int64) error
	RefuseListenings(ctx context.Context) (int, error)
	NotedListenings(ctx context.Context, first, last int64) iter.Seq2[manifest.ListeningRecord, error]
	UnstoredListenings(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error]
	ListeningsStored(ctx context.Context, b manifest.ListeningBundle) error
	ListeningBundles(ctx context.Context) ([]manifest.ListeningBundle, error)
	UnreadListenings(ctx context.Context) (seqs []int64, err error)
	LearnListenings(ctx context.Context, chain string, texts ...manifest.ListeningRecord) (n int64, err error)

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
