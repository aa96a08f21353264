package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

const listeningsPage = 500 // rows read at once

// listened is a row of the table: what it says, and what it is found by.
type listened struct {
	manifest.ListeningRow
	odd bool // whether the recording is in a scope can't be told by SQLite
}

const listenedColumns = "l.number, l.digest, l.text, l.signed, l.log, l.seq, l.run, l.stored, l.kind, l.owner, l.id, l.nth, l.who, l.at, l.how, l.session"

func scanListened(rows *sql.Rows, more ...any) (r listened, err error) {
	var digest string
	var at int64
	err = rows.Scan(append([]any{&r.Number, &digest, &r.Text, &r.Signed, &r.Log, &r.Seq, &r.Run, &r.Stored,
		&r.By.Kind, &r.By.Owner, &r.By.ID, &r.By.Nth, &r.By.Who, &at, &r.By.How, &r.By.Session}, more...)...)
	if err != nil {
		return r, err
	}
	r.ListeningRow, err = r.Read(digest, fromMillis(at))
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
		for {
			page, err := m.listeningsBefore(ctx, q, before)
			if err != nil {
				yield(manifest.Listening{}, err)
				return
			}
			for _, r := range page {
				before = r.Number
				l := r.Says(m.account, own)
				in, err := m.inScope(ctx, q.Scope, r, l)
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
			if len(page) < listeningsPage {
				return
			}
		}
	}
}

func (m *Manifest) listeningsBefore(ctx context.Context, q manifest.ListeningQuery, before int64) ([]listened, error) {
	from, where := listeningTerms(q)
	where = where.and("l.number < ?", before)
	return query(ctx, m, func(rows *sql.Rows) (listened, error) {
		var odd bool
		r, err := scanListened(rows, &odd)
		r.odd = odd
		return r, err
	}, "SELECT "+listenedColumns+", "+from+" WHERE "+where.text+" ORDER BY l.number DESC LIMIT ?", append(where.args, listeningsPage)...)
}

// listeningTerms are the tables of a query, behind whether SQLite can't tell, and its
// condition.
func listeningTerms(q manifest.ListeningQuery) (from string, where clause) {
	from = "0 FROM listening l"
	if s := q.Scope; s.Extensions != nil || !s.Since.IsZero() {
		from = `coalesce(c.odd, 1) = 1 FROM listening l JOIN recording r ON r.kind = l.kind AND r.owner = l.owner AND r.id = l.id AND r.nth = l.nth
			JOIN call c ON c.start = r.start AND c.kind = r.kind AND c.owner = r.owner AND c.id = r.id AND c.nth = r.nth`
		where = scopeTerms(s)
	}
	where = where.and("true")
	if q.Key != nil {
		where = where.and("l.id = ? AND l.kind = ? AND l.owner = ? AND l.nth = ?", q.Key.ID, q.Key.Kind, q.Key.Owner, q.Nth)
	}
	if len(q.IDs) > 0 {
		where = where.and("l.id IN (SELECT value FROM json_each(?))", asJSON(q.IDs))
	}
	for _, is := range []struct{ column, value string }{{"l.who", q.Who}, {"l.how", string(q.How)}} {
		if is.value != "" {
			where = where.and(is.column+" = ?", is.value)
		}
	}
	if !q.Since.IsZero() {
		where = where.and("l.at >= ?", manifest.NotBefore(q.Since))
	}
	if !q.Until.IsZero() {
		where = where.and("l.at < ?", manifest.NotBefore(q.Until))
	}
	return from, where
}

// scopeTerms is the condition for recordings that may be in a scope: all of them are,
// but for those that SQLite can't tell of.
func scopeTerms(s manifest.Scope) (c clause) {
	if !s.Since.IsZero() {
		c = c.and("c.start >= ?", manifest.NotBefore(s.Since))
	}
	if s.Extensions == nil {
		return c
	}
	texts, args := []string{"c.odd = 1"}, []any(nil)
	for _, e := range s.Extensions {
		if e != "" && !strings.ContainsAny(e, `,"[]`) { // such a list is odd
			texts, args = append(texts, "instr(c.extensions, ?) > 0"), append(args, ","+e+",")
		}
	}
	return c.and("("+strings.Join(texts, " OR ")+")", args...)
}

