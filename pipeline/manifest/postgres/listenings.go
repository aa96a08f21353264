package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// AddListening writes down that somebody is about to hear a recording or to get it.
// Whatever it writes is signed, and follows on what was written last.
func (m *Manifest) AddListening(ctx context.Context, l manifest.Listening) (manifest.Listening, error) {
	if m.number == "" {
		return l, manifest.ErrUnbound
	}
	key, err := m.SigningKey()
	if err != nil {
		return l, err
	}
	asked, err := manifest.NewListening(m.number, l)
	if err != nil {
		return asked, err
	}
	err = m.do(ctx, func(tx *txn) error {
		l = asked
		if done, err := sameSession(tx, &l); done || err != nil {
			return err
		}
		return addListening(tx, key, &l)
	})
	return l, err
}

// sameSession takes the entry of a session that has one.
func sameSession(tx *txn, l *manifest.Listening) (done bool, err error) {
	if l.Session == "" {
		return false, nil
	}
	var digest string
	r := manifest.ListeningRecord{}
	err = tx.QueryRow(`SELECT number, digest, text FROM vbcvault.listening WHERE account = $1 AND session = $2 AND session <> '' AND log = '' AND seq >= 0
		AND kind = $3 AND owner = $4 AND id = $5 AND nth = $6 AND who = $7 AND how = $8 ORDER BY number LIMIT 1`,
		Storable(l.Session), l.Kind, Storable(l.Owner), l.ID, l.Nth, Storable(l.Who), l.How).Scan(&r.Number, &digest, &r.Text)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, writeError(err)
	}
	if r.Digest, err = storage.ParseDigest(digest); err != nil {
		return false, writeError(err)
	}
	has, err := r.Listening()
	if err != nil {
		return false, nil //nolint:nilerr // somebody has changed it: a good one is written
	}
	*l = has
	return true, nil
}

func addListening(tx *txn, key receipt.Key, l *manifest.Listening) error {
	var last string
	var prev storage.Digest
	err := tx.QueryRow(`SELECT coalesce((SELECT digest FROM vbcvault.listening WHERE account = $1 AND log = '' ORDER BY number DESC LIMIT 1), '')`).Scan(&last)
	if err == nil && last != "" {
		prev, err = storage.ParseDigest(last)
	}
	if err != nil {
		return writeError(err)
	}
	text, signed, err := l.Seal(prev, key)
	if err != nil {
		return err
	}
	err = tx.QueryRow(`INSERT INTO vbcvault.listening (account, number, digest, text, signed, kind, owner, id, nth, who, at, how, session)
		SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM vbcvault.listening WHERE account = $1 RETURNING number`,
		l.Digest.String(), text, signed, l.Kind, Storable(l.Owner), l.ID, l.Nth, Storable(l.Who), l.At.UnixMilli(), l.How, Storable(l.Session)).Scan(&l.Number)
	if err != nil {
		return writeError(err)
	}
	return nil
}
