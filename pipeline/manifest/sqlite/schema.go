package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// format is the version of the schema, kept in PRAGMA user_version. A program
// refuses a manifest of a newer format: it would not know what it breaks.
const format = 11

// Format is the newest format of manifests, and the one that this program writes; it
// upgrades those from OldestFormat on.
const Format, OldestFormat = format, 1

// The schema says what must survive a crash, and no more: everything that can
// be read out of the recording's own JSON is not stored again, save what
// queries select by.
var schema = `
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,  -- account, destination, identity, chain, receipts_stored, page_size, pace, limited, ahead, transcripts, late, scan …
	value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE recording ` + recordings + indexes + lookups + settings + exports + uploads + troubles + logs + calls + staleness + numbers + listenings + words + `
-- A chain (package receipt). Lines are only ever added.
CREATE TABLE receipt (
	seq   INTEGER PRIMARY KEY,
	entry TEXT NOT NULL
);
` + aboutIndex + `

CREATE TABLE run (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	started  INTEGER NOT NULL,
	finished INTEGER NOT NULL DEFAULT 0,
	options  TEXT NOT NULL,             -- JSON of RunOptions
	summary  TEXT NOT NULL DEFAULT ''   -- JSON
);
`

// VBC may give an id again, or correct a start. What has a copy is never
// displaced by that: both have a row, told apart by nth.
const recordings = `(
	kind        TEXT    NOT NULL,            -- company | on-demand
	owner       TEXT    NOT NULL,            -- user number, '' for company
	id          INTEGER NOT NULL,
	nth         INTEGER NOT NULL DEFAULT 0,  -- of those that have had this id, 0 = the first
	start       INTEGER NOT NULL,            -- Unix milliseconds, UTC
	size        INTEGER NOT NULL,            -- file_size_in_bytes, -1 = unknown
	raw         TEXT    NOT NULL,            -- JSON as VBC sent it
	state       TEXT    NOT NULL,
	audio       TEXT    NOT NULL DEFAULT '', -- JSON of storage.Object
	sidecar     TEXT    NOT NULL DEFAULT '',
	transcript  TEXT    NOT NULL DEFAULT '', -- '' = none is known
	stored_at   INTEGER NOT NULL DEFAULT 0,  -- what the sidecar gives as the time of archiving
	archived_at INTEGER NOT NULL DEFAULT 0,  -- copy verified for the first time; 0 = no verified copy
	attempts    INTEGER NOT NULL DEFAULT 0,  -- runs that failed on it
	reason      TEXT    NOT NULL DEFAULT '', -- of the last failure, for people
	code        TEXT    NOT NULL DEFAULT '', -- of the same, for programs; '' = an earlier one wrote it
	permanent   INTEGER NOT NULL DEFAULT 0,  -- the failure won't pass by itself
	failed_at   INTEGER NOT NULL DEFAULT 0,
	failed_run  INTEGER NOT NULL DEFAULT 0,
	seen_run    INTEGER NOT NULL DEFAULT 0,  -- the last run whose listing showed it
	reappeared  INTEGER NOT NULL DEFAULT 0,  -- listed again after a confirmed purge
	acknowledged  TEXT  NOT NULL DEFAULT '', -- why somebody takes a failure for granted
	acknowledging TEXT  NOT NULL DEFAULT '', -- the reason of that very failure
	acknowledging_code TEXT NOT NULL DEFAULT '', -- and its code; '' = it had none, and the reason counts
	damaged     TEXT    NOT NULL DEFAULT '', -- what is wrong with a copy that VBC can't replace any more
	odd         INTEGER NOT NULL DEFAULT 0,  -- see legible
	displaced   INTEGER NOT NULL DEFAULT 0,  -- the run whose listing showed another recording under its id; 0 = none did
	refuted     INTEGER NOT NULL DEFAULT 0,  -- a reading has found the copy wrong: only a reading proves it
	alike       INTEGER NOT NULL DEFAULT 0,  -- see Alike
	said        TEXT    NOT NULL DEFAULT '', -- JSON of []Said: what VBC has said of the call before; '' = nothing else
	unvouched   INTEGER NOT NULL DEFAULT 0,  -- no signed receipt vouches for the copy, which nobody here has made
	PRIMARY KEY (kind, owner, id, nth)
) WITHOUT ROWID;
`

// indexes lead to what is rare. by_audio is for finding another recording with
// the same audio; of the digest, so much is enough.
const indexes = `
CREATE INDEX damaged ON recording (start) WHERE damaged <> '';
CREATE INDEX by_audio ON recording (` + audioSum + `) WHERE audio <> '';
` + saidIndex + lockedIndex + `
`

// saidIndex leads to what VBC has said different things of.
const saidIndex = `CREATE INDEX IF NOT EXISTS said ON recording (start) WHERE said <> '';`

