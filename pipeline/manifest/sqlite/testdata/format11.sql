CREATE TABLE call (
	start      INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	owner      TEXT    NOT NULL,
	id         INTEGER NOT NULL,
	nth        INTEGER NOT NULL,
	state      TEXT    NOT NULL,
	bytes      INTEGER NOT NULL,
	odd        INTEGER NOT NULL,
	duration   INTEGER,
	direction  TEXT,
	caller_id  TEXT,
	dnis       TEXT,
	cnam       TEXT,
	call_id    TEXT,
	file_name  TEXT,
	extensions TEXT,
	rule_ids   TEXT,
	transcribed INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (start, kind, owner, id, nth)
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
CREATE TABLE caller (
	number    INTEGER PRIMARY KEY AUTOINCREMENT,
	caller_id TEXT    NOT NULL UNIQUE,
	digits    TEXT    NOT NULL
);
CREATE TABLE export (
	job   TEXT    PRIMARY KEY,
	kind  TEXT    NOT NULL,
	owner TEXT    NOT NULL,
	filter TEXT   NOT NULL,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL,
	valid INTEGER NOT NULL,
	listed TEXT   NOT NULL
) WITHOUT ROWID;
CREATE TABLE hold (
	number INTEGER PRIMARY KEY,
	digest TEXT    NOT NULL UNIQUE,
	made   TEXT    NOT NULL,
	ended  TEXT    NOT NULL DEFAULT '',
	signed TEXT    NOT NULL DEFAULT '',
	noted  INTEGER NOT NULL DEFAULT 0,
	stored INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE indexed (
	place  INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	k      TEXT    NOT NULL,
	o      TEXT    NOT NULL,
	i      INTEGER NOT NULL,
	n      INTEGER NOT NULL,
	digest TEXT    NOT NULL,
	UNIQUE (k, o, i, n)
);
CREATE TABLE listening (
	number  INTEGER PRIMARY KEY AUTOINCREMENT,
	digest  TEXT    NOT NULL UNIQUE,
	text    TEXT    NOT NULL,
	signed  TEXT    NOT NULL DEFAULT '',
	log     TEXT    NOT NULL DEFAULT '',
	seq     INTEGER NOT NULL DEFAULT 0,
	run     INTEGER NOT NULL DEFAULT 0,
	stored  INTEGER NOT NULL DEFAULT 0,
	kind    TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	id      INTEGER NOT NULL,
	nth     INTEGER NOT NULL,
	who     TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	how     TEXT    NOT NULL,
	session TEXT    NOT NULL
);
CREATE TABLE listening_file (
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	sum   TEXT    NOT NULL,
	PRIMARY KEY (first, last, sum)
) WITHOUT ROWID;
CREATE TABLE listing (
	kind    TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	filter  TEXT    NOT NULL,
	since   INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	full_at INTEGER NOT NULL,
	PRIMARY KEY (kind, owner, filter)
) WITHOUT ROWID;
CREATE TABLE log (
	chain TEXT    NOT NULL,
	last  INTEGER NOT NULL,
	head  TEXT    NOT NULL,
	first INTEGER NOT NULL,
	known INTEGER NOT NULL,
	PRIMARY KEY (chain, head)
) WITHOUT ROWID;
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE name (
	cnam  TEXT PRIMARY KEY,
	small TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE number (
	tail   TEXT    NOT NULL,
	start  INTEGER NOT NULL,
	kind   TEXT    NOT NULL,
	owner  TEXT    NOT NULL,
	id     INTEGER NOT NULL,
	nth    INTEGER NOT NULL,
	digits TEXT    NOT NULL,
	PRIMARY KEY (tail, start, kind, owner, id, nth)
) WITHOUT ROWID;
CREATE TABLE receipt (
	seq   INTEGER PRIMARY KEY,
	entry TEXT NOT NULL
);
CREATE TABLE recording (
	kind        TEXT    NOT NULL,
	owner       TEXT    NOT NULL,
	id          INTEGER NOT NULL,
	nth         INTEGER NOT NULL DEFAULT 0,
	start       INTEGER NOT NULL,
	size        INTEGER NOT NULL,
	raw         TEXT    NOT NULL,
	state       TEXT    NOT NULL,
	audio       TEXT    NOT NULL DEFAULT '',
	sidecar     TEXT    NOT NULL DEFAULT '',
	transcript  TEXT    NOT NULL DEFAULT '',
	stored_at   INTEGER NOT NULL DEFAULT 0,
	archived_at INTEGER NOT NULL DEFAULT 0,
	attempts    INTEGER NOT NULL DEFAULT 0,
	reason      TEXT    NOT NULL DEFAULT '',
	code        TEXT    NOT NULL DEFAULT '',
	permanent   INTEGER NOT NULL DEFAULT 0,
	failed_at   INTEGER NOT NULL DEFAULT 0,
	failed_run  INTEGER NOT NULL DEFAULT 0,
	seen_run    INTEGER NOT NULL DEFAULT 0,
	reappeared  INTEGER NOT NULL DEFAULT 0,
	acknowledged  TEXT  NOT NULL DEFAULT '',
	acknowledging TEXT  NOT NULL DEFAULT '',
	acknowledging_code TEXT NOT NULL DEFAULT '',
	damaged     TEXT    NOT NULL DEFAULT '',
	odd         INTEGER NOT NULL DEFAULT 0,
	displaced   INTEGER NOT NULL DEFAULT 0,
	refuted     INTEGER NOT NULL DEFAULT 0,
	alike       INTEGER NOT NULL DEFAULT 0,
	said        TEXT    NOT NULL DEFAULT '',
	unvouched   INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (kind, owner, id, nth)
) WITHOUT ROWID;
CREATE TABLE release (
	hold    TEXT NOT NULL,
	removal TEXT NOT NULL,
	PRIMARY KEY (hold, removal)
) WITHOUT ROWID;
CREATE TABLE run (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	started  INTEGER NOT NULL,
	finished INTEGER NOT NULL DEFAULT 0,
	options  TEXT NOT NULL,
	summary  TEXT NOT NULL DEFAULT ''
);
CREATE VIRTUAL TABLE spoken USING fts5(said, content='', contentless_delete=1, tokenize='ascii');
CREATE TABLE stale (
	month   TEXT    PRIMARY KEY,
	changes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tally (
	state      TEXT PRIMARY KEY,
	recordings INTEGER NOT NULL,
	bytes      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trouble (
	kind    TEXT    NOT NULL,
	owner   TEXT    NOT NULL,
	code    TEXT    NOT NULL,
	item    TEXT    NOT NULL DEFAULT '',
	reason  TEXT    NOT NULL,
	since   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	run     INTEGER NOT NULL,
	filter  TEXT    NOT NULL DEFAULT '',
	begins  INTEGER NOT NULL DEFAULT 0,
	ends    INTEGER NOT NULL DEFAULT 0,
	acknowledged TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (kind, owner, code, item)
) WITHOUT ROWID;
CREATE TABLE trusted (
	verifier TEXT    PRIMARY KEY,
	reason   TEXT    NOT NULL,
	by       TEXT    NOT NULL,
	at       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE unindexed (
	start INTEGER NOT NULL,
	kind  TEXT    NOT NULL,
	owner TEXT    NOT NULL,
	id    INTEGER NOT NULL,
	nth   INTEGER NOT NULL,
	later INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (start, kind, owner, id, nth)
) WITHOUT ROWID;
CREATE TABLE upload (
	key   TEXT    NOT NULL,
	id    TEXT    NOT NULL,
	begun INTEGER NOT NULL,
	refused TEXT  NOT NULL DEFAULT '',
	PRIMARY KEY (key, id)
) WITHOUT ROWID;
CREATE TABLE word_count (
	name TEXT    PRIMARY KEY,
	rows INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_audio ON recording (substr(audio ->> '$.sha256', 1, 16)) WHERE audio <> '';
CREATE INDEX by_caller ON call (caller_id, start);
CREATE INDEX by_direction ON call (direction, start);
CREATE INDEX by_name ON call (cnam, start);
CREATE INDEX by_state ON recording (state, start);
CREATE INDEX by_transcribed ON call (transcribed, start);
CREATE INDEX damaged ON recording (start) WHERE damaged <> '';
CREATE INDEX failing ON recording (failed_at) WHERE reason <> '';
CREATE INDEX listening_at ON listening (at);
CREATE INDEX listening_by ON listening (who);
CREATE INDEX listening_in ON listening (session) WHERE session <> '';
CREATE INDEX listening_noted ON listening (seq) WHERE log = '' AND seq > 0;
CREATE INDEX listening_of ON listening (id, kind, owner, nth);
CREATE INDEX listening_unnoted ON listening (number) WHERE seq = 0;
CREATE INDEX listening_unread ON listening (digest) WHERE text = '';
CREATE INDEX listening_unstored ON listening (seq) WHERE stored = 0 AND seq > 0;
CREATE INDEX locked ON recording (audio ->> '$.locked_until') WHERE audio <> '' AND state <> 'erased' AND audio ->> '$.locked_until' IS NOT NULL;
CREATE INDEX reappeared ON recording (start) WHERE reappeared = 1;
CREATE INDEX receipt_about ON receipt (CASE WHEN json_valid(entry) THEN entry ->> '$.id' END);
CREATE INDEX said ON recording (start) WHERE said <> '';
CREATE INDEX unvouched ON recording (start) WHERE unvouched = 1;
CREATE TRIGGER call_anew AFTER UPDATE OF kind, owner, id, nth, start, raw, odd ON recording BEGIN
	DELETE FROM call WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	INSERT INTO call SELECT start, kind, owner, id, nth, state, iif(archived_at <> 0 AND audio <> '', audio ->> '$.size', size), odd,
		iif(odd = 1, NULL, CAST(coalesce(raw ->> '$.duration', 0) AS INTEGER)),
		iif(odd = 1, NULL, coalesce(raw ->> '$.call_direction', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.caller_id', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.dnis', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.cnam', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.call_id', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.file_name', '')),
		iif(odd = 1, NULL, ',' || replace(trim(coalesce(raw ->> '$.extensions', ''), '[]'), '"', '') || ','),
		iif(odd = 1, NULL, ',' || replace(trim(coalesce(raw ->> '$.rule_ids', ''), '[]'), '"', '') || ','),
		transcript <> '' FROM recording WHERE kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
END;
CREATE TRIGGER call_in AFTER INSERT ON recording BEGIN
	INSERT INTO call SELECT start, kind, owner, id, nth, state, iif(archived_at <> 0 AND audio <> '', audio ->> '$.size', size), odd,
		iif(odd = 1, NULL, CAST(coalesce(raw ->> '$.duration', 0) AS INTEGER)),
		iif(odd = 1, NULL, coalesce(raw ->> '$.call_direction', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.caller_id', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.dnis', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.cnam', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.call_id', '')),
		iif(odd = 1, NULL, coalesce(raw ->> '$.file_name', '')),
		iif(odd = 1, NULL, ',' || replace(trim(coalesce(raw ->> '$.extensions', ''), '[]'), '"', '') || ','),
		iif(odd = 1, NULL, ',' || replace(trim(coalesce(raw ->> '$.rule_ids', ''), '[]'), '"', '') || ','),
		transcript <> '' FROM recording WHERE kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
END;
CREATE TRIGGER call_moves AFTER UPDATE OF state, size, audio, archived_at, transcript ON recording BEGIN
	UPDATE call SET state = new.state, bytes = iif(new.archived_at <> 0 AND new.audio <> '', new.audio ->> '$.size', new.size), transcribed = new.transcript <> ''
		WHERE start = new.start AND kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
END;
CREATE TRIGGER call_out AFTER DELETE ON recording BEGIN
	DELETE FROM call WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
END;
CREATE TRIGGER found_in AFTER INSERT ON call WHEN new.odd <> 1 BEGIN
	INSERT INTO number SELECT iif(d GLOB '*[^0-9]*', '?', substr(d, -4)), new.start, new.kind, new.owner, new.id, new.nth, iif(d GLOB '*[^0-9]*', ',', ',' || d || ',') FROM (SELECT replace(replace(replace(replace(replace(replace(replace(new.caller_id, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '') AS d WHERE new.caller_id GLOB '*[0-9]*' UNION ALL SELECT replace(replace(replace(replace(replace(replace(replace(new.dnis, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '') AS d WHERE new.dnis GLOB '*[0-9]*') WHERE true ON CONFLICT DO UPDATE SET digits = digits || substr(excluded.digits, 2);
	INSERT INTO call_extension SELECT x, new.start, new.kind, new.owner, new.id, new.nth FROM (SELECT e.value AS x FROM json_each('["' || replace(substr(new.extensions, 2, length(new.extensions) - 2), ',', '","') || '"]') AS e UNION SELECT '' FROM json_each('["' || replace(substr(new.extensions, 2, length(new.extensions) - 2), ',', '","') || '"]') AS e WHERE (trim(e.value) = '' OR e.value GLOB '*[^ -~]*'));
	INSERT INTO name SELECT new.cnam, iif(new.cnam GLOB '*[^ -~]*', '', lower(new.cnam)) WHERE new.cnam <> '' ON CONFLICT DO NOTHING;
	INSERT INTO caller (caller_id, digits) SELECT new.caller_id, iif(replace(replace(replace(replace(replace(replace(replace(new.caller_id, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '') GLOB '*[^0-9]*' OR length(replace(replace(replace(replace(replace(replace(replace(new.caller_id, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '')) < 7, '', replace(replace(replace(replace(replace(replace(replace(new.caller_id, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '')) WHERE true ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER found_out AFTER DELETE ON call WHEN old.odd <> 1 BEGIN
	DELETE FROM number WHERE tail IN (SELECT iif(d GLOB '*[^0-9]*', '?', substr(d, -4)) FROM (SELECT replace(replace(replace(replace(replace(replace(replace(old.caller_id, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '') AS d WHERE old.caller_id GLOB '*[0-9]*' UNION ALL SELECT replace(replace(replace(replace(replace(replace(replace(old.dnis, ' ', ''), '-', ''), '(', ''), ')', ''), '.', ''), '+', ''), '/', '') AS d WHERE old.dnis GLOB '*[0-9]*'))
		AND start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM call_extension WHERE extension IN (SELECT x FROM (SELECT e.value AS x FROM json_each('["' || replace(substr(old.extensions, 2, length(old.extensions) - 2), ',', '","') || '"]') AS e UNION SELECT '' FROM json_each('["' || replace(substr(old.extensions, 2, length(old.extensions) - 2), ',', '","') || '"]') AS e WHERE (trim(e.value) = '' OR e.value GLOB '*[^ -~]*')))
		AND start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM name WHERE cnam = old.cnam AND NOT EXISTS (SELECT 1 FROM call WHERE cnam = old.cnam);
	DELETE FROM caller WHERE caller_id = old.caller_id AND NOT EXISTS (SELECT 1 FROM call WHERE caller_id = old.caller_id);
END;
CREATE TRIGGER indexed_in AFTER INSERT ON indexed BEGIN UPDATE word_count SET rows = rows + 1 WHERE name = 'indexed'; END;
CREATE TRIGGER indexed_out AFTER DELETE ON indexed BEGIN
	DELETE FROM spoken WHERE rowid = old.place;
	UPDATE word_count SET rows = rows - 1 WHERE name = 'indexed';
END;
CREATE TRIGGER stale_in AFTER INSERT ON recording BEGIN
	INSERT INTO stale VALUES (strftime('%Y-%m', new.start / 1000, 'unixepoch'), 1)
		ON CONFLICT (month) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER stale_now AFTER UPDATE OF start, size, raw, state, audio, sidecar, transcript, archived_at ON recording
	WHEN (new.start, new.size, new.raw, new.state, new.audio, new.sidecar, new.transcript, new.archived_at) <>
		(old.start, old.size, old.raw, old.state, old.audio, old.sidecar, old.transcript, old.archived_at) BEGIN
	INSERT INTO stale VALUES (strftime('%Y-%m', old.start / 1000, 'unixepoch'), 1), (strftime('%Y-%m', new.start / 1000, 'unixepoch'), 1)
		ON CONFLICT (month) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER stale_out AFTER DELETE ON recording BEGIN
	INSERT INTO stale VALUES (strftime('%Y-%m', old.start / 1000, 'unixepoch'), 1)
		ON CONFLICT (month) DO UPDATE SET changes = changes + 1;
END;
CREATE TRIGGER tally_in AFTER INSERT ON recording BEGIN
	INSERT INTO tally VALUES (new.state, 1, max(new.size, 0))
		ON CONFLICT (state) DO UPDATE SET recordings = recordings + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER tally_move AFTER UPDATE OF state ON recording WHEN new.state <> old.state BEGIN
	UPDATE tally SET recordings = recordings - 1, bytes = bytes - max(old.size, 0) WHERE state = old.state;
	INSERT INTO tally VALUES (new.state, 1, max(new.size, 0))
		ON CONFLICT (state) DO UPDATE SET recordings = recordings + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER tally_out AFTER DELETE ON recording BEGIN
	UPDATE tally SET recordings = recordings - 1, bytes = bytes - max(old.size, 0) WHERE state = old.state;
END;
CREATE TRIGGER unindexed_in AFTER INSERT ON unindexed BEGIN UPDATE word_count SET rows = rows + 1 WHERE name = 'unindexed'; END;
CREATE TRIGGER unindexed_out AFTER DELETE ON unindexed BEGIN UPDATE word_count SET rows = rows - 1 WHERE name = 'unindexed'; END;
CREATE TRIGGER words_in AFTER INSERT ON recording WHEN iif(new.transcript = '' OR new.state IN ('erasing', 'erased'), '', coalesce(new.transcript ->> '$.sha256', '')) <> '' BEGIN
	INSERT INTO unindexed (start, kind, owner, id, nth) VALUES (new.start, new.kind, new.owner, new.id, new.nth);
END;
CREATE TRIGGER words_now AFTER UPDATE OF kind, owner, id, nth, start, state, transcript ON recording
	WHEN (iif(new.transcript = '' OR new.state IN ('erasing', 'erased'), '', coalesce(new.transcript ->> '$.sha256', '')), new.start, new.kind, new.owner, new.id, new.nth) <> (iif(old.transcript = '' OR old.state IN ('erasing', 'erased'), '', coalesce(old.transcript ->> '$.sha256', '')), old.start, old.kind, old.owner, old.id, old.nth) BEGIN
	DELETE FROM unindexed WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM indexed WHERE k = old.kind AND o = old.owner AND i = old.id AND n = old.nth;
	INSERT INTO unindexed (start, kind, owner, id, nth) SELECT new.start, new.kind, new.owner, new.id, new.nth WHERE iif(new.transcript = '' OR new.state IN ('erasing', 'erased'), '', coalesce(new.transcript ->> '$.sha256', '')) <> '';
END;
CREATE TRIGGER words_out AFTER DELETE ON recording BEGIN
	DELETE FROM unindexed WHERE start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM indexed WHERE k = old.kind AND o = old.owner AND i = old.id AND n = old.nth;
END;
