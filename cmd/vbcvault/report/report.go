// Package report tells of a period what became of the recordings of accounts: what was
// archived, deleted, held and failed, how long it took, what it cost in requests and
// room, and what needs a person. It is for a compliance officer and for whoever pays.
//
// Make adds it up out of the accounts' manifests, which it only reads, also during
// runs. It asks neither VBC nor the destination. The report is then written as one page
// of HTML that needs nothing else, as JSON with the same numbers, or as plain text.
//
// Two kinds of numbers must not be mixed up. Some count what was done within the
// period: they stay the same whenever the report is made, but for what was erased since.
// The others say how things stand at the moment when the report is made. Each is named
// for what it is, in the code and on the page.
//
// Nothing of a caller is in a report: no number, no name, no extension. The reasons of
// legal holds are in it, in the words of whoever made them.
package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Account is one account that a report is to be about.
type Account struct {
	Name string // for people; in the configuration file, if there is one
	// Open opens the account's manifest for reading. Make closes it. If there is none, the
	// error is fs.ErrNotExist (wrapped): nobody has archived the account yet.
	Open func(ctx context.Context) (manifest.Opened, error)
}

// Report is all that there is to say. Its JSON is a contract.
type Report struct {
	Made     time.Time `json:"made"` // UTC
	Period   Period    `json:"period"`
	Accounts []Section `json:"accounts"` // worst first
}

// Make reads the accounts' manifests, one after the other. One that can't be read has a
// section that says so, and is no error: the error is the context's alone. Memory is
// bounded by some hundred bytes for each recording of the largest manifest, for the
// audit of its receipts; all else is flat.
func Make(ctx context.Context, accounts []Account, p Period) (*Report, error) {
	r := &Report{Made: now(), Period: p}
	for _, a := range accounts {
		s, err := read(ctx, a, p)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			s = Section{Name: a.Name, At: now(), Standing: Unreadable, Error: err.Error()}
		}
		r.Accounts = append(r.Accounts, s)
	}
	slices.SortStableFunc(r.Accounts, func(a, b Section) int {
		return cmp.Or(b.Standing.rank()-a.Standing.rank(), len(b.Findings)-len(a.Findings), cmp.Compare(a.Name, b.Name))
	})
	return r, nil
}

// Unread are the accounts whose manifests could not be read.
func (r *Report) Unread() (names []string) {
	for _, s := range r.Accounts {
		if s.Standing == Unreadable {
			names = append(names, s.Name)
		}
	}
	return names
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
