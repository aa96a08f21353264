package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// file is what manifests have in common with other files of SQLite.
var file = dbfile.File{
	Format: format, Steps: migrations,
	Read:  "SELECT value FROM meta WHERE key = 'program'",
	Write: "INSERT OR REPLACE INTO meta (key, value) VALUES ('program', ?)",
}

// migrate brings a manifest of an older format up to date. A copy is made
// first, beside it. A crash on the way leaves the old format, and the next
// program that opens it begins again.
func migrate(ctx context.Context, db *sql.DB, path string, from int, program string) error {
	reads, err := sql.Open("sqlite", dsn(path, "ro", waitBusy))
	if err != nil {
		return err
	}
	return errors.Join(file.Upgrade(ctx, db, reads, path, from, program), reads.Close())
}

// migrations lead from each format to the next.
var migrations = map[int]func(*sql.Tx) error{1: chainReceipts, 2: addLookups, 3: addHolds, 4: addTranscripts, 5: addSearches, 6: addNth, 7: addTroubles, 8: addCodes, 9: addEvidence, 10: addPage}

// addPage leads to format 11: calls are found by the end of a number and by what was
// said, and who has listened is written down.
func addPage(tx *sql.Tx) error {
	if err := addColumn(tx, "call", "transcribed INTEGER NOT NULL DEFAULT 0"); err != nil {
		return err
	}
	_, err := tx.Exec(`DROP TRIGGER call_in; DROP TRIGGER call_out; DROP TRIGGER call_anew; DROP TRIGGER call_moves;` + callTriggers + `
		UPDATE call SET transcribed = 1 FROM recording r WHERE r.transcript <> '' AND call.start = r.start AND call.kind = r.kind AND call.owner = r.owner
			AND call.id = r.id AND call.nth = r.nth;` + withoutNumbers + numbers + listenings + words + aboutIndex)
	return err
}

// withoutNumbers takes away what numbers makes. It can all be made anew.
const withoutNumbers = `
DROP TRIGGER IF EXISTS found_in; DROP TRIGGER IF EXISTS found_out;
DROP INDEX IF EXISTS by_name; DROP INDEX IF EXISTS by_direction; DROP INDEX IF EXISTS by_transcribed;
DROP TABLE IF EXISTS number; DROP TABLE IF EXISTS call_extension; DROP TABLE IF EXISTS name; DROP TABLE IF EXISTS caller;
`

// addEvidence leads to format 10: receipts are signed, holds look at all that VBC
// has said of a call, and of each copy it is known whether anything vouches for it.
func addEvidence(tx *sql.Tx) error {
	for _, column := range []string{"said TEXT NOT NULL DEFAULT ''", "unvouched INTEGER NOT NULL DEFAULT 0"} {
		if err := addColumn(tx, "recording", column); err != nil {
			return err
		}
	}
	if err := addColumn(tx, "hold", "signed TEXT NOT NULL DEFAULT ''"); err != nil {
		return err
	}
	_, err := tx.Exec("DROP INDEX IF EXISTS unvouched; DROP TABLE IF EXISTS log; DROP TABLE IF EXISTS trusted; DROP TABLE IF EXISTS release;" + logs + saidIndex)
	return err
}

// addCodes leads to format 9: failures have a code beside their text, and are
// acknowledged by it. What is there gets one as far as its text tells; the rest has
// none until it fails again, and so long, an acknowledgement goes by the text. A
// manifest of format 6 or older has got the columns with its new rows, see addNth.
func addCodes(tx *sql.Tx) error {
	for _, column := range []string{"code TEXT NOT NULL DEFAULT ''", "acknowledging_code TEXT NOT NULL DEFAULT ''"} {
		if err := addColumn(tx, "recording", column); err != nil {
			return err
		}
	}
	return readCodes(tx)
}

// addColumn adds a column to a table, unless that was made with it: see addNth, addHolds.
func addColumn(tx *sql.Tx, table, column string) error {
	name, _, _ := strings.Cut(column, " ")
	var there bool
	err := tx.QueryRow("SELECT count(*) FROM pragma_table_info(?) WHERE name = ?", table, name).Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec("ALTER TABLE " + table + " ADD COLUMN " + column)
	}
	return err
}

// addTroubles leads to format 8: what keeps an account from being done for sure
// is written down, and uploads in parts are.
func addTroubles(tx *sql.Tx) error {
	_, err := tx.Exec("DROP TABLE IF EXISTS upload; DROP TABLE IF EXISTS trouble;" + uploads + troubles)
	return err
}

