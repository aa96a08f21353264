package sqlite

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

// What finds recordings by what is known of their calls: a table in the order
// of their start that has whatever is asked for. What is rare costs reading it
// from end to end, and not a look at each recording. Triggers keep it. (An index
// of generated columns would be read the same way, but for each of its entries
// SQLite looks at the row too.)
//
// SQLite reads VBC's JSON itself. Where it would read something else than
// package vbc does, the row is odd, and the program looks at the recording.
//
// by_caller is for what is asked most, all calls of a number; odd rows are in
// it under NULL.
const (
	calls = `
CREATE TABLE call (
	start      INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	owner      TEXT    NOT NULL,
	id         INTEGER NOT NULL,
	nth        INTEGER NOT NULL,
	state      TEXT    NOT NULL,
	bytes      INTEGER NOT NULL, -- of audio, -1 = unknown
	odd        INTEGER NOT NULL,
	duration   INTEGER,          -- NULL, and what follows too: it is odd
	direction  TEXT,
	caller_id  TEXT,
	dnis       TEXT,
	cnam       TEXT,
	call_id    TEXT,
	file_name  TEXT,
	extensions TEXT,             -- as in ",101,102,"
	rule_ids   TEXT,
	transcribed INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (start, kind, owner, id, nth)
) WITHOUT ROWID;
INSERT INTO call SELECT ` + ofCall + ` FROM recording;
CREATE INDEX by_caller ON call (caller_id, start);
` + callTriggers

	callTriggers = `
CREATE TRIGGER call_in AFTER INSERT ON recording BEGIN
	INSERT INTO call SELECT ` + ofCall + ` FROM recording WHERE kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
END;
CREATE TRIGGER call_out AFTER DELETE ON recording BEGIN
	DELETE FROM call WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
END;
CREATE TRIGGER call_anew AFTER UPDATE OF kind, owner, id, nth, start, raw, odd ON recording BEGIN
	DELETE FROM call WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	INSERT INTO call SELECT ` + ofCall + ` FROM recording WHERE kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
END;
CREATE TRIGGER call_moves AFTER UPDATE OF state, size, audio, archived_at, transcript ON recording BEGIN
	UPDATE call SET state = new.state, bytes = iif(new.archived_at <> 0 AND new.audio <> '', new.audio ->> '$.size', new.size), transcribed = new.transcript <> ''
		WHERE start = new.start AND kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
END;
`
	// ofCall is what call has of a recording.
	ofCall = `start, kind, owner, id, nth, state, iif(archived_at <> 0 AND audio <> '', audio ->> '$.size', size), odd,
		iif(odd = 1, NULL, CAST(coalesce(raw ->> '$.duration', 0) AS INTEGER)),
		iif(odd = 1, NULL, coalesce(raw ->> '$.call_direction', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.caller_id', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.dnis', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.cnam', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.call_id', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.file_name', '')),
		iif(odd = 1, NULL, ',' || replace(trim(coalesce(raw ->> '$.extensions', ''), '[]'), '"', '') || ','),
		iif(odd = 1, NULL, ',' || replace(trim(coalesce(raw ->> '$.rule_ids', ''), '[]'), '"', '') || ','),
		transcript <> ''`
)

// checkCalls says what call has otherwise than the recordings. Rows are compared
// in the order of both.
const checkCalls = `SELECT 'what finds recordings by their calls is wrong' WHERE
	(SELECT count(*) FROM call) <> (SELECT count(*) FROM recording) OR EXISTS (
		SELECT 1 FROM recording r WHERE NOT EXISTS (SELECT 1 FROM call c WHERE c.start = r.start AND c.kind = r.kind AND c.owner = r.owner AND c.id = r.id AND c.nth = r.nth
			AND c.state = r.state AND c.odd = r.odd AND c.transcribed = (r.transcript <> '') AND (r.odd = 1 OR c.caller_id = coalesce(r.raw ->> '$.caller_id', '') AND c.cnam = coalesce(r.raw ->> '$.cnam', ''))))`

// How SQLite can read what VBC says of a call.
const (
	plain   = 0 // as package vbc does
	odd     = 1 // not at all, or in another way
	foreign = 2 // as package vbc does, but what is asked of a text is more than it knows
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
		if strings.IndexFunc(text, func(c rune) bool { return c >= utf8.RuneSelf || c < ' ' }) >= 0 {
			return foreign // small and capital letters, or what separates texts
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

// plainList reports whether a list is one of whole numbers and of texts that
// can be told apart in the table.
func plainList(v json.RawMessage) bool {
	if v == nil || string(v) == "null" {
		return true
	}
	var items []json.RawMessage
	if json.Unmarshal(v, &items) != nil || bytes.ContainsAny(bytes.Trim(v, " \t\r\n[]"), `\[]`) {
		return false
	}
	for _, item := range items {
		if text := item[0] == '"'; text && bytes.ContainsRune(item, ',') || !text && !whole.Match(item) {
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
