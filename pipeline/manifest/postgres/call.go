package postgres

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// call is what finds a recording, as far as VBC's JSON says it: read out of it here, once,
// when it is written down. Texts are as PostgreSQL can have them.
type call struct {
	odd                                               bool
	duration                                          int64 // milliseconds, -1 = unknown
	direction, callerID, dnis, cnam, callID, fileName string
	extensions, ruleIDs                               string // JSON of lists
}

func callOf(r vbc.Recording) (c call) {
	text := func(s string) string {
		is := Storable(s)
		c.odd = c.odd || is != s
		return is
	}
	list := func(all []string) string {
		some := make([]string, len(all))
		for i, s := range all {
			some[i] = text(s)
		}
		b, err := json.Marshal(some)
		if err != nil {
			panic(err) // texts: can't fail
		}
		return string(b)
	}
	c.odd = !r.Start.Equal(r.Start.Truncate(time.Millisecond))
	c.duration = -1
	if r.Duration >= 0 {
		c.duration = r.Duration.Milliseconds()
	}
	c.direction, c.callerID, c.dnis, c.cnam = text(r.Direction), text(r.CallerID), text(r.DNIS), text(r.CNAM)
	c.callID, c.fileName = text(r.CallID), text(r.FileName)
	c.extensions, c.ruleIDs = list(r.Extensions), list(r.RuleIDs)
	return c
}

// calls are those of many recordings, column by column, as unnest takes them.
type calls struct {
	odd                                               []bool
	duration                                          []int64
	direction, callerID, dnis, cnam, callID, fileName []string
	extensions, ruleIDs                               []string
}

func (all *calls) add(c call) {
	all.odd, all.duration = append(all.odd, c.odd), append(all.duration, c.duration)
	all.direction, all.callerID, all.dnis = append(all.direction, c.direction), append(all.callerID, c.callerID), append(all.dnis, c.dnis)
	all.cnam, all.callID, all.fileName = append(all.cnam, c.cnam), append(all.callID, c.callID), append(all.fileName, c.fileName)
	all.extensions, all.ruleIDs = append(all.extensions, c.extensions), append(all.ruleIDs, c.ruleIDs)
}

// values are those of callArrays.
func (all *calls) values() []any {
	return []any{all.odd, all.duration, all.direction, all.callerID, all.dnis, all.cnam, all.callID, all.fileName, all.extensions, all.ruleIDs}
}

// callColumns are the columns of vbcvault.call that a call has, in the order of values.
const callColumns = "odd, duration, direction, caller_id, dnis, cnam, call_id, file_name, extensions, rule_ids"

// callTypes are the types of their arrays, lists as JSON, and callFields reads one of
// them as the table has it.
var callTypes = []string{"bool", "bigint", "text", "text", "text", "text", "text", "text", "text", "text"}

const callFields = `u.odd, u.duration, u.direction, u.caller_id, u.dnis, u.cnam, u.call_id, u.file_name, ` +
	`ARRAY(SELECT jsonb_array_elements_text(u.extensions::jsonb)), ARRAY(SELECT jsonb_array_elements_text(u.rule_ids::jsonb))`

// rewriting is what VBC says now of rows that are known.
type rewriting struct {
	keys
	calls
	raw   [][]byte
	said  []string
	start []int64
}

func (w *rewriting) add(r vbc.Recording, said []manifest.Said) {
	w.keys.add(r)
	w.calls.add(callOf(r))
	w.raw, w.said, w.start = append(w.raw, r.Raw), append(w.said, manifest.EncodeSaid(said)), append(w.start, r.Start.UnixMilli())
}

// write writes it down in recording and call, with one statement. more sets other columns
// of recording, and its values begin with $19.
func (w *rewriting) write(tx *txn, more string, values ...any) error {
	if len(w.raw) == 0 {
		return nil
	}
	all := append(w.keys.values(w.raw, w.said, w.start), w.calls.values()...)
	// Where VBC says another start than was written down, of which no more than the second
	// was known, the call is odd.
	_, err := tx.Exec(`WITH u AS (SELECT * FROM unnest(`+arrays(2, keyTypes, []string{"bytea", "text", "bigint"}, callTypes)+`)
			AS u (kind, owner, id, nth, raw, said, start, `+callColumns+`)),
		r AS (UPDATE vbcvault.recording r SET raw = u.raw, said = u.said`+more+` FROM u WHERE `+theseRows+` RETURNING r.start AS began, u.*)
		UPDATE vbcvault.call c SET (`+callColumns+`) = (SELECT `+strings.Replace(callFields, "u.odd", "u.odd OR u.start <> u.began", 1)+`)
			FROM r AS u WHERE c.account = $1 AND c.start = u.began AND c.kind = u.kind AND c.owner = u.owner AND c.id = u.id AND c.nth = u.nth`, append(all, values...)...)
	return err
}
