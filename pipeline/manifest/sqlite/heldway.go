package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// heldWay goes by the holds in force: by what they cover, or by what those leave free
// that cover all of a time. What VBC has said other things of may be held for any of
// them.
func (m *Manifest) heldWay(ctx context.Context, q manifest.Query) (w way, ok bool, err error) {
	if q.Held == nil {
		return way{}, false, nil
	}
	all, err := m.Holds(ctx)
	if err != nil {
		return way{}, false, err
	}
	holds := manifest.InForce(all)
	if slices.ContainsFunc(holds, func(h manifest.Hold) bool { return h.Lost || !h.Selects() }) { // everything is held
		return way{}, !*q.Held, nil
	}
	if !*q.Held {
		return unheldTimes(holds), true, nil
	}
	for _, h := range holds {
		parts, err := m.coveredParts(ctx, h)
		if err != nil {
			return way{}, false, err
		}
		if w.parts = append(w.parts, parts...); len(w.parts) >= mostParts {
			return way{}, false, nil
		}
	}
	if len(holds) > 0 {
		w.parts = append(w.parts, unreadable, part{from: "recording INDEXED BY said", where: clause{}.and("said <> ''")})
	}
	return w, true, nil
}

// coveredParts have all that a hold covers for what VBC says of it now, save what is
// odd. They have what the rarest of its criteria selects.
func (m *Manifest) coveredParts(ctx context.Context, h manifest.Hold) (parts []part, err error) {
	switch {
	case len(h.IDs) > 0:
		return m.idParts(ctx, h.IDs)
	case h.CallerID != "":
		parts, err = m.callerParts(ctx, h)
	case h.Extension != "":
		parts = []part{inExtension(h.Extension), inExtension("")}
	default:
		parts = []part{{from: inOrder, where: clause{}.and("true"), ofCall: true}}
	}
	for i := range parts {
		if !h.Since.IsZero() {
			parts[i].where = parts[i].where.and("start >= ?", h.Since.UnixMilli())
		}
		if !h.Until.IsZero() {
			parts[i].where = parts[i].where.and("start <= ?", h.Until.UnixMilli())
		}
	}
	return parts, err
}

// idParts have the recordings with certain ids, of all collections.
func (m *Manifest) idParts(ctx context.Context, ids []int64) ([]part, error) {
	var all [][2]string
	for c := (collection{}); ; {
		next, err := m.collectionAfter(ctx, c)
		if err != nil {
			return nil, err
		}
		if next == (collection{}) {
			break
		}
		c, all = next, append(all, [2]string{next.kind, next.owner})
	}
	return []part{{from: `(SELECT r.start, r.kind, r.owner, r.id, r.nth FROM json_each(?) AS c CROSS JOIN json_each(?) AS i CROSS JOIN recording AS r
		ON r.kind = c.value ->> 0 AND r.owner = c.value ->> 1 AND r.id = i.value)`, args: []any{asJSON(all), asJSON(ids)}, where: clause{}.and("true")}}, nil
}

// callerParts have the calls of each caller that a hold on one covers.
func (m *Manifest) callerParts(ctx context.Context, h manifest.Hold) (parts []part, err error) {
	callers, err := m.coveredCallers(ctx, h)
	for _, c := range callers {
		parts = append(parts, part{byCaller, nil, clause{}.and("caller_id = ?", c), true})
	}
	return parts, err
}

// coveredCallers are the callers that a hold on one covers, as VBC writes them, at most
// mostParts. All that there are are looked through once as long as the manifest is
// open, and then those alone that have come since.
func (m *Manifest) coveredCallers(ctx context.Context, h manifest.Hold) ([]string, error) {
	m.callers.Lock()
	defer m.callers.Unlock()
	if m.callers.of == nil {
		m.callers.of = map[string]coveredBy{}
	}
	known := m.callers.of[h.CallerID]
	if len(known.callers) > mostParts {
		return known.callers, nil
	}
	type caller struct {
		number int64
		text   string
	}
	var last sql.NullInt64
	if err := m.reads.QueryRowContext(ctx, "SELECT max(number) FROM caller").Scan(&last); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	digits := manifest.Digits(h.CallerID)
	end := digits[max(0, len(digits)-7):] // seven are in any number that is the same
	// A number that has too few digits to be one, and one with others around, are
	// compared here.
	where := "digits = '' OR ? <> '' AND (instr(digits, ?) > 0 OR instr(?, substr(digits, -7)) > 0)"
	more, err := queryOnce(ctx, m, func(rows *sql.Rows) (c caller, err error) {
		return c, rows.Scan(&c.number, &c.text)
	}, "SELECT number, caller_id FROM caller WHERE number > ? AND number <= ? AND ("+where+")", known.upTo, cmp.Or(last.Int64, 0), digits, end, digits)
	if err != nil {
		return nil, err
	}
	only := []manifest.Hold{{CallerID: h.CallerID}}
	for _, c := range more {
		row := manifest.Row{}
		row.CallerID = c.text
		if _, covered := manifest.Covering(only, row); covered {
			known.callers = append(known.callers, c.text)
		}
	}
	known.upTo = last.Int64
	m.callers.of[h.CallerID] = known
	return known.callers, nil
}

// coveredBy is what is known of callers whom a hold covers.
type coveredBy struct {
	callers []string
	upTo    int64 // the last that was looked at
}

// unheldTimes are the times of which no hold covers all.
func unheldTimes(holds []manifest.Hold) (w way) {
	for _, s := range manifest.UnheldTimes(holds) {
		w.parts = append(w.parts, part{from: inOrder, where: clause{}.and("start >= ? AND start <= ?", s.From, s.To), ofCall: true})
	}
	return w
}
