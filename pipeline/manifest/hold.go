package manifest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Hold is a legal hold: no run deletes at VBC what it covers. It covers the
// recordings that match all of its criteria, of every kind and user.
type Hold struct {
	Number int64  `json:"number"`
	Nonce  string `json:"nonce"` // so that nobody guesses a number out of the digest

	IDs       []int64   `json:"ids,omitempty"` // one of them; the same id may be of two kinds, and both are held
	CallerID  string    `json:"caller_id,omitempty"`
	Extension string    `json:"extension,omitempty"`
	Since     time.Time `json:"since,omitzero"` // start at or after
	Until     time.Time `json:"until,omitzero"` // and before

	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"` // UTC

	// Lost says that only the receipt of the hold is known, since the manifest
	// was restored from an older copy. It covers everything.
	Lost bool `json:"lost,omitempty"`

	Removed *Removal `json:"removed,omitempty"` // nil as long as it holds
}

// Removal is the end of a hold.
type Removal struct {
	Nonce  string    `json:"nonce"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"` // UTC
}

// Selects reports whether there are criteria at all.
func (h Hold) Selects() bool {
	return len(h.IDs) > 0 || h.CallerID != "" || h.Extension != "" || !h.Since.IsZero() || !h.Until.IsZero()
}

// Covers reports whether a recording is held. Where numbers may be written in
// several ways it is generous: a recording held in vain is still there.
func (h Hold) Covers(r vbc.Recording) bool {
	if h.Lost || !h.Selects() {
		return true
	}
	return (len(h.IDs) == 0 || slices.Contains(h.IDs, r.ID)) &&
		(h.CallerID == "" || sameCaller(h.CallerID, r.CallerID)) &&
		(h.Extension == "" || slices.Contains(r.Extensions, h.Extension)) &&
		(h.Since.IsZero() || !r.Start.Before(h.Since)) && (h.Until.IsZero() || r.Start.Before(h.Until))
}

// national is how many digits make a telephone number that stands for itself,
// with a country's code before it or not.
const national = 7

// sameCaller compares two callers, as numbers if they are.
func sameCaller(a, b string) bool {
	x, y := digits(a), digits(b)
	if len(x) < national || len(y) < national {
		return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
	}
	return strings.HasSuffix(x, y) || strings.HasSuffix(y, x)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// HeldError says that a recording is under a hold, and may not be purged.
type HeldError struct {
	Recording vbc.Recording
	Number    int64
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is under hold %d", e.Recording, e.Number)
}

// Covering returns the first of holds that covers a recording; ok is false if
// none does.
func Covering(holds []Hold, r vbc.Recording) (h Hold, ok bool) {
	i := slices.IndexFunc(holds, func(h Hold) bool { return h.Removed == nil && h.Covers(r) })
	if i < 0 {
		return Hold{}, false
	}
	return holds[i], true
}

// Holds returns all holds in the order of their numbers, those that were
// removed included.
func (m *Manifest) Holds(ctx context.Context) ([]Hold, error) {
	return query(ctx, m, func(rows *sql.Rows) (h Hold, err error) {
		var text []byte
		if err = rows.Scan(&text); err == nil {
			err = json.Unmarshal(text, &h)
		}
		return h, err
	}, "SELECT text FROM hold ORDER BY number")
}

// active returns the holds that hold at this moment of the transaction.
func active(tx queryer) (holds []Hold, err error) {
	var text []byte
	if err := tx.QueryRow("SELECT json_group_array(json(text)) FROM hold WHERE active = 1").Scan(&text); err != nil {
		return nil, &WriteError{err}
	}
	if err := json.Unmarshal(text, &holds); err != nil {
		return nil, &WriteError{err}
	}
	return holds, nil
}

// AddHold writes a hold down, with its entry in the chain of receipts, and
// returns it with its number. From that moment on no purge of what it covers
// is begun, also not by a run that is going on.
func (m *Manifest) AddHold(ctx context.Context, h Hold) (Hold, error) {
	if !h.Selects() {
		return Hold{}, errors.New("a hold needs criteria")
	}
	h.Nonce, h.At, h.Removed, h.Lost = rand.Text(), time.Now().UTC(), nil, false
	err := m.do(ctx, func(tx txn) error {
		if err := tx.QueryRow("SELECT coalesce(max(number), 0) + 1 FROM hold").Scan(&h.Number); err != nil {
			return &WriteError{err}
		}
		digest, err := putHold(tx, h)
		if err != nil {
			return err
		}
		return addEntry(tx, receipt.Entry{Type: receipt.Held, At: h.At, Account: m.account, Hold: h.Number, Digest: digest})
	})
	return h, err
}

// ErrNoHold says that there is no such hold, or that it has ended.
var ErrNoHold = errors.New("there is no such hold in force")

// RemoveHold ends a hold, with an entry in the chain. The error is ErrNoHold if
// there is none.
func (m *Manifest) RemoveHold(ctx context.Context, number int64, reason, by string) (h Hold, err error) {
	err = m.do(ctx, func(tx txn) error {
		var text []byte
		err := tx.QueryRow("SELECT text FROM hold WHERE number = ? AND active = 1", number).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoHold
		}
		if err == nil {
			err = json.Unmarshal(text, &h)
		}
		if err != nil {
			return &WriteError{err}
		}
		h.Removed = &Removal{Nonce: rand.Text(), Reason: reason, By: by, At: time.Now().UTC()}
		digest, err := putHold(tx, h)
		if err != nil {
			return err
		}
		return addEntry(tx, receipt.Entry{Type: receipt.Released, At: h.Removed.At, Account: m.account, Hold: number, Digest: digest})
	})
	return h, err
}

