package service

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
)

// store writes what work came to, ends its job and has it told, all in one transaction.
func (s *Service) store(ctx context.Context, r row, o outcome.Outcome, complete func(txn) error) error {
	return s.state.change(ctx, func(tx txn) error {
		is, err := rowOf(ctx, tx, r.account, r.kind)
		if err != nil {
			return err
		}
		if is.epoch != r.epoch || is.job == 0 {
			return errPast
		}
		if err := complete(tx); err != nil {
			return err
		}
		return s.keep(ctx, tx, is, o)
	})
}

// overview is how the account of an outcome stands now, nil if that can't be read.
func (s *Service) overview(ctx context.Context, o outcome.Outcome) *overview.Overview {
	if s.readOverview == nil || o.Manifest == "" {
		return nil
	}
	is, err := s.readOverview(ctx, o.Manifest)
	if err != nil {
		s.log.Debug("how an account stands can't be read", "account", o.Account, "reason", err)
		return nil
	}
	return is
}

// willTell has an outcome told, if there is anybody who tells.
func (s *Service) willTell(ctx context.Context, tx txn, id, try int64) error {
	if s.hooks.Tell == nil {
		return told(ctx, tx, id)
	}
	job, err := s.queue.insertTell(ctx, tx.Tx, tellArgs{Outcome: id, Try: try})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE main.outcome SET tell = ? WHERE id = ?", job, id); err != nil {
		return fmt.Errorf("write who tells: %w", err)
	}
	return nil
}

// told notes that an outcome is told.
func told(ctx context.Context, tx txn, id int64) error {
	if _, err := tx.ExecContext(ctx, "UPDATE main.outcome SET tell = 0 WHERE id = ?", id); err != nil {
		return fmt.Errorf("write what is told: %w", err)
	}
	return nil
}

// teller is River's worker that tells of outcomes.
type teller struct {
	river.WorkerDefaults[tellArgs]
	s *Service
}

// Timeout is that of River's job: whoever tells has shorter ones.
func (*teller) Timeout(*river.Job[tellArgs]) time.Duration { return 5 * time.Minute }

// lastWords is how long telling may still take when the service is to stop.
const lastWords = 5 * time.Second

// Work tells of one outcome. Its error has River try again later.
func (t *teller) Work(ctx context.Context, job *river.Job[tellArgs]) error {
	defer t.s.atWork(job.ID)()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.s.draining, func() { time.AfterFunc(lastWords, cancel) })()
	found, err := outcomes(ctx, t.s.state.db, "id = ?", job.Args.Outcome)
	if err != nil {
		return err
	}
	if len(found) == 0 || found[0].tell != job.ID {
		return river.JobCancel(errPast)
	}
	e := found[0]
	if tell := t.s.hooks.Tell; tell != nil {
		if err := tell(ctx, e.kind, t.s.overview(ctx, e.Outcome), e.Outcome); err != nil {
			t.s.log.Warn("an outcome could not be told to everybody; it is tried again", "account", e.Account, "run", e.Run, "attempt", job.Attempt, "reason", err)
			return err
		}
	}
	return t.s.state.change(context.WithoutCancel(ctx), func(tx txn) error {
		if err := complete(ctx, tx, job); err != nil {
			return err
		}
		return told(ctx, tx, e.id)
	})
}

// reporter is River's worker that has the report sent.
type reporter struct {
	river.WorkerDefaults[reportArgs]
	s *Service
}

// Timeout leaves time to read the manifests of many accounts.
func (*reporter) Timeout(*river.Job[reportArgs]) time.Duration { return 10 * time.Minute }

// Work sends the report that is due. Its error has River try again later.
func (p *reporter) Work(ctx context.Context, job *river.Job[reportArgs]) error {
	defer p.s.atWork(job.ID)()
	r, err := rowOf(ctx, p.s.state.db, "", Report)
	if err != nil {
		return err
	}
	if r.epoch != job.Args.Epoch || r.job != job.ID {
		return river.JobCancel(errPast)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.s.draining, func() { time.AfterFunc(lastWords, cancel) })()
	p.s.mu.Lock()
	c := p.s.config
	p.s.mu.Unlock()
	if send := p.s.hooks.Report; send != nil {
		if err := send(ctx, c, r.due); err != nil {
			p.s.log.Warn("the report could not be sent; it is tried again", "due", stamp(r.due), "attempt", job.Attempt, "reason", err)
			return err
		}
		p.s.log.Info("the report is sent", "due", stamp(r.due))
	}
	return p.s.state.change(context.WithoutCancel(ctx), func(tx txn) error {
		if err := complete(ctx, tx, job); err != nil {
			return err
		}
		is, err := rowOf(ctx, tx, "", Report) // the next one may have become due
		if err != nil {
			return err
		}
		return is.over().put(ctx, tx)
	})
}
