-- What is known of listings, exports and troubles.
CREATE TABLE vbcvault.listing (      -- what of each collection has been listed without gaps
	account bigint NOT NULL,
	kind    text   NOT NULL,
	owner   text   NOT NULL,
	filter  text   NOT NULL,     -- what was listed of it, '' = all
	since   bigint NOT NULL,     -- from here, Unix milliseconds
	until   bigint NOT NULL,     -- to here, exclusively
	full_at bigint NOT NULL,     -- when the listing that began at since was begun
	PRIMARY KEY (account, kind, owner, filter)
) WITH (fillfactor = 70);

CREATE TABLE vbcvault.export (       -- export jobs at VBC that were started and not used up
	account bigint NOT NULL,
	job     text   NOT NULL,
	kind    text   NOT NULL,
	owner   text   NOT NULL,
	filter  text   NOT NULL,     -- what is packed of the slice, '' = all
	since   bigint NOT NULL,     -- of its slice, Unix milliseconds
	until   bigint NOT NULL,     -- exclusively
	valid   bigint NOT NULL,     -- until then; 0 = VBC hasn't said
	listed  text   NOT NULL,     -- JSON: what VBC's listing had of the slice, see Export.Listed
	PRIMARY KEY (account, job)
) WITH (fillfactor = 70);

CREATE TABLE vbcvault.trouble (      -- why something that VBC was asked for can't be relied on, until it can
	account bigint NOT NULL,
	kind    text   NOT NULL COLLATE "C", -- of the collection, '' = of none
	owner   text   NOT NULL COLLATE "C", -- of it, as the request names them
	code    text   NOT NULL COLLATE "C", -- what it is, a short stable word
	item    text   NOT NULL COLLATE "C" DEFAULT '', -- what it is about, '' = all of the collection
	reason  text   NOT NULL,     -- for people
	since   bigint NOT NULL,     -- Unix milliseconds
	last    bigint NOT NULL,
	run     bigint NOT NULL,     -- the last that had it
	filter  text   NOT NULL DEFAULT '',  -- of the listing that showed it, as Trouble.Filter
	begins  bigint NOT NULL DEFAULT 0,   -- where that began, 0 = at the beginning,
	ends    bigint NOT NULL DEFAULT 0,   -- and ended, exclusively
	acknowledged text NOT NULL DEFAULT '', -- why somebody takes it for granted, with this very reason
	PRIMARY KEY (account, kind, owner, code, item)
) WITH (fillfactor = 70);
