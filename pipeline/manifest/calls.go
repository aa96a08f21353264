package manifest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/vbc"
)

// What finds recordings by what is known of their calls. SQLite reads that out
// of VBC's JSON itself, and keeps it in the index alone. Where it would read
// something else than package vbc does, the row is odd, and the program looks
// at it itself.
//
// by_start has whatever is asked for: what is rare costs reading the index
// from end to end, and not a look at each row. by_caller is for what is asked
// most, all calls of a number; odd rows are in it under NULL.
const (
	calls = `
ALTER TABLE recording ADD COLUMN odd INTEGER NOT NULL DEFAULT 0; -- see legible
ALTER TABLE recording ADD COLUMN bytes      INTEGER AS (iif(archived_at <> 0 AND audio <> '', audio ->> '$.size', size));
ALTER TABLE recording ADD COLUMN duration   INTEGER AS (iif(odd = 1, NULL, CAST(coalesce(raw ->> '$.duration', 0) AS INTEGER)));
ALTER TABLE recording ADD COLUMN direction  TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.call_direction', '')));
ALTER TABLE recording ADD COLUMN caller_id  TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.caller_id', '')));
ALTER TABLE recording ADD COLUMN dnis       TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.dnis', '')));
ALTER TABLE recording ADD COLUMN cnam       TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.cnam', '')));
ALTER TABLE recording ADD COLUMN call_id    TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.call_id', '')));
ALTER TABLE recording ADD COLUMN file_name  TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.file_name', '')));
ALTER TABLE recording ADD COLUMN extensions TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.extensions', '[]')));
ALTER TABLE recording ADD COLUMN rule_ids   TEXT    AS (iif(odd = 1, NULL, coalesce(raw ->> '$.rule_ids', '[]')));
`
	finders = `
CREATE INDEX by_start ON recording (start, kind, owner, id, state, bytes, odd, duration, direction, caller_id, dnis, cnam, call_id, file_name, extensions, rule_ids);
CREATE INDEX by_caller ON recording (caller_id, start);
`
	searches = calls + finders
)

// How SQLite can read what VBC says of a call.
const (
	plain   = 0 // as package vbc does
	odd     = 1 // not at all, or in another way
	foreign = 2 // as package vbc does, but it knows small and capital letters of ASCII only
)

var (
	callTexts = []string{"call_direction", "caller_id", "dnis", "cnam", "call_id", "file_name"}
	callLists = []string{"extensions", "rule_ids"}
	callNames = append(append([]string{"duration"}, callTexts...), callLists...)

	whole    = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)
	unlikely = regexp.MustCompile(`\\u(0000|[dD][89a-fA-F])`) // NUL, and halves of a character
)

// deepest is well below the depth at which SQLite gives up on JSON.
const deepest = 500

// legible says how SQLite reads a recording. It is strict: what is odd in vain
// costs time, what is not odd and should be would not be found.
func legible(r vbc.Recording) int {
	var fields map[string]json.RawMessage
	if json.Unmarshal(r.Raw, &fields) != nil || !utf8.Valid(r.Raw) || unlikely.Match(r.Raw) || !r.Start.Equal(r.Start.Truncate(time.Millisecond)) ||
		bytes.Count(r.Raw, []byte("["))+bytes.Count(r.Raw, []byte("{")) > deepest {
		return odd
	}
	for _, name := range callNames {
		want := 0
		if _, ok := fields[name]; ok {
			want = 1
		}
		if bytes.Count(r.Raw, []byte(`"`+name+`"`)) != want { // twice, or written with escapes
			return odd
		}
		for key := range fields {
			if key != name && strings.EqualFold(key, name) { // which is the same to package json
				return odd
			}
		}
	}
	if !wholeDuration(fields["duration"]) {
		return odd
	}
	for _, name := range callTexts {
		if v := fields[name]; v != nil && string(v) != "null" && v[0] != '"' && !whole.Match(v) {
			return odd
		}
	}
	for _, name := range callLists {
		if !plainList(fields[name]) {
			return odd
		}
	}
	for _, text := range append([]string{r.CallerID, r.DNIS, r.CNAM, r.FileName}, r.Extensions...) {
		if strings.IndexFunc(text, func(c rune) bool { return c >= utf8.RuneSelf }) >= 0 {
			return foreign
		}
	}
	return plain
}

// wholeDuration reports whether a duration is none, or milliseconds that
// package vbc takes for one.
func wholeDuration(v json.RawMessage) bool {
	var text string
	if v == nil || string(v) == "null" {
		return true
	}
	if json.Unmarshal(v, &text) != nil {
		text = string(v)
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	return text == "" || whole.MatchString(text) && err == nil && ms >= 0 && ms < 1<<40
}

// plainList reports whether a list is one of texts without escapes and of
// whole numbers.
func plainList(v json.RawMessage) bool {
	if v == nil || string(v) == "null" {
		return true
	}
	var items []json.RawMessage
	if json.Unmarshal(v, &items) != nil || bytes.ContainsRune(v, '\\') {
		return false
	}
	for _, item := range items {
		if item[0] != '"' && !whole.Match(item) {
			return false
		}
	}
	return true
}

// markOdd says of each recording of an older format how SQLite reads it.
func markOdd(tx *sql.Tx) error {
	var at cursor
	for {
		page, last, err := illegible(tx, at)
		if err != nil {
			return err
		}
		for key, how := range page {
			if _, err := tx.Exec("UPDATE recording SET odd = ? WHERE kind = ? AND owner = ? AND id = ?", how, key.kind, key.owner, key.id); err != nil {
				return err
			}
		}
		if last == at {
			return nil
		}
		at = last
	}
}

// illegible reads the next rows behind a cursor, and says which of them aren't
// plain.
func illegible(tx *sql.Tx, c cursor) (page map[cursor]int, last cursor, err error) {
	rows, err := tx.QueryContext(context.Background(), `SELECT kind, owner, id, raw FROM recording WHERE (kind, owner, id) > (?, ?, ?)
		ORDER BY kind, owner, id LIMIT 10000`, c.kind, c.owner, c.id)
	if err != nil {
		return nil, c, err
	}
	defer rows.Close()
	page, last = map[cursor]int{}, c
	for rows.Next() {
		var raw string
		if err := rows.Scan(&last.kind, &last.owner, &last.id, &raw); err != nil {
			return nil, c, fmt.Errorf("read a recording: %w", err)
		}
		if how := legible(vbc.ParseRecording(vbc.Kind(last.kind), last.owner, json.RawMessage(raw))); how != plain {
			page[last] = how
		}
	}
	return page, last, rows.Err()
}
