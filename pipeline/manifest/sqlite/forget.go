package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// forgetAround forgets what the rest of the manifest says of the call of a recording
// that is being erased: in which slices of listings and exports it was, to which
// caller runs were narrowed, what troubles and the ends of runs quote of it.
func forgetAround(tx txn, r vbc.Recording) error {
	var raw, said string
	err := tx.QueryRow("SELECT raw, said FROM recording WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth).Scan(&raw, &said)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // and the step is refused
	}
	if err != nil {
		return writeError(err)
	}
	row := manifest.Row{Recording: vbc.ParseRecording(r.Kind, r.Owner, json.RawMessage(raw))}
	row.Start = r.Start
	if said != "" {
		if err := json.Unmarshal([]byte(said), &row.Said); err != nil {
			return writeError(err)
		}
	}
	for _, start := range row.Starts() {
		// What is known of exports has digests of file names, which have numbers in them.
		if _, err := tx.Exec("DELETE FROM export WHERE since <= ? AND until > ?", start.UnixMilli(), start.UnixMilli()); err != nil {
			return writeError(err)
		}
		// The catalogue's file of each of these months may have it.
		_, err := tx.Exec(`INSERT INTO stale VALUES (strftime('%Y-%m', ? / 1000, 'unixepoch'), 1)
			ON CONFLICT (month) DO UPDATE SET changes = changes + 1`, start.UnixMilli())
		if err != nil {
			return writeError(err)
		}
	}
	// Runs and listings that were narrowed to a caller say to which; earlier
	// versions wrote it out. What is listed once more costs a few requests.
	for _, text := range []string{"DELETE FROM listing WHERE filter <> ''", "DELETE FROM export WHERE filter <> ''",
		"DELETE FROM meta WHERE key GLOB 'scan * * ?*'", "UPDATE trouble SET filter = '' WHERE filter <> ''",
		"UPDATE run SET options = json_remove(options, '$.Filter') WHERE json_valid(options) AND json_type(options, '$.Filter') IS NOT NULL",
		"UPDATE run SET options = json_set(options, '$.filter', '" + manifest.TextErased + "') WHERE json_valid(options) AND json_type(options, '$.filter') IS NOT NULL"} {
		if _, err := tx.Exec(text); err != nil {
			return writeError(err)
		}
	}
	for _, text := range row.Quotes() {
		if err := unquote(tx, text); err != nil {
			return err
		}
	}
	return nil
}

// unquote has no trouble, and no end of a run, quote a text any more.
func unquote(tx txn, text string) error {
	for _, change := range []string{
		"UPDATE trouble SET reason = replace(reason, ?1, ?2), acknowledged = replace(acknowledged, ?1, ?2) WHERE instr(reason, ?1) OR instr(acknowledged, ?1)",
		`UPDATE run SET summary = json_replace(summary, '$.problems', json((SELECT json_group_array(replace(value, ?1, ?2)) FROM json_each(summary, '$.problems'))))
			WHERE json_valid(summary) AND json_type(summary, '$.problems') = 'array'
				AND EXISTS (SELECT 1 FROM json_each(summary, '$.problems') WHERE instr(value, ?1))`,
		`UPDATE run SET summary = json_replace(summary, '$.stopped', replace(summary ->> '$.stopped', ?1, ?2))
			WHERE json_valid(summary) AND instr(summary ->> '$.stopped', ?1)`,
	} {
		if _, err := tx.Exec(change, text, manifest.TextErased); err != nil {
			return writeError(err)
		}
	}
	return nil
}
