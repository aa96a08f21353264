package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Scan returns the last one of a collection under a filter, the zero one if
// there is none.
func (m *Manifest) Scan(ctx context.Context, kind vbc.Kind, owner, filter string) (s manifest.Scan, err error) {
	err = m.metaJSON(ctx, manifest.ScanSetting(kind, owner, filter), &s)
	return s, err
}

// SetScan writes down a collection's last scan.
func (m *Manifest) SetScan(ctx context.Context, kind vbc.Kind, owner, filter string, s manifest.Scan) error {
	return m.exec(ctx, setMeta, manifest.ScanSetting(kind, owner, filter), asJSON(s))
}

// Late returns it, the zero one if all have come in time.
func (m *Manifest) Late(ctx context.Context) (l manifest.Late, err error) {
	err = m.metaJSON(ctx, "late", &l)
	return l, err
}

// SetLate writes it down.
func (m *Manifest) SetLate(ctx context.Context, l manifest.Late) error {
	return m.exec(ctx, setMeta, "late", asJSON(l))
}

// Self is the number of the user that "self" has stood for, "" if nobody knows.
func (m *Manifest) Self(ctx context.Context) (user string, err error) {
	err = m.metaJSON(ctx, "self", &user)
	return user, err
}

// SetSelf writes it down.
func (m *Manifest) SetSelf(ctx context.Context, user string) error {
	return m.exec(ctx, setMeta, "self", asJSON(user))
}

// metaJSON reads a setting; what isn't there changes nothing.
func (m *Manifest) metaJSON(ctx context.Context, key string, to any) error {
	text, err := m.meta(ctx, key)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), to)
	}
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	return nil
}

// Unseen counts the recordings of a collection with a start from one time until
// another that VBC has, as far as the manifest knows, that a run since one has
// been shown, and that this run hasn't. matches is nil for all.
func (m *Manifest) Unseen(ctx context.Context, kind vbc.Kind, owner string, run, since int64, from, until time.Time, matches func(vbc.Recording) bool) (n int64, err error) {
	const where = ` FROM recording INDEXED BY by_state WHERE state = ? AND start >= ? AND start < ? AND kind = ? AND owner = ? AND displaced = 0
		AND seen_run BETWEEN max(1, ?) AND ? - 1`
	for _, state := range []manifest.State{manifest.Listed, manifest.Stored, manifest.Verified, manifest.Failed} {
		args := []any{state, millis(from), until.UnixMilli(), kind, owner, since, run}
		if matches == nil {
			var k int64
			if err := m.reads.QueryRowContext(ctx, "SELECT count(*)"+where, args...).Scan(&k); err != nil {
				return 0, fmt.Errorf("read manifest: %w", err)
			}
			n += k
			continue
		}
		_, err := query(ctx, m, func(rows *sql.Rows) (struct{}, error) {
			r, err := m.scan(rows)
			if err == nil && matches(r.Recording) {
				n++
			}
			return struct{}{}, err
		}, "SELECT "+columns+where, args...)
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// Retention is how long VBC seems to keep recordings, the shortest that scans of
// any collection have seen; 0 = not known.
func (m *Manifest) Retention(ctx context.Context) (time.Duration, error) {
	all, err := query(ctx, m, func(rows *sql.Rows) (s manifest.Scan, err error) {
		var text []byte
		if err = rows.Scan(&text); err == nil {
			err = json.Unmarshal(text, &s)
		}
		return s, err
	}, "SELECT value FROM meta WHERE key GLOB 'scan *'")
	return manifest.ShortestRetention(all), err
}
