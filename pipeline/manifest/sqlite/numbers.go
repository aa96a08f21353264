package sqlite

import "strings"

// What finds calls by less than all that VBC says of them, in the order of their start,
// so that a page of the newest reads little more than it shows, however rare they are.
// Triggers on call keep it; of odd rows, which SQLite can't read, there is nothing in it.
//
//   - number has the last four digits of the caller's and of the called number, however
//     they are written. Behind '?' are those that SQLite can't strip of all but digits.
//   - call_extension has each extension of a call. Behind ” are calls without one, or
//     with one that might be nothing but space: holds take it for any.
//   - name and caller are what there is of either, each once: what a part of a name, or
//     a hold on a number, stands for is found there first, and the calls then by by_name
//     and by_caller. A caller's number only rises, so that whoever has looked through
//     all of them looks only at what has come since. Its digits are ” where there are
//     fewer than seven, or SQLite can't tell.
var numbers = `
CREATE TABLE number (
	tail   TEXT    NOT NULL,
	start  INTEGER NOT NULL,
	kind   TEXT    NOT NULL,
	owner  TEXT    NOT NULL,
	id     INTEGER NOT NULL,
	nth    INTEGER NOT NULL,
	digits TEXT    NOT NULL, -- of one or both, each with a comma before and behind it
	PRIMARY KEY (tail, start, kind, owner, id, nth)
) WITHOUT ROWID;
CREATE TABLE call_extension (
	extension TEXT NOT NULL,
	start  INTEGER NOT NULL,
	kind   TEXT    NOT NULL,
	owner  TEXT    NOT NULL,
	id     INTEGER NOT NULL,
	nth    INTEGER NOT NULL,
	PRIMARY KEY (extension, start, kind, owner, id, nth)
) WITHOUT ROWID;
CREATE TABLE name (
	cnam  TEXT PRIMARY KEY,
	small TEXT NOT NULL -- in small letters; '' = it has some that SQLite doesn't know
) WITHOUT ROWID;
CREATE TABLE caller (
	number    INTEGER PRIMARY KEY AUTOINCREMENT,
	caller_id TEXT    NOT NULL UNIQUE,
	digits    TEXT    NOT NULL
);
INSERT INTO number SELECT ` + tailOf("d") + `, start, kind, owner, id, nth, ` + digitsOf("d") + ` FROM (
		SELECT ` + stripped("caller_id") + ` AS d, start, kind, owner, id, nth FROM call WHERE caller_id GLOB '*[0-9]*'
		UNION ALL SELECT ` + stripped("dnis") + `, start, kind, owner, id, nth FROM call WHERE dnis GLOB '*[0-9]*'
	) WHERE true ` + bothNumbers + `;
INSERT INTO call_extension SELECT e.value, call.start, call.kind, call.owner, call.id, call.nth FROM call, json_each(` + extensionsOf("extensions") + `) AS e WHERE odd <> 1
	UNION SELECT '', call.start, call.kind, call.owner, call.id, call.nth FROM call, json_each(` + extensionsOf("extensions") + `) AS e WHERE odd <> 1 AND ` + maybeSpace + `;
INSERT INTO name SELECT DISTINCT cnam, ` + smallOf("cnam") + ` FROM call WHERE cnam <> '';
INSERT INTO caller (caller_id, digits) SELECT DISTINCT caller_id, ` + callerDigits("caller_id") + ` FROM call WHERE caller_id IS NOT NULL;
CREATE INDEX by_name ON call (cnam, start);
CREATE INDEX by_direction ON call (direction, start);
CREATE INDEX by_transcribed ON call (transcribed, start);

CREATE TRIGGER found_in AFTER INSERT ON call WHEN new.odd <> 1 BEGIN
	INSERT INTO number SELECT ` + tailOf("d") + `, new.start, new.kind, new.owner, new.id, new.nth, ` + digitsOf("d") + ` FROM (` + numbersOf("new") + `) WHERE true ` + bothNumbers + `;
	INSERT INTO call_extension SELECT x, new.start, new.kind, new.owner, new.id, new.nth FROM (` + eachExtension("new") + `);
	INSERT INTO name SELECT new.cnam, ` + smallOf("new.cnam") + ` WHERE new.cnam <> '' ON CONFLICT DO NOTHING;
	INSERT INTO caller (caller_id, digits) SELECT new.caller_id, ` + callerDigits("new.caller_id") + ` WHERE true ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER found_out AFTER DELETE ON call WHEN old.odd <> 1 BEGIN
	DELETE FROM number WHERE tail IN (SELECT ` + tailOf("d") + ` FROM (` + numbersOf("old") + `))
		AND start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM call_extension WHERE extension IN (SELECT x FROM (` + eachExtension("old") + `))
		AND start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM name WHERE cnam = old.cnam AND NOT EXISTS (SELECT 1 FROM call WHERE cnam = old.cnam);
	DELETE FROM caller WHERE caller_id = old.caller_id AND NOT EXISTS (SELECT 1 FROM call WHERE caller_id = old.caller_id);
END;
`

