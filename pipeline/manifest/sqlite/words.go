package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
)

// words finds recordings by what was said. spoken is an index of SQLite's (FTS5) that
// holds no text: for each word, where it was said. A place there is the second in which
// a recording starts, and a number that tells those of one second apart, so that what
// was said last is found first without sorting. Words are those of package words, with
// spaces between: SQLite's "ascii" leaves them as they are.
//
// What is to be indexed is what triggers say, as in stale. What a recording that is
// being erased has said is taken out at once; of what SQLite leaves of it on disk, see
// Scrub.
const words = withoutWords + `
CREATE VIRTUAL TABLE spoken USING fts5(said, content='', contentless_delete=1, tokenize='ascii');

CREATE TABLE indexed (
	place  INTEGER PRIMARY KEY, -- in spoken
	at     INTEGER NOT NULL,    -- its start
	k      TEXT    NOT NULL,    -- its kind, owner, id and nth
	o      TEXT    NOT NULL,
	i      INTEGER NOT NULL,
	n      INTEGER NOT NULL,
	digest TEXT    NOT NULL,    -- of the transcript
	UNIQUE (k, o, i, n)
);

CREATE TABLE unindexed (
	start INTEGER NOT NULL,
	kind  TEXT    NOT NULL,
	owner TEXT    NOT NULL,
	id    INTEGER NOT NULL,
	nth   INTEGER NOT NULL,
	later INTEGER NOT NULL DEFAULT 0, -- not before then, Unix milliseconds
	PRIMARY KEY (start, kind, owner, id, nth)
) WITHOUT ROWID;

CREATE TABLE word_count (      -- how many rows these have
	name TEXT    PRIMARY KEY,
	rows INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO word_count VALUES ('indexed', 0), ('unindexed', 0);
CREATE TRIGGER indexed_in AFTER INSERT ON indexed BEGIN UPDATE word_count SET rows = rows + 1 WHERE name = 'indexed'; END;
CREATE TRIGGER indexed_out AFTER DELETE ON indexed BEGIN
	DELETE FROM spoken WHERE rowid = old.place;
	UPDATE word_count SET rows = rows - 1 WHERE name = 'indexed';
END;
CREATE TRIGGER unindexed_in AFTER INSERT ON unindexed BEGIN UPDATE word_count SET rows = rows + 1 WHERE name = 'unindexed'; END;
CREATE TRIGGER unindexed_out AFTER DELETE ON unindexed BEGIN UPDATE word_count SET rows = rows - 1 WHERE name = 'unindexed'; END;

INSERT INTO unindexed (start, kind, owner, id, nth) SELECT start, kind, owner, id, nth FROM recording WHERE ` + saidBy + ` <> '';
CREATE TRIGGER words_in AFTER INSERT ON recording WHEN ` + saidNew + ` <> '' BEGIN
	INSERT INTO unindexed (start, kind, owner, id, nth) VALUES (new.start, new.kind, new.owner, new.id, new.nth);
END;
CREATE TRIGGER words_out AFTER DELETE ON recording BEGIN
	DELETE FROM unindexed WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM indexed WHERE k = old.kind AND o = old.owner AND i = old.id AND n = old.nth;
END;
CREATE TRIGGER words_now AFTER UPDATE OF kind, owner, id, nth, start, state, transcript ON recording
	WHEN (` + saidNew + `, new.start, new.kind, new.owner, new.id, new.nth) <> (` + saidOld + `, old.start, old.kind, old.owner, old.id, old.nth) BEGIN
	DELETE FROM unindexed WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM indexed WHERE k = old.kind AND o = old.owner AND i = old.id AND n = old.nth;
	INSERT INTO unindexed (start, kind, owner, id, nth) SELECT new.start, new.kind, new.owner, new.id, new.nth WHERE ` + saidNew + ` <> '';
END;
`

// withoutWords makes room for it, in a manifest that has it already, save its format.
const withoutWords = `
DROP TRIGGER IF EXISTS words_in;
DROP TRIGGER IF EXISTS words_out;
DROP TRIGGER IF EXISTS words_now;
DROP TABLE IF EXISTS indexed;
DROP TABLE IF EXISTS unindexed;
DROP TABLE IF EXISTS word_count;
DROP TABLE IF EXISTS spoken;
`

// Which transcript of a recording is to be found by its words: its digest, ” = none.
const (
	saidBy  = `iif(transcript = '' OR state IN ('erasing', 'erased'), '', coalesce(transcript ->> '$.sha256', ''))`
	saidNew = `iif(new.transcript = '' OR new.state IN ('erasing', 'erased'), '', coalesce(new.transcript ->> '$.sha256', ''))`
	saidOld = `iif(old.transcript = '' OR old.state IN ('erasing', 'erased'), '', coalesce(old.transcript ->> '$.sha256', ''))`
)

// forgetWords has the index written anew without what was taken out of it: SQLite only
// notes that it is gone.
const forgetWords = `INSERT INTO spoken (spoken) VALUES ('optimize')`