// lockedIndex leads to when locks end. A manifest that an earlier program has made gets
// it when a run opens it; until then no lock is known.
const lockedIndex = `CREATE INDEX IF NOT EXISTS locked ON recording (` + lockEnds + `) WHERE ` + locked + `;`

const (
	lockEnds = `audio ->> '$.locked_until'`
	locked   = `audio <> '' AND state <> 'erased' AND ` + lockEnds + ` IS NOT NULL`
)

const audioSum = `substr(audio ->> '$.sha256', 1, 16)`

// What keeps the questions of every run independent of how long the history
// is. Each index ends with the primary key, as every one of SQLite does in
// such a table.
const lookups = `
CREATE TABLE tally (           -- how many recordings are in each state
	state      TEXT PRIMARY KEY,
	recordings INTEGER NOT NULL,
	bytes      INTEGER NOT NULL  -- as VBC declared them
) WITHOUT ROWID;
` + stateIndexes

const stateIndexes = `
CREATE INDEX by_state ON recording (state, start);
CREATE INDEX failing ON recording (failed_at) WHERE reason <> '';
CREATE INDEX reappeared ON recording (start) WHERE reappeared = 1;
CREATE TRIGGER tally_in AFTER INSERT ON recording BEGIN
	INSERT INTO tally VALUES (new.state, 1, max(new.size, 0))
		ON CONFLICT (state) DO UPDATE SET recordings = recordings + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER tally_out AFTER DELETE ON recording BEGIN
	UPDATE tally SET recordings = recordings - 1, bytes = bytes - max(old.size, 0) WHERE state = old.state;
END;
CREATE TRIGGER tally_move AFTER UPDATE OF state ON recording WHEN new.state <> old.state BEGIN
	UPDATE tally SET recordings = recordings - 1, bytes = bytes - max(old.size, 0) WHERE state = old.state;
	INSERT INTO tally VALUES (new.state, 1, max(new.size, 0))
		ON CONFLICT (state) DO UPDATE SET recordings = recordings + 1, bytes = bytes + excluded.bytes;
END;
`

// Which months' files of the catalogue don't say any more what the recordings
// of that month are. Each change is counted, so that one that comes while a
// file is being made isn't taken for part of it.
const staleMonths = `
CREATE TABLE stale (
	month   TEXT    PRIMARY KEY, -- as 2026-05, UTC
	changes INTEGER NOT NULL
) WITHOUT ROWID;
`

const staleness = staleMonths + stales

const stales = `
CREATE TRIGGER stale_in AFTER INSERT ON recording BEGIN
	INSERT INTO stale VALUES (strftime('%Y-%m', new.start / 1000, 'unixepoch'), 1)
		ON CONFLICT (month) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER stale_out AFTER DELETE ON recording BEGIN
	INSERT INTO stale VALUES (strftime('%Y-%m', old.start / 1000, 'unixepoch'), 1)
		ON CONFLICT (month) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER stale_now AFTER UPDATE OF start, size, raw, state, audio, sidecar, transcript, archived_at ON recording
	WHEN (new.start, new.size, new.raw, new.state, new.audio, new.sidecar, new.transcript, new.archived_at) <>
		(old.start, old.size, old.raw, old.state, old.audio, old.sidecar, old.transcript, old.archived_at) BEGIN
	INSERT INTO stale VALUES (strftime('%Y-%m', old.start / 1000, 'unixepoch'), 1), (strftime('%Y-%m', new.start / 1000, 'unixepoch'), 1)
		ON CONFLICT (month) DO UPDATE SET changes = changes + 1;
END;
`

// What is known of listings and holds.
const settings = `
CREATE TABLE listing (         -- what of each collection has been listed without gaps
	kind    TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	filter  TEXT    NOT NULL,    -- what was listed of it, '' = all
	since   INTEGER NOT NULL,    -- from here, Unix milliseconds
	until   INTEGER NOT NULL,    -- to here, exclusively
	full_at INTEGER NOT NULL,    -- when the listing that began at since was begun
	PRIMARY KEY (kind, owner, filter)
) WITHOUT ROWID;

CREATE TABLE hold (            -- legal holds
	number INTEGER PRIMARY KEY,
	digest TEXT    NOT NULL UNIQUE,      -- of made
	made   TEXT    NOT NULL,             -- JSON; '' = nobody knows what it covers
	ended  TEXT    NOT NULL DEFAULT '',  -- JSON; '' = it is in force
	signed TEXT    NOT NULL DEFAULT '',  -- the manifest's signature of ended
	noted  INTEGER NOT NULL DEFAULT 0,   -- 1 = the chain has its making, 2 = its end too
	stored INTEGER NOT NULL DEFAULT 0    -- the same of the archive
);
`

