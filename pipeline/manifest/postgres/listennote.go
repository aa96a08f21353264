package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

const notedAtOnce = 200 // entries in one change

// NoteListenings adds to the chain of receipts those that it lacks, in the order in
// which they were written. What the manifest's key has not signed, or isn't what it has
// signed, gets none.
func (m *Manifest) NoteListenings(ctx context.Context, run int64) error {
	_, err := m.eachUnnoted(ctx, func(tx *txn, own receipt.Keys, all []listened) (n int64, err error) {
		for _, r := range all {
			l, good := r.Signs(m.number, own)
			if !good {
				continue
			}
			if err := addEntry(tx, l.Receipt(run)); err != nil {
				return 0, err
			}
			_, err := tx.Exec(`UPDATE vbcvault.listening SET seq = (SELECT max(seq) FROM vbcvault.receipt WHERE account = $1), run = $3
				WHERE account = $1 AND number = $2`, r.Number, run)
			if err != nil {
				return 0, writeError(err)
			}
			n++
		}
		return n, nil
	})
	return err
}

// RefuseListenings has those that aren't signed never get a receipt, and counts them.
func (m *Manifest) RefuseListenings(ctx context.Context) (refused int, err error) {
	n, err := m.eachUnnoted(ctx, func(tx *txn, own receipt.Keys, all []listened) (int64, error) {
		var bad []int64
		for _, r := range all {
			if _, good := r.Signs(m.number, own); !good {
				bad = append(bad, r.Number)
			}
		}
		if len(bad) == 0 {
			return 0, nil
		}
		n, err := tx.Exec("UPDATE vbcvault.listening SET seq = -1, run = 0 WHERE account = $1 AND number = ANY($2) AND seq = 0", bad)
		if err != nil {
			return 0, writeError(err)
		}
		return n, nil
	})
	return int(n), err
}

// eachUnnoted does something about those that have no receipt yet, many in one change,
// and counts with how many that was done.
func (m *Manifest) eachUnnoted(ctx context.Context, about func(tx *txn, own receipt.Keys, all []listened) (int64, error)) (done int64, err error) {
	var some bool
	if err := m.row(ctx, "SELECT EXISTS (SELECT 1 FROM vbcvault.listening WHERE account = $1 AND seq = 0)").Scan(&some); err != nil {
		return 0, fmt.Errorf("read manifest: %w", err)
	}
	if !some {
		return 0, nil
	}
	key, err := m.SigningKey()
	if err != nil {
		return 0, err
	}
	own, err := receipt.NewKeys(key.Verifier())
	if err != nil {
		return 0, err
	}
	for after := int64(0); ; {
		var last, n int64
		var next []listened
		err := m.do(ctx, func(tx *txn) (err error) {
			if next, err = unnoted(tx, after); err != nil {
				return writeError(err)
			}
			n = 0
			if len(next) > 0 {
				last = next[len(next)-1].Number
				n, err = about(tx, own, next)
			}
			return err
		})
		if err != nil {
			return done, err
		}
		if done += n; len(next) < notedAtOnce {
			return done, nil
		}
		after = last
	}
}

func unnoted(tx *txn, after int64) ([]listened, error) {
	return collect(tx, func(row pgx.CollectableRow) (listened, error) { return scanListened(row) },
		"SELECT "+listenedColumns+" FROM vbcvault.listening AS l WHERE l.account = $1 AND l.seq = 0 AND l.number > $2 ORDER BY l.number LIMIT $3", after, notedAtOnce)
}

// takeOverListening notes that the chain has an entry whose text may have to be learned
// from the archive.
func takeOverListening(tx *txn, e receipt.Entry) error {
	if e.Type != receipt.Listened {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO vbcvault.listening (account, number, digest, text, seq, run, stored, kind, owner, id, nth, who, at, how, session)
		SELECT $1, coalesce(max(number), 0) + 1, $2, '', $3, $4, true, $5, $6, $7, 0, '', $8, '', '' FROM vbcvault.listening WHERE account = $1
		ON CONFLICT (account, digest) DO UPDATE SET seq = excluded.seq, run = excluded.run, stored = true`,
		e.Digest.String(), e.Seq, e.Run, Storable(string(e.Kind)), Storable(e.Owner), e.ID, e.At.UnixMilli())
	if err != nil {
		return writeError(err)
	}
	return nil
}

// LearnListenings writes down texts that the archive has, each with the entry of a chain
// that is its receipt, and counts those that are new.
func (m *Manifest) LearnListenings(ctx context.Context, log string, texts ...manifest.ListeningRecord) (n int64, err error) {
	err = m.do(ctx, func(tx *txn) error {
		own, err := chain(tx)
		if err != nil {
			return writeError(err)
		}
		n = 0
		for _, r := range texts {
			learned, err := learnListening(tx, log, own.ID, r)
			if err != nil {
				return writeError(err)
			}
			n += learned
		}
		return nil
	})
	return n, err
}

func learnListening(tx *txn, log, own string, r manifest.ListeningRecord) (int64, error) {
	l, ok := manifest.ReadListening(r.Text)
	if !ok {
		return 0, nil // what can't be read is left out
	}
	args := []any{storage.SumOf(r.Text).String(), r.Text, Storable(string(l.Kind)), Storable(l.Owner), l.ID, l.Nth, Storable(l.Who), l.At.UnixMilli(),
		Storable(string(l.How)), Storable(l.Session), second(l.Start)}
	if log == own {
		return tx.Exec("UPDATE vbcvault.listening AS l SET text = $3, "+learnedColumns+" WHERE account = $1 AND digest = $2 AND text = ''", args...)
	}
	return tx.Exec(`INSERT INTO vbcvault.listening AS l (account, number, digest, text, kind, owner, id, nth, who, at, how, session, log, seq, stored)
		SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, `+learnedNth+`, $8, $9, $10, $11, $13, $14, true FROM vbcvault.listening WHERE account = $1
		ON CONFLICT (account, digest) DO UPDATE SET text = excluded.text, `+learnedColumns+" WHERE l.text = ''", append(args, Storable(log), r.Seq)...)
}

const (
	learnedNth     = "coalesce((SELECT nth FROM vbcvault.recording WHERE account = $1 AND kind = $4 AND owner = $5 AND id = $6 AND start / 1000 = $12 ORDER BY nth LIMIT 1), $7)"
	learnedColumns = "kind = $4, owner = $5, id = $6, nth = " + learnedNth + ", who = $8, at = $9, how = $10, session = $11"
)
