package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

const notedAtOnce = 1000 // entries in one change

// NoteListenings adds to the chain of receipts those that it lacks, in the order in
// which they were written. What the manifest's key has not signed, or isn't what it has
// signed, gets no receipt: it is refused for good.
func (m *Manifest) NoteListenings(ctx context.Context, run int64) (refused int, err error) {
	var any bool
	if err := m.reads.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM listening WHERE seq = 0)").Scan(&any); err != nil || !any {
		return 0, err
	}
	key, err := m.SigningKey()
	if err != nil {
		return 0, err
	}
	own, err := receipt.NewKeys(key.Verifier())
	if err != nil {
		return 0, err
	}
	for {
		n, no := 0, 0
		err := m.do(ctx, func(tx txn) (err error) {
			n, no, err = noteListenings(tx, m.account, own, run)
			return err
		})
		if err != nil {
			return refused, err
		}
		if refused += no; n < notedAtOnce {
			return refused, nil
		}
	}
}

// noteListenings adds the next entries, and counts them and those among them that are
// refused.
func noteListenings(tx txn, account string, own receipt.Keys, run int64) (n, refused int, err error) {
	next, err := unnoted(tx)
	if err != nil {
		return 0, 0, writeError(err)
	}
	for _, r := range next {
		seq := int64(-1)
		l, err := r.Listening()
		if err == nil && r.Intact && l.Account == account && own.Listening(r.Digest, r.Signed) {
			if seq, err = noteListening(tx, l, run); err != nil {
				return 0, 0, err
			}
		} else {
			refused++
		}
		if _, err := tx.Exec("UPDATE listening SET seq = ?, run = ? WHERE number = ?", seq, run, r.Number); err != nil {
			return 0, 0, writeError(err)
		}
	}
	return len(next), refused, nil
}

func unnoted(tx txn) (next []listened, err error) {
	rows, err := tx.Query("SELECT "+listenedColumns+" FROM listening l WHERE l.seq = 0 ORDER BY l.number LIMIT ?", notedAtOnce)
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
	e := receipt.Entry{Type: receipt.Listened, At: l.At, Run: run, Account: l.Account, Kind: l.Kind, Owner: l.Owner, ID: l.ID, Start: l.Start, Digest: l.Digest}
	if err := addEntry(tx, e); err != nil {
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

// LearnListening writes down a text that the archive has, and whose receipt is the
// entry seq of a chain. What is known already stays.
func (m *Manifest) LearnListening(ctx context.Context, log string, seq int64, text []byte) error {
	var l manifest.Listening
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("read who has listened: %w", err)
	}
	if err := l.Check(); err != nil {
		return fmt.Errorf("read who has listened: %w", err)
	}
	return m.do(ctx, func(tx txn) error {
		own, err := chain(tx)
		if err != nil {
			return writeError(err)
		}
		if log == own.ID {
			log = ""
		}
		_, err = tx.Exec(`INSERT INTO listening (digest, text, log, seq, stored, kind, owner, id, nth, who, at, how, session)
			VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, coalesce((SELECT nth FROM recording WHERE kind = ?5 AND owner = ?6 AND id = ?7 AND start / 1000 = ?12 ORDER BY nth LIMIT 1), ?8), ?9, ?10, ?11, ?13)
			ON CONFLICT (digest) DO UPDATE SET text = excluded.text, nth = excluded.nth, who = excluded.who, at = excluded.at, how = excluded.how, session = excluded.session WHERE text = ''`,
			storage.SumOf(text).String(), string(text), log, seq, l.Kind, l.Owner, l.ID, l.Nth, l.Who, l.At.UnixMilli(), l.How, second(l.Start), l.Session)
		if err != nil {
			return writeError(err)
		}
		return nil
	})
}
