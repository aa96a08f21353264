package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Mark returns the mark of a collection under a filter, "" for all of it; the
// zero one if there is none.
func (m *Manifest) Mark(ctx context.Context, kind vbc.Kind, owner, filter string) (k manifest.Mark, err error) {
	var since, until, full int64
	err = m.reads.QueryRowContext(ctx, "SELECT since, until, full_at FROM listing WHERE kind = ? AND owner = ? AND filter = ?", kind, owner, filter).Scan(&since, &until, &full)
	if errors.Is(err, sql.ErrNoRows) {
		return manifest.Mark{}, nil
	}
	if err != nil {
		return manifest.Mark{}, fmt.Errorf("read manifest: %w", err)
	}
	return manifest.Mark{Since: fromMillis(since), Until: fromMillis(until), FullAt: fromMillis(full)}, nil
}

// SetMark writes down a collection's mark.
func (m *Manifest) SetMark(ctx context.Context, kind vbc.Kind, owner, filter string, k manifest.Mark) error {
	return m.exec(ctx, "INSERT OR REPLACE INTO listing (kind, owner, filter, since, until, full_at) VALUES (?, ?, ?, ?, ?, ?)",
		kind, owner, filter, millis(k.Since), millis(k.Until), millis(k.FullAt))
}

// Exports returns the jobs of a collection that were started with a filter and
// are not forgotten, the oldest slice first.
func (m *Manifest) Exports(ctx context.Context, kind vbc.Kind, owner, filter string) ([]manifest.Export, error) {
	return query(ctx, m, func(rows *sql.Rows) (e manifest.Export, err error) {
		var since, until, valid int64
		var listed []byte
		if err = rows.Scan(&e.Job, &e.Filter, &since, &until, &valid, &listed); err == nil {
			err = json.Unmarshal(listed, &e.Listed)
		}
		e.Since, e.Until, e.Valid = fromMillis(since), fromMillis(until), fromMillis(valid)
		return e, err
	}, "SELECT job, filter, since, until, valid, listed FROM export WHERE kind = ? AND owner = ? AND filter = ? ORDER BY since, until, job", kind, owner, filter)
}

// SetExport writes down a job that was started, or what is known of it now.
func (m *Manifest) SetExport(ctx context.Context, kind vbc.Kind, owner string, e manifest.Export) error {
	return m.exec(ctx, "INSERT OR REPLACE INTO export (job, kind, owner, filter, since, until, valid, listed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		e.Job, kind, owner, e.Filter, millis(e.Since), millis(e.Until), millis(e.Valid), asJSON(e.Listed))
}

// ForgetExport writes down that a job is of no use any more.
func (m *Manifest) ForgetExport(ctx context.Context, job string) error {
	return m.exec(ctx, "DELETE FROM export WHERE job = ?", job)
}

// Learned returns what is known and still believed.
func (m *Manifest) Learned(ctx context.Context) (manifest.Learned, error) {
	is, err := settingsOf(reading{ctx, m})
	if err != nil {
		return manifest.Learned{}, fmt.Errorf("read manifest: %w", err)
	}
	return manifest.ReadLearned(is), nil
}

// settingsOf are the settings that say what was learned.
func settingsOf(q rower) (map[string]string, error) {
	rows, err := q.Query("SELECT key, value FROM meta WHERE key IN (SELECT value FROM json_each(?))", asJSON(manifest.LearnedSettings()))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	is := map[string]string{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		is[key] = value
	}
	return is, rows.Err()
}

const setMeta = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"

// learnTranscripts writes down that VBC has listed transcripts.
func learnTranscripts(tx txn) error { return learn(tx, manifest.Learned{Transcripts: true}) }

func learn(tx txn, l manifest.Learned) error {
	were, err := settingsOf(tx)
	for key, value := range l.Settings(were) {
		if err == nil {
			_, err = tx.Exec(setMeta, key, value)
		}
	}
	if err != nil {
		return writeError(err)
	}
	return nil
}

// SetLearned writes down what is known now; what is 0 changes nothing.
func (m *Manifest) SetLearned(ctx context.Context, l manifest.Learned) error {
	return m.do(ctx, func(tx txn) error { return learn(tx, l) })
}

// SetAhead writes down how many recordings VBC counts behind what is listed.
func (m *Manifest) SetAhead(ctx context.Context, n int64) error {
	return m.exec(ctx, "INSERT OR REPLACE INTO meta (key, value) VALUES ('ahead', ?)", strconv.FormatInt(n, 10))
}

// Ahead is how many recordings VBC counted, when the last listing stopped,
// behind what was listed.
func (m *Manifest) Ahead(ctx context.Context) (n int64, err error) {
	text, err := m.meta(ctx, "ahead")
	if err != nil {
		return 0, fmt.Errorf("read manifest: %w", err)
	}
	n, _ = strconv.ParseInt(text, 10, 64) // none: nothing is known to be
	return n, nil
}

// exec carries out one statement.
func (m *Manifest) exec(ctx context.Context, text string, args ...any) error {
	return m.do(ctx, func(tx txn) error {
		if _, err := tx.Exec(text, args...); err != nil {
			return writeError(err)
		}
		return nil
	})
}
