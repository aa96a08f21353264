package manifest

import (
	"context"
	"time"
)

// Learning is what runs find out about VBC, so that the next one needn't.
type Learning interface {
	// Learned returns what is known and still believed.
	Learned(ctx context.Context) (Learned, error)
	// SetLearned writes down what is known now; what is 0 changes nothing.
	SetLearned(ctx context.Context, l Learned) error
	// Login is the digest of the user to whom VBC has shown recordings of the
	// account that this manifest is bound to, "" if none is known.
	Login(ctx context.Context) (digest string, err error)
	// SetLogin writes that down.
	SetLogin(ctx context.Context, digest string) error
}

// Learned is what earlier runs have found out about VBC.
type Learned struct {
	PageSize int           // the largest that VBC hasn't refused; 0 = not known
	Pace     time.Duration // between two requests; 0 = not known
	Limited  bool          // VBC has said that there is a quota, whether the pace is known or not

	// PagesRefused says, to SetLearned, that VBC has refused larger pages just now.
	PagesRefused bool

	Transcripts bool // VBC has listed some

	ClientAuth string // how VBC wants the application to be named when it logs in, "" = not known
}

// LearnedLasts is how long a pace and a size of pages are believed: the account's
// tier may change, and what is learned in a bad hour is not for ever.
const LearnedLasts = 7 * 24 * time.Hour

// ClockSlack is how far two right clocks may be apart. A time that lies further
// in the future was written down under a wrong clock, and is not believed.
const ClockSlack = 5 * time.Minute
