package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var _ storage.UploadJournal = (*Manifest)(nil)

// UploadBegun implements storage.UploadJournal: on nil it is durable. What has
// ended since the last one is forgotten in the same commit.
func (m *Manifest) UploadBegun(ctx context.Context, key, id string) error {
	return m.forgetting(ctx, func(tx txn) error {
		_, err := tx.Exec("INSERT OR REPLACE INTO upload (key, id, begun) VALUES (?, ?, ?)", key, id, millis(time.Now()))
		return err
	})
}

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
func (m *Manifest) forgetting(ctx context.Context, change func(txn) error) error {
	m.ended.Lock()
	over := m.ended.uploads
	m.ended.uploads = nil
	m.ended.Unlock()
	if len(over) == 0 && change == nil {
		return nil
	}
	err := m.do(ctx, func(tx txn) error {
		for _, u := range over {
			if _, err := tx.Exec("DELETE FROM upload WHERE key = ? AND id = ?", u.Key, u.ID); err != nil {
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
	if err != nil {
		m.ended.Lock()
		defer m.ended.Unlock()
		m.ended.uploads = append(m.ended.uploads, over...)
	}
	return err
}

// Uploads are those that were begun and not ended, as far as is known.
func (m *Manifest) Uploads(ctx context.Context) (all []manifest.Upload, err error) {
	rows, err := m.read(ctx, "SELECT key, id, begun FROM upload WHERE refused = '' ORDER BY begun")
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var u manifest.Upload
		var begun int64
		if err := rows.Scan(&u.Key, &u.ID, &begun); err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		u.Begun = fromMillis(begun)
		all = append(all, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return all, nil
}

// Refuse remembers such objects, until something whole is proven to be under their
// keys: what is there may be replaced, though nothing else refers to it.
func (m *Manifest) Refuse(ctx context.Context, all ...manifest.Refused) error {
	return m.do(ctx, func(tx txn) error { return refuse(tx, all) })
}

func refuse(tx txn, all []manifest.Refused) error {
	for _, r := range all {
		id, text, err := r.Written()
		if err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT OR REPLACE INTO upload (key, id, begun, refused) VALUES (?, ?, ?, ?)", r.Put.Key, id, millis(time.Now()), text); err != nil {
			return writeError(err)
		}
		_, err = tx.Exec("DELETE FROM upload WHERE key = ?1 AND refused <> '' AND id NOT IN (SELECT id FROM upload WHERE key = ?1 AND refused <> '' ORDER BY begun DESC LIMIT ?2)",
			r.Put.Key, manifest.MaxRefused)
		if err != nil {
			return writeError(err)
		}
	}
	return nil
}

// RefusedAt is what is remembered of the objects that were put under a key.
func (m *Manifest) RefusedAt(ctx context.Context, key string) (all []manifest.Refused, err error) {
	rows, err := m.read(ctx, "SELECT refused FROM upload WHERE key = ? AND refused <> '' ORDER BY begun DESC", key)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var r manifest.Refused
		if err = rows.Scan(&text); err == nil {
			r, err = manifest.ReadRefused(text)
		}
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return all, nil
}

// accept forgets what was refused under the keys of a copy that is whole.
func accept(tx txn, c manifest.Copy) error {
	_, err := tx.Exec("DELETE FROM upload WHERE refused <> '' AND key IN (?, ?, ?)", c.Audio.Key, c.Sidecar.Key, c.Transcript.Key)
	if err != nil {
		return writeError(err)
	}
	return nil
}

// IsCopy reports whether a content is what the manifest knows a recording's audio
// to be, whichever it is, or the metadata or transcript of one that has had this
// one's id.
func (m *Manifest) IsCopy(ctx context.Context, r vbc.Recording, c storage.Content) (is bool, err error) {
	const text = `SELECT EXISTS (SELECT 1 FROM recording INDEXED BY by_audio
			WHERE ` + audioSum + ` = substr(?1, 1, 16) AND audio <> '' AND audio ->> '$.sha256' = ?1 AND audio ->> '$.size' = ?2)
		OR EXISTS (SELECT 1 FROM recording WHERE kind = ?3 AND owner = ?4 AND id = ?5
			AND (sidecar <> '' AND sidecar ->> '$.sha256' = ?1 AND sidecar ->> '$.size' = ?2
				OR transcript <> '' AND transcript ->> '$.sha256' = ?1 AND transcript ->> '$.size' = ?2))`
	err = m.reads.QueryRowContext(ctx, text, c.SHA256.String(), c.Size, r.Kind, r.Owner, r.ID).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("read manifest: %w", err)
	}
	return is, nil
}
