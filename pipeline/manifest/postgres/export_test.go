package postgres

import (
	"context"
	"errors"
	"strconv"
)

// AddTo adds to a number of the manifest's, as one change: it would show if that were
// carried out twice, or not at all.
func (m *Manifest) AddTo(ctx context.Context, name string, n int) error {
	return m.exec(ctx, `INSERT INTO vbcvault.meta (account, key, value) VALUES ($1, $2, $3)
		ON CONFLICT (account, key) DO UPDATE SET value = (meta.value::bigint + excluded.value::bigint)::text`, "test "+name, strconv.Itoa(n))
}

// Number is what has been added to a number so far.
func (m *Manifest) Number(ctx context.Context, name string) (int, error) {
	text, err := m.meta(ctx, "test "+name)
	if err != nil || text == "" {
		return 0, err
	}
	return strconv.Atoi(text)
}

// Says has SQL carried out as a change, with the manifest's number as $1, and is what it
// says.
func (m *Manifest) Says(ctx context.Context, text string) (said string, err error) {
	err = m.do(ctx, func(tx *txn) error {
		if err := tx.QueryRow(text).Scan(&said); err != nil {
			return writeError(err)
		}
		return nil
	})
	return said, err
}

// WithLook has searches look at so many calls first, and take a way that has fewer rows
// than few, so that a test with few calls sees how searches go on.
func WithLook(calls, few int) Option { return func(o *options) { o.look, o.few = calls, few } }

// TakeUnfinished begins as Create does, and takes the lease of what it has found only after
// something else has been done meanwhile.
func TakeUnfinished(ctx context.Context, path string, meanwhile func() error, options ...Option) error {
	place, err := Parse(path)
	if err != nil {
		return err
	}
	m, err := connect(ctx, place.At(unfinished(place.Name)).String(), options)
	if err != nil {
		return err
	}
	if err = m.find(ctx, true); err == nil {
		err = meanwhile()
	}
	if err == nil {
		err = m.takeIt(ctx)
	}
	return errors.Join(err, m.Close())
}
