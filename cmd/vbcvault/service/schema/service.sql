-- The state that several machines share. What a table has in common with that of one
-- machine's file is said there (state.go).
CREATE TABLE vbcvault_service.schedule (
	account text    NOT NULL,
	kind    text    NOT NULL,
	memory  text    NOT NULL DEFAULT '',
	next    bigint  NOT NULL DEFAULT 0,
	due     bigint  NOT NULL DEFAULT 0,
	job     bigint  NOT NULL DEFAULT 0,
	epoch   bigint  NOT NULL DEFAULT 0,
	run     text    NOT NULL DEFAULT '',
	began   bigint  NOT NULL DEFAULT 0,
	made_up boolean NOT NULL DEFAULT false,
	PRIMARY KEY (account, kind)
) WITH (fillfactor = 50);

CREATE TABLE vbcvault_service.outcome (
	id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account   text   NOT NULL,
	kind      text   NOT NULL,
	run       text   NOT NULL,
	job       bigint NOT NULL,
	ended     bigint NOT NULL,
	exit_code bigint NOT NULL,
	outcome   text   NOT NULL,
	tell      bigint NOT NULL DEFAULT 0
);
CREATE INDEX outcome_of ON vbcvault_service.outcome (account, kind, ended);
CREATE INDEX outcome_of_run ON vbcvault_service.outcome (run);
CREATE INDEX outcome_of_job ON vbcvault_service.outcome (job);
CREATE INDEX outcome_untold ON vbcvault_service.outcome (tell) WHERE tell <> 0;

-- The machines that serve, or did: each process of vbcvault serve has a row of its own
-- until it has been lost for a day.
CREATE TABLE vbcvault_service.machine (
	instance     text        PRIMARY KEY,           -- a word made for this process
	home         text        NOT NULL,              -- a word kept in its state directory
	name         text        NOT NULL,              -- for people
	version      text        NOT NULL,              -- of the program
	places       bigint      NOT NULL,              -- how many accounts it works on at once
	config       text        NOT NULL,              -- a digest of its configuration file
	config_since timestamptz NOT NULL,              -- since when a machine has had this one
	began        timestamptz NOT NULL DEFAULT clock_timestamp(),
	seen         timestamptz NOT NULL DEFAULT clock_timestamp(),
	until        timestamptz NOT NULL,              -- it is lost from then on, by the database's clock
	ahead        bigint      NOT NULL DEFAULT 0,    -- milliseconds by which its clock is ahead of the database's
	drain        boolean     NOT NULL DEFAULT false -- it is to hand its work over
) WITH (fillfactor = 50);

-- Texts that all machines read and change, such as what notifiers have been told.
CREATE TABLE vbcvault_service.shelf (
	name text PRIMARY KEY,
	text text NOT NULL DEFAULT ''
);

-- Where an account's work was done last: by the home of a machine, which has spool files.
CREATE TABLE vbcvault_service.ran (
	account text PRIMARY KEY,
	home    text NOT NULL
) WITH (fillfactor = 50);
