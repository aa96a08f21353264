package sqlite

import (
	"database/sql"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

const columns = `kind, owner, id, start, raw, state, audio, sidecar, transcript, stored_at, archived_at, code, reason, permanent, attempts, failed_at, reappeared, seen_run, acknowledged, acknowledging, acknowledging_code, damaged, nth, displaced <> 0, refuted, alike, said, unvouched`

func (m *Manifest) scan(rows *sql.Rows) (manifest.Row, error) { return m.scanWith(rows) }

// scanWith is scan for a query with more columns than these.
func (m *Manifest) scanWith(rows *sql.Rows, more ...any) (r manifest.Row, err error) {
	var k manifest.Kept
	var id, start int64
	err = rows.Scan(append([]any{&k.Kind, &k.Owner, &id, &start, &k.Raw, &r.State, &k.Audio, &k.Sidecar, &k.Transcript, &k.Stored, &k.Archived,
		&r.Failure.Code, &r.Failure.Reason, &r.Failure.Permanent, &r.Failure.Attempts, &k.Failed, &r.Reappeared, &r.SeenRun,
		&r.Failure.Acknowledged, &r.Failure.Acknowledging, &r.Failure.AcknowledgingCode, &r.Damaged, &k.Nth, &r.Displaced, &r.Refuted, &r.Alike, &k.Said, &r.Unvouched}, more...)...)
	if err == nil {
		err = k.Complete(&r, m.account)
	}
	return r, err
}
