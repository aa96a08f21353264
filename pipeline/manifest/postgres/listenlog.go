package postgres

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

const listeningsPage = 500 // rows read at once

// listened is a row of the table.
type listened struct {
	manifest.ListeningRow
	odd bool // whether the recording is in a scope can't be told by PostgreSQL
}

const listenedColumns = "l.number, l.digest, l.text, l.signed, l.log, l.seq, l.run, l.stored, l.kind, l.owner, l.id, l.nth, l.who, l.at, l.how, l.session"

func scanListened(row pgx.CollectableRow, more ...any) (r listened, err error) {
	var digest string
	var at int64
	err = row.Scan(append([]any{&r.Number, &digest, &r.Text, &r.Signed, &r.Log, &r.Seq, &r.Run, &r.Stored,
		&r.By.Kind, &r.By.Owner, &r.By.ID, &r.By.Nth, &r.By.Who, &at, &r.By.How, &r.By.Session}, more...)...)
	if err == nil {
		r.ListeningRow, err = r.Read(digest, fromMillis(at))
	}
	return r, err
}

// Listenings yields the entries that a query selects, the newest first.
func (m *Manifest) Listenings(ctx context.Context, q manifest.ListeningQuery) iter.Seq2[manifest.Listening, error] {
	return func(yield func(manifest.Listening, error) bool) {
		own, err := manifest.OwnKeys(ctx, m)
		if err != nil {
			yield(manifest.Listening{}, err)
			return
		}
		before, found := q.Before, 0
		if before <= 0 {
			before = math.MaxInt64
		}
		for r, err := range pages(listeningsPage, func(before int64) ([]listened, error) { return m.listeningsBefore(ctx, q, before) },
			func(r listened) int64 { return r.Number }, before) {
			l, in := manifest.Listening{}, err == nil
			if err == nil {
				l = r.Says(m.number, own)
				in, err = m.inScope(ctx, q.Scope, r, l)
			}
			if err != nil {
				yield(manifest.Listening{}, err)
				return
			}
			if !in {
				continue
			}
			if found++; !yield(l, nil) || found == q.Limit {
				return
			}
		}
	}
}

func (m *Manifest) listeningsBefore(ctx context.Context, q manifest.ListeningQuery, before int64) ([]listened, error) {
	text, args := listeningTerms(q, before)
	return query(ctx, m, func(row pgx.CollectableRow) (listened, error) {
		var odd bool
		r, err := scanListened(row, &odd)
		r.odd = odd
		return r, err
	}, text, args...)
}

// listeningTerms is a query as a statement.
func listeningTerms(q manifest.ListeningQuery, before int64) (text string, args []any) {
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprint("$", 1+len(args))
	}
	from, where := "false FROM vbcvault.listening AS l", []string{"l.account = $1", "l.number < " + arg(before)}
	if s := q.Scope; s.Extensions != nil || !s.Since.IsZero() {
		from = `c.odd FROM vbcvault.listening AS l JOIN vbcvault.recording AS r ON r.account = $1 AND r.kind = l.kind AND r.owner = l.owner AND r.id = l.id AND r.nth = l.nth
			JOIN vbcvault.call AS c ON c.account = $1 AND c.start = r.start AND c.kind = r.kind AND c.owner = r.owner AND c.id = r.id AND c.nth = r.nth`
		if !s.Since.IsZero() {
			where = append(where, "c.start >= "+arg(manifest.NotBefore(s.Since)))
		}
		if s.Extensions != nil {
			some := []string{}
			for _, e := range s.Extensions {
				some = append(some, Storable(e))
			}
			where = append(where, "(c.odd OR c.extensions && "+arg(some)+"::text[])")
		}
	}
	if q.Key != nil {
		where = append(where, "l.id = "+arg(q.Key.ID), "l.kind = "+arg(Storable(string(q.Key.Kind))), "l.owner = "+arg(Storable(q.Key.Owner)), "l.nth = "+arg(q.Nth))
	}
	if len(q.IDs) > 0 {
		where = append(where, "l.id = ANY("+arg(q.IDs)+")")
	}
	for _, is := range []struct{ column, value string }{{"l.who", q.Who}, {"l.how", string(q.How)}} {
		if is.value != "" {
			where = append(where, is.column+" = "+arg(Storable(is.value)))
		}
	}
	if !q.Since.IsZero() {
		where = append(where, "l.at >= "+arg(manifest.NotBefore(q.Since)))
	}
	if !q.Until.IsZero() {
		where = append(where, "l.at < "+arg(manifest.NotBefore(q.Until)))
	}
	return "SELECT " + listenedColumns + ", " + from + " WHERE " + strings.Join(where, " AND ") + " ORDER BY l.number DESC LIMIT " + arg(listeningsPage), args
}

