package postgres

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	said "github.com/vbcvault/vbcvault/pipeline/words"
)

// What a transcript says is in spoken as vectors of words, which have their places: one,
// or several if it is long. See search.sql.

// How much a vector can have: PostgreSQL keeps no more places of one word, none that is
// higher, and no more bytes than 1 MiB.
const (
	placesOfWord   = 255
	wordsOfVector  = 16000
	lettersOfWords = 512 << 10
)

// vectors are what a folded text says, each as PostgreSQL writes vectors. Of what follows
// one another some is in two of them, so that each phrase is in one.
func vectors(account int64, folded string) (all []string) {
	words := strings.Fields(folded)
	for {
		n := fitting(words)
		all = append(all, vector(account, words[:n]))
		if n == len(words) {
			return all
		}
		words = words[n-(said.MostWords-1):]
	}
}

// fitting is how many words fit into one vector.
func fitting(words []string) int {
	places, letters := map[string]int{}, 0
	for i, w := range words {
		places[w]++
		letters += len(w)
		if places[w] > placesOfWord || letters > lettersOfWords || i == wordsOfVector {
			return i
		}
	}
	return len(words)
}

func vector(account int64, words []string) string {
	var b strings.Builder
	for i, w := range words {
		fmt.Fprintf(&b, "%s:%d ", lexeme(account, w), i+1)
	}
	return b.String()
}

// lexeme is a word of one account's calls: the index has the words of all accounts, and
// nobody's are looked at but one's. A word has letters, marks and digits only.
func lexeme(account int64, word string) string {
	return "'" + strconv.FormatInt(account, 10) + " " + word + "'"
}

// asked is what a term looks for.
func asked(account int64, t said.Term) string {
	all := make([]string, len(t.Words))
	for i, w := range t.Words {
		all[i] = lexeme(account, w)
	}
	text := strings.Join(all, " <-> ")
	if t.Prefix {
		text += ":*"
	}
	return "(" + text + ")"
}

func askedAll(account int64, q said.Query, how string) string {
	all := make([]string, len(q.Terms))
	for i, t := range q.Terms {
		all[i] = asked(account, t)
	}
	return strings.Join(all, how)
}

// saysEach is the condition that the vectors of one group have all terms among them.
func saysEach(v *values, account int64, q said.Query) string {
	var all []string
	for _, t := range q.Terms {
		all = append(all, "bool_or(said @@ "+v.add(asked(account, t))+"::tsquery)")
	}
	return allOf(all)
}

// saysAll is the condition that a transcript, of which there is the first vector, has all
// terms.
func saysAll(v *values, account int64, q said.Query) string {
	return "(whole AND said @@ " + v.add(askedAll(account, q, " & ")) + `::tsquery OR NOT whole AND (SELECT ` + saysEach(v, account, q) + ` FROM vbcvault.spoken AS s
		WHERE s.account = $1 AND s.start = spoken.start AND s.kind = spoken.kind AND s.owner = spoken.owner AND s.id = spoken.id AND s.nth = spoken.nth))`
}

// saidWay finds transcripts by the index of words: those of one vector, and of several.
func (t terms) saidWay(q said.Query) way {
	account := t.account
	from := "SELECT " + placeOf + " FROM vbcvault.spoken WHERE "
	return way{
		func(v *values) string {
			all := append([]string{"account = $1", "whole", "said @@ " + v.add(askedAll(account, q, " & ")) + "::tsquery"}, t.around(v)...)
			return from + allOf(all)
		},
		func(v *values) string {
			all := append([]string{"account = $1", "NOT whole", "said @@ " + v.add(askedAll(account, q, " | ")) + "::tsquery"}, t.around(v)...)
			return from + allOf(all) + " GROUP BY start, kind, owner, id, nth HAVING " + saysEach(v, account, q)
		},
	}
}

// Unindexed yields recordings whose transcript the index lacks, the newest first.
func (m *Manifest) Unindexed(ctx context.Context, now time.Time) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		all := pages(pendingPage, func(c cursor) ([]placed, error) {
			var v values
			text := `SELECT ` + columns + `, at FROM (SELECT ` + placeOf + ` FROM vbcvault.unindexed WHERE account = $1 AND (start, kind, owner, id, nth) < ` + c.in(&v) +
				` AND later <= ` + v.add(now.UnixMilli()) + ` ORDER BY start DESC, kind DESC, owner DESC, id DESC, nth DESC` + onePage + `) AS u
				CROSS JOIN LATERAL (SELECT * FROM vbcvault.recording WHERE account = $1 AND kind = k AND owner = o AND id = i AND nth = n OFFSET 0) AS r
				ORDER BY at DESC, k DESC, o DESC, i DESC, n DESC`
			return query(ctx, m, func(row pgx.CollectableRow) (p placed, err error) {
				p.Row, err = m.scanWith(row, &p.at)
				p.kind, p.owner, p.id, p.nth = string(p.Kind), p.Owner, p.ID, p.Nth
				return p, err
			}, text, v...)
		}, func(p placed) cursor { return p.cursor }, cursor{at: math.MaxInt64})
		for p, err := range all {
			if !yield(p.Row, err) {
				return
			}
		}
	}
}

