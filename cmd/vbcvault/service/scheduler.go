package service

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/schedule"
)

// work is what a job does. It holds no secret: it lies in the state for days.
type work struct {
	Account string `json:"account"`
	Epoch   int64  `json:"epoch"`
	// TakenUp is how often it was taken up, since a slice of it ended, after the process
	// had ended in the midst of it.
	TakenUp int `json:"taken_up,omitempty"`
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
	each := func(account string, kind Kind, t schedule.Timetable) error {
		r, is := known[key{account, kind}]
		delete(known, key{account, kind})
		if !is {
			r = row{account: account, kind: kind}
		}
		r, err := s.look(ctx, r, t, now)
		if err == nil && !r.next.IsZero() && (next.IsZero() || r.next.Before(next)) {
			next = r.next
		}
		return err
	}
	for _, a := range c.Accounts {
		for _, kind := range Kinds {
			t, err := timetableOf(a, kind)
			if err == nil {
				err = each(a.Name, kind, t)
			}
			if err != nil {
				return next, err
			}
		}
	}
	t, err := reportOf(c)
	if err == nil {
		err = each("", Report, t)
	}
	if err != nil {
		return next, err
	}
	for _, r := range known { // of accounts that are no longer in the file
		if _, err := s.look(ctx, r, schedule.Timetable{}, now); err != nil {
			return next, err
		}
	}
	return next, nil
}

// look begins one account's work if it is due, and is its row from then on.
func (s *scheduler) look(ctx context.Context, r row, t schedule.Timetable, now time.Time) (row, error) {
	if never := t.Spec.String() == ""; never && r.memory == "" || !never && t.Look(r.remembered(), now).Next.Equal(r.next) {
		return r, nil
	}
	err := s.state.change(ctx, func(tx txn) (err error) {
		if is, err := isFree(ctx, tx, r.account, r.kind); !is || err != nil {
			r.next = time.Time{} // another machine is at it
			return err
		}
		// Another process may have asked for this work since: the row is read again.
		if r, err = rowOf(ctx, tx, r.account, r.kind); err != nil {
			return err
		}
		if t.Spec.String() == "" { // nobody is to find later that it was missed
			r.memory, r.next = "", time.Time{}
			return r.put(ctx, tx)
		}
		d := t.Look(r.remembered(), now)
		if err := r.remember(d); err != nil || !d.Start {
			return errors.Join(err, r.put(ctx, tx))
		}
		if r.job != 0 {
			under, err := s.queue.open(ctx, tx.Tx, r.job)
			if err != nil {
				return err
			}
			if under {
				s.log.Warn("a start is left out: the work of an earlier one is still in progress",
					"account", r.account, "kind", r.kind, "due", stamp(d.At), "since", stamp(r.due))
				return r.put(ctx, tx)
			}
		}
		if d.MadeUp {
			s.log.Warn("a start was missed; it is made up for now", "account", r.account, "kind", r.kind, "due", stamp(d.At))
		}
		return s.begin(ctx, tx, &r, d.At, d.MadeUp, begins)
	})
	return r, err
}

// begin gives an account's work a job of its own.
func (s *scheduler) begin(ctx context.Context, tx txn, r *row, due time.Time, madeUp bool, priority int) (err error) {
	*r = r.over()
	r.epoch++
	r.due, r.madeUp, r.run = due, madeUp, uuid.NewString()
	if r.job, err = s.queue.insert(ctx, tx.Tx, r.kind, work{Account: r.account, Epoch: r.epoch}, priority); err != nil {
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
