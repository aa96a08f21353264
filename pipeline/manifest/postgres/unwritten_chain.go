package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

func (m *Manifest) AddListening(ctx context.Context, l manifest.Listening) (manifest.Listening, error) {
	panic("not written yet")
}

func (m *Manifest) AddReceipt(ctx context.Context, e receipt.Entry) error { panic("not written yet") }

func (m *Manifest) Backup(ctx context.Context, path string) error { panic("not written yet") }

func (m *Manifest) Check(ctx context.Context) (findings []string, err error) {
	panic("not written yet")
}

func (m *Manifest) Checkpoint(ctx context.Context) ([]byte, error) { panic("not written yet") }

func (m *Manifest) Covered(ctx context.Context, holds []manifest.Hold, states ...manifest.State) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) Departures(ctx context.Context) iter.Seq2[manifest.Departure, error] {
	panic("not written yet")
}

func (m *Manifest) HoldStored(ctx context.Context, t manifest.HoldText) error {
	panic("not written yet")
}

func (m *Manifest) HoldsSettled(ctx context.Context) (settled bool, err error) {
	panic("not written yet")
}

func (m *Manifest) LearnHold(ctx context.Context, t manifest.HoldText) error {
	panic("not written yet")
}

func (m *Manifest) LearnListenings(ctx context.Context, log string, texts ...manifest.ListeningRecord) (n int64, err error) {
	panic("not written yet")
}

func (m *Manifest) Listened(ctx context.Context, since, until time.Time) ([]manifest.ListenerMonth, error) {
	panic("not written yet")
}

func (m *Manifest) ListeningBundles(ctx context.Context) ([]manifest.ListeningBundle, error) {
	panic("not written yet")
}

func (m *Manifest) ListeningTexts(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error] {
	panic("not written yet")
}

func (m *Manifest) Listenings(ctx context.Context, q manifest.ListeningQuery) iter.Seq2[manifest.Listening, error] {
	panic("not written yet")
}

func (m *Manifest) ListeningsStored(ctx context.Context, b manifest.ListeningBundle) error {
	panic("not written yet")
}

func (m *Manifest) NoteHolds(ctx context.Context, run int64) error { panic("not written yet") }

func (m *Manifest) NoteListenings(ctx context.Context, run int64) error { panic("not written yet") }

func (m *Manifest) NotedListenings(ctx context.Context, first, last int64) iter.Seq2[manifest.ListeningRecord, error] {
	panic("not written yet")
}

func (m *Manifest) RefuseListenings(ctx context.Context) (refused int, err error) {
	panic("not written yet")
}

func (m *Manifest) Release(ctx context.Context, hold, removal storage.Digest) error {
	panic("not written yet")
}

func (m *Manifest) RemoveHold(ctx context.Context, number int64, reason, by string) (h manifest.Hold, err error) {
	panic("not written yet")
}

func (m *Manifest) Revive(ctx context.Context, hold storage.Digest) error { panic("not written yet") }

func (m *Manifest) SeeTips(ctx context.Context, chains []string, tips []manifest.Tip) error {
	panic("not written yet")
}

func (m *Manifest) ShareHold(ctx context.Context, t manifest.HoldText) error {
	panic("not written yet")
}

func (m *Manifest) TakeOver(ctx context.Context, lines []byte, t receipt.Tree, checkpoint []byte) error {
	panic("not written yet")
}

func (m *Manifest) TakenOver(ctx context.Context) (pieces []manifest.Piece, err error) {
	panic("not written yet")
}

func (m *Manifest) Tips(ctx context.Context) (tips []manifest.Tip, looked bool, err error) {
	panic("not written yet")
}

func (m *Manifest) Trust(ctx context.Context, t manifest.Trusted) error { panic("not written yet") }

func (m *Manifest) Trusted(ctx context.Context) ([]manifest.Trusted, error) { panic("not written yet") }

func (m *Manifest) UnderWay(ctx context.Context, h manifest.Hold) (n int, err error) {
	panic("not written yet")
}

func (m *Manifest) UnreadListenings(ctx context.Context) ([]int64, error) { panic("not written yet") }

func (m *Manifest) UnstoredHolds(ctx context.Context) ([]manifest.HoldText, error) {
	panic("not written yet")
}

func (m *Manifest) UnstoredListenings(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error] {
	panic("not written yet")
}

func (m *Manifest) Unvouched(ctx context.Context) (n int64, err error) { panic("not written yet") }

func (m *Manifest) VouchForAll(ctx context.Context) (n int64, err error) { panic("not written yet") }
