package vbc

import "fmt"

// Key names a recording within one account: what a user of the API would call
// it by. It is comparable, and so can be a map's key.
//
// The account isn't part of it. Whoever has a key has it from something that is
// about one account: a listing, a manifest, a chain of receipts, an archive. And
// of a recording the account is known later than its key (a listing may be asked
// for as the account "self"), or not at all, so that two keys of one recording
// would differ.
//
// VBC may give an id again: of recordings that have had the same key, one after
// the other, Recording.Nth tells which.
type Key struct {
	Kind  Kind
	Owner string // the owner's user number (on-demand), else ""
	ID    int64
}

// Key is the recording's key.
func (r Recording) Key() Key { return Key{r.Kind, r.Owner, r.ID} }

// String names the recording for people, as in "company recording 193228".
func (k Key) String() string {
	if k.Kind == OnDemand {
		return fmt.Sprintf("%s recording %d of user %s", k.Kind, k.ID, k.Owner)
	}
	return fmt.Sprintf("%s recording %d", k.Kind, k.ID)
}
