package postgres

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Covered yields the recordings in one of these states that one of holds covers,
// which aren't asked whether they have ended. Of a large manifest it reads little
// but what finds recordings by their calls: VBC's JSON is read of what is held, of
// what is odd, and of that of which VBC has said something else before.
func (m *Manifest) Covered(ctx context.Context, holds []manifest.Hold, states ...manifest.State) iter.Seq2[manifest.Row, error] {
	holds = manifest.Unended(holds)
	return manifest.Covered(ctx, m, holds, states, m.presentlyCovered(ctx, holds, states), m.formerlyCovered(ctx, holds, states))
}

// called is what finds a recording by its call: as much of it as holds look at.
type called struct {
	manifest.Row
	start int64
	odd   bool
}

// before all recordings that there are, in the order of their start
var atFirst = called{start: math.MinInt64}

// behind is the condition for what comes behind a recording in that order, which is
// $2 to $6.
const behind = "(start, kind, owner, id, nth) > ($2, $3, $4, $5, $6)"

func (c called) place() []any { return []any{c.start, c.Kind, Storable(c.Owner), c.ID, c.Nth} }

const coveredPage = 4096

// presentlyCovered yields what is covered for what VBC says of it now, and what is
// odd: there, only a look at the recording tells.
func (m *Manifest) presentlyCovered(ctx context.Context, holds []manifest.Hold, states []manifest.State) iter.Seq2[vbc.Recording, error] {
	return func(yield func(vbc.Recording, error) bool) {
		for c, err := range pages(coveredPage, func(after called) ([]called, error) {
			return query(ctx, m, scanCall, `SELECT start, kind, owner, id, nth, odd, caller_id, extensions FROM vbcvault.call
				WHERE account = $1 AND `+behind+` AND state = ANY($7) ORDER BY start, kind, owner, id, nth LIMIT $8`, append(after.place(), texted(states), coveredPage)...)
		}, func(c called) called { return c }, atFirst) {
			if _, held := manifest.Covering(holds, c.Row); (err != nil || c.odd || held) && !yield(c.Recording, err) {
				return
			}
		}
	}
}

func texted(states []manifest.State) []string {
	all := []string{}
	for _, s := range states {
		all = append(all, string(s))
	}
	return all
}

func scanCall(row pgx.CollectableRow) (c called, err error) {
	err = row.Scan(&c.start, &c.Kind, &c.Owner, &c.ID, &c.Nth, &c.odd, &c.CallerID, &c.Extensions)
	c.Start = time.UnixMilli(c.start).UTC()
	return c, err
}

const saidPage = 500

// formerlyCovered yields the rest: what VBC says now doesn't tell that it is covered.
func (m *Manifest) formerlyCovered(ctx context.Context, holds []manifest.Hold, states []manifest.State) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for c, err := range pages(saidPage, func(after called) ([]called, error) {
			return query(ctx, m, m.scanSaid, `SELECT `+columns+`, start, (SELECT odd FROM vbcvault.call AS c
					WHERE c.account = $1 AND c.start = r.start AND c.kind = r.kind AND c.owner = r.owner AND c.id = r.id AND c.nth = r.nth)
				FROM vbcvault.recording AS r WHERE account = $1 AND said <> '' AND `+behind+` ORDER BY start, kind, owner, id, nth LIMIT $7`, append(after.place(), saidPage)...)
		}, func(c called) called { return c }, atFirst) {
			if err == nil {
				_, now := manifest.Covering(holds, manifest.Row{Recording: c.Recording})
				_, ever := manifest.Covering(holds, c.Row)
				if now || !ever || c.odd || !slices.Contains(states, c.State) {
					continue
				}
			}
			if !yield(c.Row, err) || err != nil {
				return
			}
		}
	}
}

func (m *Manifest) scanSaid(row pgx.CollectableRow) (c called, err error) {
	c.Row, err = m.scanWith(row, &c.start, &c.odd)
	return c, err
}
