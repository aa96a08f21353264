package report

import (
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Expiry says what ends by itself, and when, as seen from the moment of the report.
type Expiry struct {
	// Locks are the locks on the audio in the archive (S3's Object Lock), as the
	// destination has told of them when each copy was verified.
	Locks Due `json:"locks"`
	// Removal is what a lifecycle rule of the bucket will remove from the archive.
	Removal Due `json:"removal"`

	Retention float64 `json:"vbc_retention_seconds"` // how long VBC seems to keep recordings; 0 = not known
	// AtRisk are not archived, and older than that, or within 30 days of it.
	AtRisk Sum `json:"at_risk"`
}

// Due are recordings by when something is due, each counted once.
type Due struct {
	Over    Sum `json:"over"`     // it was due before now
	Days30  Sum `json:"days_30"`  // within 30 days
	Days90  Sum `json:"days_90"`  // later, within 90 days
	Days365 Sum `json:"days_365"` // later, within 365 days
	Later   Sum `json:"later"`
	Never   Sum `json:"never"` // nothing is known to be due
}

// day is one of those that due dates are told in.
const day = 24 * time.Hour

// soon is how early whoever can still do something is told.
const soon = 30 * day

func (d *Due) take(at, now time.Time, bytes int64) {
	left := at.Sub(now)
	switch {
	case at.IsZero():
		d.Never.add(bytes)
	case left <= 0:
		d.Over.add(bytes)
	case left <= soon:
		d.Days30.add(bytes)
	case left <= 90*day:
		d.Days90.add(bytes)
	case left <= 365*day:
		d.Days365.add(bytes)
	default:
		d.Later.add(bytes)
	}
}

// Known reports whether anything is due at all.
func (d Due) Known() bool {
	return d.Over.Recordings+d.Days30.Recordings+d.Days90.Recordings+d.Days365.Recordings+d.Later.Recordings > 0
}

// take takes one recording.
func (e *Expiry) take(r manifest.Glance, now time.Time, retention time.Duration) {
	if r.InArchive() {
		e.Locks.take(r.LockedUntil, now, r.Bytes)
		e.Removal.take(r.Expires, now, r.Bytes)
		return
	}
	waits := r.State == manifest.Listed || r.State == manifest.Stored || r.State == manifest.Failed
	if waits && retention > 0 && now.Sub(r.Start) > retention-soon {
		e.AtRisk.add(r.Bytes)
	}
}