// addNth leads to format 7: recordings that have had the same id, one after the
// other, have a row each. The key of all rows changes with it, so they are
// written anew, and with them what triggers keep of them. What format 6 knew of
// export jobs is dropped: it only spares requests.
func addNth(tx *sql.Tx) error {
	const same = `kind, owner, id, start, size, raw, state, audio, sidecar, transcript, stored_at, archived_at, attempts, reason, permanent,
		failed_at, failed_run, seen_run, reappeared, acknowledged, acknowledging, damaged, odd`
	_, err := tx.Exec(`
		CREATE TABLE renewed ` + recordings + `
		INSERT INTO renewed (` + same + `) SELECT ` + same + ` FROM recording;
		DROP TABLE recording; -- and its indexes and triggers
		DROP TABLE IF EXISTS call;
		DROP TABLE IF EXISTS export;
		ALTER TABLE renewed RENAME TO recording;
		UPDATE recording SET refuted = 1 WHERE damaged <> '';` + indexes + stateIndexes + exports + calls + stales)
	if err != nil {
		return err
	}
	return suspectTwins(tx)
}

// addSearches leads to format 6: recordings can be found by their calls, and
// all of the catalogue is still to be made. What is odd is known before SQLite
// reads it: it refuses some JSON altogether.
func addSearches(tx *sql.Tx) error {
	if _, err := tx.Exec("ALTER TABLE recording ADD COLUMN odd INTEGER NOT NULL DEFAULT 0"); err != nil {
		return err
	}
	if err := markOdd(tx); err != nil {
		return err
	}
	_, err := tx.Exec(staleMonths + allStale)
	return err
}

// addTranscripts leads to format 5: a copy may have a transcript.
func addTranscripts(tx *sql.Tx) error {
	_, err := tx.Exec("ALTER TABLE recording ADD COLUMN transcript TEXT NOT NULL DEFAULT ''")
	return err
}

// addHolds leads to format 4: legal holds, and listings and exports under a
// filter. What format 3 knew of those is dropped: it only spares requests.
func addHolds(tx *sql.Tx) error {
	_, err := tx.Exec("DROP TABLE IF EXISTS listing; DROP TABLE IF EXISTS export;" + settings + exports)
	return err
}

// addLookups leads to format 3: what costs the same however long the history
// is.
func addLookups(tx *sql.Tx) error {
	_, err := tx.Exec("DROP INDEX IF EXISTS unfinished;" + lookups +
		"INSERT INTO tally SELECT state, count(*), sum(max(size, 0)) FROM recording GROUP BY state;")
	return err
}

// chainReceipts leads to format 2: receipts become a chain, failures can be
// acknowledged, and damaged copies of purged recordings are remembered.
func chainReceipts(tx *sql.Tx) error {
	_, err := tx.Exec(`
		ALTER TABLE recording ADD COLUMN acknowledged  TEXT NOT NULL DEFAULT '';
		ALTER TABLE recording ADD COLUMN acknowledging TEXT NOT NULL DEFAULT '';
		ALTER TABLE recording ADD COLUMN damaged       TEXT NOT NULL DEFAULT '';
		CREATE INDEX damaged ON recording (start) WHERE damaged <> '';
		ALTER TABLE receipt RENAME TO loose;
		CREATE TABLE receipt (seq INTEGER PRIMARY KEY, entry TEXT NOT NULL);`)
	if err != nil {
		return err
	}
	if err := newChain(tx); err != nil {
		return err
	}
	rows, err := tx.Query("SELECT entry FROM loose ORDER BY seq")
	if err != nil {
		return err
	}
	defer rows.Close()
	var entries []receipt.Entry
	for rows.Next() {
		var text string
		var e receipt.Entry
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return fmt.Errorf("read a receipt: %w", err)
		}
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, e := range entries {
		if err := addEntry(tx, e); err != nil {
			return err
		}
	}
	_, err = tx.Exec("DROP TABLE loose")
	return err
}

// Backup writes a copy of the manifest, as it is at this moment, to a new file
// (0600), also while a run goes on. On nil the copy is on disk.
func (m *Manifest) Backup(ctx context.Context, path string) error {
	if err := dbfile.Copy(ctx, m.reads, path, false); err != nil {
		return fmt.Errorf("back up manifest: %w", err)
	}
	return nil
}
