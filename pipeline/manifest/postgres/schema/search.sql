-- What finds recordings by less than all that is known of their calls. A search looks at
-- calls in the order of their start first; these are for what is rare among many.

-- Digits of numbers, the last one first: a part of a number is its end.
ALTER TABLE vbcvault.call
	ADD COLUMN caller_end text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(reverse(regexp_replace(caller_id, '[^0-9]', '', 'g')), 40)) STORED,
	ADD COLUMN dnis_end   text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(reverse(regexp_replace(dnis, '[^0-9]', '', 'g')), 40)) STORED;
CREATE INDEX call_caller ON vbcvault.call (account, caller_end);
CREATE INDEX call_strange ON vbcvault.call (account, start, kind, owner, id, nth)
	WHERE length(caller_end) IN (7, 8) OR length(caller_end) > 11 OR btrim(caller_id, E' \t\n\v\f\r') = '' OR octet_length(caller_id) <> length(caller_id);
CREATE INDEX call_dnis ON vbcvault.call (account, dnis_end);
CREATE INDEX call_transcribed ON vbcvault.call (account, start, kind, owner, id, nth) WHERE transcribed;
CREATE INDEX call_odd ON vbcvault.call (account, start, kind, owner, id, nth) WHERE odd;

-- An inverted index has the words of all accounts. Each has the account's number before
-- it, so that nobody's are looked at but one's.
--
-- marks are e and each extension of a call, a where holds take it for any, and d and its
-- direction. grams are what a name has in it, three letters each; of one with letters
-- whose small ones only the program knows, or too many, there is none but the empty one.
CREATE FUNCTION vbcvault.marks_of(account bigint, kind text, marks text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ARRAY(SELECT account::text || kind || left(m, 100) FROM unnest(marks) AS m);
CREATE FUNCTION vbcvault.marks(account bigint, extensions text[], direction text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN vbcvault.marks_of(account, 'e', extensions) || (account::text || 'd' || left(direction, 100)) ||
		CASE WHEN cardinality(extensions) = 0 OR EXISTS (SELECT 1 FROM unnest(extensions) AS e WHERE btrim(e, E' \t\n\v\f\r') = '' OR octet_length(e) <> length(e))
			THEN ARRAY[account::text || 'a'] ELSE '{}' END;
CREATE INDEX call_marks ON vbcvault.call USING gin (vbcvault.marks(account, extensions, direction)) WITH (gin_pending_list_limit = 256);

CREATE FUNCTION vbcvault.grams_of(account bigint, grams text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ARRAY(SELECT account::text || ' ' || g FROM unnest(grams) AS g);
CREATE FUNCTION vbcvault.grams(account bigint, name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN octet_length(name) <> length(name) OR length(name) > 200 THEN ARRAY[account::text || ' ']
		ELSE ARRAY(SELECT DISTINCT account::text || ' ' || substr(lower(name COLLATE "C"), i, 3) FROM generate_series(1, length(name) - 2) AS i) END;
CREATE INDEX call_grams ON vbcvault.call USING gin (vbcvault.grams(account, cnam)) WITH (gin_pending_list_limit = 256);

-- What was said, without the text: of each word, where it is. A long transcript has
-- several vectors, of which the first stands for it; no text at all is an empty one.
CREATE TABLE vbcvault.spoken (
	account bigint   NOT NULL,
	start   bigint   NOT NULL,
	kind    text     NOT NULL COLLATE "C",
	owner   text     NOT NULL COLLATE "C",
	id      bigint   NOT NULL,
	nth     bigint   NOT NULL,
	part    bigint   NOT NULL,
	whole   boolean  NOT NULL,           -- there is just this one
	said    tsvector NOT NULL,
	PRIMARY KEY (account, start, kind, owner, id, nth, part)
);
CREATE INDEX spoken_words ON vbcvault.spoken USING gin (said) WITH (gin_pending_list_limit = 1024);

CREATE TABLE vbcvault.unindexed (
	account bigint NOT NULL,
	start   bigint NOT NULL,
	kind    text   NOT NULL COLLATE "C",
	owner   text   NOT NULL COLLATE "C",
	id      bigint NOT NULL,
	nth     bigint NOT NULL,
	later   bigint NOT NULL DEFAULT 0,   -- not before then, Unix milliseconds
	PRIMARY KEY (account, start, kind, owner, id, nth)
);

-- Which transcript of a recording is to be found by its words: its digest, NULL = none.
CREATE FUNCTION vbcvault.said_by(state text, transcript jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN state NOT IN ('erasing', 'erased') THEN transcript ->> 'sha256' END;

CREATE FUNCTION vbcvault.words_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO vbcvault.unindexed (account, start, kind, owner, id, nth)
		SELECT account, start, kind, owner, id, nth FROM added WHERE vbcvault.said_by(state, transcript) IS NOT NULL;
	RETURN NULL;
END $$;
CREATE TRIGGER words_in AFTER INSERT ON vbcvault.recording REFERENCING NEW TABLE AS added
	FOR EACH STATEMENT EXECUTE FUNCTION vbcvault.words_in();

CREATE FUNCTION vbcvault.words_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM vbcvault.unindexed AS u USING gone AS g
		WHERE u.account = g.account AND u.start = g.start AND u.kind = g.kind AND u.owner = g.owner AND u.id = g.id AND u.nth = g.nth;
	DELETE FROM vbcvault.spoken AS s USING gone AS g
		WHERE s.account = g.account AND s.start = g.start AND s.kind = g.kind AND s.owner = g.owner AND s.id = g.id AND s.nth = g.nth;
	RETURN NULL;
END $$;
CREATE TRIGGER words_out AFTER DELETE ON vbcvault.recording REFERENCING OLD TABLE AS gone
	FOR EACH STATEMENT EXECUTE FUNCTION vbcvault.words_out();

CREATE FUNCTION vbcvault.words_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM vbcvault.unindexed WHERE account = old.account AND start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	DELETE FROM vbcvault.spoken WHERE account = old.account AND start = old.start AND kind = old.kind AND owner = old.owner AND id = old.id AND nth = old.nth;
	IF vbcvault.said_by(new.state, new.transcript) IS NOT NULL THEN
		INSERT INTO vbcvault.unindexed (account, start, kind, owner, id, nth) VALUES (new.account, new.start, new.kind, new.owner, new.id, new.nth);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER words_now AFTER UPDATE OF kind, owner, id, nth, start, state, transcript ON vbcvault.recording FOR EACH ROW
	WHEN ((vbcvault.said_by(new.state, new.transcript), new.start, new.kind, new.owner, new.id, new.nth) IS DISTINCT FROM
		(vbcvault.said_by(old.state, old.transcript), old.start, old.kind, old.owner, old.id, old.nth))
	EXECUTE FUNCTION vbcvault.words_now();
