package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage/ownership"
	"github.com/vbcvault/vbcvault/vbc"
)

// Create makes a manifest at path that comes into being whole or not at all.
// fill writes it under another name, under which nobody looks for a manifest;
// when fill has returned nil it gets its own, durably. A crash until then leaves
// files that the next Create begins anew. The error is fs.ErrExist (wrapped) if
// something is at path, ErrLocked if a run, or another Create, is using it, and
// a *LeftoverError if SQLite's companions of another manifest lie there. A key that
// lies beside path already becomes the new manifest's.
func Create(ctx context.Context, path string, fill func(*Manifest) error, options ...Option) (err error) {
	if err := Place(path); err != nil {
		return err
	}
	if err := ownership.Fit(path); err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	if path, err = resolve(path); err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	// A run that would make a manifest here meanwhile is kept out by the lock.
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil {
		return fmt.Errorf("lock manifest %s: %w", path, err)
	} else if !ok {
		return fmt.Errorf("%w: %s", manifest.ErrLocked, path)
	}
	defer lock.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("create manifest %s: %w", path, fs.ErrExist), err)
	}
	for _, end := range []string{"-wal", "-shm"} {
		// SQLite would take it for the new manifest's.
		if _, err := os.Lstat(path + end); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(&LeftoverError{path + end}, err)
		}
	}
	unfinished := path + ".unfinished"
	clean := func() (err error) {
		for _, end := range []string{"", "-wal", "-shm", ".lock"} {
			if e := os.Remove(unfinished + end); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
		return err
	}
	if err := clean(); err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	defer func() { err = errors.Join(err, clean()) }()
	m, err := Open(ctx, unfinished, append(options, keyAt(KeyFile(path)))...)
	if err != nil {
		return err
	}
	m.creating = true
	if err := errors.Join(fill(m), m.Close()); err != nil {
		return err
	}
	if err := publish(unfinished, path); err != nil {
		return writeError(err)
	}
	return nil
}

// LeftoverError says that part of a manifest is left where a new one is to be made.
type LeftoverError struct{ File string }

func (e *LeftoverError) Error() string {
	return fmt.Sprintf("%s belongs to a manifest that no longer exists, and may contain its latest changes", e.File)
}

// publish gives a closed database its name, durably.
func publish(unfinished, path string) error {
	if _, err := os.Stat(unfinished + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is incomplete without its -wal file", unfinished), err)
	}
	f, err := os.OpenFile(unfinished, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not everywhere; without it, a power failure leaves the other name
		dir.Close()
	}
	return nil
}

var errNotCreating = errors.New("rows are written as they come only while a manifest is being created")

