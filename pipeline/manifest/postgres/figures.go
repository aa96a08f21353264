package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Figures sums up what somebody may have to look at. Each of its questions goes by an
// index, and reads no more than there is to say, or FiguresMost rows.
func (m *Manifest) Figures(ctx context.Context) (f manifest.Figures, err error) {
	if err = m.countFailures(ctx, &f); err != nil {
		return f, err
	}
	var oldest *int64
	var first, last *string
	if err = m.row(ctx, seen, manifest.FiguresMost).Scan(&oldest, &f.Damaged, &first, &last); err != nil {
		return f, fmt.Errorf("read manifest: %w", err)
	}
	if oldest != nil {
		f.OldestUnarchived = fromMillis(*oldest)
	}
	for text, to := range map[*string]*time.Time{first: &f.LockedFirst, last: &f.LockedLast} {
		if text != nil {
			if t, err := time.Parse(time.RFC3339, *text); err == nil {
				*to = t
			}
		}
	}
	return f, nil
}

// known is manifest.Failure.Known of a row.
const known = `(acknowledged <> '' AND CASE acknowledging_code WHEN '' THEN acknowledging = reason ELSE acknowledging_code = code END)`

// seen are when the oldest starts that has no proven copy, how many copies are damaged,
// and when the first lock ends and the last. What has a proven copy, and failed, failed at
// something else.
const seen = `SELECT (SELECT min(start) FROM (
		SELECT min(start) AS start FROM vbcvault.recording WHERE account = $1 AND state = 'listed'
		UNION ALL SELECT min(start) FROM vbcvault.recording WHERE account = $1 AND state = 'stored'
		UNION ALL SELECT min(start) FROM (
			SELECT start, archived_at, refuted, ` + known + ` AS known FROM vbcvault.recording WHERE account = $1 AND state = 'failed' ORDER BY start LIMIT $2
		) AS failed WHERE (archived_at = 0 OR refuted) AND NOT known) AS waiting),
	(SELECT count(*) FROM vbcvault.recording WHERE account = $1 AND damaged <> ''), (` + lockEnds + `ASC LIMIT 1), (` + lockEnds + `DESC LIMIT 1)`

const lockEnds = `SELECT audio ->> 'locked_until' FROM vbcvault.recording WHERE account = $1 AND audio IS NOT NULL AND state <> 'erased' AND audio ->> 'locked_until' IS NOT NULL
	ORDER BY (audio ->> 'locked_until') COLLATE "C" `

// A recording that failed in n runs began to fail n-1 runs before the last of them, if not
// earlier: runs that didn't try it don't count.
const failures = `SELECT code, known, count(*), min(since) FROM (
	SELECT code, ` + known + ` AS known, least(failed_at, coalesce((SELECT started FROM vbcvault.run WHERE account = $1 AND id = failed_run - attempts + 1), failed_at)) AS since
	FROM vbcvault.recording WHERE account = $1 AND state <> 'purged' AND state <> 'gone' AND reason <> '' ORDER BY failed_at LIMIT $2
	) AS each GROUP BY code, known ORDER BY code`

func (m *Manifest) countFailures(ctx context.Context, f *manifest.Figures) error {
	groups, err := query(ctx, m, func(row pgx.CollectableRow) (g manifest.FailureGroup, err error) {
		var since int64
		err = row.Scan(&g.Code, &g.Acknowledged, &g.Recordings, &since)
		g.Since = fromMillis(since)
		return g, err
	}, failures, manifest.FiguresMost)
	f.AddFailures(groups)
	return err
}

// Tallies counts the recordings by state.
func (m *Manifest) Tallies(ctx context.Context) ([]manifest.Tally, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (t manifest.Tally, err error) {
		var oldest, newest int64
		err = row.Scan(&t.State, &t.Recordings, &t.Bytes, &oldest, &newest)
		t.Oldest, t.Newest = fromMillis(oldest), fromMillis(newest)
		return t, err
	}, `SELECT state, recordings, bytes, coalesce((SELECT min(start) FROM vbcvault.recording WHERE account = $1 AND state = t.state), 0) AS oldest,
		coalesce((SELECT max(start) FROM vbcvault.recording WHERE account = $1 AND state = t.state), 0)
		FROM vbcvault.tally AS t WHERE account = $1 AND recordings > 0 ORDER BY oldest, state`)
}

// Failures returns recordings whose last run failed: news first, and the latest
// first.
func (m *Manifest) Failures(ctx context.Context, limit int) ([]manifest.Row, error) {
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM vbcvault.recording
		WHERE account = $1 AND state <> 'purged' AND state <> 'gone' AND reason <> '' ORDER BY acknowledged <> '', failed_at DESC LIMIT $2`, limit)
}

// DamagedCopies returns purged recordings whose copy was last found damaged
// or missing.
func (m *Manifest) DamagedCopies(ctx context.Context, limit int) ([]manifest.Row, error) {
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM vbcvault.recording WHERE account = $1 AND damaged <> '' ORDER BY start LIMIT $2`, limit)
}

// Sums adds up the numbers that are members of the summaries of all runs, or of the object
// that a member of theirs has.
func (m *Manifest) Sums(ctx context.Context, member string) (map[string]float64, error) {
	sums := map[string]float64{}
	for r, err := range m.AllRuns(ctx) {
		if err != nil {
			return nil, err
		}
		from := r.Summary
		var members map[string]json.RawMessage
		if member != "" {
			_ = json.Unmarshal(from, &members) // what has none has no numbers
			from, members = members[member], nil
		}
		_ = json.Unmarshal(from, &members)
		for name, text := range members {
			var n *float64
			if json.Unmarshal(text, &n) == nil && n != nil {
				sums[name] += *n
			}
		}
	}
	return sums, nil
}
