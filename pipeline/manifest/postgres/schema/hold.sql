CREATE TABLE vbcvault.hold (      -- legal holds
	account bigint   NOT NULL,
	number  bigint   NOT NULL,
	digest  text     NOT NULL,             -- of made
	made    bytea    NOT NULL,             -- JSON; '' = nobody knows what it covers
	ended   bytea    NOT NULL DEFAULT '',  -- JSON; '' = it is in force
	signed  text     NOT NULL DEFAULT '',  -- the manifest's signature of ended
	noted   smallint NOT NULL DEFAULT 0,   -- 1 = the chain has its making, 2 = its end too
	stored  smallint NOT NULL DEFAULT 0,   -- the same of the archive
	PRIMARY KEY (account, number),
	UNIQUE (account, digest)
);

CREATE TABLE vbcvault.release (   -- ends of holds that a receipt with a good signature has
	account bigint NOT NULL,
	hold    text   NOT NULL,      -- digest of its making
	removal text   NOT NULL,      -- digest of the text of its end
	PRIMARY KEY (account, hold, removal)
);
