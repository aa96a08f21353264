package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// keys are those of many rows, column by column, as unnest takes them.
type keys struct {
	kind, owner []string
	id, nth     []int64
}

func (all *keys) add(r vbc.Recording) {
	all.kind, all.owner = append(all.kind, string(r.Kind)), append(all.owner, r.Owner)
	all.id, all.nth = append(all.id, r.ID), append(all.nth, r.Nth)
}

func keysOf(recordings []vbc.Recording) (all keys) {
	for _, r := range recordings {
		all.add(r)
	}
	return all
}

// theseRows are the rows, r, of keys: whatever else a statement has begins with $6.
const (
	theseKeys = "unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS u (kind, owner, id, nth)"
	theseRows = "r.account = $1 AND r.kind = u.kind AND r.owner = u.owner AND r.id = u.id AND r.nth = u.nth"
)

var keyTypes = []string{"text", "text", "bigint", "bigint"}

func (all *keys) values(more ...any) []any {
	return append([]any{all.kind, all.owner, all.id, all.nth}, more...)
}

// rowsToWrite are new rows, column by column.
type rowsToWrite struct {
	keys
	calls
	start, size, storedAt, archivedAt, seenRun, displaced, bytes []int64
	raw                                                          [][]byte
	state, audio, sidecar, transcript, damaged, said             []string
	refuted, unvouched                                           []bool
}

// add adds a row; displaced is the run that has displaced it, 0 if none has.
func (w *rowsToWrite) add(r manifest.Row, displaced int64) {
	w.keys.add(r.Recording)
	w.calls.add(callOf(r.Recording))
	bytes := r.Size
	if !r.Copy.ArchivedAt.IsZero() && r.Copy.Known() {
		bytes = r.Copy.Audio.Size
	}
	w.start, w.size, w.bytes = append(w.start, r.Start.UnixMilli()), append(w.size, r.Size), append(w.bytes, bytes)
	w.storedAt, w.archivedAt = append(w.storedAt, millis(r.Copy.StoredAt)), append(w.archivedAt, millis(r.Copy.ArchivedAt))
	w.seenRun, w.displaced = append(w.seenRun, r.SeenRun), append(w.displaced, displaced)
	w.raw, w.state = append(w.raw, r.Raw), append(w.state, string(r.State))
	w.audio, w.sidecar, w.transcript = append(w.audio, objectText(r.Copy.Audio)), append(w.sidecar, objectText(r.Copy.Sidecar)), append(w.transcript, objectText(r.Copy.Transcript))
	w.damaged, w.said = append(w.damaged, Storable(r.Damaged)), append(w.said, manifest.EncodeSaid(r.Said))
	w.refuted, w.unvouched = append(w.refuted, r.Refuted), append(w.unvouched, r.Unvouched)
}

// arrays are the values, from $from on, that are arrays of these types.
func arrays(from int, types ...[]string) string {
	all := slices.Concat(types...)
	for i, t := range all {
		all[i] = fmt.Sprintf("$%d::%s[]", from+i, t)
	}
	return strings.Join(all, ", ")
}

// insertText puts rows into recording and call in one statement.
var insertText = `WITH u AS (SELECT * FROM unnest(` + arrays(2, keyTypes, slices.Repeat([]string{"bigint"}, 7), []string{"bytea", "text", "text", "text", "text", "text", "text", "bool", "bool"}, callTypes) + `)
		AS u (kind, owner, id, nth, start, size, bytes, stored_at, archived_at, seen_run, displaced, raw, state, audio, sidecar, transcript, damaged, said, refuted, unvouched, ` + callColumns + `)),
	written AS (INSERT INTO vbcvault.recording (account, kind, owner, id, nth, start, size, raw, state, audio, sidecar, transcript, stored_at, archived_at, seen_run,
			displaced, damaged, refuted, said, unvouched)
		SELECT $1, kind, owner, id, nth, start, size, raw, state, nullif(audio, '')::jsonb, nullif(sidecar, '')::jsonb, nullif(transcript, '')::jsonb, stored_at, archived_at, seen_run,
			displaced, damaged, refuted, said, unvouched FROM u)
	INSERT INTO vbcvault.call (account, start, kind, owner, id, nth, state, bytes, transcribed, ` + callColumns + `)
		SELECT $1, start, kind, owner, id, nth, state, bytes, transcript <> '', ` + callFields + ` FROM u`

// insertRows adds rows whose keys are free.
func insertRows(tx *txn, w *rowsToWrite) error {
	if len(w.raw) == 0 {
		return nil
	}
	values := w.keys.values(w.start, w.size, w.bytes, w.storedAt, w.archivedAt, w.seenRun, w.displaced, w.raw, w.state, w.audio, w.sidecar, w.transcript,
		w.damaged, w.said, w.refuted, w.unvouched)
	_, err := tx.Exec(insertText, append(values, w.calls.values()...)...)
	return err
}

// drop makes room for rows.
func drop(tx *txn, all keys) error {
	if len(all.id) == 0 {
		return nil
	}
	_, err := tx.Exec("DELETE FROM vbcvault.recording r USING "+theseKeys+" WHERE "+theseRows, all.values()...)
	return err
}
