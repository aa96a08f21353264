-- What is known of a quota at VBC, by all whose requests count against it. Only those who
-- have read the version write the next one. No column but the name is in an index, and
-- there is room for many versions on the page: all updates are HOT.
CREATE TABLE vbcvault.quota (
	name    text        COLLATE "C" PRIMARY KEY,
	state   jsonb       NOT NULL DEFAULT '{}', -- see package vbc
	version bigint      NOT NULL DEFAULT 0,
	changed timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10);

-- Logins that VBC has refused, for a while: by slow digests, in which there is no password.
CREATE TABLE vbcvault.refused_login (
	salt   bytea       PRIMARY KEY,
	whose  bytea       NOT NULL,
	digest bytea       NOT NULL,
	at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	reason text        NOT NULL,
	locked boolean     NOT NULL
);
