package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// holdRow is a row of the table, as both ways of reading it have it.
type holdRow struct {
	Number              int64
	Digest, Made, Ended string
}

func (r holdRow) record() (manifest.HoldRecord, error) {
	digest, err := storage.ParseDigest(r.Digest)
	return manifest.HoldRecord{Number: r.Number, Digest: digest, Made: []byte(r.Made), Ended: []byte(r.Ended)}, err
}

func (r holdRow) hold() (manifest.Hold, error) {
	record, err := r.record()
	if err != nil {
		return manifest.Hold{}, err
	}
	return record.Hold()
}

// Holds returns all holds in the order of their numbers, those that were
// removed included.
func (m *Manifest) Holds(ctx context.Context) ([]manifest.Hold, error) {
	return query(ctx, m, func(rows *sql.Rows) (manifest.Hold, error) {
		var r holdRow
		if err := rows.Scan(&r.Number, &r.Digest, &r.Made, &r.Ended); err != nil {
			return manifest.Hold{}, err
		}
		return r.hold()
	}, "SELECT number, digest, made, ended FROM hold ORDER BY number")
}

// HoldTexts returns what the manifest knows of each hold, word by word.
func (m *Manifest) HoldTexts(ctx context.Context) ([]manifest.HoldRecord, error) {
	return query(ctx, m, func(rows *sql.Rows) (r manifest.HoldRecord, err error) {
		var digest string
		if err = rows.Scan(&r.Number, &digest, &r.Made, &r.Ended, &r.Signed, &r.Noted); err == nil {
			r.Digest, err = storage.ParseDigest(digest)
		}
		return r, err
	}, "SELECT number, digest, made, ended, signed, noted > 1 FROM hold ORDER BY number")
}

// active returns the holds that hold at this moment of the transaction.
func active(tx queryer) (holds []manifest.Hold, err error) {
	var text []byte
	var rows []holdRow
	err = tx.QueryRow("SELECT json_group_array(json_object('Number', number, 'Digest', digest, 'Made', made)) FROM hold WHERE ended = ''").Scan(&text)
	if err == nil {
		err = json.Unmarshal(text, &rows)
	}
	for _, r := range rows {
		var h manifest.Hold
		if h, err = r.hold(); err != nil {
			break
		}
		holds = append(holds, h)
	}
	if err != nil {
		return nil, writeError(err)
	}
	return holds, nil
}

// AddHold writes a hold down and returns it with its number. From that moment
// on no purge of what it covers is begun, also not by a run that is going on.
// Its receipt, and its copy beside the archive, are the next run's.
func (m *Manifest) AddHold(ctx context.Context, h manifest.Hold) (manifest.Hold, error) {
	h, text, err := manifest.NewHold(h)
	if err != nil {
		return manifest.Hold{}, err
	}
	err = m.do(ctx, func(tx txn) error {
		if err := shareHold(tx, text, ""); err != nil {
			return err
		}
		if err := tx.QueryRow("SELECT number FROM hold WHERE digest = ?", h.Digest.String()).Scan(&h.Number); err != nil {
			return writeError(err)
		}
		return nil
	})
	return h, err
}

// RemoveHold ends a hold. The error is ErrNoHold if there is none, a *KeyError if the
// key that signs the end can't be had.
func (m *Manifest) RemoveHold(ctx context.Context, number int64, reason, by string) (h manifest.Hold, err error) {
	key, err := m.SigningKey()
	if err != nil {
		return h, err
	}
	err = m.do(ctx, func(tx txn) error {
		holds, err := active(tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(holds, func(h manifest.Hold) bool { return h.Number == number })
		if i < 0 {
			return manifest.ErrNoHold
		}
		h = holds[i]
		end, signed, err := h.End(reason, by, key)
		if err != nil {
			return err
		}
		return shareHold(tx, end, signed)
	})
	return h, err
}

// The making of a hold and its end are two deeds, each with an entry in the
// chain and an object beside the archive. noted and stored count those of them
// that are done.
const deeds = "(1 + (ended <> ''))"

// NoteHolds adds the entries that the chain of receipts lacks. It is called by
// runs alone, once they have taken over what the archive has of the chain:
// entries from anywhere else would fork it.
func (m *Manifest) NoteHolds(ctx context.Context, run int64) error {
	return m.do(ctx, func(tx txn) error {
		for {
			var r holdRow
			var noted int
			err := tx.QueryRow("SELECT number, digest, made, ended, noted FROM hold WHERE noted < "+deeds+" ORDER BY number LIMIT 1").
				Scan(&r.Number, &r.Digest, &r.Made, &r.Ended, &noted)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return writeError(err)
			}
			record, err := r.record()
			if err != nil {
				return writeError(err)
			}
			e, err := record.Receipt(m.account, run, noted == 1)
			if err != nil {
				return writeError(err)
			}
			if err := addEntry(tx, e); err != nil {
				return err
			}
			if _, err := tx.Exec("UPDATE hold SET noted = ? WHERE number = ?", noted+1, r.Number); err != nil {
				return writeError(err)
			}
		}
	})
}