// Put writes rows down as they are, in place of what is known of the same
// recordings, as far as an archive can tell them apart: by id, second and number
// of bytes. It sets the Nth of each. It is no step of the state machine, and so
// only within Create.
func (m *Manifest) Put(ctx context.Context, rows ...manifest.Row) error {
	return m.create(ctx, func(tx txn) error {
		for i := range rows {
			if err := put(tx, &rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tell is Put for what somebody else's receipts tell, in their order. A row
// without a copy says only what has become of one that was told of before, with the
// same SeenRun if there is one. One without a state is verified, unless its deletion
// was told of before.
func (m *Manifest) Tell(ctx context.Context, rows []manifest.Row) error {
	return m.create(ctx, func(tx txn) error {
		for _, r := range rows {
			if r.Copy.Known() {
				if r.State == "" {
					if err := stateTold(tx, &r); err != nil {
						return err
					}
				}
				if err := put(tx, &r); err != nil {
					return err
				}
				continue
			}
			// Entries of earlier programs don't say which start: then it is about
			// the copy that was told of last.
			_, err := tx.Exec(`UPDATE recording SET state = ?, stored_at = ? WHERE kind = ? AND owner = ? AND id = ? AND state NOT IN ('erasing', 'erased')
				AND nth = (SELECT nth FROM recording WHERE kind = ? AND owner = ? AND id = ? AND (? = 0 OR start / 1000 = ?)
					ORDER BY seen_run = ? DESC, stored_at DESC, nth DESC LIMIT 1)`,
				r.State, millis(r.Copy.StoredAt), r.Kind, r.Owner, r.ID, r.Kind, r.Owner, r.ID, second(r.Start), second(r.Start), r.SeenRun)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// stateTold gives a row the state that it was told to be in.
func stateTold(tx txn, r *manifest.Row) error {
	r.State = manifest.Verified
	return tx.QueryRow(`SELECT coalesce(max(state), ?) FROM recording WHERE kind = ? AND owner = ? AND id = ? AND start / 1000 = ?
		AND iif(audio <> '', audio ->> '$.size', size) = ? AND state IN ('purging', 'purged')`,
		r.State, r.Kind, r.Owner, r.ID, second(r.Start), r.Copy.Audio.Size).Scan(&r.State)
}

// Drop forgets a recording, within Create.
func (m *Manifest) Drop(ctx context.Context, r vbc.Recording) error {
	return m.create(ctx, func(tx txn) error { return drop(tx, r) })
}

func (m *Manifest) create(ctx context.Context, change func(txn) error) error {
	if !m.creating {
		return errNotCreating
	}
	return m.do(ctx, func(tx txn) error {
		if err := change(tx); err != nil {
			return writeError(err)
		}
		return nil
	})
}

func put(tx txn, r *manifest.Row) error {
	bytes := r.Size
	if r.Copy.Known() {
		bytes = r.Copy.Audio.Size
	}
	err := tx.QueryRow(`SELECT coalesce(max(nth) FILTER (WHERE start / 1000 = ? AND iif(audio <> '', audio ->> '$.size', size) = ?), max(nth) + 1, 0)
		FROM recording WHERE kind = ? AND owner = ? AND id = ?`, second(r.Start), bytes, r.Kind, r.Owner, r.ID).Scan(&r.Nth)
	if err == nil {
		err = drop(tx, r.Recording)
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO recording (kind, owner, id, nth, start, size, raw, odd, state, audio, sidecar, transcript, stored_at, archived_at, seen_run, damaged, refuted,
		said, unvouched) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.Kind, r.Owner, r.ID, r.Nth, r.Start.UnixMilli(), r.Size, string(r.Raw), legible(r.Recording), r.State,
		manifest.EncodeObject(r.Copy.Audio), manifest.EncodeObject(r.Copy.Sidecar), manifest.EncodeObject(r.Copy.Transcript), millis(r.Copy.StoredAt), millis(r.Copy.ArchivedAt), r.SeenRun, r.Damaged, r.Refuted,
		manifest.EncodeSaid(r.Said), r.Unvouched)
	return err
}

// second is a moment in whole seconds, as names in an archive have it; 0 = none.
func second(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Displace writes down, of recordings that have had the same id, that VBC has
// given it again to the one that was archived last. It is for Create, when all
// are written. Rows of one call know then what VBC has said in any of them.
func (m *Manifest) Displace(ctx context.Context) error {
	return m.create(ctx, func(tx txn) error {
		_, err := tx.Exec(`UPDATE recording AS r SET displaced = -1 WHERE EXISTS (SELECT 1 FROM recording o WHERE o.kind = r.kind AND o.owner = r.owner AND o.id = r.id
			AND (o.stored_at, o.nth) > (r.stored_at, r.nth))`)
		if err != nil {
			return err
		}
		several, err := givenAgain(tx)
		for _, key := range several {
			if err == nil {
				err = share(tx, key)
			}
		}
		return err
	})
}

// givenAgain are the ids that several rows have.
func givenAgain(q rower) (keys []vbc.Key, err error) {
	rows, err := q.Query("SELECT DISTINCT kind, owner, id FROM recording WHERE nth > 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key vbc.Key
		if err := rows.Scan(&key.Kind, &key.Owner, &key.ID); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// drop makes room for a row. Not OR REPLACE, which would leave out the trigger
// that counts.
func drop(tx txn, r vbc.Recording) error {
	_, err := tx.Exec("DELETE FROM recording WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth)
	return err
}
