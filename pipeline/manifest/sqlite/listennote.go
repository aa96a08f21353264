package sqlite

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

const notedAtOnce = 1000 // entries in one change

// NoteListenings adds to the chain of receipts those that it lacks, in the order in
// which they were written. What the manifest's key has not signed, or isn't what it has
// signed, gets none.
func (m *Manifest) NoteListenings(ctx context.Context, run int64) error {
	_, err := m.eachUnnoted(ctx, func(tx txn, own receipt.Keys, r listened) (bool, error) {
		l, good := r.Signs(m.account, own)
		if !good {
			return false, nil
		}
		seq, err := noteListening(tx, l, run)
		if err != nil {
			return false, err
		}
		return true, settled(tx, r.Number, seq, run)
	})
	return err
}

// RefuseListenings has those that aren't signed never get a receipt, and counts them.
func (m *Manifest) RefuseListenings(ctx context.Context) (refused int, err error) {
	return m.eachUnnoted(ctx, func(tx txn, own receipt.Keys, r listened) (bool, error) {
		if _, good := r.Signs(m.account, own); good {
			return false, nil
		}
		return true, settled(tx, r.Number, -1, 0)
	})
}

func settled(tx txn, number, seq, run int64) error {
	if _, err := tx.Exec("UPDATE listening SET seq = ?, run = ? WHERE number = ?", seq, run, number); err != nil {
		return writeError(err)
	}
	return nil
}

// eachUnnoted does something about each that has no receipt yet, many in one change, and
// counts those of which it says that it has.
func (m *Manifest) eachUnnoted(ctx context.Context, each func(tx txn, own receipt.Keys, r listened) (bool, error)) (done int, err error) {
	var some bool
	if err := m.reads.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM listening WHERE seq = 0)").Scan(&some); err != nil {
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
		var next []listened
		var now int
		err := m.do(ctx, func(tx txn) (err error) {
			now = 0
			if next, err = unnoted(tx, after); err != nil {
				return writeError(err)
			}
			for _, r := range next {
				did, err := each(tx, own, r)
				if err != nil {
					return err
				}
				if did {
					now++
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		if done += now; len(next) < notedAtOnce {
			return done, nil
		}
		after = next[len(next)-1].Number
	}
}

func unnoted(tx txn, after int64) (next []listened, err error) {
	rows, err := tx.Query("SELECT "+listenedColumns+" FROM listening l WHERE l.seq = 0 AND l.number > ? ORDER BY l.number LIMIT ?", after, notedAtOnce)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanListened(rows)
		if err != nil {
			return nil, err
		}
		next = append(next, r)
	}
	return next, rows.Err()
}

func noteListening(tx txn, l manifest.Listening, run int64) (seq int64, err error) {
	if err := addEntry(tx, l.Receipt(run)); err != nil {
		return 0, err
	}
	c, err := chain(tx)
	if err != nil {
		return 0, writeError(err)
	}
	return c.Last, nil
}

// takeOverListening notes that the chain has an entry whose text may have to be learned
// from the archive.
func takeOverListening(tx txn, e receipt.Entry) error {
	if e.Type != receipt.Listened {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO listening (digest, text, seq, run, stored, kind, owner, id, nth, who, at, how, session) VALUES (?, '', ?, ?, 1, ?, ?, ?, 0, '', ?, '', '')
		ON CONFLICT (digest) DO UPDATE SET seq = excluded.seq, run = excluded.run, stored = 1`,
		e.Digest.String(), e.Seq, e.Run, e.Kind, e.Owner, e.ID, e.At.UnixMilli())
	if err != nil {
		return writeError(err)
	}
	return nil
}

// LearnListenings writes down texts that the archive has, each with the entry of a chain
// that is its receipt, and counts those that are new.
func (m *Manifest) LearnListenings(ctx context.Context, log string, texts ...manifest.ListeningRecord) (n int64, err error) {
	err = m.do(ctx, func(tx txn) error {
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

func learnListening(tx txn, log, own string, r manifest.ListeningRecord) (int64, error) {
	l, ok := manifest.ReadListening(r.Text)
	if !ok {
		return 0, nil // what can't be read is left out
	}
	text := "UPDATE listening SET text = ?2, " + learnedColumns + " WHERE digest = ?1 AND text = ''"
	args := []any{storage.SumOf(r.Text).String(), string(r.Text), l.Kind, l.Owner, l.ID, l.Nth, l.Who, l.At.UnixMilli(), l.How, l.Session, second(l.Start)}
	if log != own {
		text = `INSERT INTO listening (digest, text, kind, owner, id, nth, who, at, how, session, log, seq, stored)
			VALUES (?1, ?2, ?3, ?4, ?5, ` + learnedNth + `, ?7, ?8, ?9, ?10, ?12, ?13, 1)
			ON CONFLICT (digest) DO UPDATE SET text = excluded.text, ` + learnedColumns + ` WHERE text = ''`
		args = append(args, log, r.Seq)
	}
	done, err := tx.Exec(text, args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

const (
	learnedNth     = "coalesce((SELECT nth FROM recording WHERE kind = ?3 AND owner = ?4 AND id = ?5 AND start / 1000 = ?11 ORDER BY nth LIMIT 1), ?6)"
	learnedColumns = "kind = ?3, owner = ?4, id = ?5, nth = " + learnedNth + ", who = ?7, at = ?8, how = ?9, session = ?10"
)
