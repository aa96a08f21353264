package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Trusted are the keys of other manifests whose word is taken.
func (m *Manifest) Trusted(ctx context.Context) ([]manifest.Trusted, error) {
	return query(ctx, m, func(rows *sql.Rows) (t manifest.Trusted, err error) {
		var at int64
		err = rows.Scan(&t.Verifier, &t.Reason, &t.By, &at)
		t.At = fromMillis(at)
		return t, err
	}, "SELECT verifier, reason, by, at FROM trusted ORDER BY at, verifier")
}

// Trust adds a key, or changes what is said of it.
func (m *Manifest) Trust(ctx context.Context, t manifest.Trusted) error {
	return m.exec(ctx, "INSERT OR REPLACE INTO trusted (verifier, reason, by, at) VALUES (?, ?, ?, ?)", t.Verifier, t.Reason, t.By, millis(t.At))
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
	return m.do(ctx, func(tx txn) error { return addEntry(tx, e) })
}

// Tips are the ends of logs that were seen beside the archive. looked says that
// somebody has looked: else this is the first time.
func (m *Manifest) Tips(ctx context.Context) (tips []manifest.Tip, looked bool, err error) {
	mark, err := m.meta(ctx, "tips")
	if err != nil {
		return nil, false, fmt.Errorf("read manifest: %w", err)
	}
	tips, err = query(ctx, m, func(rows *sql.Rows) (t manifest.Tip, err error) {
		var head string
		if err = rows.Scan(&t.Chain, &t.Last, &head, &t.First, &t.Known); err == nil {
			t.Head, err = storage.ParseDigest(head)
		}
		return t, err
	}, "SELECT chain, last, head, first, known FROM log ORDER BY chain, last, head")
	return tips, mark != "", err
}

// SeeTips writes down ends of logs in place of those of the same chains. One that was
// there from the first remains so. From then on somebody has looked.
func (m *Manifest) SeeTips(ctx context.Context, chains []string, tips []manifest.Tip) error {
	return m.do(ctx, func(tx txn) error {
		first := map[string]bool{}
		for _, chain := range chains {
			var was bool
			if err := tx.QueryRow("SELECT coalesce(max(first), 0) FROM log WHERE chain = ?", chain).Scan(&was); err != nil {
				return writeError(err)
			}
			first[chain] = was
			if _, err := tx.Exec("DELETE FROM log WHERE chain = ?", chain); err != nil {
				return writeError(err)
			}
		}
		for _, t := range slices.Compact(slices.Clone(tips)) {
			_, err := tx.Exec("INSERT OR REPLACE INTO log (chain, last, head, first, known) VALUES (?, ?, ?, ?, ?)",
				t.Chain, t.Last, t.Head.String(), t.First || first[t.Chain], t.Known)
			if err != nil {
				return writeError(err)
			}
		}
		if _, err := tx.Exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('tips', '1')"); err != nil {
			return writeError(err)
		}
		return nil
	})
}

// Release writes down that a receipt which is trusted has the end of a hold.
func (m *Manifest) Release(ctx context.Context, hold, removal storage.Digest) error {
	return m.do(ctx, func(tx txn) error { return release(tx, hold, removal) })
}

func release(tx txn, hold, removal storage.Digest) error {
	if _, err := tx.Exec("INSERT OR IGNORE INTO release (hold, removal) VALUES (?, ?)", hold.String(), removal.String()); err != nil {
		return writeError(err)
	}
	return nil
}
