package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

const troubleColumns = "kind, owner, code, item, reason, since, last, filter, begins, ends, acknowledged"

// Troubles returns all that stand, those that nobody has acknowledged first.
func (m *Manifest) Troubles(ctx context.Context) ([]manifest.Trouble, error) {
	return query(ctx, m, func(rows *sql.Rows) (t manifest.Trouble, err error) {
		var since, last, begins, ends int64
		err = rows.Scan(&t.Kind, &t.Owner, &t.Code, &t.Item, &t.Reason, &since, &last, &t.Filter, &begins, &ends, &t.Acknowledged)
		t.Since, t.Last, t.Begins, t.Ends = fromMillis(since), fromMillis(last), fromMillis(begins), fromMillis(ends)
		return t, err
	}, "SELECT "+troubleColumns+" FROM trouble ORDER BY acknowledged <> '', code, kind, owner, item")
}

// SetTroubles writes down what run has met. What was acknowledged stays so if
// the reason is the same. What a listing of everything has met, one of less
// doesn't make less of.
func (m *Manifest) SetTroubles(ctx context.Context, run int64, all ...manifest.Trouble) error {
	return m.do(ctx, func(tx txn) error {
		for _, t := range all {
			now := time.Now().UnixMilli()
			_, err := tx.Exec(`INSERT INTO trouble (kind, owner, code, item, reason, since, last, run, filter, begins, ends) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET acknowledged = CASE WHEN reason = excluded.reason THEN acknowledged ELSE '' END, reason = excluded.reason,
					last = excluded.last, run = excluded.run, filter = CASE WHEN filter = '' THEN '' ELSE excluded.filter END, begins = min(begins, excluded.begins), ends = max(ends, excluded.ends)`,
				t.Kind, t.Owner, t.Code, t.Item, t.Reason, now, now, run, t.Filter, millis(t.Begins), millis(t.Ends))
			if err != nil {
				return writeError(err)
			}
		}
		return nil
	})
}

// Listed writes down that run has listed a collection without gaps, as the
// filter selects it and from begins until ends: troubles of listings that it
// didn't meet there are over.
func (m *Manifest) Listed(ctx context.Context, run int64, t manifest.Trouble) error {
	return m.exec(ctx, `DELETE FROM trouble WHERE kind = ? AND owner = ? AND code IN ('`+strings.Join(manifest.OfListings(), "', '")+`') AND run <> ?
		AND begins >= ? AND ends <= ? AND (filter = ? OR '' = ?)`, t.Kind, t.Owner, run, millis(t.Begins), millis(t.Ends), t.Filter, t.Filter)
}

// Over writes down that run has looked for one kind of trouble in a collection
// and not met it.
func (m *Manifest) Over(ctx context.Context, run int64, t manifest.Trouble) error {
	return m.exec(ctx, "DELETE FROM trouble WHERE kind = ? AND owner = ? AND code = ? AND run <> ? AND (filter = ? OR '' = ?)", t.Kind, t.Owner, t.Code, run, t.Filter, t.Filter)
}

// OverForRun is Over for what a whole run about these kinds would have met.
func (m *Manifest) OverForRun(ctx context.Context, run int64, kinds []vbc.Kind) error {
	return m.do(ctx, func(tx txn) error {
		for _, kind := range append([]vbc.Kind{""}, kinds...) {
			_, err := tx.Exec("DELETE FROM trouble WHERE kind = ? AND code IN (?, ?) AND run <> ?", kind, manifest.Transcripts, manifest.Other, run)
			if err != nil {
				return writeError(err)
			}
		}
		return nil
	})
}

// OverForUsers writes down which users the account has: there is nothing to be
// known any more of those that have left.
func (m *Manifest) OverForUsers(ctx context.Context, there func(user string) bool) error {
	all, err := m.Troubles(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.OfUser() && !there(t.Owner) {
			if err := m.exec(ctx, "DELETE FROM trouble WHERE kind = ? AND owner = ?", t.Kind, t.Owner); err != nil {
				return err
			}
		}
	}
	return nil
}

// AcknowledgeTroubles writes down why somebody takes for granted the troubles
// of a name, or of all names below it, and returns them.
func (m *Manifest) AcknowledgeTroubles(ctx context.Context, name, why string) (known []manifest.Trouble, err error) {
	all, err := m.Troubles(ctx)
	if err != nil {
		return nil, err
	}
	err = m.do(ctx, func(tx txn) error {
		known = nil
		for _, t := range all {
			if !t.Below(name) {
				continue
			}
			_, err := tx.Exec("UPDATE trouble SET acknowledged = ? WHERE kind = ? AND owner = ? AND code = ? AND item = ?", why, t.Kind, t.Owner, t.Code, t.Item)
			if err != nil {
				return writeError(err)
			}
			known = append(known, t)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("acknowledge %s: %w", name, err)
	}
	return known, nil
}
