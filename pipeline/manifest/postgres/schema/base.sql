-- Manifests. In all other tables, account is the id of one.
CREATE TABLE vbcvault.account (
	id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text   NOT NULL UNIQUE,
	made timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who may change a manifest as a run does. Every transaction that changes one locks its row.
CREATE TABLE vbcvault.lease (
	account bigint      PRIMARY KEY,
	fence   bigint      NOT NULL DEFAULT 0,           -- only rises
	holder  text        NOT NULL DEFAULT '',          -- a word made for this lease alone
	machine text        NOT NULL DEFAULT '',          -- for people
	since   timestamptz NOT NULL DEFAULT '-infinity', -- by the database's clock, as is the next
	until   timestamptz NOT NULL DEFAULT '-infinity',
	clean   boolean     NOT NULL DEFAULT true,        -- it was given back, and didn't run out
	batch   text        NOT NULL DEFAULT ''           -- the mark of the last transaction of a run
) WITH (fillfactor = 50);

CREATE TABLE vbcvault.meta (
	account bigint NOT NULL,
	key     text   NOT NULL,  -- account, destination, identity, chain, receipts_stored, page_size, pace, limited, ahead, transcripts, late, scan …
	value   text   NOT NULL,
	PRIMARY KEY (account, key)
);
