package service

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// row is one line of schedule.
type row struct {
	account string
	kind    Kind
	memory  string    // JSON of schedule.Memory, "" = it has no timetable
	next    time.Time // zero = none
	due     time.Time
	job     int64
	epoch   int64
	run     string
	began   time.Time
	madeUp  bool
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

const columns = "account, kind, memory, next, due, job, epoch, run, began, made_up"

func scanRow(from interface{ Scan(...any) error }) (r row, err error) {
	var next, due, began int64
	if err := from.Scan(&r.account, &r.kind, &r.memory, &next, &due, &r.job, &r.epoch, &r.run, &began, &r.madeUp); err != nil {
		return row{}, err
	}
	r.next, r.due, r.began = fromMillis(next), fromMillis(due), fromMillis(began)
	return r, nil
}

// rows are all of them.
func rows(ctx context.Context, q querier) (all []row, err error) {
	found, err := q.QueryContext(ctx, "SELECT "+columns+" FROM main.schedule ORDER BY account, kind")
	if err != nil {
		return nil, fmt.Errorf("read the schedule: %w", err)
	}
	defer found.Close()
	for found.Next() {
		r, err := scanRow(found)
		if err != nil {
			return nil, fmt.Errorf("read the schedule: %w", err)
		}
		all = append(all, r)
	}
	return all, found.Err()
}

// rowOf is that of one account's work; without one, it is as good as new. Within a
// transaction nobody else changes it until that has ended.
func rowOf(ctx context.Context, q querier, account string, kind Kind) (row, error) {
	const of = "SELECT " + columns + " FROM main.schedule WHERE account = ? AND kind = ?"
	text := of
	tx, locks := q.(txn)
	if locks = locks && tx.postgres; locks {
		text += " FOR UPDATE"
	}
	r, err := scanRow(q.QueryRowContext(ctx, text, account, kind))
	if errors.Is(err, sql.ErrNoRows) && locks { // what isn't there can't be locked
		if _, err = tx.ExecContext(ctx, "INSERT INTO main.schedule (account, kind) VALUES (?, ?) ON CONFLICT DO NOTHING", account, kind); err == nil {
			r, err = scanRow(tx.QueryRowContext(ctx, text, account, kind))
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return row{account: account, kind: kind}, nil
	}
	if err != nil {
		return row{}, fmt.Errorf("read the schedule: %w", err)
	}
	return r, nil
}

// isFree locks the row of one account's work, unless another machine has it locked.
func isFree(ctx context.Context, tx txn, account string, kind Kind) (is bool, err error) {
	if !tx.postgres {
		return true, nil
	}
	err = tx.QueryRowContext(ctx, "SELECT true FROM main.schedule WHERE account = ? AND kind = ? FOR UPDATE SKIP LOCKED", account, kind).Scan(&is)
	if errors.Is(err, sql.ErrNoRows) {
		err = tx.QueryRowContext(ctx, "SELECT count(*) = 0 FROM main.schedule WHERE account = ? AND kind = ?", account, kind).Scan(&is)
	}
	if err != nil {
		return false, fmt.Errorf("read the schedule: %w", err)
	}
	return is, nil
}

// put stores a row in place of what was there.
func (r row) put(ctx context.Context, q querier) error {
	_, err := q.ExecContext(ctx, "INSERT INTO main.schedule ("+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (account, kind) DO UPDATE SET memory = excluded.memory, next = excluded.next, due = excluded.due, job = excluded.job,
			epoch = excluded.epoch, run = excluded.run, began = excluded.began, made_up = excluded.made_up`,
		r.account, r.kind, r.memory, millis(r.next), millis(r.due), r.job, r.epoch, r.run, millis(r.began), r.madeUp)
	if err != nil {
		return fmt.Errorf("write the schedule: %w", err)
	}
	return nil
}

// over is the row when what was under way is over.
func (r row) over() row {
	r.job, r.run, r.due, r.began, r.madeUp = 0, "", time.Time{}, time.Time{}, false
	return r
}

// ended is one line of outcome.
type ended struct {
	id   int64
	kind Kind
	job  int64
	tell int64
	outcome.Outcome
}

// putOutcome stores what work came to, and is its id.
func putOutcome(ctx context.Context, tx txn, e ended) (id int64, err error) {
	text, err := json.Marshal(e.Outcome)
	if err != nil {
		return 0, fmt.Errorf("write an outcome: %w", err)
	}
	err = tx.QueryRowContext(ctx, "INSERT INTO main.outcome (account, kind, run, job, ended, exit_code, outcome) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
		e.Account, e.kind, e.Run, e.job, millis(e.Ended), e.ExitCode, string(text)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("write an outcome: %w", err)
	}
	return id, nil
}

const outcomeColumns = "id, kind, job, tell, outcome"

func scanOutcome(from interface{ Scan(...any) error }) (e ended, err error) {
	var text string
	if err := from.Scan(&e.id, &e.kind, &e.job, &e.tell, &text); err != nil {
		return ended{}, err
	}
	if err := json.Unmarshal([]byte(text), &e.Outcome); err != nil {
		return ended{}, fmt.Errorf("read outcome %d: %w", e.id, err)
	}
	return e, nil
}

// outcomes are those that a condition selects.
func outcomes(ctx context.Context, q querier, where string, args ...any) (all []ended, err error) {
	found, err := q.QueryContext(ctx, "SELECT "+outcomeColumns+" FROM main.outcome WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	defer found.Close()
	for found.Next() {
		e, err := scanOutcome(found)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, found.Err()
}
