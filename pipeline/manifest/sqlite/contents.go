package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

var (
	_ manifest.Copied = (*Manifest)(nil)
	_ manifest.Filled = (*Manifest)(nil)
)

// Contents yields all that a copy has, as it is at one moment.
func (m *Manifest) Contents(ctx context.Context) iter.Seq2[manifest.Record, error] {
	return func(yield func(manifest.Record, error) bool) {
		tx, err := m.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			yield(manifest.Record{}, fmt.Errorf("read manifest: %w", err))
			return
		}
		defer tx.Rollback()
		for _, t := range manifest.Tables {
			for r, err := range recordsOf(ctx, tx, t) {
				if err != nil {
					err = fmt.Errorf("read manifest: %w", err)
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

func recordsOf(ctx context.Context, tx *sql.Tx, t *manifest.Table) iter.Seq2[manifest.Record, error] {
	return func(yield func(manifest.Record, error) bool) {
		all, key := t.Names()
		rows, err := tx.QueryContext(ctx, "SELECT "+quoted(all)+" FROM "+quoted([]string{t.Name})+" ORDER BY "+quoted(key))
		if err != nil {
			yield(manifest.Record{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanRecord(rows, t)
			if err == nil && r.Private() {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(manifest.Record{}, err)
		}
	}
}

// quoted are names that may be words of SQL's.
func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }

func scanRecord(rows *sql.Rows, t *manifest.Table) (manifest.Record, error) {
	r := manifest.Record{Table: t, Values: make([]any, len(t.Columns))}
	to := make([]any, len(t.Columns))
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
	if err := rows.Scan(to...); err != nil {
		return r, fmt.Errorf("table %s: %w", t.Name, err)
	}
	for i := range to {
		switch v := to[i].(type) {
		case *string:
			r.Values[i] = *v
		case *int64:
			r.Values[i] = *v
		case *bool:
			r.Values[i] = *v
		case *[]byte:
			r.Values[i] = *v
		}
	}
	return r, nil
}

const filledAtOnce = 1000 // records in one change

// Fill writes down all that another manifest has, instead of whatever this one has. It
// is for Create.
func (m *Manifest) Fill(ctx context.Context, contents iter.Seq2[manifest.Record, error]) (err error) {
	for c, err := range manifest.Chunks(contents, filledAtOnce) {
		if err == nil {
			err = m.create(ctx, func(tx txn) error { return fill(tx, c) })
		}
		if err != nil {
			return err
		}
	}
	m.key = receipt.Key{}
	m.account, err = m.meta(ctx, "account")
	return err
}

func fill(tx txn, c manifest.Chunk) error {
	name := quoted([]string{c.Table.Name})
	if c.First {
		text := "DELETE FROM " + name
		if c.Table.Name == "meta" {
			text += " WHERE key <> 'program'"
		}
		if _, err := tx.Exec(text); err != nil {
			return err
		}
	}
	all, _ := c.Table.Names()
	if c.Table.Name == "recording" {
		all = append(all, "odd")
	}
	text := "INSERT INTO " + name + " (" + quoted(all) + ") VALUES (?" + strings.Repeat(", ?", len(all)-1) + ")"
	for _, values := range c.Records {
		args := make([]any, 0, len(all))
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			args = append(args, v)
		}
		if c.Table.Name == "recording" {
			args = append(args, legible(c.Table.Recording(values)))
		}
		if _, err := tx.Exec(text, args...); err != nil {
			return fmt.Errorf("table %s: %w", c.Table.Name, err)
		}
	}
	return nil
}

// CreateCopy makes a manifest at path that has all that another one has; see Create. The
// other one's key, which signs its receipts, is this one's too, and isn't brought along.
func CreateCopy(ctx context.Context, path string, contents iter.Seq2[manifest.Record, error], options ...Option) error {
	return Create(ctx, path, func(m *Manifest) error { return m.Fill(ctx, contents) }, append(options, unkeyed)...)
}

// unkeyed has a manifest that is being made get no key of its own.
func unkeyed(m *Manifest) { m.unkeyed = true }
