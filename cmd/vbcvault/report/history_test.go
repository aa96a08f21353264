package report_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// history is a manifest to which things happen at times of the test's own.
type history struct {
	t      testing.TB
	path   string
	m      *sqlite.Manifest
	lastID int64
}

func newHistory(t testing.TB) *history {
	t.Helper()
	h := &history{t: t, path: filepath.Join(t.TempDir(), "m.manifest")}
	var err error
	if h.m, err = sqlite.Open(t.Context(), h.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.m.Close() })
	h.must(h.m.Bind(t.Context(), manifest.Binding{Account: "549825", Destination: "s3://acme/vbc"}))
	return h
}

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// account is the manifest as a report reads it, also while it is being written.
func (h *history) account(name string) report.Account {
	return report.Account{Name: name, Open: func(ctx context.Context) (manifest.Opened, error) {
		return place.OpenReadOnly(ctx, h.path, place.Options{})
	}}
}

// callers says things of a call that must be in no report.
const callers = `"caller_id":"17325550142","cnam":"JOHN Q SMITH","dnis":"12125550199","extensions":["4711"]`

// list has VBC show a recording.
func (h *history) list(start time.Time, size int64) vbc.Recording {
	h.t.Helper()
	h.lastID++
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"duration":60000,"file_size_in_bytes":%d,"file_name":"%d.mp3","call_direction":"INBOUND",`+
		`"download_url":"https://api.vonage.com/audio/%d","call_id":"c-%d",%s}`, h.lastID, vbc.FormatTime(start), size, h.lastID, h.lastID, h.lastID, callers))
	r.Account = "549825"
	_, err := h.m.Add(h.t.Context(), 1, []vbc.Recording{r})
	h.must(err)
	return r
}

// copyOf is a copy of a recording, locked and to be removed at these times.
func copyOf(r vbc.Recording, locked, expires time.Time) manifest.Copy {
	o := func(ending string, size int64) storage.Object {
		key := fmt.Sprintf("account=549825/%d.%s", r.ID, ending)
		return storage.Object{Key: key, ETag: `"e"`, Proof: storage.ProofChecksum, LockedUntil: locked, Expires: expires,
			Content: storage.Content{Size: size, SHA256: storage.SumOf([]byte(key))}}
	}
	return manifest.Copy{Audio: o("mp3", r.Size), Sidecar: o("json", 100), StoredAt: r.Start}
}

// archive brings a listed recording into the archive.
func (h *history) archive(r vbc.Recording, at time.Time, more ...time.Time) manifest.Copy {
	h.t.Helper()
	more = append(more, time.Time{}, time.Time{})
	c := copyOf(r, more[0], more[1])
	h.must(h.m.Stored(h.t.Context(), r, c))
	h.must(h.m.Verified(h.t.Context(), r, c, at, true))
	return c
}

// remove deletes an archived recording at VBC.
func (h *history) remove(r vbc.Recording, c manifest.Copy, at time.Time, outcome receipt.Outcome) {
	h.t.Helper()
	intent, result := receipt.New(receipt.Intent, 1, r), receipt.New(receipt.Result, 1, r)
	intent.At, result.At, intent.Audio, intent.Sidecar, intent.Verified, result.Outcome = at, at, &c.Audio, &c.Sidecar, at, outcome
	h.must(h.m.Purging(h.t.Context(), r, c, intent, false))
	h.must(h.m.Purged(h.t.Context(), r, result))
}

// erase erases what VBC has no more from the archive.
func (h *history) erase(r vbc.Recording, c manifest.Copy) {
	h.t.Helper()
	begun, done := receipt.New(receipt.Erasing, 1, r), receipt.New(receipt.Erased, 1, r)
	for _, e := range []*receipt.Entry{&begun, &done} {
		e.Audio, e.Sidecar = &c.Audio, &c.Sidecar
	}
	begun.Digest = storage.SumOf([]byte("reason"))
	h.must(h.m.Erasing(h.t.Context(), r, begun))
	h.must(h.m.Erased(h.t.Context(), r, done))
}

// fail has a run fail on a recording.
func (h *history) fail(r vbc.Recording, code, reason string, permanent bool) {
	h.t.Helper()
	h.must(h.m.Failed(h.t.Context(), r, 1, manifest.Failure{Code: code, Reason: reason, Permanent: permanent}))
}

// run writes down a run. A summary that is nil is one of a run that was cut off.
func (h *history) run(began time.Time, took time.Duration, s *pipeline.Summary, o manifest.RunOptions) {
	h.t.Helper()
	id, err := h.m.BeginRun(h.t.Context(), o)
	h.must(err)
	ended := int64(0)
	if s != nil {
		s.Seconds = took.Seconds()
		h.must(h.m.EndRun(h.t.Context(), id, s))
		ended = began.Add(took).UnixMilli()
	}
	h.change("UPDATE run SET started = ?, finished = ? WHERE id = ?", began.UnixMilli(), ended, id)
}

// change changes the manifest behind its back.
func (h *history) change(text string, args ...any) {
	h.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(h.path)+"?_pragma=busy_timeout(10000)")
	h.must(err)
	defer db.Close()
	_, err = db.ExecContext(h.t.Context(), text, args...)
	h.must(err)
}

// made is the report about the history, and the one section of it.
func (h *history) made(p report.Period) (*report.Report, report.Section) {
	h.t.Helper()
	r, err := report.Make(h.t.Context(), []report.Account{h.account("acme")}, p)
	h.must(err)
	if s := r.Accounts[0]; s.Error != "" {
		h.t.Fatal(s.Error)
	}
	return r, r.Accounts[0]
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(b)
}
