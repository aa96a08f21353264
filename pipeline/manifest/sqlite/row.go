package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

const columns = `kind, owner, id, start, raw, state, audio, sidecar, transcript, stored_at, archived_at, code, reason, permanent, attempts, failed_at, reappeared, seen_run, acknowledged, acknowledging, acknowledging_code, damaged, nth, displaced <> 0, refuted, alike, said, unvouched`

func (m *Manifest) scan(rows *sql.Rows) (manifest.Row, error) { return m.scanWith(rows) }

// scanWith is scan for a query with more columns than these.
func (m *Manifest) scanWith(rows *sql.Rows, more ...any) (manifest.Row, error) {
	var r manifest.Row
	var kind, owner, raw, audio, sidecar, transcript, said string
	var id, nth, start, stored, archived, failed int64
	err := rows.Scan(append([]any{&kind, &owner, &id, &start, &raw, &r.State, &audio, &sidecar, &transcript, &stored, &archived,
		&r.Failure.Code, &r.Failure.Reason, &r.Failure.Permanent, &r.Failure.Attempts, &failed, &r.Reappeared, &r.SeenRun,
		&r.Failure.Acknowledged, &r.Failure.Acknowledging, &r.Failure.AcknowledgingCode, &r.Damaged, &nth, &r.Displaced, &r.Refuted, &r.Alike, &said, &r.Unvouched}, more...)...)
	if err != nil {
		return manifest.Row{}, err
	}
	r.Recording = vbc.ParseRecording(vbc.Kind(kind), owner, json.RawMessage(raw))
	if r.Unreadable != "" && len(raw) <= vbc.MaxRecording { // else an earlier version took it
		return manifest.Row{}, fmt.Errorf("%s %s: %s", kind, owner, r.Unreadable)
	}
	r.Account, r.Owner, r.Nth = m.account, owner, nth
	r.Copy.StoredAt, r.Copy.ArchivedAt, r.Failure.At = fromMillis(stored), fromMillis(archived), fromMillis(failed)
	if r.Said, err = manifest.DecodeSaid(said); err != nil {
		return manifest.Row{}, err
	}
	if r.Copy.Audio, err = decodeObject(audio); err != nil {
		return manifest.Row{}, err
	}
	if r.Copy.Sidecar, err = decodeObject(sidecar); err != nil {
		return manifest.Row{}, err
	}
	r.Copy.Transcript, err = decodeObject(transcript)
	return r, err
}

func decodeObject(s string) (o storage.Object, err error) {
	if s != "" {
		err = json.Unmarshal([]byte(s), &o)
	}
	return o, err
}

func encodeObject(o storage.Object) string {
	if o.Key == "" {
		return ""
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers only: can't fail
	}
	return string(b)
}
