package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// departed is an entry about what has left VBC, with its recording.
type departed struct {
	manifest.Departure
	seq int64
}

// Departures yields what receipts say has left VBC. The recording of each is that with
// the receipt's id and start; receipts of earlier programs name no start, and mean the
// latest one with the id.
func (m *Manifest) Departures(ctx context.Context) iter.Seq2[manifest.Departure, error] {
	return func(yield func(manifest.Departure, error) bool) {
		for d, err := range pages(receiptsPage, func(after int64) ([]departed, error) {
			return query(ctx, m, scanDeparted, departures, after, receiptsPage)
		}, func(d departed) int64 { return d.seq }, 0) {
			if err != nil {
				err = fmt.Errorf("read receipts: %w", err)
			}
			if !yield(d.Departure, err) {
				return
			}
		}
	}
}

func scanDeparted(row pgx.CollectableRow) (d departed, err error) {
	var line []byte
	var e receipt.Entry
	var start, archived, bytes *int64
	if err = row.Scan(&d.seq, &line, &start, &archived, &bytes); err != nil {
		return d, err
	}
	err = json.Unmarshal(line, &e)
	d.At, d.Deleted, d.Bytes = e.At, e.Outcome == receipt.Deleted, -1
	if start != nil {
		d.Start, d.ArchivedAt, d.Bytes = time.UnixMilli(*start).UTC(), fromMillis(*archived), *bytes
	}
	return d, err
}

const departures = `SELECT e.seq, e.entry, r.start, r.archived_at, r.bytes
	FROM (SELECT * FROM vbcvault.receipt WHERE account = $1 AND seq > $2 AND departed ORDER BY seq LIMIT $3) AS e
	LEFT JOIN LATERAL (SELECT start, archived_at, coalesce((audio ->> 'size')::bigint, size) AS bytes FROM vbcvault.recording
		WHERE account = $1 AND kind = e.kind AND owner = e.owner AND id = e.id AND (e.start IS NULL OR e.start = start / 1000) ORDER BY nth DESC LIMIT 1) AS r ON true
	ORDER BY e.seq`
