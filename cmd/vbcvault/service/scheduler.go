package service

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// work is what a job does. It holds no secret: it lies in the state for days.
type work struct {
	Account string `json:"account"`
	Epoch   int64  `json:"epoch"`
}

// queue hands work out. Each method takes part in a transaction of the state, so that a
// job is there exactly if what it was inserted for is written.
type queue interface {
	// insert adds a job for work, and is its number.
	insert(ctx context.Context, tx *sql.Tx, kind Kind, w work, priority int) (int64, error)
	// open reports whether a job waits or is being done.
	open(ctx context.Context, tx *sql.Tx, job int64) (bool, error)
}

// scheduler begins what is due. It keeps nothing: all it knows is in the state.
type scheduler struct {
	state *state
	queue queue
	log   *slog.Logger
}

// late is how long after its start work is said to be made up for: before that, the
// clock was looked at a bit late.
const late = 5 * time.Minute

// tick begins all that is due, and says when something is due next, zero if nothing
// ever is. What it has begun is durable. A start that was missed, or several, is made
// up for once; one whose work is still under way from the start before is left out.
func (s *scheduler) tick(ctx context.Context, c *config.Config, now time.Time) (next time.Time, err error) {
	all, err := rows(ctx, s.state.db)
	if err != nil {
		return next, err
	}
	type key struct {
		account string
		kind    Kind
	}
	known := map[key]row{}
	for _, r := range all {
		known[key{r.account, r.kind}] = r
	}
	for _, a := range c.Accounts {
		for _, kind := range Kinds {
			r, is := known[key{a.Name, kind}]
			delete(known, key{a.Name, kind})
			w, err := whenOf(a, kind)
			if err != nil {
				return next, err
			}
			if !is && w == nil {
				continue
			}
			if r, err = s.look(ctx, row{account: a.Name, kind: kind}, r, w, now); err != nil {
				return next, err
			}
			if !r.next.IsZero() && (next.IsZero() || r.next.Before(next)) {
				next = r.next
			}
		}
	}
	for _, r := range known { // of accounts that are no longer in the file
		if r.spec != "" {
			if _, err := s.look(ctx, r, r, nil, now); err != nil {
				return next, err
			}
		}
	}
	return next, nil
}

// look begins one account's work if it is due, and is its row from then on.
func (s *scheduler) look(ctx context.Context, fresh, r row, w *when, now time.Time) (row, error) {
	text := ""
	if w != nil {
		text = w.text
	}
	if r.spec == text && (r.next.IsZero() || now.Before(r.next)) {
		return r, nil
	}
	err := s.state.change(ctx, func(tx *sql.Tx) (err error) {
		// Another process may have asked for this work since: the row is read again.
		if r, err = rowOf(ctx, tx, fresh.account, fresh.kind); err != nil {
			return err
		}
		was := r
		if r.spec != text { // it is new, or changed: earlier starts were others'
			r.spec, r.next = text, time.Time{}
			if w != nil {
				r.next = w.after(now)
			}
			return r.put(ctx, tx)
		}
		r.next = w.after(now)
		if r.job != 0 {
			under, err := s.queue.open(ctx, tx, r.job)
			if err != nil {
				return err
			}
			if under {
				s.log.Warn("a start is left out: the work of an earlier one is still in progress",
					"account", r.account, "kind", r.kind, "due", stamp(was.next), "since", stamp(was.due))
				return r.put(ctx, tx)
			}
		}
		madeUp := now.Sub(was.next) > late
		if madeUp {
			s.log.Warn("a start was missed; it is made up for now", "account", r.account, "kind", r.kind, "due", stamp(was.next))
		}
		return s.begin(ctx, tx, &r, was.next, madeUp, begins)
	})
	return r, err
}

// begin gives an account's work a job of its own.
func (s *scheduler) begin(ctx context.Context, tx *sql.Tx, r *row, due time.Time, madeUp bool, priority int) (err error) {
	*r = r.over()
	r.epoch++
	r.due, r.madeUp, r.run = due, madeUp, uuid.NewString()
	if r.job, err = s.queue.insert(ctx, tx, r.kind, work{Account: r.account, Epoch: r.epoch}, priority); err != nil {
		return fmt.Errorf("begin %s of %s: %w", r.kind, r.account, err)
	}
	return r.put(ctx, tx)
}

// stamp is a time for the log.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
