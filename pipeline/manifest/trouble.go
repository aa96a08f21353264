package manifest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Trouble is something that keeps a listing from being relied on: while it
// stands, nobody can say that an account is done.
type Trouble struct {
	Kind  vbc.Kind // of the collection, "" = of none
	Owner string   // of the collection, as the request names them
	Code  string   // what it is: one of those below, or another short stable word
	Item  string   // what it is about, "" = all of the collection

	Reason      string // for people; another reason is another trouble
	Since, Last time.Time

	// Of the listing that has shown it: only one that covers as much can say
	// that it is over.
	Filter       string // see FilterName
	Begins, Ends time.Time

	Acknowledged string // why somebody takes it for granted, "" = nobody does
}

// Codes of troubles.
const (
	Unreadable  = "unreadable"  // a recording's id, start or owner can't be read
	NotShown    = "missing"     // VBC counts recordings that it doesn't show
	Unlisted    = "listing"     // a listing could not be read to its end
	Vanished    = "vanished"    // VBC shows none, or few, of the recordings that it had
	NoUsers     = "users"       // not all users of the account are known
	Transcripts = "transcripts" // the transcripts could not be listed
	Other       = "other"
)

// ofListings are the codes of what one collection's listing can settle.
var ofListings = []string{Unreadable, NotShown, Unlisted}

// Name names a trouble for people and on the command line, as in
// "unreadable/company/193228".
func (t Trouble) Name() string {
	name := t.Code
	for _, part := range []string{string(t.Kind), t.Owner, t.Item} {
		if part != "" {
			name += "/" + part
		}
	}
	return name
}

// OfListing reports whether it is about one collection's listing, which has to
// be read again from where it began to see whether that is over.
func (t Trouble) OfListing() bool { return t.Code == Vanished || slices.Contains(ofListings, t.Code) }

// FilterName stands for a filter's text, which may have a caller's number in it.
func FilterName(filter string) string {
	if filter == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(filter))
	return hex.EncodeToString(sum[:8])
}

const troubleColumns = "kind, owner, code, item, reason, since, last, filter, begins, ends, acknowledged"

// Troubles returns all that stand, those that nobody has acknowledged first.
func (m *Manifest) Troubles(ctx context.Context) ([]Trouble, error) {
	return query(ctx, m, func(rows *sql.Rows) (t Trouble, err error) {
		var since, last, begins, ends int64
		err = rows.Scan(&t.Kind, &t.Owner, &t.Code, &t.Item, &t.Reason, &since, &last, &t.Filter, &begins, &ends, &t.Acknowledged)
		t.Since, t.Last, t.Begins, t.Ends = fromMillis(since), fromMillis(last), fromMillis(begins), fromMillis(ends)
		return t, err
	}, "SELECT "+troubleColumns+" FROM trouble ORDER BY acknowledged <> '', code, kind, owner, item")
}

// SetTroubles writes down what run has met. What was acknowledged stays so if
// the reason is the same. What a listing of everything has met, one of less
// doesn't make less of.
func (m *Manifest) SetTroubles(ctx context.Context, run int64, all ...Trouble) error {
	return m.do(ctx, func(tx txn) error {
		for _, t := range all {
			now := time.Now().UnixMilli()
			_, err := tx.Exec(`INSERT INTO trouble (kind, owner, code, item, reason, since, last, run, filter, begins, ends) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET acknowledged = CASE WHEN reason = excluded.reason THEN acknowledged ELSE '' END, reason = excluded.reason,
					last = excluded.last, run = excluded.run, filter = CASE WHEN filter = '' THEN '' ELSE excluded.filter END, begins = min(begins, excluded.begins), ends = max(ends, excluded.ends)`,
				t.Kind, t.Owner, t.Code, t.Item, t.Reason, now, now, run, t.Filter, millis(t.Begins), millis(t.Ends))
			if err != nil {
				return &WriteError{err}
			}
		}
		return nil
	})
}

// Listed writes down that run has listed a collection without gaps, as the
// filter selects it and from begins until ends: troubles of listings that it
// didn't meet there are over.
func (m *Manifest) Listed(ctx context.Context, run int64, t Trouble) error {
	return m.exec(ctx, `DELETE FROM trouble WHERE kind = ? AND owner = ? AND code IN ('`+strings.Join(ofListings, "', '")+`') AND run <> ?
		AND begins >= ? AND ends <= ? AND (filter = ? OR '' = ?)`, t.Kind, t.Owner, run, millis(t.Begins), millis(t.Ends), t.Filter, t.Filter)
}

// Over writes down that run has looked for one kind of trouble in a collection
// and not met it.
func (m *Manifest) Over(ctx context.Context, run int64, t Trouble) error {
	return m.exec(ctx, "DELETE FROM trouble WHERE kind = ? AND owner = ? AND code = ? AND run <> ? AND (filter = ? OR '' = ?)", t.Kind, t.Owner, t.Code, run, t.Filter, t.Filter)
}

// OverForRun is Over for what a whole run about these kinds would have met.
func (m *Manifest) OverForRun(ctx context.Context, run int64, kinds []vbc.Kind) error {
	return m.do(ctx, func(tx txn) error {
		for _, kind := range append([]vbc.Kind{""}, kinds...) {
			_, err := tx.Exec("DELETE FROM trouble WHERE kind = ? AND code IN (?, ?) AND run <> ?", kind, Transcripts, Other, run)
			if err != nil {
				return &WriteError{err}
			}
		}
		return nil
	})
}

// OverForUsers writes down which users the account has: there is nothing to be
// known any more of those that have left.
func (m *Manifest) OverForUsers(ctx context.Context, there func(user string) bool) error {
	all, err := m.Troubles(ctx)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Kind == vbc.OnDemand && t.Owner != "" && t.Owner != "self" && !there(t.Owner) {
			if err := m.exec(ctx, "DELETE FROM trouble WHERE kind = ? AND owner = ?", t.Kind, t.Owner); err != nil {
				return err
			}
		}
	}
	return nil
}

// AcknowledgeTroubles writes down why somebody takes for granted the troubles
// of a name, or of all names below it, and returns them.
func (m *Manifest) AcknowledgeTroubles(ctx context.Context, name, why string) (known []Trouble, err error) {
	all, err := m.Troubles(ctx)
	if err != nil {
		return nil, err
	}
	err = m.do(ctx, func(tx txn) error {
		known = nil
		for _, t := range all {
			if t.Name() != name && !strings.HasPrefix(t.Name(), name+"/") {
				continue
			}
			_, err := tx.Exec("UPDATE trouble SET acknowledged = ? WHERE kind = ? AND owner = ? AND code = ? AND item = ?", why, t.Kind, t.Owner, t.Code, t.Item)
			if err != nil {
				return &WriteError{err}
			}
			known = append(known, t)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("acknowledge %s: %w", name, err)
	}
	return known, nil
}
