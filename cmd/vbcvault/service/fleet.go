package service

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Fleet is how the machines stand that share a database. Its JSON is a contract.
type Fleet struct {
	At       time.Time `json:"at"` // by the database's clock, as are all times here; UTC
	Machines []Machine `json:"machines"`
	Work     []Work    `json:"work"`   // what is in progress, and what waits
	Leases   []Lease   `json:"leases"` // those that somebody has
}

// Machine is one that serves, or is lost since less than a day. One that was stopped is
// none.
type Machine struct {
	Name          string    `json:"name"`
	State         string    `json:"state"` // serving, draining, drained, outdated (another has read another configuration since) or lost
	Version       string    `json:"version"`
	Configuration string    `json:"configuration"` // a digest of the file
	Began         time.Time `json:"began"`
	Seen          time.Time `json:"seen"`
	Places        int       `json:"places"`
	InProgress    int       `json:"in_progress"`
	ClockAhead    float64   `json:"clock_ahead_seconds,omitempty"` // of the database's

	id string
}

// Work is a piece of work of one account.
type Work struct {
	Account string    `json:"account"`
	Kind    string    `json:"kind"`
	State   string    `json:"state"`             // in progress, waiting (for a place) or put off (as its manifest is in use, until the time)
	Machine string    `json:"machine,omitempty"` // that has it
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // of what is put off
	Job     int64     `json:"job"`
	Run     string    `json:"run"`
	TakenUp int       `json:"taken_up,omitempty"` // how often, since it has got on, from a machine that was lost
}

// Lease is the right of a program to change a manifest.
type Lease struct {
	Manifest string    `json:"manifest"` // its name
	Machine  string    `json:"machine"`
	Fence    int64     `json:"fence"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"` // unless it is renewed
}

// ErrAlone says that the state is that of one machine.
var ErrAlone = errors.New("this service is one machine's, and shares no database")

// Fleet reads it, all as of one moment.
func (c *Control) Fleet(ctx context.Context) (f Fleet, err error) {
	if !c.state.shared {
		return f, ErrAlone
	}
	ctx, cancel := c.state.within(ctx)
	defer cancel()
	tx, err := c.state.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return f, fmt.Errorf("read how the machines stand: %w", err)
	}
	defer tx.Rollback()
	q := txn{tx, c.state.db.words}
	if err := q.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&f.At); err != nil {
		return f, fmt.Errorf("read how the machines stand: %w", err)
	}
	f.At = f.At.UTC()
	for _, read := range []func(context.Context, txn) error{f.readMachines, f.readWork, f.readLeases} {
		if err := read(ctx, q); err != nil {
			return f, fmt.Errorf("read how the machines stand: %w", err)
		}
	}
	return f, nil
}

// each calls one for each row of a query.
func each(ctx context.Context, q querier, one func(scan func(...any) error) error, text string, args ...any) error {
	found, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := one(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

func (f *Fleet) readMachines(ctx context.Context, q txn) error {
	f.Machines = []Machine{}
	return each(ctx, q, func(scan func(...any) error) error {
		var m Machine
		var ahead int64
		var drain, lost, current bool
		if err := scan(&m.id, &m.Name, &m.Version, &m.Configuration, &m.Began, &m.Seen, &m.Places, &ahead, &drain, &lost, &current, &m.InProgress); err != nil {
			return err
		}
		m.Began, m.Seen, m.ClockAhead = m.Began.UTC(), m.Seen.UTC(), float64(ahead)/1000
		switch {
		case lost:
			m.State = "lost"
		case drain && m.InProgress > 0:
			m.State = "draining"
		case drain:
			m.State = "drained"
		case !current:
			m.State = "outdated"
		default:
			m.State = "serving"
		}
		f.Machines = append(f.Machines, m)
		return nil
	}, `SELECT m.instance, m.name, m.version, m.config, m.began, m.seen, m.places, m.ahead, m.drain, m.until <= clock_timestamp(),
		m.config = coalesce((SELECT o.config FROM main.machine o WHERE o.until > clock_timestamp() ORDER BY o.config_since DESC, o.config, o.name LIMIT 1), m.config),
		(SELECT count(*) FROM main.river_job j WHERE j.queue = ? || m.instance AND j.state IN ('running', 'available', 'retryable'))
		FROM main.machine m ORDER BY m.name, m.began`, ownQueue)
}

func (f *Fleet) readWork(ctx context.Context, q txn) error {
	names := map[string]string{}
	for _, m := range f.Machines {
		names[ownQueue+m.id] = m.Name
	}
	f.Work = []Work{}
	return each(ctx, q, func(scan func(...any) error) error {
		var w Work
		var due, began int64
		var state, queue string
		var at time.Time
		if err := scan(&w.Account, &w.Kind, &w.Job, &w.Run, &due, &began, &state, &queue, &at, &w.TakenUp); err != nil {
			return err
		}
		w.Machine, w.Since, w.State = names[queue], fromMillis(due), "waiting"
		switch {
		case began != 0 && w.Machine != "": // without one it has been handed over, and waits
			w.State, w.Since = "in progress", fromMillis(began)
		case state == "scheduled" || state == "retryable":
			w.State, w.Until = "put off", at.UTC()
		}
		f.Work = append(f.Work, w)
		return nil
	}, `SELECT s.account, s.kind, s.job, s.run, s.due, s.began, j.state, j.queue, j.scheduled_at, coalesce((j.args->>'taken_up')::bigint, 0)
		FROM main.schedule s JOIN main.river_job j ON j.id = s.job
		WHERE s.job <> 0 AND j.finalized_at IS NULL ORDER BY s.began = 0, s.due, s.account, s.kind`)
}

// readLeases reads those of the manifests beside, if there are any yet.
func (f *Fleet) readLeases(ctx context.Context, q txn) error {
	f.Leases = []Lease{}
	var there bool
	if err := q.QueryRowContext(ctx, "SELECT to_regclass('vbcvault.lease') IS NOT NULL").Scan(&there); err != nil || !there {
		return err
	}
	return each(ctx, q, func(scan func(...any) error) error {
		var l Lease
		if err := scan(&l.Manifest, &l.Machine, &l.Fence, &l.Since, &l.Until); err != nil {
			return err
		}
		l.Since, l.Until = l.Since.UTC(), l.Until.UTC()
		f.Leases = append(f.Leases, l)
		return nil
	}, `SELECT a.name, l.machine, l.fence, l.since, l.until FROM vbcvault.lease l JOIN vbcvault.account a ON a.id = l.account
		WHERE l.until > clock_timestamp() ORDER BY a.name`)
}

// ErrNoMachine says that no machine of that name serves.
var ErrNoMachine = errors.New("no machine of this name is serving")

// Drain has a machine hand its work over, and begin none, until it is started again; or,
// with again, has it work again. All processes
// of that name are meant. The error is ErrNoMachine if there is none.
func (c *Control) Drain(ctx context.Context, machine string, again bool) error {
	if !c.state.shared {
		return ErrAlone
	}
	done, err := c.state.db.ExecContext(ctx, "UPDATE main.machine SET drain = ? WHERE name = ? AND until > clock_timestamp()", !again, machine)
	if err != nil {
		return fmt.Errorf("drain %s: %w", machine, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNoMachine, err)
	}
	return nil
}
