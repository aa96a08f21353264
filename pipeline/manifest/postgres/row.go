package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// columns are what scan reads.
const columns = `kind, owner, raw, state, audio, sidecar, transcript, stored_at, archived_at, code, reason, permanent, attempts, failed_at, reappeared, seen_run, ` +
	`acknowledged, acknowledging, acknowledging_code, damaged, nth, displaced <> 0, refuted, alike, said, unvouched`

// thisRow is the condition for the row of just one recording, of which keyOf has the
// values. What else a statement has begins with $6.
const thisRow = "account = $1 AND kind = $2 AND owner = $3 AND id = $4 AND nth = $5"

// keyOf are the values of thisRow, and more.
func keyOf(r vbc.Recording, more ...any) []any {
	return append([]any{r.Kind, r.Owner, r.ID, r.Nth}, more...)
}

func (m *Manifest) scan(row pgx.CollectableRow) (manifest.Row, error) { return m.scanWith(row) }

// scanWith is scan for a query with more columns than these.
func (m *Manifest) scanWith(row pgx.CollectableRow, more ...any) (r manifest.Row, err error) {
	var k manifest.Kept
	err = row.Scan(append([]any{&k.Kind, &k.Owner, &k.Raw, &r.State, &k.Audio, &k.Sidecar, &k.Transcript, &k.Stored, &k.Archived,
		&r.Failure.Code, &r.Failure.Reason, &r.Failure.Permanent, &r.Failure.Attempts, &k.Failed, &r.Reappeared, &r.SeenRun,
		&r.Failure.Acknowledged, &r.Failure.Acknowledging, &r.Failure.AcknowledgingCode, &r.Damaged, &k.Nth, &r.Displaced, &r.Refuted, &r.Alike, &k.Said, &r.Unvouched}, more...)...)
	if err == nil {
		err = k.Complete(&r, m.number)
	}
	return r, err
}

// objectText is an object as PostgreSQL takes it, "" if there is none.
func objectText(o storage.Object) string {
	for _, s := range []*string{&o.Key, &o.VersionID, &o.ETag, &o.Checksum, &o.Proof, &o.Encryption, &o.Mark} {
		*s = Storable(*s) // jsonb refuses what isn't
	}
	return manifest.EncodeObject(o)
}

// objectOf is an object as a column has it, nil if there is none.
func objectOf(o storage.Object) any {
	if text := objectText(o); text != "" {
		return text
	}
	return nil
}

// inText is a list of states for SQL.
func inText(states []manifest.State) string {
	var all []string
	for _, s := range states {
		all = append(all, "'"+string(s)+"'")
	}
	return "(" + strings.Join(all, ", ") + ")"
}
