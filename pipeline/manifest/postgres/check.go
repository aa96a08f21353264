package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// checks are statements that say what of a manifest is wrong. Each sees one moment, also
// while a run goes on.
var checks = []string{checkTally, checkCalls, checkWords}

// checkTally says what is counted otherwise than the recordings are.
const checkTally = `WITH counted AS (SELECT state, recordings, bytes FROM vbcvault.tally WHERE account = $1 AND recordings <> 0),
	there AS (SELECT state, count(*) AS recordings, sum(greatest(size, 0)) AS bytes FROM vbcvault.recording WHERE account = $1 GROUP BY state)
	SELECT DISTINCT 'the count of recordings that are ' || state || ' is wrong' FROM
		((TABLE counted EXCEPT TABLE there) UNION ALL (TABLE there EXCEPT TABLE counted)) AS otherwise`

// checkCalls says what finds recordings by their calls otherwise than they are.
const checkCalls = `SELECT 'what finds recordings by their calls is wrong' WHERE
	(SELECT count(*) FROM vbcvault.call WHERE account = $1) <> (SELECT count(*) FROM vbcvault.recording WHERE account = $1) OR EXISTS (
		SELECT 1 FROM vbcvault.recording AS r WHERE account = $1 AND NOT EXISTS (SELECT 1 FROM vbcvault.call AS c
			WHERE c.account = $1 AND c.start = r.start AND c.kind = r.kind AND c.owner = r.owner AND c.id = r.id AND c.nth = r.nth
				AND c.state = r.state AND c.transcribed = (r.transcript IS NOT NULL)))`

// Check reads the whole manifest and returns what is wrong with it, nothing if nothing
// is. Pages that the server finds damaged are an error, where it keeps checksums of them.
// The chain of receipts is not part of it, but how its entries are found is.
func (m *Manifest) Check(ctx context.Context) (findings []string, err error) {
	for _, text := range checks {
		found, err := query(ctx, m, pgx.RowTo[string], text)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	for _, look := range []func(context.Context) ([]string, error){m.checkRows, m.checkLines} {
		found, err := look(ctx)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

const checkPage = 1000

// checkRows says what rows can't be, and which can't be read.
func (m *Manifest) checkRows(ctx context.Context) (findings []string, err error) {
	type checked struct {
		manifest.Row
		kind, owner string
		id, nth     int64
		unreadable  error
	}
	for c, err := range pages(checkPage, func(after checked) ([]checked, error) {
		return query(ctx, m, func(row pgx.CollectableRow) (c checked, err error) {
			c.Row, c.unreadable = m.scanWith(row, &c.kind, &c.owner, &c.id, &c.nth)
			return c, nil
		}, "SELECT "+columns+`, kind, owner, id, nth FROM vbcvault.recording
			WHERE account = $1 AND (kind, owner, id, nth) > ($2, $3, $4, $5) ORDER BY kind, owner, id, nth LIMIT $6`, after.kind, after.owner, after.id, after.nth, checkPage)
	}, func(c checked) checked { return c }, checked{}) {
		switch {
		case err != nil:
			return nil, err
		case c.unreadable != nil:
			findings = append(findings, "a row can't be read: "+c.unreadable.Error())
		case c.Unproven():
			findings = append(findings, fmt.Sprintf("%s is %s without a verified copy", c.Recording, c.State))
		}
	}
	return findings, nil
}

// checkLines says which entries of the chain are found by something else than they say.
func (m *Manifest) checkLines(ctx context.Context) (findings []string, err error) {
	type checked struct {
		line
		found foundBy
	}
	for c, err := range pages(receiptsPage, func(after int64) ([]checked, error) {
		return query(ctx, m, func(row pgx.CollectableRow) (c checked, err error) {
			err = row.Scan(&c.seq, &c.text, &c.found.kind, &c.found.owner, &c.found.id, &c.found.start, &c.found.departed)
			return c, err
		}, "SELECT seq, entry, kind, owner, id, coalesce(start, 0), departed FROM vbcvault.receipt WHERE account = $1 AND seq > $2 ORDER BY seq LIMIT $3", after, receiptsPage)
	}, func(c checked) int64 { return c.seq }, 0) {
		if err != nil {
			return nil, err
		}
		var e receipt.Entry
		if json.NewDecoder(bytes.NewReader(c.text)).Decode(&e) == nil && foundByOf(e) != c.found {
			findings = append(findings, fmt.Sprintf("what finds entry %d of the receipts is wrong", c.seq))
		}
	}
	return findings, nil
}
