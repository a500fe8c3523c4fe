-- +goose Up
ALTER TABLE troubles ADD COLUMN failed_at INTEGER; -- the last failure that was noted

-- What an operator has not been told yet. Each is written in the transaction
-- that makes it true, and goes when it is told.
CREATE TABLE notices (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE DEFAULT ('op_' || lower(hex(randomblob(16)))),
    type        TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    at          INTEGER NOT NULL,
    since       INTEGER,
    count       INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT NOT NULL DEFAULT '',
    reason      TEXT NOT NULL DEFAULT '',
    dead        TEXT NOT NULL DEFAULT 'null' -- JSON
) STRICT;

-- Dead letters that no notice has counted yet.
CREATE TABLE deaths (
    endpoint_id TEXT NOT NULL,
    reason      TEXT NOT NULL,
    count       INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    deliveries  TEXT NOT NULL, -- JSON: the first few
    PRIMARY KEY (endpoint_id, reason)
) STRICT, WITHOUT ROWID;