// inScope decides where PostgreSQL can't.
func (m *Manifest) inScope(ctx context.Context, s manifest.Scope, r listened, l manifest.Listening) (bool, error) {
	if !r.odd {
		return true, nil
	}
	rows, err := m.All(ctx, l.Key())
	for _, row := range rows {
		if row.Nth == l.Nth {
			return s.Covers(row), err
		}
	}
	return false, err
}

// Listened counts by whom and how recordings were listened to, month by month.
func (m *Manifest) Listened(ctx context.Context, since, until time.Time) ([]manifest.ListenerMonth, error) {
	last := int64(math.MaxInt64)
	if !until.IsZero() {
		last = manifest.NotBefore(until)
	}
	return query(ctx, m, pgx.RowToStructByPos[manifest.ListenerMonth], `SELECT vbcvault.month_of(at) AS month, who, how, count(*) FROM vbcvault.listening
		WHERE account = $1 AND at >= $2 AND at < $3 AND seq >= 0 AND text <> '' GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3`, manifest.NotBefore(since), last)
}

// ListeningTexts yields all that is written down, in the order of numbers.
func (m *Manifest) ListeningTexts(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error] {
	return m.listeningRecords(ctx, 0, func(r listened) int64 { return r.Number }, "l.number > $2 ORDER BY l.number")
}

// UnstoredListenings yields those that the chain has and that aren't beside the archive
// yet, in the order of their receipts.
func (m *Manifest) UnstoredListenings(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error] {
	return m.listeningRecords(ctx, 0, func(r listened) int64 { return r.Seq }, "NOT l.stored AND l.seq > 0 AND l.log = '' AND l.text <> '' AND l.seq > $2 ORDER BY l.seq")
}

// NotedListenings yields the manifest's own with these receipts, in their order.
func (m *Manifest) NotedListenings(ctx context.Context, first, last int64) iter.Seq2[manifest.ListeningRecord, error] {
	return m.listeningRecords(ctx, max(0, first-1), func(r listened) int64 { return r.Seq }, "l.log = '' AND l.seq > 0 AND l.seq > $2 AND l.seq <= $4 ORDER BY l.seq", last)
}

// listeningRecords yields rows, page by page.
func (m *Manifest) listeningRecords(ctx context.Context, after int64, place func(listened) int64, where string, more ...any) iter.Seq2[manifest.ListeningRecord, error] {
	return func(yield func(manifest.ListeningRecord, error) bool) {
		for r, err := range pages(listeningsPage, func(after int64) ([]listened, error) {
			return query(ctx, m, func(row pgx.CollectableRow) (listened, error) { return scanListened(row) },
				"SELECT "+listenedColumns+" FROM vbcvault.listening AS l WHERE l.account = $1 AND "+where+" LIMIT $3", append([]any{after, listeningsPage}, more...)...)
		}, place, after) {
			if !yield(r.ListeningRecord, err) {
				return
			}
		}
	}
}

// ListeningsStored writes down that an object with texts is beside the archive.
func (m *Manifest) ListeningsStored(ctx context.Context, b manifest.ListeningBundle) error {
	return m.do(ctx, func(tx *txn) error {
		_, err := tx.Exec("INSERT INTO vbcvault.listening_file (account, first, last, sum) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", b.First, b.Last, b.Sum.String())
		if err == nil {
			_, err = tx.Exec("UPDATE vbcvault.listening SET stored = true WHERE account = $1 AND NOT stored AND seq > 0 AND seq BETWEEN $2 AND $3 AND log = ''", b.First, b.Last)
		}
		if err != nil {
			return writeError(err)
		}
		return nil
	})
}

// ListeningBundles are the objects that were stored.
func (m *Manifest) ListeningBundles(ctx context.Context) ([]manifest.ListeningBundle, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (b manifest.ListeningBundle, err error) {
		var sum string
		if err = row.Scan(&b.First, &b.Last, &sum); err == nil {
			b.Sum, err = storage.ParseDigest(sum)
		}
		return b, err
	}, "SELECT first, last, sum FROM vbcvault.listening_file WHERE account = $1 ORDER BY first, last")
}

// UnreadListenings are the entries of the manifest's own chain that name texts which it
// lacks.
func (m *Manifest) UnreadListenings(ctx context.Context) ([]int64, error) {
	return query(ctx, m, pgx.RowTo[int64], "SELECT seq FROM vbcvault.listening WHERE account = $1 AND text = '' AND log = '' AND seq > 0 ORDER BY seq")
}