// inScope decides where SQLite can't.
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
	return query(ctx, m, func(rows *sql.Rows) (l manifest.ListenerMonth, err error) {
		err = rows.Scan(&l.Month, &l.Who, &l.How, &l.Times)
		return l, err
	}, `SELECT strftime('%Y-%m', at / 1000, 'unixepoch') AS month, who, how, count(*) FROM listening
		WHERE at >= ? AND at < ? AND seq >= 0 AND text <> '' GROUP BY month, who, how ORDER BY month DESC, who, how`, manifest.NotBefore(since), last)
}

// ListeningTexts yields all that is written down, in the order of numbers.
func (m *Manifest) ListeningTexts(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error] {
	return m.listeningRecords(ctx, 0, func(r listened) int64 { return r.Number }, "l.number > ? ORDER BY l.number")
}

// UnstoredListenings yields those that the chain has and that aren't beside the archive
// yet, in the order of their receipts.
func (m *Manifest) UnstoredListenings(ctx context.Context) iter.Seq2[manifest.ListeningRecord, error] {
	return m.listeningRecords(ctx, 0, func(r listened) int64 { return r.Seq }, "l.stored = 0 AND l.seq > 0 AND l.log = '' AND l.text <> '' AND l.seq > ? ORDER BY l.seq")
}

// listeningRecords yields rows, page by page.
func (m *Manifest) listeningRecords(ctx context.Context, after int64, place func(listened) int64, where string, more ...any) iter.Seq2[manifest.ListeningRecord, error] {
	return func(yield func(manifest.ListeningRecord, error) bool) {
		for {
			page, err := query(ctx, m, func(rows *sql.Rows) (listened, error) { return scanListened(rows) },
				"SELECT "+listenedColumns+" FROM listening l WHERE "+where+" LIMIT ?", append(append([]any{after}, more...), listeningsPage)...)
			if err != nil {
				yield(manifest.ListeningRecord{}, err)
				return
			}
			for _, r := range page {
				if !yield(r.ListeningRecord, nil) {
					return
				}
				after = place(r)
			}
			if len(page) < listeningsPage {
				return
			}
		}
	}
}

// NotedListenings yields the manifest's own with these receipts, in their order.
func (m *Manifest) NotedListenings(ctx context.Context, first, last int64) iter.Seq2[manifest.ListeningRecord, error] {
	return m.listeningRecords(ctx, max(0, first-1), func(r listened) int64 { return r.Seq }, "l.log = '' AND l.seq > 0 AND l.seq > ? AND l.seq <= ? ORDER BY l.seq", last)
}

// ListeningsStored writes down that an object with texts is beside the archive.
func (m *Manifest) ListeningsStored(ctx context.Context, b manifest.ListeningBundle) error {
	return m.do(ctx, func(tx txn) error {
		_, err := tx.Exec("INSERT OR IGNORE INTO listening_file (first, last, sum) VALUES (?, ?, ?)", b.First, b.Last, b.Sum.String())
		if err == nil {
			_, err = tx.Exec("UPDATE listening SET stored = 1 WHERE stored = 0 AND seq > 0 AND seq BETWEEN ? AND ? AND log = ''", b.First, b.Last)
		}
		if err != nil {
			return writeError(err)
		}
		return nil
	})
}

// ListeningBundles are the objects that were stored.
func (m *Manifest) ListeningBundles(ctx context.Context) ([]manifest.ListeningBundle, error) {
	return query(ctx, m, func(rows *sql.Rows) (b manifest.ListeningBundle, err error) {
		var sum string
		if err = rows.Scan(&b.First, &b.Last, &sum); err == nil {
			b.Sum, err = storage.ParseDigest(sum)
		}
		return b, err
	}, "SELECT first, last, sum FROM listening_file ORDER BY first, last")
}

// UnreadListenings are the entries of the manifest's own chain that name texts which it
// lacks.
func (m *Manifest) UnreadListenings(ctx context.Context) ([]int64, error) {
	return query(ctx, m, func(rows *sql.Rows) (seq int64, err error) {
		err = rows.Scan(&seq)
		return seq, err
	}, "SELECT seq FROM listening WHERE text = '' AND log = '' AND seq > 0 ORDER BY seq")
}
