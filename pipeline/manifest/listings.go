package manifest

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Listings is what VBC has shown of an account, and how far that can be relied on.
// A collection is named by its kind and, of a user's, the owner.
type Listings interface {
	// Add writes down what a listing showed in run, says of each recording what was
	// known of it, and sets its Nth. All of them must be readable and the manifest
	// bound to their account.
	//
	// What the listing shows under a known id may be another recording, or the same
	// with a start that was corrected. What is known with a copy stays: it is
	// displaced, which says that VBC has it no more under that id.
	//
	// The latest JSON is kept. What VBC has said before, as far as holds look at it,
	// goes to Row.Said, in whatever rows its call has or gets; of another call that
	// has had the id, nothing does.
	Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]Sighting, error)
	// Look says of a listed recording what Add would say, together with what is
	// known of it, and changes nothing. What VBC shows now is in Row.Said, if it is
	// news.
	Look(ctx context.Context, r vbc.Recording) (Row, Sighting, error)
	// StillListed finds, among recordings that a listing of run shows, those that
	// this manifest holds for purged, and takes that back: VBC has them still.
	StillListed(ctx context.Context, run int64, recordings []vbc.Recording) ([]vbc.Recording, error)
	// Unseen counts the recordings of a collection with a start from one time until
	// another that VBC has, as far as the manifest knows, that a run since one has
	// been shown, and that this run hasn't. matches is nil for all.
	Unseen(ctx context.Context, kind vbc.Kind, owner string, run, since int64, from, until time.Time, matches func(vbc.Recording) bool) (int64, error)

	// Mark returns the mark of a collection under a filter, "" for all of it; the
	// zero one if there is none.
	Mark(ctx context.Context, kind vbc.Kind, owner, filter string) (Mark, error)
	// SetMark writes down a collection's mark.
	SetMark(ctx context.Context, kind vbc.Kind, owner, filter string, k Mark) error
	// Scan returns the last one of a collection under a filter, the zero one if
	// there is none.
	Scan(ctx context.Context, kind vbc.Kind, owner, filter string) (Scan, error)
	// SetScan writes down a collection's last scan.
	SetScan(ctx context.Context, kind vbc.Kind, owner, filter string, s Scan) error
	// Retention is how long VBC seems to keep recordings, the shortest that scans of
	// any collection have seen; 0 = not known.
	Retention(ctx context.Context) (time.Duration, error)

	// Ahead is how many recordings VBC counted, when the last listing stopped,
	// behind what was listed.
	Ahead(ctx context.Context) (int64, error)
	// SetAhead writes down how many recordings VBC counts behind what is listed.
	SetAhead(ctx context.Context, n int64) error
	// Late returns the recording that has come the latest, the zero one if all have
	// come in time.
	Late(ctx context.Context) (Late, error)
	// SetLate writes it down.
	SetLate(ctx context.Context, l Late) error
	// Self is the number of the user that "self" has stood for, "" if nobody knows.
	Self(ctx context.Context) (string, error)
	// SetSelf writes it down.
	SetSelf(ctx context.Context, user string) error
}

// Mark says what of a collection, as a filter selects it, has been listed
// without gaps. All that VBC showed of it is in the manifest.
type Mark struct {
	Since, Until time.Time // Until excluded; Since zero: from the beginning
	FullAt       time.Time // when the listing that began at Since was begun
}

// Scan is a listing of a collection from its beginning.
type Scan struct {
	Run    int64     `json:"run"`
	At     time.Time `json:"at"`     // when the run began
	Oldest time.Time `json:"oldest"` // start of the oldest recording that it showed
	// Retention is how old recordings were that were shown before, and not any
	// more, the oldest ones only: VBC seems to keep them so long. 0 = not known.
	Retention time.Duration `json:"retention,omitempty"`
}

// ScanSetting is the setting in which a manifest keeps the last scan of a collection under
// a filter.
func ScanSetting(kind vbc.Kind, owner, filter string) string {
	return fmt.Sprintf("%s%s %s %s", ScanSettings, kind, owner, FilterName(filter))
}

// ScanSettings is how all of these begin.
const ScanSettings = "scan "

// ShortestRetention is that of scans, 0 = none of them knows any.
func ShortestRetention(all []Scan) (shortest time.Duration) {
	for _, s := range all {
		if s.Retention > 0 && (shortest == 0 || s.Retention < shortest) {
			shortest = s.Retention
		}
	}
	return shortest
}

// Late is the recording that has come the latest after its listing: how long
// before that listing's end it had started.
type Late struct {
	By        time.Duration `json:"by"`
	Recording string        `json:"recording"`
	Start     time.Time     `json:"start"`
	Seen      time.Time     `json:"seen"`
}