// spokenRows are what is to be indexed, column by column.
type spokenRows struct {
	kind, owner []string
	id, nth     []int64
	digest      []string

	of   []int64 // of each vector, which of the rows it is of, from 1 on
	part []int64
	said []string
}

func (all *spokenRows) add(account int64, r manifest.Row, folded string) {
	all.kind, all.owner = append(all.kind, string(r.Kind)), append(all.owner, Storable(r.Owner))
	all.id, all.nth = append(all.id, r.ID), append(all.nth, r.Nth)
	all.digest = append(all.digest, r.Copy.Transcript.SHA256.String())
	for part, text := range vectors(account, folded) {
		all.of, all.part, all.said = append(all.of, int64(len(all.id))), append(all.part, int64(part)), append(all.said, text)
	}
}

// Index writes down what transcripts say.
func (m *Manifest) Index(ctx context.Context, all ...manifest.Spoken) error {
	last := map[cursor]int{} // a recording may come twice
	for i, s := range all {
		last[cursor{kind: string(s.Row.Kind), owner: s.Row.Owner, id: s.Row.ID, nth: s.Row.Nth}] = i
	}
	var rows spokenRows
	for i, s := range all {
		if last[cursor{kind: string(s.Row.Kind), owner: s.Row.Owner, id: s.Row.ID, nth: s.Row.Nth}] == i {
			rows.add(m.account, s.Row, said.Folded(s.Text))
		}
	}
	return m.do(ctx, func(tx *txn) error {
		if _, err := tx.Exec(indexText, rows.kind, rows.owner, rows.id, rows.nth, rows.digest, rows.of, rows.part, rows.said); err != nil {
			return writeError(fmt.Errorf("index %d transcripts: %w", len(rows.id), err))
		}
		return nil
	})
}

// indexText has spoken say what those of these recordings say that still have this
// transcript; the others remain to be indexed.
const indexText = `WITH u AS (SELECT r.start, r.kind, r.owner, r.id, r.nth, u.digest, u.place
		FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[]) WITH ORDINALITY AS u (kind, owner, id, nth, digest, place)
		JOIN vbcvault.recording AS r ON r.account = $1 AND r.kind = u.kind AND r.owner = u.owner AND r.id = u.id AND r.nth = u.nth
			AND vbcvault.said_by(r.state, r.transcript) = u.digest),
	v AS (SELECT u.*, v.part, v.said FROM unnest($7::bigint[], $8::bigint[], $9::text[]) AS v (place, part, said) JOIN u USING (place)),
	done AS (DELETE FROM vbcvault.unindexed AS d USING u
		WHERE d.account = $1 AND d.start = u.start AND d.kind = u.kind AND d.owner = u.owner AND d.id = u.id AND d.nth = u.nth),
	fewer AS (DELETE FROM vbcvault.spoken AS s USING u WHERE s.account = $1 AND s.start = u.start AND s.kind = u.kind AND s.owner = u.owner AND s.id = u.id AND s.nth = u.nth
		AND NOT EXISTS (SELECT 1 FROM v WHERE v.place = u.place AND v.part = s.part))
	INSERT INTO vbcvault.spoken (account, start, kind, owner, id, nth, part, whole, said)
		SELECT $1, start, kind, owner, id, nth, part, (SELECT count(*) FROM v AS o WHERE o.place = v.place) = 1, said::tsvector FROM v
		ON CONFLICT (account, start, kind, owner, id, nth, part) DO UPDATE SET whole = excluded.whole, said = excluded.said`

// PutOff has Unindexed leave out a recording until then.
func (m *Manifest) PutOff(ctx context.Context, r manifest.Row, until time.Time) error {
	return m.exec(ctx, `UPDATE vbcvault.unindexed AS u SET later = $7 FROM vbcvault.recording AS r
		WHERE r.account = $1 AND r.kind = $2 AND r.owner = $3 AND r.id = $4 AND r.nth = $5 AND vbcvault.said_by(r.state, r.transcript) = $6
			AND u.account = $1 AND u.start = r.start AND u.kind = r.kind AND u.owner = r.owner AND u.id = r.id AND u.nth = r.nth`,
		keyOf(r.Recording, r.Copy.Transcript.SHA256.String(), until.UnixMilli())...)
}

// Indexed counts the recordings that the index has, and those that it lacks.
func (m *Manifest) Indexed(ctx context.Context) (has, lacks int64, err error) {
	err = m.row(ctx, `SELECT (SELECT count(*) FROM vbcvault.spoken WHERE account = $1 AND part = 0), (SELECT count(*) FROM vbcvault.unindexed WHERE account = $1)`).Scan(&has, &lacks)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return has, lacks, err
}

// checkWords says what is to be found by its words and is neither indexed nor to be
// indexed, or the other way round.
const checkWords = `SELECT 'what finds recordings by what was said is wrong' WHERE EXISTS (
	WITH there AS (SELECT start, kind, owner, id, nth FROM vbcvault.recording WHERE account = $1 AND vbcvault.said_by(state, transcript) IS NOT NULL),
		known AS (SELECT start, kind, owner, id, nth FROM vbcvault.spoken WHERE account = $1 AND part = 0
			UNION ALL SELECT start, kind, owner, id, nth FROM vbcvault.unindexed WHERE account = $1)
	(TABLE there EXCEPT ALL TABLE known) UNION ALL (TABLE known EXCEPT ALL TABLE there))`