const exports = `
CREATE TABLE export (          -- export jobs at VBC that were started and not used up
	job   TEXT    PRIMARY KEY,
	kind  TEXT    NOT NULL,
	owner TEXT    NOT NULL,
	filter TEXT   NOT NULL,      -- what is packed of the slice, '' = all
	since INTEGER NOT NULL,      -- of its slice, Unix milliseconds
	until INTEGER NOT NULL,      -- exclusively
	valid INTEGER NOT NULL,      -- until then; 0 = VBC hasn't said
	listed TEXT   NOT NULL       -- JSON: what VBC's listing had of the slice, see Export.Listed
) WITHOUT ROWID;
`

// What is stored in parts is invisible until it is whole, and what a crash leaves
// of it lies there for ever unless somebody knows of it: not every server lists it.
const uploads = `
CREATE TABLE upload (          -- uploads in parts that were begun and not ended, and objects that turned out not to be whole
	key   TEXT    NOT NULL,
	id    TEXT    NOT NULL,      -- as the store calls it; of an object, any
	begun INTEGER NOT NULL,      -- Unix milliseconds
	refused TEXT  NOT NULL DEFAULT '', -- of an object: JSON, see Refused
	PRIMARY KEY (key, id)
) WITHOUT ROWID;
`

// Why something that VBC was asked for can't be relied on, until it can.
const troubles = `
CREATE TABLE trouble (
	kind    TEXT    NOT NULL,    -- of the collection, '' = of none
	owner   TEXT    NOT NULL,    -- of it, as the request names them
	code    TEXT    NOT NULL,    -- what it is, a short stable word
	item    TEXT    NOT NULL DEFAULT '', -- what it is about, '' = all of the collection
	reason  TEXT    NOT NULL,    -- for people
	since   INTEGER NOT NULL,    -- Unix milliseconds
	last    INTEGER NOT NULL,
	run     INTEGER NOT NULL,    -- the last that had it
	filter  TEXT    NOT NULL DEFAULT '', -- of the listing that showed it, as Trouble.Filter
	begins  INTEGER NOT NULL DEFAULT 0,  -- where that began, 0 = at the beginning,
	ends    INTEGER NOT NULL DEFAULT 0,  -- and ended, exclusively
	acknowledged TEXT NOT NULL DEFAULT '', -- why somebody takes it for granted, with this very reason
	PRIMARY KEY (kind, owner, code, item)
) WITHOUT ROWID;
`

// What the archive has of logs of receipts, and whose word is taken; and which
// copies are nobody's word yet.
const logs = `
CREATE INDEX unvouched ON recording (start) WHERE unvouched = 1;

CREATE TABLE log (             -- ends of logs that were seen beside the archive: none may become shorter
	chain TEXT    NOT NULL,
	last  INTEGER NOT NULL,      -- entries
	head  TEXT    NOT NULL,      -- SHA-256 of the last one
	first INTEGER NOT NULL,      -- 1 = it was there when this manifest saw its archive for the first time
	known INTEGER NOT NULL,      -- 1 = a known key had signed it then, or this manifest's log confirms it
	PRIMARY KEY (chain, head)
) WITHOUT ROWID;

CREATE TABLE trusted (         -- keys of other manifests, whose word is taken
	verifier TEXT    PRIMARY KEY,
	reason   TEXT    NOT NULL,
	by       TEXT    NOT NULL,
	at       INTEGER NOT NULL    -- Unix milliseconds
) WITHOUT ROWID;

CREATE TABLE release (         -- ends of holds that a receipt with a good signature has
	hold    TEXT NOT NULL,       -- digest of its making
	removal TEXT NOT NULL,       -- digest of the text of its end
	PRIMARY KEY (hold, removal)
) WITHOUT ROWID;
`

// newer says that a manifest has a format that this program doesn't know, and which
// program has written it.
func newer(ctx context.Context, q dbfile.Querier, v int) error {
	return fmt.Errorf("%w: %w", manifest.ErrNewer, file.Newer(ctx, q, v))
}

// prepare creates the schema in an empty database, or checks its version.
func prepare(ctx context.Context, db *sql.DB, path string, readOnly bool, program string) error {
	v, err := dbfile.FormatOf(ctx, db)
	if err != nil {
		return err
	}
	switch {
	case v == format && readOnly:
		return nil
	case v == format:
		return file.Note(ctx, db, program)
	case v > format:
		return newer(ctx, db, v)
	case v != 0 && readOnly:
		return fmt.Errorf("%w (format %d): vbcvault verify, or the next run of vbcvault archive, upgrades it", manifest.ErrOlder, v)
	case v != 0:
		if err := migrate(ctx, db, path, v, program); !errors.Is(err, dbfile.ErrMeanwhile) {
			return err
		}
		return prepare(ctx, db, path, readOnly, program) // formats only rise, so that comes to an end
	case readOnly:
		return errors.New("it is empty, or is not a manifest")
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return errors.New("it is an SQLite database, but not a vbcvault manifest")
	}
	if _, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d;", format)); err != nil {
		return err
	}
	if err := newChain(tx); err != nil {
		return err
	}
	if err := file.Note(ctx, tx, program); err != nil {
		return err
	}
	return tx.Commit()
}