// takeOverHold notes that the chain has an entry about a hold. Where only that
// is known, and not what it covers, everything is held.
func takeOverHold(tx txn, e receipt.Entry) error {
	noted := 1
	switch e.Type {
	case receipt.Held:
		if err := learnHold(tx, e.Digest, ""); err != nil {
			return err
		}
	case receipt.Released:
		noted = 2
	default:
		return nil
	}
	if _, err := tx.Exec("UPDATE hold SET noted = max(noted, ?) WHERE digest = ?", noted, e.Digest.String()); err != nil {
		return writeError(err)
	}
	if e.Type == receipt.Released {
		return release(tx, e.Digest, e.Removal)
	}
	return nil
}

// learnHold writes down a hold of another manifest, or of a later state of
// this one, in the place of what isn't the text that it was made with; made is "" if
// nobody knows what it covers.
func learnHold(tx txn, digest storage.Digest, made string) error {
	_, err := tx.Exec(`INSERT INTO hold (number, digest, made, noted, stored) SELECT coalesce(max(number), 0) + 1, ?, ?, 1, 1 FROM hold WHERE true
		ON CONFLICT (digest) DO UPDATE SET made = excluded.made WHERE excluded.made <> ''`, digest.String(), made)
	if err != nil {
		return writeError(err)
	}
	return nil
}

// LearnHold writes down what the archive says of a hold. One whose making
// can't be read holds everything; an end that can't be read, or of which no receipt
// that is trusted has the release, ends nothing.
func (m *Manifest) LearnHold(ctx context.Context, t manifest.HoldText) error {
	signed, err := m.signEnd(t)
	if err != nil {
		return err
	}
	return m.do(ctx, func(tx txn) error {
		switch {
		case !t.Ended && t.Check():
			return learnHold(tx, t.Hold, string(t.Text))
		case !t.Ended:
			return learnHold(tx, t.Hold, "")
		case t.Check():
			// The chain may lack its release, where another manifest has ended it.
			if _, err := tx.Exec("UPDATE hold SET ended = ?, signed = ?, stored = 2 WHERE digest = ? AND ended = '' AND EXISTS (SELECT 1 FROM release WHERE hold = digest AND removal = ?)",
				string(t.Text), signed, t.Hold.String(), storage.SumOf(t.Text).String()); err != nil {
				return writeError(err)
			}
		}
		return nil
	})
}

// HoldsSettled reports whether the chain and the archive have all that was done
// about holds.
func (m *Manifest) HoldsSettled(ctx context.Context) (settled bool, err error) {
	err = m.reads.QueryRowContext(ctx, "SELECT NOT EXISTS (SELECT 1 FROM hold WHERE noted < "+deeds+" OR stored < "+deeds+")").Scan(&settled)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return settled, err
}

// UnstoredHolds returns what isn't beside the archive yet.
func (m *Manifest) UnstoredHolds(ctx context.Context) ([]manifest.HoldText, error) {
	return query(ctx, m, func(rows *sql.Rows) (t manifest.HoldText, err error) {
		var digest string
		if err = rows.Scan(&digest, &t.Ended, &t.Text); err == nil {
			t.Hold, err = storage.ParseDigest(digest)
		}
		return t, err
	}, "SELECT digest, 0, made FROM hold WHERE stored < 1 UNION ALL SELECT digest, 1, ended FROM hold WHERE stored < 2 AND ended <> ''")
}

// HoldStored writes down that a text is beside the archive.
func (m *Manifest) HoldStored(ctx context.Context, t manifest.HoldText) error {
	deed := 1
	if t.Ended {
		deed = 2
	}
	return m.exec(ctx, "UPDATE hold SET stored = max(stored, ?) WHERE digest = ?", deed, t.Hold.String())
}

// waitBeside is how long a change waits for a run that writes all the time.
const waitBeside = 2 * time.Minute

// OpenBeside opens an existing manifest for a short change that may be made
// while a run is using it, such as a hold. It doesn't take the lock.
func OpenBeside(ctx context.Context, path string, options ...Option) (*Manifest, error) {
	if err := Place(path); err != nil {
		return nil, err
	}
	m, err := OpenReadOnly(ctx, path, options...) // refuses formats that would have to be changed
	if err != nil {
		return nil, err
	}
	if m.account == "" {
		return nil, errors.Join(fmt.Errorf("%w: %s", manifest.ErrUnbound, path), m.Close())
	}
	if m.writes, err = sql.Open("sqlite", dsn(path, "rw", waitBeside)); err == nil {
		m.writes.SetMaxOpenConns(1)
		err = m.beginWriting(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open manifest %s: %w", path, err), m.Close())
	}
	return m, nil
}