// putHold writes a hold down as it is now, and returns the digest of that.
func putHold(tx txn, h Hold) (storage.Digest, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return storage.Digest{}, err
	}
	if _, err := tx.Exec("INSERT OR REPLACE INTO hold (number, active, text) VALUES (?, ?, ?)", h.Number, h.Removed == nil, string(text)); err != nil {
		return storage.Digest{}, &WriteError{err}
	}
	return storage.SumOf(text), nil
}

// takeOverHold makes up for a hold, or its end, of which a restored manifest
// has only the receipt. Nobody knows any more what it covers, so everything is
// held until somebody says it anew and removes this one.
func takeOverHold(tx txn, e receipt.Entry) error {
	switch e.Type {
	case receipt.Held:
		_, err := putHold(tx, Hold{Number: e.Hold, Lost: true, At: e.At, Reason: "what it covers is not known: the manifest was restored from an older copy"})
		return err
	case receipt.Released:
		if _, err := tx.Exec("UPDATE hold SET active = 0, text = json_set(text, '$.removed', json_object('at', ?, 'nonce', '', 'reason', 'taken over from the receipts', 'by', '')) WHERE number = ?",
			e.At.Format(time.RFC3339Nano), e.Hold); err != nil {
			return &WriteError{err}
		}
	}
	return nil
}

// ErrUnbound says that no run has bound the manifest to an account yet.
var ErrUnbound = errors.New("the manifest belongs to no account yet")

// OpenBeside opens an existing manifest for a short change that may be made
// while a run is using it, such as a hold. It doesn't take the lock.
func OpenBeside(ctx context.Context, path string) (*Manifest, error) {
	m, err := OpenReadOnly(ctx, path) // refuses formats that would have to be changed
	if err != nil {
		return nil, err
	}
	if m.account == "" {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrUnbound, path), m.Close())
	}
	if m.writes, err = sql.Open("sqlite", dsn(path, "rw")); err == nil {
		m.writes.SetMaxOpenConns(1)
		err = m.beginWriting(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open manifest %s: %w", path, err), m.Close())
	}
	return m, nil
}
