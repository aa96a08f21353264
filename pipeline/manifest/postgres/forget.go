package postgres

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// forgetAround forgets what the rest of the manifest says of the call of a recording
// that is being erased: in which slices of listings and exports it was, to which
// caller runs were narrowed, what troubles and the ends of runs quote of it.
func forgetAround(tx *txn, r vbc.Recording) error {
	var raw []byte
	var said string
	err := tx.QueryRow("SELECT raw, said FROM vbcvault.recording WHERE "+thisRow, keyOf(r)...).Scan(&raw, &said)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // and the step is refused
	}
	if err != nil {
		return writeError(err)
	}
	row := manifest.Row{Recording: vbc.ParseRecording(r.Kind, r.Owner, raw)}
	row.Start = r.Start
	if row.Said, err = manifest.DecodeSaid(said); err != nil {
		return writeError(err)
	}
	texts := row.Quotes()
	for _, forget := range []func() error{
		func() error { return forgetSlices(tx, row) },
		func() error { return unquoteTroubles(tx, texts) },
		func() error { return unquoteRuns(tx, texts) },
	} {
		if err := forget(); err != nil {
			return writeError(err)
		}
	}
	return nil
}

func forgetSlices(tx *txn, row manifest.Row) error {
	var starts []int64
	for _, start := range row.Starts() {
		starts = append(starts, start.UnixMilli())
	}
	for _, s := range []struct {
		text string
		args []any
	}{
		// What is known of exports has digests of file names, which have numbers in them.
		// Listings that were narrowed to a caller say to which; what is listed once more
		// costs a few requests.
		{"DELETE FROM vbcvault.export e WHERE account = $1 AND (filter <> '' OR EXISTS (SELECT 1 FROM unnest($2::bigint[]) AS s WHERE e.since <= s AND e.until > s))", []any{starts}},
		{"DELETE FROM vbcvault.listing WHERE account = $1 AND filter <> ''", nil},
		{"DELETE FROM vbcvault.meta WHERE account = $1 AND key LIKE 'scan % % _%'", nil},
		// The catalogue's file of each of these months may have it.
		{`INSERT INTO vbcvault.stale AS t SELECT DISTINCT $1::bigint, vbcvault.month_of(s), 1 FROM unnest($2::bigint[]) AS s
			ON CONFLICT (account, month) DO UPDATE SET changes = t.changes + 1`, []any{starts}},
	} {
		if _, err := tx.Exec(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// unquoteTroubles has no trouble quote texts any more, nor say to what a listing was
// narrowed.
func unquoteTroubles(tx *txn, texts []string) error {
	var v values
	var stored []string
	reason, acknowledged, erased := "reason", "acknowledged", v.add(manifest.TextErased)
	for _, t := range texts {
		stored = append(stored, Storable(t))
		one := v.add(Storable(t))
		reason = fmt.Sprintf("replace(%s, %s, %s)", reason, one, erased)
		acknowledged = fmt.Sprintf("replace(%s, %s, %s)", acknowledged, one, erased)
	}
	_, err := tx.Exec("UPDATE vbcvault.trouble SET filter = '', reason = "+reason+", acknowledged = "+acknowledged+` WHERE account = $1 AND (filter <> ''
		OR EXISTS (SELECT 1 FROM unnest(`+v.add(stored)+`::text[]) AS s WHERE strpos(reason, s) > 0 OR strpos(acknowledged, s) > 0) OR `+erased+`::text IS NULL)`, v...)
	return err
}

// unquoteRuns has no end of a run quote texts any more, and no run say to what it was
// narrowed. PostgreSQL finds the runs, and the program reads what they have written.
func unquoteRuns(tx *txn, texts []string) error {
	type run struct {
		id               int64
		options, summary []byte
	}
	quoted := [][]byte{}
	for _, t := range texts {
		quoted = append(quoted, manifest.InJSON(t)...)
	}
	runs, err := collect(tx, func(row pgx.CollectableRow) (r run, err error) {
		return r, row.Scan(&r.id, &r.options, &r.summary)
	}, `SELECT id, options, summary FROM vbcvault.run WHERE account = $1 AND (position('"Filter"'::bytea IN options) > 0
		OR position('"filter"'::bytea IN options) > 0 AND position('"filter":"erased"'::bytea IN options) = 0
		OR EXISTS (SELECT 1 FROM unnest($2::bytea[]) AS s WHERE position(s IN summary) > 0)) ORDER BY id`, quoted)
	for _, r := range runs {
		options, summary := manifest.WithoutFilter(r.options), manifest.WithoutQuotes(r.summary, texts)
		if err == nil && (!bytes.Equal(options, r.options) || !bytes.Equal(summary, r.summary)) {
			_, err = tx.Exec("UPDATE vbcvault.run SET options = $2, summary = $3 WHERE account = $1 AND id = $4", options, summary, r.id)
		}
	}
	return err
}
