package web_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// changed is a manifest in which something has become of a recording.
type changed struct {
	*sqlite.Manifest
	change func(*manifest.Row)
}

func (c changed) Row(ctx context.Context, key vbc.Key, nth int64) (manifest.Row, error) {
	row, err := c.Manifest.Row(ctx, key, nth)
	c.change(&row)
	return row, err
}

// as is a page with one call of which something has become.
func as(change func(*manifest.Row), more ...func(*pageOptions)) func(testing.TB) *page {
	return func(t testing.TB) *page {
		o := pageOptions{Recordings: someRecordings()[:1], Manifest: func(_ string, m *sqlite.Manifest) web.Manifest { return changed{m, change} }}
		for _, f := range more {
			f(&o)
		}
		return newPage(t, o)
	}
}

func failed(r *manifest.Row) {
	r.State, r.Copy = manifest.Failed, manifest.Copy{}
	r.Failure = manifest.Failure{Code: "not-audio", Reason: "fetch company recording 193228: the answer is not audio", Attempts: 3, At: r.Start.AddDate(0, 1, 0)}
}

func damaged(r *manifest.Row) {
	r.State, r.Damaged = manifest.Purged, "the audio has 12 bytes and must have 13428"
}

func erased(r *manifest.Row) {
	r.State = manifest.Erased
	r.Recording = vbc.Recording{Kind: r.Kind, ID: r.ID, Start: r.Start, Duration: -1, Size: -1, Raw: []byte("null")}
}

func listed(r *manifest.Row) { r.State, r.Copy = manifest.Listed, manifest.Copy{} }

func gone(r *manifest.Row) { r.State, r.Copy = manifest.Gone, manifest.Copy{} }

func kept(r *manifest.Row) {
	a := &r.Copy.Audio
	a.LockedUntil, a.Expires, a.Encryption = time.Date(2032, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2033, 1, 2, 3, 4, 5, 0, time.UTC), "aws:kms"
}

// frozen is an archive that has its audio and transcripts in cold storage.
type frozen struct {
	storage.Store
	thawing bool
}

func (f frozen) Open(context.Context, storage.Object) (io.ReadCloser, error) {
	return nil, storage.ErrCold
}

func (f frozen) OpenRange(context.Context, storage.Object, int64, int64) (io.ReadCloser, error) {
	return nil, storage.ErrCold
}

func (f frozen) Frost(context.Context, storage.Object) (storage.Frost, error) {
	return storage.Frost{Class: "DEEP_ARCHIVE", Thawing: f.thawing, Takes: map[storage.Tier]time.Duration{storage.Standard: 12 * time.Hour, storage.Bulk: 48 * time.Hour}}, nil
}

func (f frozen) Thaw(context.Context, storage.Object, storage.Frost, storage.Tier, int) error {
	return nil
}

func cold(t testing.TB) *page {
	return newPage(t, pageOptions{Recordings: someRecordings()[:1], Wrap: func(d storage.Destination) storage.Store { return frozen{d, false} }})
}

// Whatever has become of a call, its page says so plainly, plays only what there is to
// play, and says what can be done.
func TestWhatHasBecomeOfACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page  *page
		has   []string
		lacks []string
	}{
		"listed":  {as(listed)(t), []string{"Not archived yet", "There is no audio in the archive yet", "The next run of vbcvault archives it"}, []string{"<audio", "/download"}},
		"failed":  {as(failed)(t), []string{"What went wrong", "the answer is not audio", "What to do:", "archiving it has failed"}, []string{"<audio", "/download"}},
		"gone":    {as(gone)(t), []string{"Missing", "VBC no longer had this recording"}, []string{"<audio", "/download"}},
		"damaged": {as(damaged)(t), []string{"The copy in the archive is damaged", "12 bytes", "<audio"}, nil},
		"erased":  {as(erased)(t), []string{"was erased from the archive", "SHA-256"}, []string{"<audio", "/download", "/holds/new", "17325550128"}},
		"kept":    {as(kept)(t), []string{"2 Jan 2032, 03:04:05 UTC", "nobody can delete it", "2 Jan 2033", "aws:kms"}, nil},
		"deleted": {newPage(t, pageOptions{Recordings: someRecordings()[:1], Archive: deleting(1)}), []string{"Archived", "Deletion at VBC started", "Receipt 1 (intent), SHA-256 <code>", "VBC confirmed the deletion", "(outcome)"}, nil},
		"cold":    {cold(t), []string{"cold storage (DEEP_ARCHIVE)", "Standard: within 12 h", "Bulk, the cheapest: within 2 d", "/thaw", "The transcript is in cold storage"}, []string{"<audio", "Expedited"}},
		"thawing": {as(func(*manifest.Row) {}, func(o *pageOptions) { o.Wrap = func(d storage.Destination) storage.Store { return frozen{d, true} } })(t), []string{"Somebody has asked for it"}, []string{"<audio", "/thaw"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.page.Get(firstCall)
			a.want(t, http.StatusOK, c.has...)
			a.lacks(t, c.lacks...)
		})
	}
	p := cold(t)
	p.As("vera", access.Role{Kind: "supervisor"})
	p.Get(firstCall).want(t, http.StatusOK, "Your role does not include that").lacks(t, "/thaw", "/holds/new", "/download")
}
