package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Figures sums up what somebody may have to look at. Each of its questions goes by an
// index, and reads no more than there is to say, or FiguresMost rows.
func (m *Manifest) Figures(ctx context.Context) (f manifest.Figures, err error) {
	if err = m.countFailures(ctx, &f); err != nil {
		return f, err
	}
	var oldest sql.NullInt64
	err = m.reads.QueryRowContext(ctx, oldestUnarchived, manifest.FiguresMost).Scan(&oldest)
	if err == nil {
		err = m.reads.QueryRowContext(ctx, `SELECT count(*) FROM recording INDEXED BY damaged WHERE damaged <> ''`).Scan(&f.Damaged)
	}
	if err != nil {
		return f, fmt.Errorf("read manifest: %w", err)
	}
	if oldest.Valid {
		f.OldestUnarchived = fromMillis(oldest.Int64)
	}
	return f, m.readLocks(ctx, &f)
}

// known is manifest.Failure.Known of a row.
const known = `(acknowledged <> '' AND CASE acknowledging_code WHEN '' THEN acknowledging = reason ELSE acknowledging_code = code END)`

// What has a proven copy, and failed, failed at something else. Each of the three finds
// its first row by by_state.
const oldestUnarchived = `SELECT min(start) FROM (
	SELECT min(start) AS start FROM recording WHERE state = 'listed'
	UNION ALL SELECT min(start) FROM recording WHERE state = 'stored'
	UNION ALL SELECT min(start) FROM (
		SELECT start, archived_at, refuted, ` + known + ` AS known FROM recording INDEXED BY by_state WHERE state = 'failed' ORDER BY start LIMIT ?
	) WHERE (archived_at = 0 OR refuted = 1) AND NOT known)`

// A recording that failed in n runs began to fail n-1 runs before the last of them, if not
// earlier: runs that didn't try it don't count.
const failures = `SELECT code, known, count(*), min(since) FROM (
	SELECT code, ` + known + ` AS known, min(failed_at, coalesce((SELECT started FROM run WHERE id = failed_run - attempts + 1), failed_at)) AS since
	FROM recording INDEXED BY failing WHERE state <> 'purged' AND state <> 'gone' AND reason <> '' ORDER BY failed_at LIMIT ?
	) GROUP BY code, known ORDER BY code`

func (m *Manifest) countFailures(ctx context.Context, f *manifest.Figures) error {
	groups, err := query(ctx, m, func(rows *sql.Rows) (g manifest.FailureGroup, err error) {
		var since int64
		err = rows.Scan(&g.Code, &g.Acknowledged, &g.Recordings, &since)
		g.Since = fromMillis(since)
		return g, err
	}, failures, manifest.FiguresMost)
	f.AddFailures(groups)
	return err
}

// readLocks finds when the first lock ends, and the last.
func (m *Manifest) readLocks(ctx context.Context, f *manifest.Figures) error {
	var there bool
	err := m.reads.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = 'locked'`).Scan(&there)
	if err != nil || !there {
		return err
	}
	for order, to := range map[string]*time.Time{"ASC": &f.LockedFirst, "DESC": &f.LockedLast} {
		var until string
		err := m.reads.QueryRowContext(ctx, lockQuery(order)).Scan(&until)
		switch t, e := time.Parse(time.RFC3339, until); {
		case errors.Is(err, sql.ErrNoRows):
			return nil
		case err != nil:
			return fmt.Errorf("read manifest: %w", err)
		case e == nil:
			*to = t
		}
	}
	return nil
}

func lockQuery(order string) string {
	return `SELECT ` + lockEnds + ` FROM recording INDEXED BY locked WHERE ` + locked + ` ORDER BY 1 ` + order + ` LIMIT 1`
}

// Sums adds up the numbers that are members of the summaries of all runs, or of the object
// that a member of theirs has.
func (m *Manifest) Sums(ctx context.Context, member string) (map[string]float64, error) {
	path := "$"
	if member != "" {
		path = `$."` + member + `"`
	}
	type sum struct {
		name  string
		value float64
	}
	all, err := query(ctx, m, func(rows *sql.Rows) (s sum, err error) {
		return s, rows.Scan(&s.name, &s.value)
	}, `SELECT e.key, sum(e.value) FROM run, json_each(CASE json_valid(summary) WHEN 1 THEN summary ELSE '{}' END, ?) AS e
		WHERE e.type IN ('integer', 'real') AND typeof(e.key) = 'text' GROUP BY e.key`, path)
	sums := make(map[string]float64, len(all))
	for _, s := range all {
		sums[s.name] = s.value
	}
	return sums, err
}
