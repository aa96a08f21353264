package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// listenings are who has listened to archived recordings. Rows are only ever added.
// The columns behind stored are those of the text that are searched by.
const listenings = `
CREATE TABLE IF NOT EXISTS listening (
	number  INTEGER PRIMARY KEY AUTOINCREMENT,
	digest  TEXT    NOT NULL UNIQUE,      -- of text
	text    TEXT    NOT NULL,             -- JSON; '' = only its receipt is known
	signed  TEXT    NOT NULL DEFAULT '',  -- the manifest's signature
	log     TEXT    NOT NULL DEFAULT '',  -- the chain of the manifest that wrote it, '' = this one
	seq     INTEGER NOT NULL DEFAULT 0,   -- of its receipt in that chain; 0 = there is none yet, -1 = it was refused
	run     INTEGER NOT NULL DEFAULT 0,   -- that has added the receipt
	stored  INTEGER NOT NULL DEFAULT 0,   -- 1 = it is beside the archive
	kind    TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	id      INTEGER NOT NULL,
	nth     INTEGER NOT NULL,             -- in this manifest
	who     TEXT    NOT NULL,
	at      INTEGER NOT NULL,             -- Unix milliseconds
	how     TEXT    NOT NULL,
	session TEXT    NOT NULL
);
CREATE INDEX IF NOT EXISTS listening_of ON listening (id, kind, owner, nth);
CREATE INDEX IF NOT EXISTS listening_by ON listening (who);
CREATE INDEX IF NOT EXISTS listening_at ON listening (at);
CREATE INDEX IF NOT EXISTS listening_in ON listening (session) WHERE session <> '';
CREATE INDEX IF NOT EXISTS listening_unnoted ON listening (number) WHERE seq = 0;
CREATE INDEX IF NOT EXISTS listening_unstored ON listening (seq) WHERE stored = 0 AND seq > 0;
CREATE INDEX IF NOT EXISTS listening_noted ON listening (seq) WHERE log = '' AND seq > 0;
CREATE INDEX IF NOT EXISTS listening_unread ON listening (digest) WHERE text = '';

CREATE TABLE IF NOT EXISTS listening_file (   -- objects beside the archive with texts of this manifest's own
	first INTEGER NOT NULL,       -- receipt that they name
	last  INTEGER NOT NULL,
	sum   TEXT    NOT NULL,       -- SHA-256
	PRIMARY KEY (first, last, sum)
) WITHOUT ROWID;
`

// AddListening writes down that somebody is about to hear a recording or to get it.
// Whatever it writes is signed, and follows on what was written last.
func (m *Manifest) AddListening(ctx context.Context, l manifest.Listening) (manifest.Listening, error) {
	if m.account == "" {
		return l, manifest.ErrUnbound
	}
	key, err := m.SigningKey()
	if err != nil {
		return l, err
	}
	if l, err = manifest.NewListening(m.account, l); err != nil {
		return l, err
	}
	asked := l
	err = m.do(ctx, func(tx txn) error {
		l = asked
		if done, err := sameSession(tx, &l); done || err != nil {
			return err
		}
		return addListening(tx, key, &l)
	})
	return l, err
}

// sameSession takes the entry of a session that has one.
func sameSession(tx txn, l *manifest.Listening) (done bool, err error) {
	if l.Session == "" {
		return false, nil
	}
	var text, digest string
	r := manifest.ListeningRecord{}
	err = tx.QueryRow(`SELECT number, digest, text FROM listening WHERE session = ? AND session <> '' AND log = '' AND seq >= 0
		AND kind = ? AND owner = ? AND id = ? AND nth = ? AND who = ? AND how = ? ORDER BY number LIMIT 1`,
		l.Session, l.Kind, l.Owner, l.ID, l.Nth, l.Who, l.How).Scan(&r.Number, &digest, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, writeError(err)
	}
	r.Text = []byte(text)
	if r.Digest, err = storage.ParseDigest(digest); err != nil {
		return false, writeError(err)
	}
	has, err := r.Listening()
	if err != nil {
		return false, nil //nolint:nilerr // somebody has changed it: a good one is written
	}
	*l = has
	return true, nil
}

func addListening(tx txn, key receipt.Key, l *manifest.Listening) error {
	var last string
	var prev storage.Digest
	err := tx.QueryRow("SELECT digest FROM listening WHERE log = '' ORDER BY number DESC LIMIT 1").Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return writeError(err)
	}
	if last != "" {
		if prev, err = storage.ParseDigest(last); err != nil {
			return writeError(err)
		}
	}
	text, signed, err := l.Seal(prev, key)
	if err != nil {
		return err
	}
	err = tx.QueryRow(`INSERT INTO listening (digest, text, signed, kind, owner, id, nth, who, at, how, session)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`, l.Digest.String(), string(text), signed,
		l.Kind, l.Owner, l.ID, l.Nth, l.Who, l.At.UnixMilli(), l.How, l.Session).Scan(&l.Number)
	if err != nil {
		return writeError(err)
	}
	return nil
}