// bothNumbers is for a call whose two numbers end alike: it has one row.
const bothNumbers = `ON CONFLICT DO UPDATE SET digits = digits || substr(excluded.digits, 2)`

// separators are what people and VBC write between digits.
const separators = " -().+/"

// stripped is a text without separators.
func stripped(text string) string {
	for _, c := range separators {
		text = "replace(" + text + ", '" + string(c) + "', '')"
	}
	return text
}

// mixed is the condition that SQLite can't tell what digits a number has: there are
// some, and something else too.
func mixed(column string) string {
	return "(" + column + " GLOB '*[0-9]*' AND " + stripped(column) + " GLOB '*[^0-9]*')"
}

func smallOf(name string) string { return "iif(" + name + " GLOB '*[^ -~]*', '', lower(" + name + "))" }

func tailOf(d string) string { return "iif(" + d + " GLOB '*[^0-9]*', '?', substr(" + d + ", -4))" }

func digitsOf(d string) string {
	return "iif(" + d + " GLOB '*[^0-9]*', ',', ',' || " + d + " || ',')"
}

func callerDigits(column string) string {
	d := stripped(column)
	return "iif(" + d + " GLOB '*[^0-9]*' OR length(" + d + ") < 7, '', " + d + ")"
}

// numbersOf are a row's numbers that have digits.
func numbersOf(row string) string {
	one := "SELECT " + stripped("ROW.COLUMN") + " AS d WHERE ROW.COLUMN GLOB '*[0-9]*'"
	both := strings.ReplaceAll(one, "COLUMN", "caller_id") + " UNION ALL " + strings.ReplaceAll(one, "COLUMN", "dnis")
	return strings.ReplaceAll(both, "ROW", row)
}

// extensionsOf is a list like ",101,102," as JSON. There is no quote and no backslash in
// a list that isn't odd.
func extensionsOf(column string) string {
	return `'["' || replace(substr(` + column + `, 2, length(` + column + `) - 2), ',', '","') || '"]'`
}

const maybeSpace = `(trim(e.value) = '' OR e.value GLOB '*[^ -~]*')`

func eachExtension(row string) string {
	list := extensionsOf(row + ".extensions")
	return `SELECT e.value AS x FROM json_each(` + list + `) AS e UNION SELECT '' FROM json_each(` + list + `) AS e WHERE ` + maybeSpace
}

// checkNumbers says what finds calls otherwise than call has them.
var checkNumbers = `SELECT 'what finds calls by their extensions is wrong' WHERE
	(SELECT count(*) FROM call WHERE odd <> 1) <> (SELECT count(*) FROM (SELECT DISTINCT start, kind, owner, id, nth FROM call_extension))
UNION ALL SELECT 'what finds calls by their numbers is wrong' WHERE EXISTS (SELECT 1 FROM number n WHERE NOT EXISTS (
	SELECT 1 FROM call c WHERE c.start = n.start AND c.kind = n.kind AND c.owner = n.owner AND c.id = n.id AND c.nth = n.nth AND c.odd <> 1))
	OR EXISTS (SELECT 1 FROM call c WHERE caller_id GLOB '*[0-9]*' AND NOT EXISTS (
		SELECT 1 FROM number n WHERE n.tail = ` + tailOf(stripped("c.caller_id")) + ` AND c.start = n.start AND c.kind = n.kind AND c.owner = n.owner AND c.id = n.id AND c.nth = n.nth))
UNION ALL SELECT 'what finds calls by their names is wrong' WHERE EXISTS (SELECT cnam FROM name EXCEPT SELECT cnam FROM call)
	OR EXISTS (SELECT cnam FROM call WHERE cnam <> '' EXCEPT SELECT cnam FROM name)
	OR EXISTS (SELECT caller_id FROM caller EXCEPT SELECT caller_id FROM call)
	OR EXISTS (SELECT caller_id FROM call WHERE caller_id IS NOT NULL EXCEPT SELECT caller_id FROM caller)`
