package manifest

import (
	"context"
	"fmt"
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

// Settings in which a manifest keeps what was learned.
const (
	settingPageSize    = "page_size"
	settingPace        = "pace"
	settingLimited     = "limited"
	settingTranscripts = "transcripts"
	settingClientAuth  = "client_auth"
)

// LearnedSettings are the settings that ReadLearned and Settings know.
func LearnedSettings() []string {
	return []string{settingPageSize, settingPace, settingLimited, settingTranscripts, settingClientAuth}
}

// ReadLearned is what settings say, as far as it is still believed.
func ReadLearned(is map[string]string) Learned {
	return Learned{
		PageSize: int(believed(is[settingPageSize])), Pace: time.Duration(believed(is[settingPace])) * time.Millisecond,
		Limited: believed(is[settingLimited]) > 0, Transcripts: is[settingTranscripts] != "", ClientAuth: is[settingClientAuth],
	}
}

// Settings are those to be changed where l is known now, and these were known before; what
// is 0 changes nothing. A size of pages that is known already keeps its date, so that it
// is forgotten one day, unless VBC has just confirmed it.
func (l Learned) Settings(were map[string]string) map[string]string {
	now, changed := time.Now(), map[string]string{}
	if l.PageSize > 0 && (l.PagesRefused || int(believed(were[settingPageSize])) != l.PageSize) {
		changed[settingPageSize] = dated(int64(l.PageSize), now)
	}
	if l.Pace > 0 {
		changed[settingPace] = dated(l.Pace.Milliseconds(), now)
	}
	if l.Limited {
		changed[settingLimited] = dated(1, now)
	}
	if l.Transcripts {
		changed[settingTranscripts] = "listed"
	}
	if l.ClientAuth != "" {
		changed[settingClientAuth] = l.ClientAuth
	}
	return changed
}

// dated is a number and when it was learned.
func dated(n int64, at time.Time) string { return fmt.Sprintf("%d@%d", n, at.UnixMilli()) }

// believed reads a number that was learned, 0 if that is too long ago or, by a
// clock that was wrong, in the future.
func believed(text string) int64 {
	var n, at int64
	if found, err := fmt.Sscanf(text, "%d@%d", &n, &at); err != nil || found != 2 {
		return 0
	}
	if age := time.Since(time.UnixMilli(at)); age >= LearnedLasts || age <= -ClockSlack {
		return 0
	}
	return n
}
