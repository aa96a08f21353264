package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

func (m *Manifest) Acknowledge(ctx context.Context, r vbc.Recording, why string) error {
	panic("not written yet")
}

func (m *Manifest) Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]manifest.Sighting, error) {
	panic("not written yet")
}

func (m *Manifest) All(ctx context.Context, key vbc.Key) ([]manifest.Row, error) {
	panic("not written yet")
}

func (m *Manifest) Compared(ctx context.Context, r vbc.Recording, how manifest.Alike) error {
	panic("not written yet")
}

func (m *Manifest) Comparing(ctx context.Context, r vbc.Recording) error { panic("not written yet") }

func (m *Manifest) Copies(ctx context.Context, of int, due []int) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) CountPending(ctx context.Context, sel manifest.Selection) (n int64, err error) {
	panic("not written yet")
}

func (m *Manifest) Damaged(ctx context.Context, r vbc.Recording, what string) error {
	panic("not written yet")
}

func (m *Manifest) Displace(ctx context.Context) error { panic("not written yet") }

func (m *Manifest) Doubt(ctx context.Context, r vbc.Recording) error { panic("not written yet") }

func (m *Manifest) Drop(ctx context.Context, r vbc.Recording) error { panic("not written yet") }

func (m *Manifest) Erased(ctx context.Context, r vbc.Recording, done receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Erasing(ctx context.Context, r vbc.Recording, begun receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) ErasingFound(ctx context.Context, row *manifest.Row, begun receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Failed(ctx context.Context, r vbc.Recording, run int64, f manifest.Failure) error {
	panic("not written yet")
}

func (m *Manifest) ForgetUploads(ctx context.Context) error { panic("not written yet") }

func (m *Manifest) Found(ctx context.Context, r vbc.Recording, c manifest.Copy, outcome receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Get(ctx context.Context, key vbc.Key) (manifest.Row, error) {
	panic("not written yet")
}

func (m *Manifest) Gone(ctx context.Context, r vbc.Recording) error { panic("not written yet") }

func (m *Manifest) InOrder(ctx context.Context) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) IsCopy(ctx context.Context, r vbc.Recording, c storage.Content) (is bool, err error) {
	panic("not written yet")
}

func (m *Manifest) Look(ctx context.Context, r vbc.Recording) (manifest.Row, manifest.Sighting, error) {
	panic("not written yet")
}

func (m *Manifest) Moved(ctx context.Context, identity string) error { panic("not written yet") }

func (m *Manifest) NotPurged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Pending(ctx context.Context, sel manifest.Selection) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) Purged(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	panic("not written yet")
}

func (m *Manifest) Purging(ctx context.Context, r vbc.Recording, c manifest.Copy, intent receipt.Entry, refuted bool) error {
	panic("not written yet")
}

func (m *Manifest) Put(ctx context.Context, rows ...manifest.Row) error { panic("not written yet") }

func (m *Manifest) Redate(ctx context.Context, r vbc.Recording, at time.Time) error {
	panic("not written yet")
}

func (m *Manifest) Refuse(ctx context.Context, all ...manifest.Refused) error {
	panic("not written yet")
}

func (m *Manifest) RefusedAt(ctx context.Context, key string) (all []manifest.Refused, err error) {
	panic("not written yet")
}

func (m *Manifest) Relist(ctx context.Context, r vbc.Recording, wrong ...manifest.Refused) error {
	panic("not written yet")
}

func (m *Manifest) Rewritten(ctx context.Context, r vbc.Recording) error { panic("not written yet") }

func (m *Manifest) Row(ctx context.Context, key vbc.Key, nth int64) (manifest.Row, error) {
	panic("not written yet")
}

func (m *Manifest) SeenBy(ctx context.Context, run int64) iter.Seq2[manifest.Row, error] {
	panic("not written yet")
}

func (m *Manifest) StillListed(ctx context.Context, run int64, recordings []vbc.Recording) (still []vbc.Recording, err error) {
	panic("not written yet")
}

func (m *Manifest) Stored(ctx context.Context, r vbc.Recording, c manifest.Copy) error {
	panic("not written yet")
}

func (m *Manifest) StoredAlike(ctx context.Context, r vbc.Recording, c manifest.Copy) error {
	panic("not written yet")
}

func (m *Manifest) SuspectTwins(ctx context.Context) error { panic("not written yet") }

func (m *Manifest) Suspected(ctx context.Context, r vbc.Recording) error { panic("not written yet") }

func (m *Manifest) Tell(ctx context.Context, rows []manifest.Row) error { panic("not written yet") }

func (m *Manifest) Transcribed(ctx context.Context, r vbc.Recording, transcript storage.Object) error {
	panic("not written yet")
}

func (m *Manifest) Twin(ctx context.Context, r vbc.Recording, sum storage.Digest) (*vbc.Recording, error) {
	panic("not written yet")
}

func (m *Manifest) UploadBegun(ctx context.Context, key, id string) error { panic("not written yet") }

func (m *Manifest) UploadEnded(key, id string) { panic("not written yet") }

func (m *Manifest) Uploads(ctx context.Context) (all []manifest.Upload, err error) {
	panic("not written yet")
}

func (m *Manifest) Verified(ctx context.Context, r vbc.Recording, c manifest.Copy, at time.Time, done bool) error {
	panic("not written yet")
}

func (m *Manifest) Withdrawn(ctx context.Context, r vbc.Recording, outcome receipt.Entry) error {
	panic("not written yet")
}
