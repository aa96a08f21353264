package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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
	return m.setJSON(ctx, manifest.ScanSetting(kind, owner, filter), s)
}

// Late returns it, the zero one if all have come in time.
func (m *Manifest) Late(ctx context.Context) (l manifest.Late, err error) {
	err = m.metaJSON(ctx, "late", &l)
	return l, err
}

// SetLate writes it down.
func (m *Manifest) SetLate(ctx context.Context, l manifest.Late) error {
	return m.setJSON(ctx, "late", l)
}

// Self is the number of the user that "self" has stood for, "" if nobody knows.
func (m *Manifest) Self(ctx context.Context) (user string, err error) {
	err = m.metaJSON(ctx, "self", &user)
	return user, err
}

// SetSelf writes it down.
func (m *Manifest) SetSelf(ctx context.Context, user string) error {
	return m.setJSON(ctx, "self", user)
}

// metaJSON reads a setting; what isn't there changes nothing.
func (m *Manifest) metaJSON(ctx context.Context, key string, to any) error {
	text, err := m.meta(ctx, Storable(key))
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), to)
	}
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	return nil
}

// setJSON writes down a setting that metaJSON reads.
func (m *Manifest) setJSON(ctx context.Context, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return m.exec(ctx, setMeta, Storable(key), string(text))
}

// Retention is how long VBC seems to keep recordings, the shortest that scans of
// any collection have seen; 0 = not known.
func (m *Manifest) Retention(ctx context.Context) (time.Duration, error) {
	all, err := query(ctx, m, func(row pgx.CollectableRow) (s manifest.Scan, err error) {
		var text string
		if err = row.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &s)
		}
		return s, err
	}, "SELECT value FROM vbcvault.meta WHERE account = $1 AND starts_with(key, $2)", manifest.ScanSettings)
	return manifest.ShortestRetention(all), err
}

// SetProgress writes down that the run that holds the manifest gets on.
func (m *Manifest) SetProgress(ctx context.Context) error {
	return m.exec(ctx, `INSERT INTO vbcvault.meta (account, key, value) VALUES ($1, 'progress', `+databaseNow+`::text)
		ON CONFLICT (account, key) DO UPDATE SET value = excluded.value`)
}

// databaseNow is the time by the database's clock, which all machines share, in Unix
// milliseconds.
const databaseNow = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

// Progress is when whoever holds the manifest got on for the last time, as far as
// it is known to the minute: the beginning of a run, what it wrote down since, or,
// where it is no run, when the lease was taken.
func (m *Manifest) Progress(ctx context.Context) (time.Time, error) {
	noted, err := m.number64(ctx, "progress") // 0: no run has lasted for a minute
	if err != nil {
		return time.Time{}, err
	}
	runs, err := m.Runs(ctx, 1)
	if err != nil {
		return time.Time{}, err
	}
	var taken time.Time
	at := manifest.Progressed(fromMillis(noted), runs, func() time.Time {
		taken, err = m.leaseTaken(ctx)
		return taken
	})
	return at, err
}

// leaseTaken is when the lease was taken that lasts, or that was the last; zero if there
// never was one.
func (m *Manifest) leaseTaken(ctx context.Context) (time.Time, error) {
	var ms int64
	err := m.row(ctx, `SELECT CASE WHEN isfinite(since) THEN floor(extract(epoch FROM since) * 1000)::bigint ELSE 0 END
		FROM vbcvault.lease WHERE account = $1`).Scan(&ms)
	if err != nil {
		return time.Time{}, fmt.Errorf("read manifest: %w", err)
	}
	return fromMillis(ms), nil
}
