package state

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

const (
	playLasts  = time.Hour      // after the last request
	playLonger = 12 * time.Hour // in all
	playsSwept = time.Minute    // how often those that are over are forgotten
	mostPlays  = 100_000
)

// Play is somebody's hearing a recording, from the first request of a player until an
// hour after the last: a player asks for a recording in many pieces, and all of them are
// one listening.
type Play struct {
	ID      string // random: what the listening log knows it by
	Written bool   // the log has it

	key playKey
}

// playKey is a sign-in and a recording.
type playKey struct{ viewer, recording string }

// plays are those that are going on. They are in memory alone, since a request for a
// piece of audio is to cost no write: after a restart, who goes on listening is written
// down once more.
type plays struct {
	mu    sync.Mutex
	all   map[playKey]*playing
	swept time.Time
}

type playing struct {
	Play
	began, last time.Time
}

// goesOn reports whether a request at a moment belongs to it. Where the clock was set
// back, it doesn't.
func (p *playing) goesOn(at time.Time) bool {
	return !at.Before(p.last.Add(-playLasts)) && at.Before(p.last.Add(playLasts)) && at.Before(p.began.Add(playLonger))
}

// Play returns the play of a recording by somebody that is going on now, or begins one.
// Another sign-in, or another recording, is another play. The first requests of a player
// come at once, and are one.
func (d *DB) Play(_ context.Context, viewer, recording string, now time.Time) (Play, error) {
	d.plays.mu.Lock()
	defer d.plays.mu.Unlock()
	d.plays.sweep(now)
	key := playKey{viewer, recording}
	p := d.plays.all[key]
	if p == nil || !p.goesOn(now) {
		p = &playing{Play: Play{ID: rand.Text(), key: key}, began: now}
		d.plays.all[key] = p
	}
	p.last = now
	return p.Play, nil
}

// PlayWritten notes that the listening log has a play.
func (d *DB) PlayWritten(_ context.Context, p Play) error {
	d.plays.mu.Lock()
	defer d.plays.mu.Unlock()
	if has := d.plays.all[p.key]; has != nil && has.ID == p.ID {
		has.Written = true
	}
	return nil
}

// sweep forgets what is over, now and then; if there are too many, all. What is
// forgotten is written down once more if it goes on.
func (p *plays) sweep(now time.Time) {
	if p.all == nil || len(p.all) >= mostPlays {
		p.all = map[playKey]*playing{}
	}
	if since := now.Sub(p.swept); since >= 0 && since < playsSwept {
		return
	}
	p.swept = now
	for key, one := range p.all {
		if !one.goesOn(now) {
			delete(p.all, key)
		}
	}
}
