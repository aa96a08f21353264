-- What is known of each recording. VBC may give an id again, or correct a start. What has
-- a copy is never displaced by that: both have a row, told apart by nth. Columns that are
-- compared or put in order are so by their bytes.
--
-- A step changes state, which recording_by_state has, so it touches all indexes of this table: they
-- are few, and what finds recordings by their calls has a table of its own.
CREATE TABLE vbcvault.recording (
	account     bigint  NOT NULL,
	kind        text    NOT NULL COLLATE "C",   -- company | on-demand
	owner       text    NOT NULL COLLATE "C",   -- user number, '' for company
	id          bigint  NOT NULL,
	nth         bigint  NOT NULL DEFAULT 0,     -- of those that have had this id, 0 = the first
	start       bigint  NOT NULL,               -- Unix milliseconds, UTC; it never changes
	size        bigint  NOT NULL,               -- file_size_in_bytes, -1 = unknown; nor does this
	raw         bytea   NOT NULL,               -- JSON as VBC sent it
	state       text    NOT NULL COLLATE "C",
	audio       jsonb,                          -- storage.Object; NULL = none is known
	sidecar     jsonb,
	transcript  jsonb,
	stored_at   bigint  NOT NULL DEFAULT 0,     -- what the sidecar gives as the time of archiving
	archived_at bigint  NOT NULL DEFAULT 0,     -- copy verified for the first time; 0 = no verified copy
	attempts    bigint  NOT NULL DEFAULT 0,     -- runs that failed on it
	reason      text    NOT NULL DEFAULT '',    -- of the last failure, for people
	code        text    NOT NULL COLLATE "C" DEFAULT '', -- of the same, for programs; '' = an earlier one wrote it
	permanent   boolean NOT NULL DEFAULT false, -- the failure won't pass by itself
	failed_at   bigint  NOT NULL DEFAULT 0,
	failed_run  bigint  NOT NULL DEFAULT 0,
	seen_run    bigint  NOT NULL DEFAULT 0,     -- the last run whose listing showed it
	reappeared  boolean NOT NULL DEFAULT false, -- listed again after a confirmed purge
	acknowledged  text  NOT NULL DEFAULT '',    -- why somebody takes a failure for granted
	acknowledging text  NOT NULL DEFAULT '',    -- the reason of that very failure
	acknowledging_code text NOT NULL DEFAULT '', -- and its code; '' = it had none, and the reason counts
	damaged     text    NOT NULL DEFAULT '',    -- what is wrong with a copy that VBC can't replace any more
	displaced   bigint  NOT NULL DEFAULT 0,     -- the run whose listing showed another recording under its id; 0 = none did
	refuted     boolean NOT NULL DEFAULT false, -- a reading has found the copy wrong: only a reading proves it
	alike       int     NOT NULL DEFAULT 0,     -- see Alike
	said        text    NOT NULL DEFAULT '',    -- JSON of []Said: what VBC has said of the call before; '' = nothing else
	unvouched   boolean NOT NULL DEFAULT false, -- no signed receipt vouches for the copy, which nobody here has made
	PRIMARY KEY (account, kind, owner, id, nth)
) WITH (fillfactor = 75);

CREATE INDEX recording_by_state ON vbcvault.recording (account, state, start, kind, owner, id, nth);
-- For another recording with the same audio; of the digest, so much is enough.
CREATE INDEX recording_by_audio ON vbcvault.recording (account, left(audio ->> 'sha256', 16)) WHERE audio IS NOT NULL;
-- These lead to what is rare.
CREATE INDEX recording_failing ON vbcvault.recording (account, failed_at, kind, owner, id, nth) WHERE reason <> '';
CREATE INDEX recording_reappeared ON vbcvault.recording (account, start, kind, owner, id, nth) WHERE reappeared;
CREATE INDEX recording_damaged ON vbcvault.recording (account, start) WHERE damaged <> '';
CREATE INDEX recording_said ON vbcvault.recording (account, start, kind, owner, id, nth) WHERE said <> '';
CREATE INDEX recording_unvouched ON vbcvault.recording (account, start) WHERE unvouched;
CREATE INDEX recording_again ON vbcvault.recording (account, kind, owner, id) WHERE nth > 0;
CREATE INDEX recording_locked ON vbcvault.recording (account, ((audio ->> 'locked_until') COLLATE "C"))
	WHERE audio IS NOT NULL AND state <> 'erased' AND audio ->> 'locked_until' IS NOT NULL;

-- What finds recordings by what is known of their calls, in the order of their start. The
-- program writes what it reads out of VBC's JSON; state, bytes and transcribed follow
-- recording. Texts are here as PostgreSQL can have them: see odd.
CREATE TABLE vbcvault.call (
	account     bigint  NOT NULL,
	start       bigint  NOT NULL,
	kind        text    NOT NULL COLLATE "C",
	owner       text    NOT NULL COLLATE "C",
	id          bigint  NOT NULL,
	nth         bigint  NOT NULL,
	state       text    NOT NULL COLLATE "C",
	bytes       bigint  NOT NULL,               -- of audio, see Row.Bytes
	transcribed boolean NOT NULL DEFAULT false,
	odd         boolean NOT NULL,               -- a text has NUL or isn't UTF-8, or the start isn't whole milliseconds: what follows isn't quite it
	duration    bigint  NOT NULL,               -- milliseconds, -1 = unknown
	direction   text    NOT NULL COLLATE "C",
	caller_id   text    NOT NULL COLLATE "C",
	dnis        text    NOT NULL COLLATE "C",
	cnam        text    NOT NULL COLLATE "C",
	call_id     text    NOT NULL COLLATE "C",
	file_name   text    NOT NULL COLLATE "C",
	extensions  text[]  NOT NULL COLLATE "C",
	rule_ids    text[]  NOT NULL COLLATE "C",
	PRIMARY KEY (account, start, kind, owner, id, nth)
) WITH (fillfactor = 85);

