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

// querier is a transaction, or what is outside of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
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
	found, err := q.QueryContext(ctx, "SELECT "+columns+" FROM schedule ORDER BY account, kind")
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

// rowOf is that of one account's work; without one, it is as good as new.
func rowOf(ctx context.Context, q querier, account string, kind Kind) (row, error) {
	r, err := scanRow(q.QueryRowContext(ctx, "SELECT "+columns+" FROM schedule WHERE account = ? AND kind = ?", account, kind))
	if errors.Is(err, sql.ErrNoRows) {
		return row{account: account, kind: kind}, nil
	}
	if err != nil {
		return row{}, fmt.Errorf("read the schedule: %w", err)
	}
	return r, nil
}

// put stores a row in place of what was there.
func (r row) put(ctx context.Context, q querier) error {
	_, err := q.ExecContext(ctx, "INSERT OR REPLACE INTO schedule ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
func putOutcome(ctx context.Context, tx *sql.Tx, e ended) (int64, error) {
	text, err := json.Marshal(e.Outcome)
	if err != nil {
		return 0, fmt.Errorf("write an outcome: %w", err)
	}
	done, err := tx.ExecContext(ctx, "INSERT INTO outcome (account, kind, run, job, ended, exit_code, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
		e.Account, e.kind, e.Run, e.job, millis(e.Ended), e.ExitCode, string(text))
	if err != nil {
		return 0, fmt.Errorf("write an outcome: %w", err)
	}
	return done.LastInsertId()
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
	found, err := q.QueryContext(ctx, "SELECT "+outcomeColumns+" FROM outcome WHERE "+where, args...)
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
