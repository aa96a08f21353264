package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

const troubleColumns = "kind, owner, code, item, reason, since, last, filter, begins, ends, acknowledged"

// Troubles returns all that stand, those that nobody has acknowledged first.
func (m *Manifest) Troubles(ctx context.Context) ([]manifest.Trouble, error) {
	return troublesFrom(reading{ctx, m})
}

func troublesFrom(from reader) ([]manifest.Trouble, error) {
	return collect(from, func(row pgx.CollectableRow) (t manifest.Trouble, err error) {
		var since, last, begins, ends int64
		err = row.Scan(&t.Kind, &t.Owner, &t.Code, &t.Item, &t.Reason, &since, &last, &t.Filter, &begins, &ends, &t.Acknowledged)
		t.Since, t.Last, t.Begins, t.Ends = fromMillis(since), fromMillis(last), fromMillis(begins), fromMillis(ends)
		return t, err
	}, "SELECT "+troubleColumns+" FROM vbcvault.trouble WHERE account = $1 ORDER BY acknowledged <> '', code, kind, owner, item")
}

// SetTroubles writes down what run has met. What was acknowledged stays so if
// the reason is the same. What a listing of everything has met, one of less
// doesn't make less of.
func (m *Manifest) SetTroubles(ctx context.Context, run int64, all ...manifest.Trouble) error {
	return m.do(ctx, func(tx *txn) error {
		batch, now := &pgx.Batch{}, time.Now().UnixMilli()
		for _, t := range all {
			batch.Queue(`INSERT INTO vbcvault.trouble AS t (account, kind, owner, code, item, reason, since, last, run, filter, begins, ends)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11)
				ON CONFLICT (account, kind, owner, code, item) DO UPDATE SET acknowledged = CASE WHEN t.reason = excluded.reason THEN t.acknowledged ELSE '' END,
					reason = excluded.reason, last = excluded.last, run = excluded.run, filter = CASE WHEN t.filter = '' THEN '' ELSE excluded.filter END,
					begins = least(t.begins, excluded.begins), ends = greatest(t.ends, excluded.ends)`,
				tx.args([]any{t.Kind, Storable(t.Owner), t.Code, Storable(t.Item), Storable(t.Reason), now, run, t.Filter, millis(t.Begins), millis(t.Ends)})...)
		}
		if err := tx.tx.SendBatch(tx.ctx, batch).Close(); err != nil {
			return writeError(err)
		}
		return nil
	})
}

// Listed writes down that run has listed a collection without gaps, as the
// filter selects it and from begins until ends: troubles of listings that it
// didn't meet there are over.
func (m *Manifest) Listed(ctx context.Context, run int64, t manifest.Trouble) error {
	return m.exec(ctx, `DELETE FROM vbcvault.trouble WHERE account = $1 AND kind = $2 AND owner = $3 AND code = ANY($4) AND run <> $5
		AND begins >= $6 AND ends <= $7 AND $8 IN (filter, '')`,
		t.Kind, Storable(t.Owner), manifest.OfListings(), run, millis(t.Begins), millis(t.Ends), t.Filter)
}

// Over writes down that run has looked for one kind of trouble in a collection
// and not met it.
func (m *Manifest) Over(ctx context.Context, run int64, t manifest.Trouble) error {
	return m.exec(ctx, "DELETE FROM vbcvault.trouble WHERE account = $1 AND kind = $2 AND owner = $3 AND code = $4 AND run <> $5 AND $6 IN (filter, '')",
		t.Kind, Storable(t.Owner), t.Code, run, t.Filter)
}

// OverForRun is Over for what a whole run about these kinds would have met.
func (m *Manifest) OverForRun(ctx context.Context, run int64, kinds []vbc.Kind) error {
	return m.exec(ctx, "DELETE FROM vbcvault.trouble WHERE account = $1 AND kind = ANY($2) AND code = ANY($3) AND run <> $4",
		append([]vbc.Kind{""}, kinds...), []string{manifest.Transcripts, manifest.Other}, run)
}

// OverForUsers writes down which users the account has: there is nothing to be
// known any more of those that have left.
func (m *Manifest) OverForUsers(ctx context.Context, there func(user string) bool) error {
	all, err := m.Troubles(ctx)
	if err != nil {
		return err
	}
	var gone []string
	for _, t := range all {
		if t.OfUser() && !there(t.Owner) {
			gone = append(gone, t.Owner)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return m.exec(ctx, "DELETE FROM vbcvault.trouble WHERE account = $1 AND kind = $2 AND owner = ANY($3)", vbc.OnDemand, gone)
}

// AcknowledgeTroubles writes down why somebody takes for granted the troubles
// of a name, or of all names below it, and returns them.
func (m *Manifest) AcknowledgeTroubles(ctx context.Context, name, why string) (known []manifest.Trouble, err error) {
	err = m.do(ctx, func(tx *txn) error {
		known = nil
		all, err := troublesFrom(tx)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, t := range all {
			if !t.Below(name) {
				continue
			}
			batch.Queue("UPDATE vbcvault.trouble SET acknowledged = $2 WHERE account = $1 AND kind = $3 AND owner = $4 AND code = $5 AND item = $6",
				tx.args([]any{Storable(why), t.Kind, t.Owner, t.Code, t.Item})...)
			known = append(known, t)
		}
		if err := tx.tx.SendBatch(tx.ctx, batch).Close(); err != nil {
			return writeError(err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("acknowledge %s: %w", name, err)
	}
	return known, nil
}
