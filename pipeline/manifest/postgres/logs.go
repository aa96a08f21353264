package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Trusted are the keys of other manifests whose word is taken.
func (m *Manifest) Trusted(ctx context.Context) ([]manifest.Trusted, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (t manifest.Trusted, err error) {
		var at int64
		err = row.Scan(&t.Verifier, &t.Reason, &t.By, &at)
		t.At = fromMillis(at)
		return t, err
	}, "SELECT verifier, reason, by, at FROM vbcvault.trusted WHERE account = $1 ORDER BY at, verifier")
}

// Trust adds a key, or changes what is said of it.
func (m *Manifest) Trust(ctx context.Context, t manifest.Trusted) error {
	return m.exec(ctx, `INSERT INTO vbcvault.trusted (account, verifier, reason, by, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, verifier) DO UPDATE SET reason = excluded.reason, by = excluded.by, at = excluded.at`,
		Storable(t.Verifier), Storable(t.Reason), Storable(t.By), millis(t.At))
}

// Checkpoint is the latest signed checkpoint that was stored beside the archive, nil
// if there is none yet.
func (m *Manifest) Checkpoint(ctx context.Context) ([]byte, error) {
	text, err := m.meta(ctx, "checkpoint")
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}

// AddReceipt adds an entry that belongs to no step to the chain.
func (m *Manifest) AddReceipt(ctx context.Context, e receipt.Entry) error {
	return m.do(ctx, func(tx *txn) error { return addEntry(tx, e) })
}

// Tips are the ends of logs that were seen beside the archive. looked says that
// somebody has looked: else this is the first time.
func (m *Manifest) Tips(ctx context.Context) (tips []manifest.Tip, looked bool, err error) {
	mark, err := m.meta(ctx, "tips")
	if err != nil {
		return nil, false, fmt.Errorf("read manifest: %w", err)
	}
	tips, err = query(ctx, m, func(row pgx.CollectableRow) (t manifest.Tip, err error) {
		var head string
		if err = row.Scan(&t.Chain, &t.Last, &head, &t.First, &t.Known); err == nil {
			t.Head, err = storage.ParseDigest(head)
		}
		return t, err
	}, "SELECT chain, last, head, first, known FROM vbcvault.log WHERE account = $1 ORDER BY chain, last, head")
	return tips, mark != "", err
}

// firstOf says whether a chain's end was there from the first.
type firstOf struct {
	Chain string
	First bool
}

// SeeTips writes down ends of logs in place of those of the same chains. One that was
// there from the first remains so. From then on somebody has looked.
func (m *Manifest) SeeTips(ctx context.Context, chains []string, tips []manifest.Tip) error {
	var seen []string
	for _, chain := range chains {
		seen = append(seen, Storable(chain))
	}
	return m.do(ctx, func(tx *txn) error {
		was, err := collect(tx, pgx.RowToStructByPos[firstOf], "DELETE FROM vbcvault.log WHERE account = $1 AND chain = ANY($2) RETURNING chain, first", seen)
		if err != nil {
			return writeError(err)
		}
		first := map[string]bool{}
		for _, is := range was {
			first[is.Chain] = first[is.Chain] || is.First
		}
		for _, t := range tips {
			_, err := tx.Exec(`INSERT INTO vbcvault.log (account, chain, last, head, first, known) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (account, chain, head) DO UPDATE SET last = excluded.last, first = excluded.first, known = excluded.known`,
				Storable(t.Chain), t.Last, t.Head.String(), t.First || first[Storable(t.Chain)], t.Known)
			if err != nil {
				return writeError(err)
			}
		}
		if _, err := tx.Exec(setMeta, "tips", "1"); err != nil {
			return writeError(err)
		}
		return nil
	})
}