CREATE TABLE vbcvault.tally (          -- how many recordings are in each state
	account    bigint NOT NULL,
	state      text   NOT NULL COLLATE "C",
	recordings bigint NOT NULL,
	bytes      bigint NOT NULL,          -- as VBC declared them
	PRIMARY KEY (account, state)
) WITH (fillfactor = 50);

-- Which months' files of the catalogue don't say any more what the recordings of that
-- month are. Each change is counted, so that one that comes while a file is being made
-- isn't taken for part of it.
CREATE TABLE vbcvault.stale (
	account bigint NOT NULL,
	month   text   NOT NULL COLLATE "C", -- as 2026-05, UTC
	changes bigint NOT NULL,
	PRIMARY KEY (account, month)
) WITH (fillfactor = 50);

CREATE TABLE vbcvault.upload (         -- uploads in parts that were begun and not ended, and objects that turned out not to be whole
	account bigint NOT NULL,
	key     text   NOT NULL COLLATE "C",
	id      text   NOT NULL COLLATE "C",  -- as the store calls it; of an object, any
	begun   bigint NOT NULL,              -- Unix milliseconds
	refused text   NOT NULL DEFAULT '',   -- of an object: JSON, see Refused
	PRIMARY KEY (account, key, id)
);

CREATE FUNCTION vbcvault.month_of(start bigint) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
	RETURN to_char(timestamp 'epoch' + start * interval '1 millisecond', 'YYYY-MM');

-- Rows come by the page, and go so: what is counted is changed once for all of them.
CREATE FUNCTION vbcvault.recording_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO vbcvault.tally AS t SELECT account, state, count(*), sum(greatest(size, 0)) FROM added GROUP BY account, state
		ON CONFLICT (account, state) DO UPDATE SET recordings = t.recordings + excluded.recordings, bytes = t.bytes + excluded.bytes;
	INSERT INTO vbcvault.stale AS s SELECT account, vbcvault.month_of(start), count(*) FROM added GROUP BY 1, 2
		ON CONFLICT (account, month) DO UPDATE SET changes = s.changes + excluded.changes;
	RETURN NULL;
END $$;
CREATE TRIGGER recording_in AFTER INSERT ON vbcvault.recording REFERENCING NEW TABLE AS added
	FOR EACH STATEMENT EXECUTE FUNCTION vbcvault.recording_in();

CREATE FUNCTION vbcvault.recording_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE vbcvault.tally AS t SET recordings = t.recordings - g.n, bytes = t.bytes - g.bytes
		FROM (SELECT account, state, count(*) AS n, sum(greatest(size, 0)) AS bytes FROM gone GROUP BY account, state) AS g
		WHERE t.account = g.account AND t.state = g.state;
	INSERT INTO vbcvault.stale AS s SELECT account, vbcvault.month_of(start), count(*) FROM gone GROUP BY 1, 2
		ON CONFLICT (account, month) DO UPDATE SET changes = s.changes + excluded.changes;
	DELETE FROM vbcvault.call AS c USING gone AS g
		WHERE c.account = g.account AND c.start = g.start AND c.kind = g.kind AND c.owner = g.owner AND c.id = g.id AND c.nth = g.nth;
	RETURN NULL;
END $$;
CREATE TRIGGER recording_out AFTER DELETE ON vbcvault.recording REFERENCING OLD TABLE AS gone
	FOR EACH STATEMENT EXECUTE FUNCTION vbcvault.recording_out();

CREATE FUNCTION vbcvault.recording_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.state <> old.state THEN
		UPDATE vbcvault.tally SET recordings = recordings - 1, bytes = bytes - greatest(old.size, 0) WHERE account = old.account AND state = old.state;
		INSERT INTO vbcvault.tally AS t VALUES (new.account, new.state, 1, greatest(new.size, 0))
			ON CONFLICT (account, state) DO UPDATE SET recordings = t.recordings + 1, bytes = t.bytes + excluded.bytes;
	END IF;
	INSERT INTO vbcvault.stale AS s VALUES (new.account, vbcvault.month_of(new.start), 1)
		ON CONFLICT (account, month) DO UPDATE SET changes = s.changes + 1;
	UPDATE vbcvault.call SET state = new.state, bytes = CASE WHEN new.archived_at <> 0 THEN coalesce((new.audio ->> 'size')::bigint, new.size) ELSE new.size END,
			transcribed = new.transcript IS NOT NULL
		WHERE account = new.account AND start = new.start AND kind = new.kind AND owner = new.owner AND id = new.id AND nth = new.nth;
	RETURN NULL;
END $$;
CREATE TRIGGER recording_moves AFTER UPDATE OF raw, state, audio, sidecar, transcript, archived_at ON vbcvault.recording FOR EACH ROW
	WHEN ((new.raw, new.state, new.audio, new.sidecar, new.transcript, new.archived_at) IS DISTINCT FROM
		(old.raw, old.state, old.audio, old.sidecar, old.transcript, old.archived_at))
	EXECUTE FUNCTION vbcvault.recording_moves();
