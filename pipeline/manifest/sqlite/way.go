package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// part is one table or index, and what of it is looked at, in the order of their start.
type part struct {
	from   string
	args   []any // of from
	where  clause
	ofCall bool // it is call, or an index of it; else call is looked at for each row
}

// way is where the answer to a query is looked for: parts that together have all that it
// can select, however much else.
type way struct {
	parts []part
	n     int64 // rows in them, within the query's time, as far as they were counted
	rows  bool  // whatever it has, looking at each row is how that is counted
}

const (
	inOrder     = "call NOT INDEXED"
	byCaller    = "call INDEXED BY by_caller"
	byName      = "call INDEXED BY by_name"
	byDirection = "call INDEXED BY by_direction"
	transcribed = "call INDEXED BY by_transcribed"
	byState     = "recording INDEXED BY by_state" // which knows nothing of calls
)

const (
	// fewest is the number of rows up to which a way is counted. Of two that have fewer,
	// the one with the fewest is taken; of others, the first.
	fewest = 2000
	// mostParts is how many a way may have.
	mostParts = 100
	// few is the share of recordings, one in so many, below which those in a state are
	// counted by looking at each, rather than by reading all of call.
	few = 50
)

// few reports whether there is so little that reading all of call takes longer than
// looking at each row.
func (w way) few() bool { return w.rows || len(w.parts) == 0 || w.n < fewest }

// unreadable are the rows that SQLite can't read; each way has them that asks what VBC
// says of a call.
var unreadable = part{from: byCaller, where: clause{}.and("caller_id IS NULL"), ofCall: true}

// way finds the one with the least to read. What a name, or a hold, stands for is looked
// up only where nothing else has few rows.
func (m *Manifest) way(ctx context.Context, q manifest.Query) (way, error) {
	q = narrowed(q)
	if q.Scope.Extensions != nil && len(q.Scope.Extensions) == 0 {
		return way{}, nil
	}
	best := way{parts: []part{{from: inOrder, where: clause{}.and("true"), ofCall: true}}, n: math.MaxInt64}
	for _, find := range []func(context.Context, manifest.Query) (way, bool, error){
		quick(callerWay), quick(numberWay), quick(extensionWay), quick(scopeWay), m.stateWay, quick(transcribedWay), quick(directionWay), m.nameWay, m.heldWay,
	} {
		if best.n < fewest/4 {
			break
		}
		w, ok, err := find(ctx, q)
		if err != nil {
			return way{}, err
		}
		if !ok || len(w.parts) > mostParts {
			continue
		}
		if w.n, err = m.extentOf(ctx, q, w.parts); err != nil {
			return way{}, err
		}
		if w.n < best.n {
			best = w
		}
	}
	return best, nil
}

// narrowed is a query with what its scope says of the time.
func narrowed(q manifest.Query) manifest.Query {
	if q.Scope.Since.After(q.Since) {
		q.Since = q.Scope.Since
	}
	return q
}

// extentOf counts the rows of parts within a query's time, up to fewest.
func (m *Manifest) extentOf(ctx context.Context, q manifest.Query, parts []part) (n int64, err error) {
	within := clause{}
	if !q.Since.IsZero() {
		within = within.and("start >= ?", q.Since.UnixMilli())
	}
	if !q.Until.IsZero() {
		within = within.and("start <= ?", q.Until.UnixMilli())
	}
	for _, p := range parts {
		w := p.where.and(within.text, within.args...)
		var some int64
		err := m.reads.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM `+p.from+` WHERE `+w.text+` LIMIT ?)`, append(slices.Concat(p.args, w.args), fewest)...).Scan(&some)
		if err != nil {
			return 0, fmt.Errorf("read manifest: %w", err)
		}
		if n += some; n >= fewest {
			return fewest, nil
		}
	}
	return n, nil
}

// quick is a way that is found without asking.
func quick(find func(manifest.Query) (way, bool)) func(context.Context, manifest.Query) (way, bool, error) {
	return func(_ context.Context, q manifest.Query) (way, bool, error) {
		w, ok := find(q)
		return w, ok, nil
	}
}

func callerWay(q manifest.Query) (way, bool) {
	return way{parts: []part{{byCaller, nil, clause{}.and("caller_id = ?", q.Filter.CallerID), true}, unreadable}, rows: true}, q.Filter.CallerID != ""
}

// numberWay goes by the last four digits: by all that end in three, if there are no
// more. Two are in so many numbers that reading all finds some soon.
func numberWay(q manifest.Query) (w way, ok bool) {
	n := len(q.Number)
	if n < 3 {
		return way{}, false
	}
	tails := []string{q.Number[max(0, n-4):]}
	if n == 3 {
		for d := range 10 {
			tails = append(tails, strconv.Itoa(d)+q.Number)
		}
	}
	for _, tail := range tails {
		w.parts = append(w.parts, part{from: "number", where: clause{}.and("tail = ? AND instr(digits, ?) > 0", tail, q.Number+",")})
	}
	w.parts = append(w.parts, part{from: "number", where: clause{}.and("tail = '?'")}, unreadable)
	w.rows = true
	return w, true
}

func extensionWay(q manifest.Query) (way, bool) {
	return way{parts: []part{inExtension(q.Filter.Extension), unreadable}}, q.Filter.Extension != ""
}

func scopeWay(q manifest.Query) (w way, ok bool) {
	for _, e := range q.Scope.Extensions {
		w.parts = append(w.parts, inExtension(e))
	}
	w.parts = append(w.parts, unreadable)
	return w, q.Scope.Extensions != nil
}

func inExtension(e string) part {
	return part{from: "call_extension", where: clause{}.and("extension = ?", e)}
}

func transcribedWay(q manifest.Query) (way, bool) {
	if q.Transcribed == nil {
		return way{}, false
	}
	return way{parts: []part{{transcribed, nil, clause{}.and("transcribed = ?", *q.Transcribed), true}}}, true
}

func directionWay(q manifest.Query) (way, bool) {
	return way{parts: []part{{byDirection, nil, clause{}.and("direction = ?", q.Filter.Direction), true}, unreadable}}, q.Filter.Direction != ""
}

// stateWay goes by the states, if few recordings are in them.
func (m *Manifest) stateWay(ctx context.Context, q manifest.Query) (w way, ok bool, err error) {
	if len(q.States) == 0 {
		return way{}, false, nil
	}
	var n, of int64
	err = m.reads.QueryRowContext(ctx, `SELECT coalesce(sum(recordings) FILTER (WHERE state IN (SELECT value FROM json_each(?))), 0), coalesce(sum(recordings), 0) FROM tally`,
		asJSON(q.States)).Scan(&n, &of)
	if err != nil {
		return way{}, false, fmt.Errorf("read manifest: %w", err)
	}
	for _, s := range slices.Compact(slices.Sorted(slices.Values(q.States))) {
		w.parts = append(w.parts, part{from: byState, where: clause{}.and("state = ?", s)})
	}
	w.rows = true
	return w, n < of/few, nil
}
