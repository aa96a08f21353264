package postgres

import (
	"context"
	"errors"

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

// Unheld is a *HeldError if a recording is under a hold now. Purging looks in its
// own transaction; this is for afterwards.
func (m *Manifest) Unheld(ctx context.Context, r vbc.Recording) error {
	return unheld(reading{ctx, m}, r)
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
