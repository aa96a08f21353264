-- Who has listened to archived recordings. Rows are only ever added. The columns behind
-- stored are those of the text that are searched by.
CREATE TABLE vbcvault.listening (
	account bigint  NOT NULL,
	number  bigint  NOT NULL,              -- 1, 2, 3, … of each manifest
	digest  text    NOT NULL,              -- of text
	text    bytea   NOT NULL,              -- JSON; '' = only its receipt is known
	signed  text    NOT NULL DEFAULT '',   -- the manifest's signature
	log     text    NOT NULL DEFAULT '',   -- the chain of the manifest that wrote it, '' = this one
	seq     bigint  NOT NULL DEFAULT 0,    -- of its receipt in that chain; 0 = there is none yet, -1 = it was refused
	run     bigint  NOT NULL DEFAULT 0,    -- that has added the receipt
	stored  boolean NOT NULL DEFAULT false, -- it is beside the archive
	kind    text    NOT NULL COLLATE "C",
	owner   text    NOT NULL COLLATE "C",
	id      bigint  NOT NULL,
	nth     bigint  NOT NULL,              -- in this manifest
	who     text    NOT NULL COLLATE "C",
	at      bigint  NOT NULL,              -- Unix milliseconds
	how     text    NOT NULL COLLATE "C",
	session text    NOT NULL,
	PRIMARY KEY (account, number),
	UNIQUE (account, digest)
) WITH (fillfactor = 85);
CREATE INDEX listening_of ON vbcvault.listening (account, id, kind, owner, nth);
CREATE INDEX listening_by ON vbcvault.listening (account, who, number);
CREATE INDEX listening_at ON vbcvault.listening (account, at);
CREATE INDEX listening_in ON vbcvault.listening (account, session) WHERE session <> '';
CREATE INDEX listening_unnoted ON vbcvault.listening (account, number) WHERE seq = 0;
CREATE INDEX listening_unstored ON vbcvault.listening (account, seq) WHERE NOT stored AND seq > 0;
CREATE INDEX listening_noted ON vbcvault.listening (account, seq) WHERE log = '' AND seq > 0;
CREATE INDEX listening_unread ON vbcvault.listening (account, digest) WHERE text = '';

CREATE TABLE vbcvault.listening_file (   -- objects beside the archive with texts of this manifest's own
	account bigint NOT NULL,
	first   bigint NOT NULL,        -- receipt that they name
	last    bigint NOT NULL,
	sum     text   NOT NULL,        -- SHA-256
	PRIMARY KEY (account, first, last, sum)
);
