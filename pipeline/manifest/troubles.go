package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Troubles are what keeps an account from being done.
type Troubles interface {
	// Troubles returns all that stand, those that nobody has acknowledged first.
	Troubles(ctx context.Context) ([]Trouble, error)
	// SetTroubles writes down what run has met. What was acknowledged stays so if
	// the reason is the same. What a listing of everything has met, one of less
	// doesn't make less of.
	SetTroubles(ctx context.Context, run int64, all ...Trouble) error
	// Listed writes down that run has listed a collection without gaps, as the
	// filter selects it and from begins until ends: troubles of listings that it
	// didn't meet there are over.
	Listed(ctx context.Context, run int64, t Trouble) error
	// Over writes down that run has looked for one kind of trouble in a collection
	// and not met it.
	Over(ctx context.Context, run int64, t Trouble) error
	// OverForRun is Over for what a whole run about these kinds would have met.
	OverForRun(ctx context.Context, run int64, kinds []vbc.Kind) error
	// OverForUsers writes down which users the account has: there is nothing to be
	// known any more of those that have left.
	OverForUsers(ctx context.Context, there func(user string) bool) error
	// AcknowledgeTroubles writes down why somebody takes for granted the troubles
	// of a name, or of all names below it, and returns them.
	AcknowledgeTroubles(ctx context.Context, name, why string) ([]Trouble, error)
}

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

// OfListings are the codes of what one collection's listing can settle.
func OfListings() []string { return []string{Unreadable, NotShown, Unlisted} }

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

// Below reports whether it has a name, or one below that.
func (t Trouble) Below(name string) bool {
	return t.Name() == name || strings.HasPrefix(t.Name(), name+"/")
}

// OfUser reports whether it is about a collection of a user whom its owner names.
func (t Trouble) OfUser() bool { return t.Kind == vbc.OnDemand && t.Owner != "" && t.Owner != "self" }

// OfListing reports whether it is about one collection's listing, which has to
// be read again from where it began to see whether that is over.
func (t Trouble) OfListing() bool { return t.Code == Vanished || slices.Contains(OfListings(), t.Code) }

// FilterName stands for a filter's text, which may have a caller's number in it.
func FilterName(filter string) string {
	if filter == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(filter))
	return hex.EncodeToString(sum[:8])
}
