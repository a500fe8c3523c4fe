-- +goose Up
-- Processes that cannot send, through no fault of an endpoint. A process that can
-- again stays until all of them can, which is the end of the outage.
CREATE TABLE outages (
    process    TEXT PRIMARY KEY,
    reason     TEXT NOT NULL,
    message    TEXT NOT NULL,
    since      INTEGER NOT NULL,
    at         INTEGER NOT NULL, -- when it said so last
    deliveries INTEGER NOT NULL,
    endpoints  INTEGER NOT NULL,
    over       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

ALTER TABLE notices ADD COLUMN outage TEXT NOT NULL DEFAULT 'null'; -- JSON