// checkWords says what is to be found by its words and is neither indexed nor to be
// indexed, or the other way round.
const checkWords = `SELECT 'what finds recordings by what was said is wrong' WHERE
	(SELECT count(*) FROM recording WHERE ` + saidBy + ` <> '') <> (SELECT count(*) FROM indexed) + (SELECT count(*) FROM unindexed) OR
	(SELECT sum(rows) FROM word_count) <> (SELECT count(*) FROM indexed) + (SELECT count(*) FROM unindexed) OR
	EXISTS (SELECT 1 FROM indexed WHERE NOT EXISTS (SELECT 1 FROM recording WHERE kind = k AND owner = o AND id = i AND nth = n AND start = at AND ` + saidBy + ` = digest)) OR
	EXISTS (SELECT 1 FROM unindexed u WHERE NOT EXISTS (SELECT 1 FROM recording r WHERE r.kind = u.kind AND r.owner = u.owner AND r.id = u.id AND r.nth = u.nth AND r.start = u.start))`

// A place has the second above secondBits, and below them a number.
const secondBits = 20

// placeOf is the first place of a start's second; the last one is behind it by the rest.
func placeOf(ms int64) int64 {
	second := ms / 1000
	if ms%1000 < 0 {
		second--
	}
	return second << secondBits
}

const placesOfSecond = 1<<secondBits - 1

// Unindexed yields recordings whose transcript the index lacks, the newest first.
func (m *Manifest) Unindexed(ctx context.Context, now time.Time) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		c := cursor{at: math.MaxInt64}
		inPages(func() ([]manifest.Row, error) { return m.unindexed(ctx, &c, now.UnixMilli()) })(yield)
	}
}

// unindexed reads the next rows behind a cursor.
func (m *Manifest) unindexed(ctx context.Context, c *cursor, now int64) ([]manifest.Row, error) {
	return query(ctx, m, func(rows *sql.Rows) (manifest.Row, error) {
		var at int64
		r, err := m.scanWith(rows, &at)
		if err == nil {
			c.after(r, time.UnixMilli(at))
		}
		return r, err
	}, `SELECT `+columns+`, at FROM (SELECT start AS at, kind AS k, owner AS o, id AS i, nth AS n FROM unindexed
			WHERE (start, kind, owner, id, nth) < (?, ?, ?, ?, ?) AND later <= ? ORDER BY start DESC, kind DESC, owner DESC, id DESC, nth DESC LIMIT ?)
			CROSS JOIN recording ON kind = k AND owner = o AND id = i AND nth = n ORDER BY at DESC, k DESC, o DESC, i DESC, n DESC`,
		c.at, c.kind, c.owner, c.id, c.nth, now, pendingPage)
}

// Index writes down what transcripts say.
func (m *Manifest) Index(ctx context.Context, all ...manifest.Spoken) error {
	folded := make([]string, len(all)) // not while others wait for the writer
	for i, s := range all {
		folded[i] = said.Folded(s.Text)
	}
	return m.do(ctx, func(tx txn) error {
		for i, s := range all {
			if err := index(tx, s.Row, folded[i]); err != nil {
				return writeError(fmt.Errorf("index %s: %w", s.Row.Recording, err))
			}
		}
		return nil
	})
}

func index(tx txn, r manifest.Row, text string) error {
	var start int64
	var digest string
	err := tx.QueryRow("SELECT start, "+saidBy+" FROM recording WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth).Scan(&start, &digest)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (digest == "" || digest != r.Copy.Transcript.SHA256.String()) {
		return nil // it remains to be indexed, or there is nothing to be
	}
	if err == nil {
		_, err = tx.Exec("DELETE FROM indexed WHERE k = ? AND o = ? AND i = ? AND n = ?", r.Kind, r.Owner, r.ID, r.Nth)
	}
	var place int64
	if err == nil {
		err = tx.QueryRow("SELECT coalesce(max(place) + 1, ?1) FROM indexed WHERE place BETWEEN ?1 AND ?2", placeOf(start), placeOf(start)|placesOfSecond).Scan(&place)
	}
	switch {
	case err != nil:
		return err
	case place > placeOf(start)|placesOfSecond:
		return errors.New("too many recordings start in the same second")
	}
	if text != "" {
		if _, err := tx.Exec("INSERT INTO spoken (rowid, said) VALUES (?, ?)", place, text); err != nil {
			return err
		}
	}
	if _, err := tx.Exec("INSERT INTO indexed VALUES (?, ?, ?, ?, ?, ?, ?)", place, start, r.Kind, r.Owner, r.ID, r.Nth, digest); err != nil {
		return err
	}
	_, err = tx.Exec("DELETE FROM unindexed WHERE start = ? AND kind = ? AND owner = ? AND id = ? AND nth = ?", start, r.Kind, r.Owner, r.ID, r.Nth)
	return err
}

// PutOff has Unindexed leave out a recording until then.
func (m *Manifest) PutOff(ctx context.Context, r manifest.Row, until time.Time) error {
	return m.exec(ctx, `UPDATE unindexed SET later = ? WHERE start = (SELECT start FROM recording WHERE `+thisRow+` AND `+saidBy+` = ?)
		AND kind = ? AND owner = ? AND id = ? AND nth = ?`, until.UnixMilli(), r.Kind, r.Owner, r.ID, r.Nth, r.Copy.Transcript.SHA256.String(), r.Kind, r.Owner, r.ID, r.Nth)
}

// Indexed counts the recordings that the index has, and those that it lacks.
func (m *Manifest) Indexed(ctx context.Context) (has, lacks int64, err error) {
	err = m.reads.QueryRowContext(ctx, `SELECT (SELECT rows FROM word_count WHERE name = 'indexed'), (SELECT rows FROM word_count WHERE name = 'unindexed')`).Scan(&has, &lacks)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return has, lacks, err
}
