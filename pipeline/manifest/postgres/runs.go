package postgres

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// BeginRun writes down that a run begins with these options, and returns its number.
func (m *Manifest) BeginRun(ctx context.Context, options manifest.RunOptions) (run int64, err error) {
	b, err := options.Written()
	if err != nil {
		return 0, err
	}
	err = m.do(ctx, func(tx *txn) error {
		err := tx.QueryRow(`INSERT INTO vbcvault.run (account, id, started, options)
			SELECT $1, coalesce(max(id), 0) + 1, $2, $3 FROM vbcvault.run WHERE account = $1 RETURNING id`, time.Now().UnixMilli(), b).Scan(&run)
		if err != nil {
			return writeError(err)
		}
		return nil
	})
	return run, err
}

// EndRun writes down what a run has done.
func (m *Manifest) EndRun(ctx context.Context, run int64, summary any) error {
	b, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	return m.forgetting(ctx, func(tx *txn) error {
		_, err := tx.Exec("UPDATE vbcvault.run SET finished = $2, summary = $3 WHERE account = $1 AND id = $4", time.Now().UnixMilli(), b, run)
		return err
	})
}

const runColumns = "SELECT id, started, finished, options, summary FROM vbcvault.run WHERE account = $1"

func scanRun(row pgx.CollectableRow) (r manifest.Run, err error) {
	var started, finished int64
	var options, summary []byte
	err = row.Scan(&r.ID, &started, &finished, &options, &summary)
	r.Started, r.Finished = fromMillis(started), fromMillis(finished)
	r.Options = manifest.ReadOptions(options)
	if len(summary) > 0 {
		r.Summary = summary
	}
	return r, err
}

// Runs returns the latest runs, the latest first.
func (m *Manifest) Runs(ctx context.Context, limit int) ([]manifest.Run, error) {
	return query(ctx, m, scanRun, runColumns+" ORDER BY id DESC LIMIT $2", limit)
}

// runsPage is how many runs are read at once.
const runsPage = 500

// AllRuns yields all runs, the earliest first.
func (m *Manifest) AllRuns(ctx context.Context) iter.Seq2[manifest.Run, error] {
	return pages(runsPage, func(after int64) ([]manifest.Run, error) {
		return query(ctx, m, scanRun, runColumns+" AND id > $2 ORDER BY id LIMIT $3", after, runsPage)
	}, func(r manifest.Run) int64 { return r.ID }, 0)
}
