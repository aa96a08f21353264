-- The chain of receipts (package receipt). Lines are only ever added. The columns behind
-- entry are what lines are found by; they are read out of it when it is written.
CREATE TABLE vbcvault.receipt (
	account  bigint  NOT NULL,
	seq      bigint  NOT NULL,
	entry    bytea   NOT NULL,               -- as it was sealed: JSON
	kind     text    NOT NULL DEFAULT '',    -- of the recording, '' = it is about none
	owner    text    NOT NULL DEFAULT '',
	id       bigint  NOT NULL DEFAULT 0,
	start    bigint,                         -- of the same, Unix seconds; NULL = it says none
	departed boolean NOT NULL DEFAULT false, -- an outcome: VBC has the recording no more
	PRIMARY KEY (account, seq)
);
CREATE INDEX receipt_about ON vbcvault.receipt (account, id, kind, owner, seq) WHERE id > 0;

CREATE TABLE vbcvault.log (       -- ends of logs that were seen beside the archive: none may become shorter
	account bigint  NOT NULL,
	chain   text    COLLATE "C" NOT NULL,
	last    bigint  NOT NULL,     -- entries
	head    text    NOT NULL,     -- SHA-256 of the last one
	first   boolean NOT NULL,     -- it was there when this manifest saw its archive for the first time
	known   boolean NOT NULL,     -- a known key had signed it then, or this manifest's log confirms it
	PRIMARY KEY (account, chain, head)
);

CREATE TABLE vbcvault.trusted (   -- keys of other manifests, whose word is taken
	account  bigint NOT NULL,
	verifier text   COLLATE "C" NOT NULL,
	reason   text   NOT NULL,
	by       text   NOT NULL,
	at       bigint NOT NULL,     -- Unix milliseconds
	PRIMARY KEY (account, verifier)
);
