package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// unheld is a *HeldError if a recording is under a hold at this moment of the
// transaction. What VBC has said of it is read there too, whatever the caller knows.
func unheld(q reader, r vbc.Recording) error {
	holds, err := active(q)
	if err != nil || len(holds) == 0 {
		return err
	}
	var raw []byte
	var text string
	row := manifest.Row{Recording: r}
	err = q.QueryRow("SELECT raw, said FROM vbcvault.recording WHERE "+thisRow, keyOf(r)...).Scan(&raw, &text)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // nobody knows more of it
	case err != nil:
		return writeError(err)
	default:
		said, err := manifest.DecodeSaid(text)
		if err != nil {
			return writeError(err)
		}
		row = manifest.EverSaid(r, string(raw), said)
	}
	if h, held := manifest.Covering(holds, row); held {
		return &manifest.HeldError{Recording: r, Number: h.Number}
	}
	return nil
}

// deletable says of this moment of the transaction what Standing.Deletable does, and
// whether the recording is known. Mostly there are no holds, and then one row is all that
// is read.
func deletable(q reader, r vbc.Recording, refuted bool) (known bool, err error) {
	var s manifest.Standing
	err = q.QueryRow("SELECT refuted, EXISTS (SELECT 1 FROM vbcvault.hold WHERE account = $1 AND ended = '') FROM vbcvault.recording WHERE "+thisRow, keyOf(r)...).Scan(&s.Refuted, &s.Holds)
	if s.Known = err == nil; err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("read manifest: %w", err)
	}
	return s.Known, s.Deletable(r, refuted, func() error { return unheld(q, r) })
}

// Deletable is a *HeldError if a recording is under a hold now, and a *RefutedError if a
// reading has found its copy wrong. Purging looks in its own transaction; this is for
// afterwards.
func (m *Manifest) Deletable(ctx context.Context, r vbc.Recording) error {
	known, err := deletable(reading{ctx, m}, r, false)
	if err == nil && !known {
		err = fmt.Errorf("%s is %w", r.Key(), manifest.ErrUnknown)
	}
	return err
}

// UnderWay counts the recordings covered by a hold whose deletion at VBC has been
// begun, and of which nobody knows yet what becomes of it.
func (m *Manifest) UnderWay(ctx context.Context, h manifest.Hold) (n int, err error) {
	rows, err := query(ctx, m, m.scan, "SELECT "+columns+" FROM vbcvault.recording WHERE account = $1 AND state = 'purging'")
	for _, row := range rows {
		if h.Covers(row) {
			n++
		}
	}
	return n, err
}
