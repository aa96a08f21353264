package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

var (
	_ manifest.Copied = (*Manifest)(nil)
	_ manifest.Filled = (*Manifest)(nil)
)

const contentsPage = 1000 // records read or written at once

// Contents yields all that a copy has, as it is at one moment. It is read page by page, so
// that no statement takes long, within one transaction, which keeps the server from
// clearing away what was replaced meanwhile.
func (m *Manifest) Contents(ctx context.Context) iter.Seq2[manifest.Record, error] {
	return func(yield func(manifest.Record, error) bool) {
		err := pgx.BeginTxFunc(ctx, m.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			// Whoever takes the records may be slow.
			if _, err := tx.Exec(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '0', true)"); err != nil {
				return err
			}
			for _, t := range manifest.Tables {
				for values, err := range recordsOf(&txn{ctx, tx, m}, t) {
					if err != nil {
						return err
					}
					if !yield(manifest.Record{Table: t, Values: values}, nil) {
						return errEnough
					}
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(manifest.Record{}, err)
		}
	}
}

var errEnough = errors.New("nobody wants more")

func recordsOf(tx *txn, t *manifest.Table) iter.Seq2[[]any, error] {
	all, key := t.Names()
	columns := make([]string, len(all))
	by := make([]string, len(key)) // as bytes are in order, whatever the database's language
	for i, c := range t.Columns {
		columns[i] = quoted(c.Name)
		if i < len(by) {
			if by[i] = columns[i]; c.Form == manifest.Text {
				by[i] += ` COLLATE "C"`
			}
		}
		if c.Form == manifest.JSON {
			columns[i] += "::text"
		}
	}
	order := strings.Join(by, ", ")
	from := "SELECT " + strings.Join(columns, ", ") + " FROM vbcvault." + quoted(t.Name) + " WHERE account = $1"
	limit := fmt.Sprint(" ORDER BY ", order, " LIMIT ", contentsPage)
	behind := " AND (" + order + ") > (" + placeholders(2, len(key)) + ")"
	return pages(contentsPage, func(last []any) ([][]any, error) {
		if last == nil {
			return collect(tx, scanRecord(t), from+limit)
		}
		return collect(tx, scanRecord(t), from+behind+limit, last[:len(key)]...)
	}, func(values []any) []any { return values }, nil)
}

func quoted(names ...string) string { return `"` + strings.Join(names, `", "`) + `"` }

// placeholders are so many, from one on.
func placeholders(from, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("$", from+i)
	}
	return strings.Join(all, ", ")
}

// scanRecord reads a record of a table. JSON is as it would be written now: PostgreSQL
// keeps what it says, and not how.
func scanRecord(t *manifest.Table) func(pgx.CollectableRow) ([]any, error) {
	return func(row pgx.CollectableRow) ([]any, error) {
		to, values := make([]any, len(t.Columns)), make([]any, len(t.Columns))
		for i, c := range t.Columns {
			switch c.Form {
			case manifest.Text:
				to[i] = new(string)
			case manifest.Number:
				to[i] = new(int64)
			case manifest.Flag:
				to[i] = new(bool)
			default:
				to[i] = new([]byte)
			}
		}
		if err := row.Scan(to...); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		for i, c := range t.Columns {
			switch v := to[i].(type) {
			case *string:
				values[i] = *v
			case *int64:
				values[i] = *v
			case *bool:
				values[i] = *v
			case *[]byte:
				values[i] = *v
				if c.Form == manifest.JSON {
					o, err := manifest.DecodeObject(*v)
					if err != nil {
						return nil, fmt.Errorf("table %s: %w", t.Name, err)
					}
					values[i] = []byte(manifest.EncodeObject(o))
				}
			}
		}
		return values, nil
	}
}

// Fill writes down all that another manifest has, instead of whatever this one has. It
// is for Create.
func (m *Manifest) Fill(ctx context.Context, contents iter.Seq2[manifest.Record, error]) (err error) {
	if !m.creating {
		return errNotCreating
	}
	for c, err := range manifest.Chunks(contents, contentsPage) {
		if err == nil {
			err = m.do(ctx, func(tx *txn) error { return fill(tx, c) })
		}
		if err != nil {
			return err
		}
	}
	m.number, err = m.meta(ctx, "account")
	return err
}

func fill(tx *txn, c manifest.Chunk) error {
	if c.First {
		if _, err := tx.Exec("DELETE FROM vbcvault." + quoted(c.Table.Name) + " WHERE account = $1"); err != nil {
			return writeError(err)
		}
	}
	if len(c.Records) == 0 {
		return nil
	}
	columns, _ := c.Table.Names()
	columns = append([]string{"account"}, columns...)
	if c.Table.Name == "receipt" {
		columns = append(columns, "kind", "owner", "id", "start", "departed")
	}
	rows := make([][]any, len(c.Records))
	for i, values := range c.Records {
		row := append(make([]any, 0, len(columns)), tx.m.account)
		for j, v := range values {
			is, err := fillable(c.Table.Columns[j].Form, v)
			if err != nil {
				return writeError(fmt.Errorf("table %s: %w", c.Table.Name, err))
			}
			row = append(row, is)
		}
		if c.Table.Name == "receipt" {
			row = append(row, foundByText(values[1])...)
		}
		rows[i] = row
	}
	if _, err := tx.tx.CopyFrom(tx.ctx, pgx.Identifier{"vbcvault", c.Table.Name}, columns, pgx.CopyFromRows(rows)); err != nil {
		return writeError(fmt.Errorf("table %s: %w", c.Table.Name, err))
	}
	if c.Table.Name != "recording" {
		return nil
	}
	return fillCalls(tx, c)
}

// fillable is a value as a column has it.
func fillable(form manifest.Form, v any) (any, error) {
	switch v := v.(type) {
	case string:
		return Storable(v), nil
	case []byte:
		if form == manifest.JSON {
			o, err := manifest.DecodeObject(v)
			return objectOf(o), err
		}
		return append([]byte{}, v...), nil // which isn't NULL
	}
	return v, nil
}

// foundByText is what a line is found by: by nothing, if it isn't one.
func foundByText(line any) []any {
	var e receipt.Entry
	if text, ok := line.([]byte); !ok || json.Unmarshal(text, &e) != nil {
		e = receipt.Entry{}
	}
	by := foundByOf(e)
	var start any
	if by.start != 0 {
		start = by.start
	}
	return []any{by.kind, by.owner, by.id, start, by.departed}
}

// fillCalls has recordings that were just written found by their calls.
func fillCalls(tx *txn, c manifest.Chunk) error {
	var of rewriting
	for _, values := range c.Records {
		of.add(c.Table.Recording(values), nil)
	}
	if _, err := tx.Exec(fillCallsText, of.keys.values(append([]any{of.start}, of.calls.values()...)...)...); err != nil {
		return writeError(err)
	}
	return nil
}

var fillCallsText = `INSERT INTO vbcvault.call (account, start, kind, owner, id, nth, state, bytes, transcribed, ` + callColumns + `)
	SELECT $1, r.start, r.kind, r.owner, r.id, r.nth, r.state, CASE WHEN r.archived_at <> 0 THEN coalesce((r.audio ->> 'size')::bigint, r.size) ELSE r.size END,
		r.transcript IS NOT NULL, ` + strings.Replace(callFields, "u.odd", "u.odd OR u.start <> r.start", 1) + `
	FROM unnest(` + arrays(2, keyTypes, []string{"bigint"}, callTypes) + `) AS u (kind, owner, id, nth, start, ` + callColumns + `) JOIN vbcvault.recording AS r ON ` + theseRows
