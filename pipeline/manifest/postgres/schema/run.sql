CREATE TABLE vbcvault.run (
	account  bigint NOT NULL,
	id       bigint NOT NULL,            -- 1, 2, 3, … of each manifest
	started  bigint NOT NULL,            -- Unix milliseconds
	finished bigint NOT NULL DEFAULT 0,
	options  bytea  NOT NULL,            -- JSON of RunOptions
	summary  bytea  NOT NULL DEFAULT '', -- JSON
	PRIMARY KEY (account, id)
) WITH (fillfactor = 70);
