package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var _ storage.UploadJournal = (*Manifest)(nil)

// UploadBegun implements storage.UploadJournal: on nil it is durable. What has
// ended since the last one is forgotten in the same commit.
func (m *Manifest) UploadBegun(ctx context.Context, key, id string) error {
	return m.forgetting(ctx, func(tx *txn) error {
		_, err := tx.Exec(putUpload, Storable(key), Storable(id), millis(time.Now()), "")
		return err
	})
}

// putUpload writes down one of them, in place of what is known of it.
const putUpload = `INSERT INTO vbcvault.upload (account, key, id, begun, refused) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (account, key, id) DO UPDATE SET begun = excluded.begun, refused = excluded.refused`

// UploadEnded implements storage.UploadJournal. It is written down with the next
// one that begins, with the run's end, or by ForgetUploads; a crash before that has
// the next run abort what is no more.
func (m *Manifest) UploadEnded(key, id string) {
	m.ended.Lock()
	defer m.ended.Unlock()
	m.ended.uploads = append(m.ended.uploads, manifest.Upload{Key: key, ID: id})
}

// ForgetUploads writes down which uploads have ended.
func (m *Manifest) ForgetUploads(ctx context.Context) error {
	return m.forgetting(ctx, nil)
}

// forgetting makes a change, if there is one, and forgets what has ended.
func (m *Manifest) forgetting(ctx context.Context, change func(*txn) error) error {
	m.ended.Lock()
	over := m.ended.uploads
	m.ended.uploads = nil
	m.ended.Unlock()
	if len(over) == 0 && change == nil {
		return nil
	}
	err := m.do(ctx, func(tx *txn) error {
		if len(over) > 0 {
			var all, ids []string
			for _, u := range over {
				all, ids = append(all, Storable(u.Key)), append(ids, Storable(u.ID))
			}
			_, err := tx.Exec("DELETE FROM vbcvault.upload o USING unnest($2::text[], $3::text[]) AS u (key, id) WHERE o.account = $1 AND o.key = u.key AND o.id = u.id", all, ids)
			if err != nil {
				return writeError(err)
			}
		}
		if change == nil {
			return nil
		}
		if err := change(tx); err != nil {
			return writeError(err)
		}
		return nil
	})
	if err != nil { // they have ended all the same
		m.ended.Lock()
		m.ended.uploads = append(m.ended.uploads, over...)
		m.ended.Unlock()
	}
	return err
}

// Uploads are those that were begun and not ended, as far as is known.
func (m *Manifest) Uploads(ctx context.Context) ([]manifest.Upload, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (u manifest.Upload, err error) {
		var begun int64
		err = row.Scan(&u.Key, &u.ID, &begun)
		u.Begun = fromMillis(begun)
		return u, err
	}, "SELECT key, id, begun FROM vbcvault.upload WHERE account = $1 AND refused = '' ORDER BY begun")
}

// Refuse remembers such objects, until something whole is proven to be under their
// keys: what is there may be replaced, though nothing else refers to it.
func (m *Manifest) Refuse(ctx context.Context, all ...manifest.Refused) error {
	return m.do(ctx, func(tx *txn) error { return refuse(tx, all) })
}

func refuse(tx *txn, all []manifest.Refused) error {
	for _, r := range all {
		id, text, err := r.Written()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(putUpload, Storable(r.Put.Key), id, millis(time.Now()), text); err != nil {
			return writeError(err)
		}
		_, err = tx.Exec(`DELETE FROM vbcvault.upload WHERE account = $1 AND key = $2 AND refused <> ''
			AND id NOT IN (SELECT id FROM vbcvault.upload WHERE account = $1 AND key = $2 AND refused <> '' ORDER BY begun DESC LIMIT $3)`, Storable(r.Put.Key), manifest.MaxRefused)
		if err != nil {
			return writeError(err)
		}
	}
	return nil
}

// RefusedAt is what is remembered of the objects that were put under a key.
func (m *Manifest) RefusedAt(ctx context.Context, key string) ([]manifest.Refused, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (r manifest.Refused, err error) {
		var text string
		if err = row.Scan(&text); err == nil {
			r, err = manifest.ReadRefused(text)
		}
		return r, err
	}, "SELECT refused FROM vbcvault.upload WHERE account = $1 AND key = $2 AND refused <> '' ORDER BY begun DESC", Storable(key))
}

// accept forgets what was refused under the keys of a copy that is whole.
func accept(tx *txn, c manifest.Copy) error {
	_, err := tx.Exec("DELETE FROM vbcvault.upload WHERE account = $1 AND refused <> '' AND key IN ($2, $3, $4)",
		Storable(c.Audio.Key), Storable(c.Sidecar.Key), Storable(c.Transcript.Key))
	if err != nil {
		return writeError(err)
	}
	return nil
}

// IsCopy reports whether a content is what the manifest knows a recording's audio
// to be, whichever it is, or the metadata or transcript of one that has had this
// one's id.
func (m *Manifest) IsCopy(ctx context.Context, r vbc.Recording, c storage.Content) (is bool, err error) {
	const text = `SELECT EXISTS (SELECT 1 FROM vbcvault.recording WHERE account = $1 AND ` + sameAudio + ` AND audio ->> 'size' = $3)
		OR EXISTS (SELECT 1 FROM vbcvault.recording WHERE account = $1 AND kind = $4 AND owner = $5 AND id = $6
			AND (sidecar ->> 'sha256' = $2 AND sidecar ->> 'size' = $3 OR transcript ->> 'sha256' = $2 AND transcript ->> 'size' = $3))`
	err = m.row(ctx, text, c.SHA256.String(), fmt.Sprint(c.Size), r.Kind, r.Owner, r.ID).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("read manifest: %w", err)
	}
	return is, nil
}
