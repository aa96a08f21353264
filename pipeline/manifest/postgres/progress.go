package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Mark returns the mark of a collection under a filter, "" for all of it; the
// zero one if there is none.
func (m *Manifest) Mark(ctx context.Context, kind vbc.Kind, owner, filter string) (manifest.Mark, error) {
	var since, until, full int64
	err := m.row(ctx, "SELECT since, until, full_at FROM vbcvault.listing WHERE account = $1 AND kind = $2 AND owner = $3 AND filter = $4",
		kind, Storable(owner), Storable(filter)).Scan(&since, &until, &full)
	if errors.Is(err, pgx.ErrNoRows) {
		return manifest.Mark{}, nil
	}
	if err != nil {
		return manifest.Mark{}, fmt.Errorf("read manifest: %w", err)
	}
	return manifest.Mark{Since: fromMillis(since), Until: fromMillis(until), FullAt: fromMillis(full)}, nil
}

// SetMark writes down a collection's mark.
func (m *Manifest) SetMark(ctx context.Context, kind vbc.Kind, owner, filter string, k manifest.Mark) error {
	return m.exec(ctx, `INSERT INTO vbcvault.listing (account, kind, owner, filter, since, until, full_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (account, kind, owner, filter) DO UPDATE SET since = excluded.since, until = excluded.until, full_at = excluded.full_at`,
		kind, Storable(owner), Storable(filter), millis(k.Since), millis(k.Until), millis(k.FullAt))
}

// Exports returns the jobs of a collection that were started with a filter and
// are not forgotten, the oldest slice first.
func (m *Manifest) Exports(ctx context.Context, kind vbc.Kind, owner, filter string) ([]manifest.Export, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (e manifest.Export, err error) {
		var since, until, valid int64
		var listed string
		if err = row.Scan(&e.Job, &e.Filter, &since, &until, &valid, &listed); err == nil {
			err = json.Unmarshal([]byte(listed), &e.Listed)
		}
		e.Since, e.Until, e.Valid = fromMillis(since), fromMillis(until), fromMillis(valid)
		return e, err
	}, `SELECT job, filter, since, until, valid, listed FROM vbcvault.export WHERE account = $1 AND kind = $2 AND owner = $3 AND filter = $4
		ORDER BY since, until, job`, kind, Storable(owner), Storable(filter))
}

// SetExport writes down a job that was started, or what is known of it now.
func (m *Manifest) SetExport(ctx context.Context, kind vbc.Kind, owner string, e manifest.Export) error {
	listed, err := json.Marshal(e.Listed)
	if err != nil {
		return err
	}
	return m.exec(ctx, `INSERT INTO vbcvault.export (account, job, kind, owner, filter, since, until, valid, listed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (account, job) DO UPDATE SET kind = excluded.kind, owner = excluded.owner, filter = excluded.filter,
			since = excluded.since, until = excluded.until, valid = excluded.valid, listed = excluded.listed`,
		Storable(e.Job), kind, Storable(owner), Storable(e.Filter), millis(e.Since), millis(e.Until), millis(e.Valid), string(listed))
}

// ForgetExport writes down that a job is of no use any more.
func (m *Manifest) ForgetExport(ctx context.Context, job string) error {
	return m.exec(ctx, "DELETE FROM vbcvault.export WHERE account = $1 AND job = $2", Storable(job))
}

// Learned returns what is known and still believed.
func (m *Manifest) Learned(ctx context.Context) (manifest.Learned, error) {
	is, err := settingsOf(reading{ctx, m})
	return manifest.ReadLearned(is), err
}

// settingsOf are the settings that say what was learned.
func settingsOf(from reader) (map[string]string, error) {
	is := map[string]string{}
	_, err := collect(from, func(row pgx.CollectableRow) (struct{}, error) {
		var key, value string
		err := row.Scan(&key, &value)
		is[key] = value
		return struct{}{}, err
	}, "SELECT key, value FROM vbcvault.meta WHERE account = $1 AND key = ANY($2)", manifest.LearnedSettings())
	return is, err
}

// learnTranscripts writes down that VBC has listed transcripts.
func learnTranscripts(tx *txn) error { return learn(tx, manifest.Learned{Transcripts: true}) }

func learn(tx *txn, l manifest.Learned) error {
	were, err := settingsOf(tx)
	var keys, values []string
	for key, value := range l.Settings(were) {
		if value != were[key] {
			keys, values = append(keys, key), append(values, Storable(value))
		}
	}
	if err == nil && len(keys) > 0 {
		_, err = tx.Exec(`INSERT INTO vbcvault.meta (account, key, value) SELECT $1, * FROM unnest($2::text[], $3::text[])
			ON CONFLICT (account, key) DO UPDATE SET value = excluded.value`, keys, values)
	}
	if err != nil {
		return writeError(err)
	}
	return nil
}

// SetLearned writes down what is known now; what is 0 changes nothing.
func (m *Manifest) SetLearned(ctx context.Context, l manifest.Learned) error {
	return m.do(ctx, func(tx *txn) error { return learn(tx, l) })
}

// SetAhead writes down how many recordings VBC counts behind what is listed.
func (m *Manifest) SetAhead(ctx context.Context, n int64) error {
	return m.exec(ctx, setMeta, "ahead", strconv.FormatInt(n, 10))
}

// Ahead is how many recordings VBC counted, when the last listing stopped,
// behind what was listed.
func (m *Manifest) Ahead(ctx context.Context) (int64, error) { return m.number64(ctx, "ahead") }

// number64 is a setting that is a number, 0 if it isn't there.
func (m *Manifest) number64(ctx context.Context, key string) (int64, error) {
	text, err := m.meta(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("read manifest: %w", err)
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	return n, nil
}

// Login is the digest of the user to whom VBC has shown recordings of the account
// that this manifest is bound to, "" if none is known.
func (m *Manifest) Login(ctx context.Context) (string, error) {
	digest, err := m.meta(ctx, "login")
	if err != nil {
		return "", fmt.Errorf("read manifest: %w", err)
	}
	return digest, nil
}

// SetLogin writes that down.
func (m *Manifest) SetLogin(ctx context.Context, digest string) error {
	return m.exec(ctx, setMeta, "login", digest)
}
